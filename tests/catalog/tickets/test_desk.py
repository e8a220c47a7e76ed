"""The desk, on SQLite and on a real PostgreSQL: tickets open once, move as they may, and forget nothing."""

from __future__ import annotations

import dataclasses
import datetime
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalog.tickets import made
from fixtures import stores

from taihang.catalog.tickets import desk, quarantine, words
from taihang.core import errors, evidence, principal
from taihang.core import words as core
from taihang.engines.notify import deliveries
from taihang.engines.store import opening
from taihang.trust.ledger import outbox

START = datetime.datetime(2026, 11, 20, 8, tzinfo=datetime.UTC)  # a Friday, 16:00 in Shanghai


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime.datetime:
        self.now += datetime.timedelta(seconds=1)
        return self.now


@pytest.fixture(params=stores.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[opening.Store]:
    with stores.store(request.param, tmp_path) as found:
        found.create()
        yield found


@pytest.fixture
def ann(store: opening.Store) -> desk.Desk:
    return desk.Desk(store, principal.Principal(name="ann", tenant="plant"), clock=Clock())


def _opened(at: desk.Desk, **more: object) -> str:
    return at.open_by_policy([made.found()], made.rules(), made.subject(owner="wu", **more)).opened[0]


def test_from_finding_to_closed(ann: desk.Desk, store: opening.Store) -> None:
    ident = _opened(ann)
    card = ann.get(ident)
    assert (card.state, card.owner, card.level, card.version) == ("assigned", "wu", core.Level.orange, 2)
    assert card.due == card.opened_at + datetime.timedelta(hours=24)
    assert card.title.zh == "规则 no-null（orders）"
    assert ann.move(ident, "resolved", reason="loaded again").reason == "loaded again"
    assert ann.verify(ident, lambda card: made.rerun(2)).state == "verified"
    assert ann.move(ident, "closed").state == "closed"
    kinds = [(e.number, e.kind, e.from_state, e.to_state) for e in ann.history(ident)]
    assert kinds == [
        (1, "opened", "", "new"),
        (2, "assigned", "new", "assigned"),
        (3, "resolved", "assigned", "resolved"),
        (4, "verified", "resolved", "verified"),
        (5, "closed", "verified", "closed"),
    ]
    with store.read() as conn:
        own = outbox.decisions
        facts = [r.entry for r in conn.execute(store.scope("plant").select(own).order_by(own.c.number))]
    assert len(facts) == 5
    assert b'"from":"resolved"' in facts[3]
    assert not any(b"ann" in f or b"wu" in f or b"loaded" in f for f in facts), "people and remarks only as commitments"


def test_the_same_findings_open_nothing_twice(ann: desk.Desk) -> None:
    ident = _opened(ann)
    again = ann.open_by_policy([made.found()], made.rules(), made.subject(owner="wu"))
    assert again == words.Opened(unchanged=(ident,))
    assert ann.get(ident).version == 2


def test_many_at_once_open_one_ticket(store: opening.Store) -> None:
    outcomes: list[words.Opened] = []

    def work(name: str) -> None:
        at = desk.Desk(store, principal.Principal(name=name, tenant="plant"))
        findings = [made.found(f"r-{n}") for n in (3, 1, 2)]
        outcomes.append(at.open_by_policy(findings, made.rules(), made.subject()))

    threads = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(o.opened) for o in outcomes) == [0, 0, 0, 0, 0, 3]
    at = desk.Desk(store, principal.Principal(name="x", tenant="plant"))
    assert len(at.list().items) == 3


