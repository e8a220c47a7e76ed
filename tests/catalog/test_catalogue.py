"""The catalogue: versions are contents, search finds them in any script, findings come in pages."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
import sqlalchemy as sa

from taihang.catalog import catalogue, finding_list, search, tables, words
from taihang.core import errors, finding, ids
from taihang.core import words as core
from taihang.engines.store import opening
from taihang.report import json as written
from tests.catalog import samples


def test_the_same_content_is_the_same_version(mine: catalogue.Catalogue) -> None:
    one = mine.register(
        samples.thing(content="1"), columns=[words.Column(name="班次", type="VARCHAR")], source="/d/a.csv"
    )
    again = mine.register(samples.thing(content="1"), source="/elsewhere")
    assert again == one
    two = mine.register(samples.thing(content="2"))
    learnt = mine.register(samples.thing(content="2"), columns=[words.Column(name="新列")], stored=True)
    assert (learnt.id, learnt.columns[0].name, learnt.stored) == (two.id, "新列", True)
    assert [a.id for a in mine.search("新列").items] == [two.asset_id]
    assert (one.number, two.number) == (1, 2)
    assert one.asset_id == two.asset_id
    assert mine.asset(one.asset_id).latest == two.id
    assert mine.asset(one.asset_id).versions == 2
    back = mine.register(samples.thing(content="1"))
    assert back == one
    assert mine.asset(one.asset_id).latest == one.id
    assert [v.id for v in mine.versions(one.asset_id).items] == [two.id, one.id]
    assert mine.version(one.id).columns[0].name == "班次"
    other = mine.register(samples.thing(name="b.csv", content="1"))
    assert other.id != one.id
    assert {v.id for v in mine.versions(sha256=one.asset.sha256).items} == {one.id, other.id}


def test_the_tenant_of_the_principal_counts(mine: catalogue.Catalogue, theirs: catalogue.Catalogue) -> None:
    claimed = samples.thing().model_copy(update={"tenant": theirs.scope.tenant})
    version = mine.register(claimed)
    assert version.asset.tenant == mine.scope.tenant
    assert theirs.search().items == ()
    for read in (theirs.version, theirs.asset, theirs.report):
        with pytest.raises(errors.NotFound):
            read(version.id)


def test_a_description_changes_and_its_revision_guards_it(mine: catalogue.Catalogue) -> None:
    version = mine.register(samples.thing(), licence="CC-BY-4.0", tags=["矿山", "2026", "矿山"])
    asset = mine.asset(version.asset_id)
    assert (asset.licence, asset.tags, asset.owner, asset.sensitivity) == (
        "CC-BY-4.0",
        ("2026", "矿山"),
        "li",
        "internal",
    )
    changed = mine.describe(asset.id, sensitivity="core", tags=["井下"], revision=asset.revision)
    assert (changed.sensitivity, changed.tags, changed.licence) == ("core", ("井下",), "CC-BY-4.0")
    with pytest.raises(errors.Conflict, match="revision 2"):
        mine.describe(asset.id, owner="wang", revision=asset.revision)
    assert [a.id for a in mine.search(tag="井下").items] == [asset.id]
    assert mine.search(tag="矿山").items == ()


def test_search_finds_any_script(mine: catalogue.Catalogue) -> None:
    coal = mine.register(
        samples.thing(name="煤矿瓦斯监测记录.csv"),
        columns=[words.Column(name="CH4_ppm")],
        tags=["瓦斯"],
        description="2026年第一季度",
    )
    shift = mine.register(samples.thing(name="Shift_100%.csv"), description="ＡＢＣ Schicht")
    names = {coal.asset_id: "coal", shift.asset_id: "shift"}

    def hits(query: str, **more: object) -> set[str]:
        return {names[a.id] for a in mine.search(query, **more).items}  # type: ignore[arg-type]

    assert hits("瓦斯") == hits("斯监") == hits("矿") == hits("ch4_PPM") == hits("第一季度 煤矿") == {"coal"}
    assert hits("100%") == hits("abc") == hits("schicht") == hits("t_1") == {"shift"}
    assert hits("csv") == {"coal", "shift"}
    assert hits("斯瓦") == hits("%") - {"shift"} == hits("瓦斯 shift") == set()
    assert hits("csv", owner="li", kind="table", sensitivity="internal") == {"coal", "shift"}
    assert hits("csv", owner="wang") == hits("csv", kind="video") == set()
    assert hits("", name="Shift_100%.csv") == {"shift"}
    mine.describe(shift.asset_id, description="")
    assert hits("abc") == set()


def test_search_pages_hold_while_others_write(mine: catalogue.Catalogue) -> None:
    for n in range(0, 20, 2):
        mine.register(samples.thing(name=f"a{n:02}.csv"))
    seen, after = [], None
    for step in range(10):
        page = mine.search("csv", after=after, limit=3)
        seen += [a.name for a in page.items]
        mine.register(samples.thing(name=f"a{step:02}x.csv"))
        after = page.next
        if after is None:
            break
    assert [n for n in seen if "x" not in n] == [f"a{n:02}.csv" for n in range(0, 20, 2)]
    assert seen == sorted(set(seen))


def test_search_uses_its_index(store: opening.Store, mine: catalogue.Catalogue) -> None:
    mine.register(samples.thing(name="煤矿瓦斯监测记录.csv"))
    statement = search.statement_of(
        mine.scope, query="瓦斯", name=None, tag=None, owner=None, kind=None, sensitivity=None
    )
    assert "catalog_grams" in explained(store, statement)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a\x00b"},
        {"name": "a" * 501},
        {"name": "\ud800"},
        {"name": "a\u202eb"},
        {"media_type": "x\n"},
        {"size": -1},
        {"size": 2**63},
    ],
)
def test_what_cannot_be_registered(mine: catalogue.Catalogue, change: dict[str, object]) -> None:
    with pytest.raises(errors.UserError):
        mine.register(samples.thing().model_copy(update=change))
    assert mine.search().items == ()


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE catalog_assets; --", '" OR 1=1', "%", "_", "\\", "\\%", "😀", "{x}", "${x}"]
)
def test_sql_in_every_text_is_only_text(mine: catalogue.Catalogue, text: str) -> None:
    version = mine.register(
        samples.thing(name=text),
        licence=text,
        tags=[text],
        description=text,
        source=text,
        columns=[words.Column(name=text)],
    )
    mine.register(samples.thing(name="other.csv"))
    assert [a.id for a in mine.search(text).items] == [version.asset_id]
    assert [a.id for a in mine.search(tag=text).items] == [version.asset_id]
    assert mine.search("nothing like it", name=text, owner=text).items == ()
    for part in ("rule", "version", "asset", "job", "report", "dimension", "rulebook"):
        assert mine.findings(words.Filter(**{part: text})).items == ()


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "W10", "é", "A" * 9000, "WyJhIiwgWzFdXQ", "bnVsbA"])
def test_a_foreign_cursor_is_refused(mine: catalogue.Catalogue, cursor: str) -> None:
    for read in (mine.search, mine.versions, mine.reports, mine.findings):
        with pytest.raises(errors.UserError, match="cursor"):
            read(after=cursor)  # type: ignore[operator]


def test_a_cursor_is_good_for_its_query_only(mine: catalogue.Catalogue) -> None:
    for n in range(3):
        mine.register(samples.thing(name=f"{n}.csv"))
    after = mine.search("csv", limit=1).next
    with pytest.raises(errors.UserError, match="cursor"):
        mine.search("cs", after=after)


def test_a_time_needs_its_zone(mine: catalogue.Catalogue) -> None:
    for name in ("since", "until"):
        with pytest.raises(errors.UserError, match="zone"):
            mine.findings(words.Filter(**{name: datetime.datetime(2026, 1, 1)}))


@pytest.mark.parametrize("limit", [0, -1, 501, True])
def test_a_page_has_a_length(mine: catalogue.Catalogue, limit: int) -> None:
    with pytest.raises(errors.UserError, match="500"):
        mine.search(limit=limit)


def test_a_report_is_recorded_once(mine: catalogue.Catalogue) -> None:
    asset = samples.thing()
    version = mine.register(asset)
    report = samples.report(asset, tuple(samples.found(n) for n in range(3)))
    told = mine.record(report, version.id, kind="assess", job_id="job-1")
    assert told.counts == {"red": 0, "orange": 3, "yellow": 0, "blue": 0, "info": 0, "insufficient": 0}
    later = samples.report(asset, (samples.found(9),), created=samples.BEGAN + datetime.timedelta(hours=1))
    assert mine.record(later, version.id, kind="assess", job_id="job-1") == told
    assert len(mine.findings().items) == 3
    second = mine.record(report, version.id, kind="assess", job_id="job-2")
    assert second.id != told.id
    assert len(mine.findings().items) == 3
    assert [r.id for r in mine.reports(version.id).items] == [second.id, told.id]
    assert written.load(mine.report_json(told.id)) == report
    assert mine.report_json(told.id) == written.dump(report)
    for where in (words.Filter(job="job-2"), words.Filter(report=told.id), words.Filter(version=version.id)):
        assert len(mine.findings(where).items) == 3
    assert mine.findings(words.Filter(job="job-3")).items == ()
    assert mine.findings().items[0].finding in report.findings
    with pytest.raises(errors.UserError, match="another content"):
        mine.record(samples.report(samples.thing(content="other")), version.id, kind="assess")


def test_what_databases_dislike_is_kept_as_far_as_it_can_be(mine: catalogue.Catalogue) -> None:
    asset = samples.thing()
    version = mine.register(asset)
    base = samples.found(0)
    odd = base.model_copy(
        update={
            "place": finding.Place(table="a\x00\ud800", keys={"k": "\x00", "f": float("nan")}, start_s=float("inf")),
            "measured": {"x": float("nan"), "y": 1e308, "z": 2**70},
            "rule": base.rule.model_copy(update={"dimension": "d\x00" * 300, "rulebook": "\ud800"}),
        }
    )
    mine.record(samples.report(asset, (odd,)), version.id, kind="assess")
    (found,) = mine.findings(order="start").items
    assert found.finding.measured["y"] == 1e308
    assert found.finding.place.keys["k"] == "\x00"
    assert found.id == odd.id


@pytest.mark.parametrize("order", ["gravest", "newest", "oldest", "rule", "start"])
def test_every_order_pages_through_all(mine: catalogue.Catalogue, order: str) -> None:
    levels = list(core.Level)
    for part in ("1", "2"):
        asset = samples.thing(content=part)
        version = mine.register(asset)
        many = tuple(
            samples.found(
                n, asset, level=levels[n % 5], rule_id=f"r{n % 3}", verdict="insufficient" if n % 7 == 0 else "violated"
            )
            for n in range(25)
        )
        mine.record(samples.report(asset, many), version.id, kind="assess", job_id=f"job-{part}")
    for where, count in (
        (words.Filter(), 50),
        (words.Filter(version=version.id), 25),
        (words.Filter(asset=version.asset_id), 50),
        (words.Filter(level=core.Level.red), 10),
        (words.Filter(floor=core.Level.orange), 20),
        (words.Filter(rule="r1"), 16),
        (words.Filter(verdict="insufficient"), 8),
        (words.Filter(job="job-1"), 25),
        (words.Filter(state="open", rulebook="shifts", dimension="completeness"), 50),
        (words.Filter(state="rejected"), 0),
        (words.Filter(since=samples.BEGAN, version=version.id, rule="r0", level=core.Level.blue), 2),
        (words.Filter(until=samples.BEGAN), 0),
    ):
        seen: list[words.Found] = []
        after = None
        while True:
            page = mine.findings(where, order=order, after=after, limit=4)  # type: ignore[arg-type]
            seen += page.items
            after = page.next
            if after is None:
                break
        assert len({(f.version_id, f.id) for f in seen}) == len(seen) == count
        assert sum(mine.levels(where).values()) == count
        if order == "gravest":
            assert [f.level.rank for f in seen] == sorted((f.level.rank for f in seen), reverse=True)
        if order == "rule":
            assert [f.rule for f in seen] == sorted(f.rule for f in seen)


@pytest.fixture(scope="session")
def many(store: opening.Store) -> catalogue.Catalogue:
    """Some thousand findings, and what the database knows of them."""
    made = catalogue.Catalogue(store, samples.who(ids.fresh_id("many")))
    levels = list(core.Level)
    for part in range(6):
        asset = samples.thing(f"{part}.csv", str(part))
        version = made.register(asset)
        found = tuple(samples.found(n, asset, level=levels[n % 5], rule_id=f"r{n % 7}") for n in range(800))
        made.record(samples.report(asset, found), version.id, kind="assess")
    with store.begin() as conn:
        conn.exec_driver_sql("ANALYZE")
    return made


def explained(store: opening.Store, statement: sa.Select[tuple[object, ...]]) -> str:
    plain = statement.compile(store.engine, compile_kwargs={"literal_binds": True})
    word = "EXPLAIN QUERY PLAN" if store.kind == "sqlite" else "EXPLAIN"
    with store.read() as conn:
        conn.execute(sa.text("SELECT 1"))
        if store.kind == "postgresql":
            conn.execute(sa.text("SET LOCAL enable_seqscan = off"))
        return "\n".join(
            str(row)
            for row in conn.exec_driver_sql(
                f"{word} {plain}".replace("%", "%%") if store.kind == "postgresql" else f"{word} {plain}"
            )
        )


def test_tables_are_all_tenanted() -> None:
    names = [t for t in tables.assets.metadata.tables.values() if t.name.startswith("catalog_")]
    assert len(names) >= 9
    for table in names:
        assert next(c.name for c in table.primary_key) == "tenant"
        assert all(next(c.name for c in i.columns) == "tenant" for i in table.indexes)


@pytest.mark.parametrize(
    ("where", "order", "index"),
    [
        (words.Filter(), "gravest", "gravest"),
        (words.Filter(), "newest", "newest"),
        (words.Filter(), "oldest", "newest"),
        (words.Filter(floor=core.Level.red), "gravest", "gravest"),
        (words.Filter(version="version-1"), "gravest", "by_version"),
        (words.Filter(version="version-1"), "start", "by_start"),
        (words.Filter(asset="asset-1"), "gravest", "by_asset"),
        (words.Filter(rule="r1"), "gravest", "by_rule"),
        (words.Filter(rule="r1"), "rule", "by_rule"),
        (words.Filter(state="open"), "gravest", ""),
    ],
)
def test_each_page_is_a_range_of_an_index(
    store: opening.Store, many: catalogue.Catalogue, where: words.Filter, order: finding_list.Order, index: str
) -> None:
    version = many.versions(limit=1).items[0]
    real = {"version": version.id, "asset": version.asset_id}
    there = dataclasses.replace(where, **{n: v for n, v in real.items() if getattr(where, n) is not None})
    for after in (None, many.findings(there, order=order, limit=1).next):
        statement = finding_list.statement_of(many.scope, there, order=order, after=after, limit=50)
        plan = explained(store, statement)
        assert f"ix_catalog_findings_{index}" in plan
        # Neither a sort of what was found nor a walk over the table.
        for word in ("Sort", "TEMP B-TREE", "SCAN", "Seq Scan"):
            assert word not in plan
