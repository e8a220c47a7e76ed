"""Whatever two tenants do, in any order: neither sees, changes or deletes what is the other's."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures import stores
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taihang.catalog import catalogue, words
from taihang.catalog.lineage import words as lines
from taihang.catalog.retention import retention
from taihang.core import errors, ids
from taihang.engines.store import opening
from tests.catalog import samples

_ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(["register", "describe", "record", "review", "lineage", "ingest", "hold", "release", "delete"]),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=24,
)


@pytest.fixture(scope="module", params=stores.KINDS)
def shared_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[opening.Store]:
    folder: Path = tmp_path_factory.mktemp("tenants")
    with stores.store(request.param, folder) as made:
        made.create()
        yield made


@dataclasses.dataclass
class Tenant:
    """One tenant, and the word that is in everything it writes."""

    word: str
    catalogue: catalogue.Catalogue
    retention: retention.Retention
    seen: set[str] = dataclasses.field(default_factory=set)
    holds: list[str] = dataclasses.field(default_factory=list)

    def all(self) -> str:
        """Everything that any read of this tenant gives."""
        at = self.catalogue
        told: list[Any] = [a.model_dump(mode="json") for a in at.search().items]
        for version in at.versions(limit=500).items:
            told += [version.model_dump(mode="json"), self.retention.terms(version.id).model_dump(mode="json")]
            told += [at.lineage.graph(version.id, way).model_dump(mode="json") for way in ("up", "down")]  # type: ignore[arg-type]
            told += [dataclasses.asdict(p) for p in at.trend(version.asset_id, kind="assess")]
        for report in at.reports(limit=500).items:
            told += [report.model_dump(mode="json"), at.report_json(report.id).decode()]
        for found in at.findings(limit=500).items:
            told += [dataclasses.asdict(found), [dataclasses.asdict(r) for r in at.reviews(found.version_id, found.id)]]
        for run in at.lineage.runs(limit=500).items:
            told.append(at.lineage.events(run.id))
        told += [v.model_dump(mode="json") for v in self.retention.due().items]
        return json.dumps(told, default=str, ensure_ascii=False)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=_ACTIONS)
def test_two_tenants_never_meet(shared_store: opening.Store, actions: list[tuple[int, str, int, int]]) -> None:
    tenants = []
    for side in ("left", "right"):
        who = samples.who(ids.fresh_id(side), name=f"user-{side}")
        tenants.append(Tenant(side, catalogue.Catalogue(shared_store, who), retention.Retention(shared_store, who)))
    for turn, (side, action, which, what) in enumerate(actions):
        me, other = tenants[side], tenants[1 - side]
        before = other.all()
        _act(me, me.seen, action, (which, what, turn))
        # The same with the other's ids: as if they were none.
        _act(me, other.seen - me.seen, action, (which, what, turn), foreign=True)
        assert other.all() == before, action
    for me, other in (tenants, tenants[::-1]):
        told = me.all()
        assert f"user-{other.word}" not in told
        assert other.catalogue.scope.tenant not in told
        assert f"说-{other.word}" not in told


def _act(me: Tenant, known: set[str], action: str, numbers: tuple[int, int, int], *, foreign: bool = False) -> None:
    at = me.catalogue
    which, what, turn = numbers
    # Both have things of the same names and contents.
    asset = samples.thing(f"{which}.csv", f"{which}-{what}")
    pick = sorted(known)[(which * 4 + what) % len(known)] if known else "version-0000000000000000"
    try:
        if action == "register" and not foreign:
            me.seen.add(at.register(asset, description=f"说-{me.word}", tags=[me.word]).id)
        elif action == "describe":
            at.describe(at.version(pick).asset_id, description=f"说-{me.word}{turn}")
        elif action == "record":
            version = at.version(pick)
            found = tuple(samples.found(n) for n in range(what))
            of = version.asset.model_copy(update={"owner": ""})
            told = at.record(samples.report(of, found), pick, kind="assess", job_id=f"job-{which}")
            assert at.report(told.id) == told
        elif action == "review":
            for found_one in at.findings(words.Filter(version=pick)).items[:1]:
                at.review(pick, found_one.id, "rejected", reason=f"说-{me.word}")
            assert not foreign or at.findings(words.Filter(version=pick)).items == ()
        elif action == "lineage":
            ends = (lines.End(version=pick),)
            at.lineage.record(
                lines.Run(id=f"job-{which}", job=f"说-{me.word}", began=samples.BEGAN, inputs=ends, outputs=ends)
            )
        elif action == "ingest" and not foreign:
            at.lineage.ingest(_event(me, which))
        elif action == "hold":
            me.holds.append(me.retention.hold(pick, reason=f"说-{me.word}").id)
        elif action == "release" and me.holds and not foreign:
            me.retention.release(me.holds.pop(), reason="x")
        elif action == "delete":
            me.retention.delete(pick, "request")
            me.seen.discard(pick)
        assert not foreign or action not in {"describe", "record", "lineage", "hold", "delete"}
    except (errors.NotFound, errors.Conflict):
        pass


def _event(me: Tenant, which: int) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-03-01T08:00:00Z",
        "run": {"runId": f"0195f0c2-1111-7000-8000-00000000000{which}"},
        "job": {"namespace": "n", "name": f"说-{me.word}"},
        "inputs": [{"namespace": "taihang://default", "name": f"table/{which}.csv"}],
        "outputs": [{"namespace": "s3://lake", "name": "same"}],
    }