def test_what_comes_back_reopens_its_ticket(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.move(ident, "resolved", reason="fixed")
    ann.verify(ident, lambda card: made.rerun(2))
    ann.move(ident, "closed")
    assert ann.open_by_policy([made.found()], made.rules(), made.subject(1, owner="wu")).unchanged == (ident,)
    back = ann.open_by_policy([made.found(rows=(9,), book=made.version("book 2"))], made.rules(), made.subject(3))
    assert back.reopened == (ident,)
    card = ann.get(ident)
    assert (card.state, card.owner, card.reopened) == ("assigned", "wu", 1)
    assert card.asset_version == made.version("orders 3")
    assert len(ann.list().items) == 1
    assert [e.kind for e in ann.history(ident)][-2:] == ["closed", "reopened"]
    assert "再次出现" in str(ann.history(ident)[-1].note)


def test_an_older_version_reopens_nothing(ann: desk.Desk) -> None:
    ident = ann.open_by_policy([made.found()], made.rules(), made.subject(5, owner="wu")).opened[0]
    ann.move(ident, "resolved", reason="fixed")
    ann.verify(ident, lambda card: made.rerun(6))
    assert ann.open_by_policy([made.found()], made.rules(), made.subject(4, owner="wu")).joined == (ident,)
    assert ann.get(ident).state == "verified"


def test_a_bad_version_that_is_put_back_reopens_its_ticket_once(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.move(ident, "resolved", reason="fixed")
    ann.verify(ident, lambda card: made.rerun(2))
    back = made.subject(1, owner="wu").model_copy(update={"number": 3})
    assert ann.open_by_policy([made.found()], made.rules(), back).reopened == (ident,)
    assert [m.active for m in ann.marks(ident)] == [True]
    ann.move(ident, "resolved", reason="fixed again")
    ann.verify(ident, lambda card: made.rerun(4))
    assert [m.active for m in ann.marks(ident)] == [False]
    assert ann.open_by_policy([made.found()], made.rules(), back).unchanged == (ident,)
    assert ann.get(ident).state == "verified"


def test_resolved_but_found_again_is_sent_back(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.move(ident, "resolved", reason="fixed")
    assert ann.open_by_policy([made.found("no-null", "red")], made.rules(), made.subject(2)).returned == (ident,)
    assert (ann.get(ident).state, ann.get(ident).level) == ("assigned", core.Level.red)


def test_nobody_sets_verified_by_hand(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.move(ident, "resolved", reason="fixed")
    with pytest.raises(errors.Conflict, match="by hand"):
        ann.move(ident, "verified")
    with pytest.raises(errors.Conflict, match="is the one in which it was found"):
        ann.verify(ident, lambda card: made.rerun(1))
    assert ann.get(ident).state == "resolved"


def test_a_rule_that_judged_nothing_verifies_nothing(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.move(ident, "resolved", reason="fixed")
    assert ann.verify(ident, lambda card: made.rerun(2, judged=0)).state == "resolved"
    assert ann.verify(ident, lambda card: made.rerun(2, rule="another")).state == "resolved"
    doubtful = made.found(verdict="insufficient")
    assert ann.verify(ident, lambda card: made.rerun(2, findings=(doubtful,))).state == "resolved"
    assert [e.kind for e in ann.history(ident)][-3:] == ["unverified"] * 3
    other_book = dataclasses.replace(made.rerun(2), rulebooks=())
    assert ann.verify(ident, lambda card: other_book).state == "resolved"


def test_a_rule_that_is_still_broken_sends_back_with_what_it_found(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.move(ident, "resolved", reason="fixed")
    card = ann.verify(ident, lambda card: made.rerun(2, findings=(made.found(rows=(7,)),)))
    assert (card.state, card.asset_version) == ("assigned", made.version("orders 2"))
    assert [m.data.column("row").to_pylist() for m in ann.marks(ident)] == [[7]]
    with pytest.raises(errors.Conflict, match="is assigned"):
        ann.verify(ident, lambda card: made.rerun(3))


def test_a_ticket_changed_while_its_rule_ran_is_not_verified(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.move(ident, "resolved", reason="fixed")

    def rerun(card: words.Card) -> words.Rerun:
        ann.assign(ident, "bo", reason="not yet")
        return made.rerun(2)

    with pytest.raises(errors.Conflict, match="sent it back"):
        ann.verify(ident, rerun)
    assert (ann.get(ident).state, ann.get(ident).owner) == ("assigned", "bo")


def test_two_people_on_one_ticket(ann: desk.Desk, store: opening.Store) -> None:
    ident = _opened(ann)
    seen = ann.get(ident).version
    bo = desk.Desk(store, principal.Principal(name="bo", tenant="plant"), clock=Clock())
    bo.assign(ident, "cy", expected_version=seen)
    with pytest.raises(errors.Conflict) as caught:
        ann.move(ident, "resolved", reason="done", expected_version=seen)
    assert "bo gave it to somebody else" in caught.value.message.in_("en")
    assert "bo" in caught.value.message.in_("zh")
    assert "改派" in caught.value.message.in_("zh")
    assert ann.get(ident).state == "assigned"


def test_hostile_names_are_refused_or_unknown(ann: desk.Desk) -> None:
    for ident in ("", "x\x00", "\ud800", "' OR 1=1 --", "t" * 500):
        for call in (ann.get, ann.history, ann.findings, ann.marks):
            with pytest.raises(errors.NotFound):
                call(ident)
        with pytest.raises(errors.NotFound):
            ann.comment(ident, "x")
    for table in ("t\x00", "t" * 501, "\ud800"):
        bad = made.found()
        bad = bad.model_copy(update={"place": bad.place.model_copy(update={"table": table})})
        with pytest.raises(errors.UserError):
            ann.open_by_policy([bad], made.rules(), made.subject())
    strange = made.found("gap-1", keys={"zone": "a\x00\ud800'; DROP TABLE tickets --"}, span=(1.0, float("nan")))
    ident = ann.open_by_policy([strange], made.rules(), made.subject(asset="c")).opened[0]
    assert ann.get(ident).state == "assigned"
    assert ann.open_by_policy([strange], made.rules(), made.subject(asset="c")).unchanged == (ident,)


def test_steps_that_the_state_does_not_have(ann: desk.Desk) -> None:
    ident = ann.open_by_policy([made.found()], made.rules(), made.subject()).opened[0]
    assert ann.get(ident).state == "new"
    for to in ("resolved", "closed", "new"):
        with pytest.raises(errors.Conflict, match="cannot become"):
            ann.move(ident, to, reason="x")  # type: ignore[arg-type]
    with pytest.raises(errors.UserError, match="say who"):
        ann.move(ident, "assigned")
    assert ann.move(ident, "acknowledged").state == "acknowledged"
    assert ann.assign(ident, "bo").owner == "bo"
    with pytest.raises(errors.UserError, match="say why"):
        ann.move(ident, "resolved", reason=" ")
    ann.move(ident, "resolved", reason="ok")
    with pytest.raises(errors.UserError, match="say why"):
        ann.assign(ident, "bo")
    assert len(ann.history(ident)) == 4


def test_policy_decides_who_and_when_and_what(ann: desk.Desk) -> None:
    rules = made.rules()
    assert ann.open_by_policy([made.found()], rules, made.subject(asset="toy box")).left
    assert ann.open_by_policy([made.found(level="info")], rules, made.subject()).left
    assert ann.open_by_policy([made.found(verdict="insufficient")], rules, made.subject()).left
    gaps = [made.found("gap-1", keys={"zone": z}, span=(n, n + 1.0)) for n, z in enumerate(("a", "b", "a"))]
    places = ann.open_by_policy(gaps, rules, made.subject(asset="cam"))
    assert len(places.opened) == 2
    # 20 November is 45 whole weeks after Monday 5 January, 8:00: the first one's turn again.
    assert {ann.get(i).owner for i in places.opened} == {"ann"}
    whole = ann.open_by_policy([made.found("a"), made.found("b")], rules, made.subject(asset="w", tags=("urgent",)))
    assert len(whole.opened) == 1
    assert [r.rule for r in ann.get(whole.opened[0]).rules] == ["a", "b"]
    domain = ann.open_by_policy([made.found("x", "yellow")], rules, made.subject(asset="d", domain="dispatch"))
    card = ann.get(domain.opened[0])
    assert card.owner == "li"
    # Friday 16:00 in Shanghai and 8 working hours: 2 on Friday, 3 on Monday morning, 3 from 13:30.
    assert card.due is not None
    assert card.due.replace(second=0) == datetime.datetime(2026, 11, 23, 8, 30, tzinfo=datetime.UTC)


def test_lists_page_by_page(ann: desk.Desk) -> None:
    for n in range(7):
        ann.open_by_policy(
            [made.found(f"r-{n}", "red" if n % 2 else "blue")], made.rules(), made.subject(asset=f"a{n}", owner="wu")
        )
    whole = [c.id for c in ann.list().items]
    pages, after = [], None
    while True:
        page = ann.list(after=after, limit=3)
        pages += [c.id for c in page.items]
        after = page.next
        if after is None:
            break
    assert pages == whole
    assert [c.opened_at for c in ann.list().items] == sorted((c.opened_at for c in ann.list().items), reverse=True)
    assert len(ann.list(words.Filter(floor=core.Level.orange)).items) == 3
    assert len(ann.list(words.Filter(rule="r-2")).items) == 1
    assert len(ann.list(words.Filter(asset="a1", state="assigned", open=True, owner="wu")).items) == 1
    assert not ann.list(words.Filter(owner="x' OR 1=1 --\x00")).items
    for wrong in ("", "zzz", ann.list(words.Filter(owner="wu"), limit=1).next or ""):
        with pytest.raises(errors.UserError):
            ann.list(after=wrong)
    with pytest.raises(errors.UserError):
        ann.list(limit=0)


def test_overdue_is_shown_and_told_once(store: opening.Store) -> None:
    clock = Clock()
    at = desk.Desk(store, principal.Principal(name="ann", tenant="plant"), clock=clock)
    ident = at.open_by_policy([made.found(level="red")], made.rules(), made.subject(owner="wu")).opened[0]
    assert at.remind() == ()
    clock.now += datetime.timedelta(hours=5)
    assert at.get(ident).overdue
    assert [c.id for c in at.list(words.Filter(overdue=True)).items] == [ident]
    assert not at.list(words.Filter(overdue=False)).items
    assert at.remind() == (ident,)
    assert at.remind() == ()
    at.move(ident, "resolved", reason="done")
    assert not at.get(ident).overdue


def test_remarks_and_evidence_stay(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.comment(ident, "看过了\nline two")
    ann.attach(ident, made.version("photo"), name="photo.jpg", remark="here")
    ann.attach(ident, evidence.Span(asset="0" * 64, start_s=1, end_s=2))
    events = ann.history(ident)[2:]
    assert [e.kind for e in events] == ["commented", "attached", "attached"]
    assert events[0].reason == "看过了\nline two"
    assert events[1].body["file"] == {"sha256": made.version("photo"), "name": "photo.jpg"}
    assert events[2].body["evidence"]["start_s"] == 1
    for bad in ("a\x00b", "", "x" * 10_001):
        with pytest.raises(errors.UserError):
            ann.comment(ident, bad)
    with pytest.raises(errors.UserError):
        ann.attach(ident, "../../etc/passwd")
    assert ann.get(ident).state == "assigned"


def test_tenants_do_not_meet(ann: desk.Desk, store: opening.Store) -> None:
    ident = _opened(ann)
    other = desk.Desk(store, principal.Principal(name="eve", tenant="other"))
    assert not other.list().items
    for call in (
        lambda: other.get(ident),
        lambda: other.history(ident),
        lambda: other.findings(ident),
        lambda: other.marks(ident),
        lambda: other.move(ident, "resolved", reason="mine"),
        lambda: other.assign(ident, "eve"),
        lambda: other.comment(ident, "hi"),
        lambda: other.verify(ident, lambda card: made.rerun(2)),
    ):
        with pytest.raises(errors.NotFound):
            call()
    assert other.open_by_policy([made.found()], made.rules(), made.subject(owner="eve")).opened == (ident,)
    assert ann.get(ident).owner == "wu"
    assert not quarantine.marks(store, "third", asset="orders")


def test_the_suite_grows_with_what_was_verified(ann: desk.Desk) -> None:
    ident = _opened(ann)
    ann.move(ident, "resolved", reason="fixed")
    assert ann.suite("orders") == ()
    ann.verify(ident, lambda card: made.rerun(2))
    assert [(c.rulebook, c.rule, c.ticket) for c in ann.suite("orders")] == [("tables", "no-null", ident)]
    assert ann.suite("other") == ()


def test_channels_hear_of_what_they_asked_for(ann: desk.Desk, store: opening.Store) -> None:
    subject = made.subject(tags=("urgent",))
    ident = ann.open_by_policy([made.found()], made.rules(), subject).opened[0]
    ann.comment(ident, "quiet")
    assert [d.topic for d in deliveries.listed(store, "plant")] == ["ticket.opened"]
    with store.read() as conn:
        row = conn.execute(store.scope("plant").select(deliveries.deliveries)).one()
    assert json.loads(row.channel) == {"kind": "webhook", "url": "https://hooks.example.com/x", "secret": "env:HOOK"}
    payload = json.loads(row.payload)
    assert payload["ticket"]["id"] == ident
    assert "多条规则未通过" in payload["subject"]["zh"]
    assert "opened by policy plant 3" in payload["body"]["en"]
    assert not deliveries.listed(store, "other")
