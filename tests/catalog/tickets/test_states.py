"""Two people do what they like to tickets: no step that the machine lacks, no line of history lost."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from catalog.tickets import made
from fixtures import stores
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from taihang.catalog.tickets import desk, words
from taihang.core import errors, principal, ticket
from taihang.engines.store import opening

STEPS = st.sampled_from(["new", "acknowledged", "assigned", "resolved", "verified", "closed"])
_tenants = itertools.count()


def machine(store: opening.Store) -> type[RuleBasedStateMachine]:
    class Tickets(RuleBasedStateMachine):
        idents = Bundle("idents")

        @initialize()
        def start(self) -> None:
            tenant = f"t{next(_tenants)}"
            self.people = [desk.Desk(store, principal.Principal(name=n, tenant=tenant)) for n in ("ann", "bo")]
            self.known: dict[str, tuple[words.Event, ...]] = {}
            self.seen: dict[tuple[int, str], int] = {}
            self.number = 0

        @rule(who=st.integers(0, 1), name=st.sampled_from(["r-1", "r-2"]), fresh=st.booleans(), target=idents)
        def found(self, who: int, name: str, fresh: bool) -> str:
            self.number += fresh
            owner = "wu" if self.number % 2 else ""
            done = self.people[who].open_by_policy(
                [made.found(name)], made.rules(), made.subject(self.number, owner=owner)
            )
            (ident,) = done.opened + done.joined + done.returned + done.reopened + done.unchanged
            if ident in self.known:
                assert not done.opened
                was = self.known[ident][-1].to_state
                if done.reopened:
                    assert was in {"verified", "closed"}
                if done.returned:
                    assert was == "resolved"
            return ident

        @rule(who=st.integers(0, 1), ident=idents)
        def look(self, who: int, ident: str) -> None:
            self.seen[who, ident] = self.people[who].get(ident).version

        @rule(who=st.integers(0, 1), ident=idents, to=STEPS, reason=st.sampled_from(["", "why"]), careful=st.booleans())
        def move(self, who: int, ident: str, to: Any, reason: str, careful: bool) -> None:
            at = self.people[who]
            before = at.get(ident)
            expected = self.seen.get((who, ident)) if careful else None
            try:
                after = at.move(ident, to, reason=reason, owner="cy", expected_version=expected)
            except errors.UserError:
                assert at.get(ident) == before
                stale = expected is not None and expected != before.version
                unreasoned = not reason and (to == "resolved" or before.state in {"resolved", "verified", "closed"})
                allowed = to in ticket.NEXT[before.state] or (to == before.state == "assigned")
                assert stale or unreasoned or to == "verified" or not allowed
            else:
                assert to in ticket.NEXT[before.state] or (to == before.state == "assigned")
                assert expected in {None, before.version}
                assert (after.state, after.version) == (to, before.version + 1)

        @rule(who=st.integers(0, 1), ident=idents)
        def remark(self, who: int, ident: str) -> None:
            self.people[who].comment(ident, "hm")

        @rule(
            who=st.integers(0, 1),
            ident=idents,
            outcome=st.sampled_from(["clean", "broken", "silent"]),
            race=st.booleans(),
        )
        def verify(self, who: int, ident: str, outcome: str, race: bool) -> None:
            self.number += 1
            at, other = self.people[who], self.people[1 - who]

            def rerun(card: words.Card) -> words.Rerun:
                if race:
                    other.comment(ident, "wait")
                (name,) = {r.rule for r in card.rules}
                broken = (made.found(name),) if outcome == "broken" else ()
                judged = 0 if outcome == "silent" else 5
                return made.rerun(self.number, judged=judged, findings=broken, rule=name)

            was = at.get(ident).state
            try:
                after = at.verify(ident, rerun).state
            except errors.Conflict:
                assert race or was != "resolved"
                assert at.get(ident).state == was
            else:
                assert was == "resolved"
                assert not race
                assert after == {"clean": "verified", "broken": "assigned", "silent": "resolved"}[outcome]

        @invariant()
        def nothing_is_lost(self) -> None:
            if not hasattr(self, "people"):
                return
            cards = self.people[0].list(limit=100).items
            assert {c.id for c in cards} >= set(self.known)
            for card in cards:
                events = self.people[0].history(card.id)
                assert events[: len(self.known.get(card.id, ()))] == self.known.get(card.id, ())
                assert [e.number for e in events] == list(range(1, card.version + 1))
                assert events[0].kind == "opened"
                for one, other in itertools.pairwise(events):
                    assert other.from_state == one.to_state
                    moved = other.to_state != other.from_state
                    assert not moved or other.to_state in ticket.NEXT[one.to_state]
                    assert (other.to_state == "verified" and moved) == (other.kind == "verified")
                assert events[-1].to_state == card.state
                self.known[card.id] = events

    return Tickets


@pytest.mark.parametrize("kind", stores.KINDS)
def test_any_order_of_steps(kind: str, tmp_path: Path) -> None:
    with stores.store(kind, tmp_path) as store:
        store.create()
        run_state_machine_as_test(
            machine(store),
            settings=settings(
                max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
