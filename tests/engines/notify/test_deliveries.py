"""Deliveries: whatever dies, nothing is lost, and what comes twice can be told by its id."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines.notify import receivers
from fixtures import stores

from taihang.core import errors, i18n
from taihang.engines.notify import deliveries, settings, webhook
from taihang.engines.store import opening

START = datetime.datetime(2026, 11, 20, 8, tzinfo=datetime.UTC)
LIMITS = settings.Settings(private_hosts="*", timeout_s=2)


@pytest.fixture(params=stores.KINDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with stores.url(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def store(address: str) -> Iterator[opening.Store]:
    opened = opening.open_store(address)
    opened.create()
    yield opened
    opened.close()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime.datetime:
        return self.now


def _put(store: opening.Store, port: int, key: str = "k", tenant: str = "plant", secret: str | None = "env:X") -> str:
    message = deliveries.Message(
        key=key,
        topic="ticket.opened",
        at=START,
        subject=i18n.Text(zh="题", en="subject"),
        body=i18n.Text(zh="文", en="body"),
        facts={"ticket": {"id": "ticket-1"}},
    )
    to = {"kind": "webhook", "url": f"http://localhost:{port}/", "secret": secret}
    with store.begin() as conn:
        return deliveries.put(conn, store.scope(tenant), "ops", to, message)


def _courier(store: opening.Store, clock: Clock) -> deliveries.Courier:
    return deliveries.Courier(store, lambda reference: "s3cret", LIMITS, clock=clock)


def test_a_message_goes_out_once_and_signed(store: opening.Store) -> None:
    clock = Clock()
    with receivers.http_server() as (port, got):
        ident = _put(store, port)
        assert _put(store, port) == ident
        assert _courier(store, clock).round() == deliveries.Round(sent=1)
        assert _courier(store, clock).round() == deliveries.Round()
    body = json.loads(got.bodies[0])
    assert (body["id"], body["topic"], body["tenant"]) == (ident, "ticket.opened", "plant")
    assert body["subject"] == {"zh": "题", "en": "subject"}
    header = got.headers[0]["Taihang-Signature"]
    assert webhook.signed(b"s3cret", header, got.bodies[0], int(START.timestamp()))
    (one,) = deliveries.listed(store, "plant")
    assert (one.state, one.attempts, one.sent_at) == ("sent", 1, START)
    assert deliveries.listed(store, "other") == ()
    clock.now += datetime.timedelta(days=31)
    _courier(store, clock).round()
    assert deliveries.listed(store, "plant") == ()


def test_what_is_rolled_back_is_never_sent(store: opening.Store) -> None:
    class Oops(Exception):
        pass

    with receivers.http_server() as (port, got):
        with pytest.raises(Oops), store.begin() as conn:
            message = deliveries.Message("k", "t", START, i18n.Text(zh="", en=""), i18n.Text(zh="", en=""), {})
            to = {"kind": "webhook", "url": f"http://localhost:{port}/"}
            deliveries.put(conn, store.scope("plant"), "ops", to, message)
            raise Oops
        _courier(store, Clock()).round()
    assert not got.bodies


def test_a_dead_receiver_loses_nothing(store: opening.Store) -> None:
    clock = Clock()
    with receivers.http_server(lambda n: 200 if n > 3 else 503) as (port, got):
        for n in range(2):
            _put(store, port, f"k{n}")
        pauses = []
        while deliveries.listed(store, "plant", state="waiting"):
            before = len(got.bodies)
            _courier(store, clock).round()
            assert len(got.bodies) <= before + 2
            pauses.append(max(d.next_at for d in deliveries.listed(store, "plant")) - clock.now)
            clock.now += datetime.timedelta(hours=1)
    assert set(got.ids) == {d.id for d in deliveries.listed(store, "plant", state="sent")}
    assert len(got.ids) == 5
    assert pauses[0] >= datetime.timedelta(seconds=7)


def test_after_days_it_is_put_aside_and_can_be_tried_again(store: opening.Store) -> None:
    clock = Clock()
    with receivers.http_server(lambda n: 200 if n > 2 else 500) as (port, got):
        ident = _put(store, port)
        assert _courier(store, clock).round().put_off == 1
        clock.now += datetime.timedelta(days=8)
        assert _courier(store, clock).round().failed == 1
        assert "500" in deliveries.listed(store, "plant", state="failed")[0].reason
        assert _courier(store, clock).round() == deliveries.Round()
        with pytest.raises(errors.NotFound):
            deliveries.again(store, "other", ident, clock.now)
        deliveries.again(store, "plant", ident, clock.now)
        assert _courier(store, clock).round().sent == 1
    assert got.ids == [ident] * 3


def test_one_that_cannot_be_sent_holds_no_other_up(store: opening.Store) -> None:
    def secret(reference: str) -> str:
        raise errors.UserError("engines.notify:unknown", id=reference)

    with receivers.http_server() as (port, got):
        _put(store, port, "a")
        fine = _put(store, port, "b", secret=None)
        made = deliveries.Courier(store, secret, LIMITS, clock=Clock()).round()
    assert made == deliveries.Round(sent=1, put_off=1)
    assert got.ids == [fine]


def test_two_couriers_share_the_work(store: opening.Store) -> None:
    with receivers.http_server() as (port, got):
        for n in range(12):
            _put(store, port, f"k{n}", tenant=f"t{n % 3}")
        threads = [threading.Thread(target=_courier(store, Clock()).round) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(got.ids) == len(set(got.ids)) == 12


def test_a_kill_between_handing_over_and_noting_it(store: opening.Store, address: str) -> None:
    running: list[subprocess.Popen[bytes]] = []

    def answer(n: int) -> int:
        if n == 1:
            os.kill(running[0].pid, signal.SIGKILL)
            running[0].wait()
        return 200

    with receivers.http_server(answer) as (port, got):
        ident = _put(store, port)
        script = Path(__file__).with_name("courier.py")
        environment = {**os.environ, "STORE": address}
        running.append(subprocess.Popen([sys.executable, str(script)], env=environment))
        assert running[0].wait(60) == -signal.SIGKILL
        (one,) = deliveries.listed(store, "plant")
        assert (one.state, one.attempts) == ("waiting", 1)
        now = datetime.datetime.now(datetime.UTC)
        clock = Clock()
        clock.now = now
        assert _courier(store, clock).round() == deliveries.Round()  # it might still be at work
        clock.now = now + datetime.timedelta(hours=1)
        assert _courier(store, clock).round().sent == 1
    assert got.ids == [ident, ident]
