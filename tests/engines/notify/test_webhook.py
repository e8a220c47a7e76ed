"""Webhooks against real servers: signed, bounded, and never led inside."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pydantic
import pytest
from engines.notify import receivers

from taihang.engines.notify import channel, outward, settings, webhook

BODY = '{"题":1}'.encode()
HERE = settings.Settings(private_hosts="localhost, 127.0.0.1", timeout_s=2)


def _send(url: str, limits: settings.Settings = HERE, secret: bytes | None = b"s3cret") -> None:
    to = channel.Webhook(kind="webhook", url=url)
    webhook.post(to, BODY, ident="delivery-1", topic="ticket.opened", at=1_800_000_000, secret=secret, limits=limits)


def test_a_receiver_can_tell_that_it_came_from_us() -> None:
    with receivers.http_server() as (port, got):
        _send(f"http://localhost:{port}/hook?a=b")
    assert got.bodies == [BODY]
    header = got.headers[0]["Taihang-Signature"]
    assert got.headers[0]["Taihang-Delivery"] == "delivery-1"
    assert got.headers[0]["Host"] == f"localhost:{port}"
    now = 1_800_000_010
    assert webhook.signed(b"s3cret", header, BODY, now)
    assert not webhook.signed(b"other", header, BODY, now)
    assert not webhook.signed(b"s3cret", header, BODY + b" ", now)
    assert not webhook.signed(b"s3cret", header, BODY, now + 301)
    for broken in ("", "t=,v1=", "t=1", "v1=00", header.replace("t=18", "t=19"), "t=٣,v1=é"):
        assert not webhook.signed(b"s3cret", broken, BODY, now)


@pytest.mark.parametrize("status", [400, 404, 410, 500, 503])
def test_what_is_not_taken_is_said(status: int) -> None:
    with receivers.http_server(lambda n: status) as (port, _), pytest.raises(webhook.Undelivered, match=str(status)):
        _send(f"http://localhost:{port}/")


def test_a_redirect_leads_nowhere() -> None:
    with (
        receivers.http_server() as (inner, got),
        receivers.http_server(lambda n: f"http://127.0.0.1:{inner}/") as (
            port,
            _,
        ),
    ):
        with pytest.raises(webhook.Undelivered, match="not followed"):
            _send(f"http://localhost:{port}/")
        assert not got.bodies


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f.1:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://0.0.0.0:{port}/",
    ],
)
def test_nothing_inside_is_called_unless_it_is_named(url: str) -> None:
    with receivers.http_server() as (port, got):
        with pytest.raises(webhook.Undelivered):
            _send(url.format(port=port), settings.Settings(timeout_s=2, private_hosts="intranet"))
        assert not got.bodies


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        *(("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True)),
        *((a, False) for a in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1", "0.0.0.0")),
        *((a, False) for a in ("::1", "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::")),
        *((a, False) for a in ("224.0.0.1", "255.255.255.255", "fec0::1", "nonsense", "")),
    ],
)
def test_which_addresses_are_outside(address: str, fine: bool) -> None:
    assert outward.public(address) is fine


def test_a_name_that_changes_its_answer_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int, **_more: Any) -> list[Any]:
        asked.append(host)
        first = len([h for h in asked if h == "rebind.example"]) == 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1" if first else "127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(outward, "public", lambda address: address == "192.0.2.1")
    called: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda place, timeout: called.append(place) or _refuse())
    with pytest.raises(webhook.Undelivered):
        _send("http://rebind.example/")
    assert called == [("192.0.2.1", 80)]


def _refuse() -> socket.socket:
    raise ConnectionRefusedError("refused")


def test_a_receiver_that_drips_holds_nobody() -> None:
    done = threading.Event()

    def work() -> None:
        with pytest.raises(webhook.Undelivered):
            _send(f"http://localhost:{port}/", settings.Settings(private_hosts="*", timeout_s=0.5))
        done.set()

    with receivers.http_server(lambda n: "drip") as (port, _):
        thread = threading.Thread(target=work)
        thread.start()
        assert done.wait(30)  # the server would go on for a minute
        thread.join()


def test_tls_is_checked(tmp_path: Path) -> None:
    file, context = receivers.certificate(tmp_path)
    with receivers.http_server(tls=context) as (port, got):
        url = f"https://localhost:{port}/"
        with pytest.raises(webhook.Undelivered, match="certificate"):
            _send(url)
        _send(url, HERE.model_copy(update={"ca_file": file}))
        assert got.bodies == [BODY]
    other, wrong = receivers.certificate(tmp_path, "elsewhere.example")
    with receivers.http_server(tls=wrong) as (port, got):
        with pytest.raises(webhook.Undelivered):
            _send(f"https://localhost:{port}/", HERE.model_copy(update={"ca_file": other}))
        assert not got.bodies
    assert isinstance(context, ssl.SSLContext)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://h/", "http://", "http:///x", "https://user:pw@h/", "http://h/#f", "http://h:0/", "http://h:99999/"),
        *("http://h/a b", "http://h/\r\nX: y", "javascript:1", "http://h/中", "h/x", ""),
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        channel.Webhook(kind="webhook", url=url)
