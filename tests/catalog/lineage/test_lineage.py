"""Lineage: runs told in any order, graphs that end, events that another system's own client reads."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openlineage.client import serde

from taihang.catalog import catalogue
from taihang.catalog import words as catalogued
from taihang.catalog.lineage import words
from taihang.core import errors
from taihang.core import words as core
from tests.catalog import samples
from tests.catalog.lineage import reader

LATER = samples.BEGAN + datetime.timedelta(minutes=5)
_EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2026-03-01T08:00:00Z",
    "run": {"runId": "0195f0c2-1111-7000-8000-000000000001", "facets": {"unknown": {"x": 1}}},
    "job": {"namespace": "airflow", "name": "daily.load"},
    "inputs": [{"namespace": "postgres://db:5432", "name": "mine.public.原始", "facets": {}}],
    "outputs": [
        {
            "namespace": "s3://lake",
            "name": "shifts",
            "facets": {
                "schema": {"fields": [{"name": "id", "type": "INT"}, {"name": "n", "fields": []}]},
                "columnLineage": {
                    "fields": {
                        "id": {
                            "inputFields": [
                                {
                                    "namespace": "postgres://db:5432",
                                    "name": "mine.public.原始",
                                    "field": "编号",
                                    "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
                                }
                            ]
                        }
                    },
                    "dataset": [{"namespace": "kafka://k", "name": "topic", "field": "at"}],
                },
            },
        }
    ],
    "producer": "https://github.com/apache/airflow",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}


def _versions(mine: catalogue.Catalogue, count: int) -> list[str]:
    columns = [catalogued.Column(name=n, type="INTEGER") for n in ("id", "Shift", "amount")]
    return [mine.register(samples.thing(name=f"t{n}"), columns=columns).id for n in range(count)]


def _run(number: int, inputs: list[str], outputs: list[str], **more: Any) -> words.Run:
    return words.Run(
        id=f"job-{number}",
        job="assess",
        began=samples.BEGAN,
        ended=LATER,
        inputs=tuple(words.End(version=v) for v in inputs),
        outputs=tuple(words.End(version=v) for v in outputs),
        **more,
    )


def test_up_and_down_to_a_depth(mine: catalogue.Catalogue, theirs: catalogue.Catalogue) -> None:
    chain = _versions(mine, 6)
    for n in range(5):
        mine.lineage.record(_run(n, [chain[n]], [chain[n + 1]]))
        mine.lineage.record(_run(n, [chain[n]], [chain[n + 1]]))
    up = mine.lineage.graph(chain[5], "up")
    assert [(n.id, n.depth) for n in up.nodes] == [(chain[5 - d], d) for d in range(6)]
    assert len(up.runs) == 5
    assert len(up.links) == 10
    assert not up.cut
    near = mine.lineage.graph(chain[5], "up", depth=2)
    assert [n.id for n in near.nodes] == [chain[5], chain[4], chain[3]]
    assert near.cut
    assert [n.id for n in mine.lineage.graph(chain[0], "down", most=3).nodes] == chain[:3]
    assert mine.lineage.graph(chain[0], "down", most=3).cut
    assert mine.lineage.graph(chain[0], "up").nodes[0].number == 1
    for call in (lambda: theirs.lineage.graph(chain[5], "up"), lambda: theirs.lineage.events("job-0")):
        with pytest.raises(errors.NotFound):
            call()
    with pytest.raises(errors.NotFound):
        theirs.lineage.record(_run(9, [chain[0]], []))
    assert theirs.lineage.runs().items == ()


def test_a_cycle_ends(mine: catalogue.Catalogue) -> None:
    ring = _versions(mine, 4)
    for n in range(4):
        mine.lineage.record(_run(n, [ring[n]], [ring[(n + 1) % 4], ring[n]]))
    for direction in ("up", "down"):
        found = mine.lineage.graph(ring[0], direction, depth=100)  # type: ignore[arg-type]
        assert sorted(n.id for n in found.nodes) == sorted(ring)
        assert not found.cut


def test_bounds(mine: catalogue.Catalogue) -> None:
    (one,) = _versions(mine, 1)
    for ask in ({"depth": 0}, {"depth": 101}, {"most": 0}, {"most": 5001}):
        with pytest.raises(errors.UserError):
            mine.lineage.graph(one, "up", **ask)
    with pytest.raises(errors.UserError):
        mine.lineage.graph(one, "sideways")  # type: ignore[arg-type]


def test_runs_page(mine: catalogue.Catalogue) -> None:
    for n in range(5):
        mine.lineage.record(_run(n, [], []))
    first = mine.lineage.runs(limit=3)
    rest = mine.lineage.runs(limit=3, after=first.next)
    assert {r.id for r in (*first.items, *rest.items)} == {f"job-{n}" for n in range(5)}
    assert rest.next is None


def test_sql_gives_column_lineage(mine: catalogue.Catalogue) -> None:
    raw, clean, total = _versions(mine, 3)
    mine.lineage.record_sql(
        _run(1, [], []), "select id, amount * 2 amount from raw where shift = 'a'", {"raw": raw}, clean
    )
    mine.lineage.record_sql(_run(2, [], []), "select sum(amount) id from c", {"c": clean, "unused": raw}, total)
    steps = mine.lineage.columns(total, "id", "up")
    assert [(s.depth, s.input, s.input_column, s.effect) for s in steps] == [
        (1, clean, "amount", "AGGREGATION"),
        *sorted(
            [(2, raw, "amount", "TRANSFORMATION"), (2, raw, "Shift", "FILTER")], key=lambda s: s[3] != steps[1].effect
        ),
    ]
    assert {s.output_column for s in mine.lineage.columns(raw, "amount", "down")} == {"amount", "id"}
    assert {s.output_column for s in mine.lineage.columns(raw, "Shift", "down")} == {""}
    with pytest.raises(errors.UserError, match="READ_CSV"):
        mine.lineage.record_sql(_run(3, [], []), "select * from read_csv('/etc/passwd')", {"raw": raw}, clean)
    assert "job-3" not in {r.id for r in mine.lineage.runs().items}


def test_events_are_read_by_the_reference_client(mine: catalogue.Catalogue) -> None:
    raw, clean = _versions(mine, 2)
    metrics = words.Metrics(
        rows=10,
        size=99,
        columns={"id": words.ColumnMetrics(nulls=0, distinct=10, min=1, max=10, quantiles={"0.5": 5.0})},
    )
    told = (
        words.Assertion(rule="shift-not-null", success=False, column="Shift", level=core.Level.red),
        words.Assertion(rule="ids-unique", success=True, level=core.Level.info),
    )
    run = _run(1, [raw], [clean]).model_copy(
        update={
            "inputs": (
                words.End(version=raw, metrics=metrics, assertions=told),
                words.End(namespace="kafka://k", name="t"),
            )
        }
    )
    mine.lineage.record_sql(run, "select id, md5(shift) h from raw where amount > 0", {"raw": raw}, clean)
    mine.lineage.record(run)
    start, end = (reader.read(e) for e in mine.lineage.events("job-1"))
    assert (start.eventType.value, end.eventType.value) == ("START", "COMPLETE")
    assert start.run.runId == end.run.runId
    assert str(uuid.UUID(start.run.runId)) == start.run.runId
    assert end.job.namespace == f"taihang://{mine.scope.tenant}"
    (output,) = end.outputs
    assert output.name == "table/t1"
    assert output.facets["version"].datasetVersion == clean
    assert [f.name for f in output.facets["schema"].fields] == ["id", "Shift", "amount"]
    lineage = output.facets["columnLineage"]
    assert lineage.fields["h"].inputFields[0].transformations[0].masking is True
    assert lineage.dataset[0].transformations[0].type == "INDIRECT"
    source = next(i for i in end.inputs if i.name == "table/t0")
    assert source.inputFacets["dataQualityMetrics"].columnMetrics["id"].distinctCount == 10
    assert [a.success for a in source.inputFacets["dataQualityAssertions"].assertions] == [False, True]
    again = json.loads(serde.Serde.to_json(end))
    assert again["outputs"][0]["facets"]["columnLineage"]["fields"].keys() == {"id", "h"}


def test_a_failed_run_says_why(mine: catalogue.Catalogue) -> None:
    mine.lineage.record(_run(1, [], [], state="fail", error="磁盘已满"))
    mine.lineage.record(_run(1, [], [], state="complete"))
    _, end = (reader.read(e) for e in mine.lineage.events("job-1"))
    assert end.eventType.value == "FAIL"
    assert end.run.facets["errorMessage"].message == "磁盘已满"


def test_a_run_that_goes_on_has_only_begun(mine: catalogue.Catalogue) -> None:
    running = words.Run(id="job-1", job="assess", state="running", began=LATER)
    mine.lineage.record(running)
    assert len(mine.lineage.events("job-1")) == 1
    mine.lineage.record(_run(1, [], []))
    mine.lineage.record(running)
    start, end = mine.lineage.events("job-1")
    assert start["eventTime"] == samples.BEGAN.isoformat()
    assert end["eventType"] == "COMPLETE"


def test_foreign_events_come_in_once(mine: catalogue.Catalogue, theirs: catalogue.Catalogue) -> None:
    start = {**_EVENT, "eventType": "START", "eventTime": "2026-03-01T07:00:00+00:00", "outputs": []}
    run = mine.lineage.ingest(json.dumps(_EVENT).encode())
    for event in (start, _EVENT, start, {**_EVENT, "eventType": "RUNNING"}):
        assert mine.lineage.ingest(event) == run
    (step,) = mine.lineage.runs().items
    assert (step.job, step.state, step.foreign) == ("daily.load", "complete", True)
    assert step.began.hour == 7
    node = mine.lineage.dataset("s3://lake", "shifts")
    up = mine.lineage.graph(node, "up")
    assert {(n.namespace, n.name) for n in up.nodes} == {
        ("s3://lake", "shifts"),
        ("postgres://db:5432", "mine.public.原始"),
        ("kafka://k", "topic"),
    }
    assert {(s.input_column, s.effect) for s in mine.lineage.columns(node, "id", "up")} == {
        ("编号", "IDENTITY"),
        ("at", "TRANSFORMATION"),
    }
    for event in mine.lineage.events(run):
        assert reader.read(event).job.namespace == "airflow"
    with pytest.raises(errors.NotFound):
        theirs.lineage.graph(node, "up")


def test_what_we_told_comes_back_and_changes_nothing(mine: catalogue.Catalogue, theirs: catalogue.Catalogue) -> None:
    raw, clean = _versions(mine, 2)
    mine.lineage.record_sql(_run(1, [], []), "select id from raw", {"raw": raw}, clean)
    before = mine.lineage.events("job-1")
    for event in before:
        assert mine.lineage.ingest(event) == "job-1"
    assert mine.lineage.events("job-1") == before
    # Another tenant that says so gets names, not our versions.
    theirs.lineage.ingest(before[1])
    node = theirs.lineage.dataset(f"taihang://{mine.scope.tenant}", "table/t1")
    assert {n.kind for n in theirs.lineage.graph(node, "up").nodes} == {"dataset"}


def test_a_foreign_run_may_name_our_versions(mine: catalogue.Catalogue) -> None:
    raw, clean = _versions(mine, 2)
    space = f"taihang://{mine.scope.tenant}"
    event = {
        **_EVENT,
        "inputs": [{"namespace": space, "name": "table/t0", "facets": {"version": {"datasetVersion": raw}}}],
        "outputs": [{"namespace": space, "name": "table/t1"}, {"namespace": space, "name": "table/none"}],
    }
    mine.lineage.ingest(event)
    assert {n.id for n in mine.lineage.graph(raw, "down").nodes} == {
        raw,
        clean,
        mine.lineage.dataset(space, "table/none"),
    }


def _without(*path: str) -> dict[str, Any]:
    made = json.loads(json.dumps(_EVENT))
    at = made
    for part in path[:-1]:
        at = at[part]
    del at[path[-1]]
    return made


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b"{" * 100_000,
        b"[" * 500 + b"]" * 500,
        b" " * (4 << 20) + b"{}",
        json.dumps(_without("run")).encode(),
        json.dumps(_without("run", "runId")).encode(),
        json.dumps(_without("job", "name")).encode(),
        json.dumps(_without("eventTime")).encode(),
        json.dumps({**_EVENT, "eventTime": "2026-03-01T08:00:00"}).encode(),
        json.dumps({**_EVENT, "eventTime": "yesterday"}).encode(),
        json.dumps({**_EVENT, "run": {"runId": "1"}}).encode(),
        json.dumps({**_EVENT, "inputs": [{"namespace": "", "name": "x"}]}).encode(),
        json.dumps({**_EVENT, "inputs": [{"namespace": "a", "name": "x\x00"}]}).encode(),
        json.dumps({**_EVENT, "inputs": [{"namespace": "a", "name": "\ud800"}]}).encode(),
        json.dumps({**_EVENT, "inputs": [{"namespace": "a", "name": "x" * 1001}]}).encode(),
        json.dumps({**_EVENT, "inputs": [{"namespace": "a", "name": f"x{n}"} for n in range(1001)]}).encode(),
        json.dumps({**_EVENT, "eventType": "EXPLODE"}).encode(),
    ],
)
def test_what_is_no_run_event_is_refused_in_one_line(mine: catalogue.Catalogue, event: bytes) -> None:
    with pytest.raises(errors.UserError) as caught:
        mine.lineage.ingest(event)
    assert "\n" not in str(caught.value)
    assert mine.lineage.runs().items == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "namespace", "fields", "field", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*_EVENT, "inputs", "outputs", "run"]), _JSON, max_size=2))
def test_any_event_is_recorded_or_refused(mine: catalogue.Catalogue, changes: dict[str, Any]) -> None:
    try:
        mine.lineage.ingest({**_EVENT, **changes})
    except errors.UserError as error:
        assert "\n" not in str(error)


def test_ends_are_a_version_or_a_name() -> None:
    for bad in ({}, {"version": "v", "namespace": "a", "name": "b"}, {"namespace": "a"}):
        with pytest.raises(ValueError, match="version"):
            words.End(**bad)
