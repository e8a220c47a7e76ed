"""Retention: what must stay stays, what goes is gone from the disk, and the proof says what was looked at."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures import stores

from taihang.catalog import catalogue, words
from taihang.catalog.lineage import words as lines
from taihang.catalog.retention import artefacts, deletion, retention
from taihang.catalog.retention import words as kept
from taihang.core import errors, i18n
from taihang.engines.blobs import blobs as blobbing
from taihang.engines.blobs import opening as blob_stores
from taihang.engines.store import opening, schema
from taihang.report import document
from taihang.trust.ledger import entry, outbox
from tests.catalog import samples

SECRET = "李雷的身份证号是一一〇一〇一"
CONTENT = "\n".join(f"{n},{random.Random(n).random()},张三{n}" for n in range(4000)).encode()


class House:
    """A store, blobs and folders of their own, and what a tenant does there."""

    def __init__(self, store: opening.Store, folder: Path, tenant: str = "mine") -> None:
        self.folder = folder
        self.store = store
        self.blobs: blobbing.Blobs = blob_stores.open_blobs((folder / "blobs").as_uri())
        self.catalogue = catalogue.Catalogue(store, samples.who(tenant))
        self.tenant = tenant
        self.now = datetime.datetime.now(datetime.UTC)
        self.roots = (folder / "jobs", folder / "stages")

    @property
    def retention(self) -> retention.Retention:
        places = deletion.Places(
            blobs=self.blobs,
            roots=self.roots,
            searched=self.roots,
            cached=lambda sha256: [self.folder / "stages" / sha256[:16]],
            of_job=lambda job: [self.folder / "jobs" / job],
        )
        return retention.Retention(self.store, samples.who(self.tenant), places, now=lambda: self.now)

    def kept(self, content: bytes = CONTENT, name: str = "班次.csv") -> tuple[words.Version, document.Report]:
        """A version whose bytes, report, job's folder and caches are all there."""
        blob = self.blobs.put(self.tenant, content)
        asset = samples.thing(name).model_copy(update={"sha256": blob.sha256, "size": blob.size})
        version = self.catalogue.register(asset, stored=True, tags=["井下"], description=SECRET, job_id="job-1")
        found = tuple(
            samples.found(n, asset).model_copy(update={"message": i18n.Text(zh=f"{SECRET}{n}", en=f"{SECRET}{n}")})
            for n in range(30)
        )
        report = samples.report(asset, found)
        shown = self.blobs.put(self.tenant, f"<html>{SECRET}{asset.sha256}</html>".encode())
        listed = json.dumps({"report.html": [shown.sha256, shown.size]}).encode()
        folder = f"{artefacts.BLOB}{self.blobs.put(self.tenant, listed).sha256}"
        self.catalogue.record(report, version.id, kind="assess", job_id="job-1", folder=folder)
        one = self.catalogue.findings(words.Filter(version=version.id)).items[0]
        self.catalogue.review(version.id, one.id, "rejected", reason=SECRET)
        for place in (self.folder / "jobs" / "job-1" / "out", self.folder / "stages" / blob.sha256[:16] / "walk"):
            place.mkdir(parents=True, exist_ok=True)
            (place / "rows.bin").write_bytes(content[100:9000])
        run = lines.Run(
            id="job-1",
            job="assess",
            began=samples.BEGAN,
            inputs=(lines.End(version=version.id, assertions=(lines.Assertion(rule=SECRET, success=False),)),),
        )
        self.catalogue.lineage.record(run)
        return version, report

    def seen(self, *needles: bytes) -> dict[str, int]:
        """Which files hold any of these."""
        return {
            str(path.relative_to(self.folder)): count
            for path in self.folder.rglob("*")
            if path.is_file() and (count := sum(path.read_bytes().count(n) for n in needles))
        }


@pytest.fixture(params=stores.KINDS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with stores.store(request.param, tmp_path) as store:
        store.create()
        yield House(store, tmp_path)


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[House]:
    """On SQLite, whose file can be read."""
    with stores.store("sqlite", tmp_path) as store:
        store.create()
        yield House(store, tmp_path)


def test_what_is_deleted_is_nowhere_on_the_disk(house: House) -> None:
    version, _ = house.kept()
    other, _ = house.kept(b"something else entirely, 0123456789 abcdefghijklmnopqrstuvwxyz", "other.csv")
    needles = (SECRET.encode(), CONTENT[200:260], version.asset.sha256.encode())
    if house.store.kind == "sqlite":
        assert house.seen(*needles)
    proof = house.retention.delete(version.id, "request")
    assert (proof.findings, proof.reports, proof.blobs, proof.files, proof.left) == (30, 1, 3, 2, 0)
    assert proof.hash_left == 0
    assert {p.name: p.how for p in proof.places}["blobs"] == "bytes"
    assert all((p.rows, p.content, p.hash) == (0, 0, 0) for p in proof.places)
    assert proof.proved is (house.store.kind == "sqlite")
    with pytest.raises(errors.NotFound):
        house.catalogue.version(version.id)
    with pytest.raises(errors.NotFound):
        house.catalogue.asset(version.asset_id)
    assert house.catalogue.search("班次").items == ()
    assert house.catalogue.findings(words.Filter(version=version.id)).items == ()
    assert house.seen(CONTENT[200:260], version.asset.sha256.encode()) == {}
    # The other one has the same words in its findings, and still everything.
    assert house.blobs.exists(house.tenant, other.asset.sha256)
    assert len(house.catalogue.findings(words.Filter(version=other.id)).items) == 30
    assert house.retention.delete(version.id, "request") == proof
    assert house.retention.proof(version.id) == proof
    node = house.catalogue.lineage.graph(version.id, "down").nodes[0]
    assert (node.gone, node.name) == (True, "")


def test_no_row_of_it_is_left_in_any_table(house: House) -> None:
    version, _ = house.kept()
    house.retention.delete(version.id, "error")
    with house.store.read() as conn:
        for table in schema.metadata.sorted_tables:
            for row in conn.execute(sa.select(table)).mappings():
                values = " ".join(str(v) for v in row.values())
                assert SECRET not in values, table.name
                assert version.asset.sha256 not in values, table.name
                assert "班次" not in values, table.name


def test_nothing_of_it_is_in_the_sqlite_file(on_disk: House) -> None:
    version, _ = on_disk.kept()
    on_disk.retention.delete(version.id, "error")
    assert on_disk.seen(SECRET.encode(), "班次".encode(), version.asset.sha256.encode(), CONTENT[3000:3060]) == {}
    with on_disk.store.read() as conn:
        assert conn.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"


def test_the_ledger_learns_of_it_without_personal_data(house: House) -> None:
    version, _ = house.kept()
    house.retention.delete(version.id, "retention")
    with house.store.read() as conn:
        rows = conn.execute(sa.select(outbox.decisions).where(outbox.decisions.c.kind == "deletion")).all()
    (told,) = (entry.read(r.entry, "outbox") for r in rows)
    assert told.subject == version.id
    assert told.facts["cause"] == "retention"
    assert told.facts["findings"] == 30
    assert not told.personal
    for row in rows:
        for word in (SECRET, "班次", version.asset.sha256):
            assert word.encode() not in row.entry


def test_a_killed_deletion_is_finished(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    version, _ = house.kept()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(artefacts, "remove", die)
        with pytest.raises(KeyboardInterrupt):
            house.retention.delete(version.id, "request")
    assert house.blobs.exists(house.tenant, version.asset.sha256)
    with pytest.raises(errors.NotFound):
        house.retention.proof(version.id)
    (proof,) = house.retention.resume()
    assert proof.proved is (house.store.kind == "sqlite")
    assert not house.blobs.exists(house.tenant, version.asset.sha256)
    assert house.retention.resume() == ()


def test_a_search_that_was_cut_short_proves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    version, _ = house.kept()
    with monkeypatch.context() as patched:
        patched.setattr(deletion.Deleter, "_searched", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            house.retention.delete(version.id, "request")
    (proof,) = house.retention.resume()
    assert not proof.proved


def test_a_trace_is_found_and_told(on_disk: House) -> None:
    version, _ = on_disk.kept()
    (on_disk.folder / "jobs" / "notes").mkdir()
    (on_disk.folder / "jobs" / "notes" / "copy.csv").write_bytes(CONTENT)
    (on_disk.folder / "blobs" / "tenants" / "mine" / ".part-x").write_bytes(version.asset.sha256.encode())
    proof = on_disk.retention.delete(version.id, "request")
    assert not proof.proved
    places = {p.name: p for p in proof.places}
    assert places["jobs"].content > 0
    assert places["blobs"].hash == 1


def test_what_names_the_hash_in_the_store_is_told_to_its_tenant_only(house: House) -> None:
    version, _ = house.kept()
    other, _ = House(house.store, house.folder, "theirs").kept()
    proof = house.retention.delete(version.id, "request")
    assert (proof.hash_left, sum(p.hash for p in proof.places)) == (0, 0)
    assert proof.proved is (house.store.kind == "sqlite")
    lines_ = house.catalogue.lineage
    lines_.record(lines.Run(id=f"{other.asset.sha256}", job="import", began=samples.BEGAN))
    again, _ = house.kept(CONTENT[::-1])
    lines_.record(lines.Run(id=f"{again.asset.sha256}", job="import", began=samples.BEGAN))
    assert house.retention.delete(again.id, "request").hash_left == 1


def test_folders_out_of_bounds_stay(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    version, report = house.kept()
    outside = tmp_path_factory.mktemp("outside")
    (outside / "keep.txt").write_text("keep")
    (house.folder / "jobs" / "link").symlink_to(outside)
    for number, folder in enumerate(
        (
            str(outside),
            str(house.folder / "jobs" / "link"),
            str(house.folder / "jobs"),
            "/",
            f"{house.folder}/jobs/../..",
        )
    ):
        house.catalogue.record(report, version.id, kind="assess", job_id=f"more-{number}", folder=folder)
    proof = house.retention.delete(version.id, "request")
    assert (outside / "keep.txt").read_text() == "keep"
    assert house.folder.is_dir()
    assert proof.left == len(proof.left_at) == 5
    assert str(outside) not in house.retention.proof(version.id).model_dump_json()
    assert not proof.proved


def test_content_that_another_version_has_stays(house: House) -> None:
    one, _ = house.kept()
    two, _ = house.kept(name="copy.csv")
    proof = house.retention.delete(one.id, "request")
    assert proof.shared
    assert house.blobs.read(house.tenant, two.asset.sha256) == CONTENT
    again = house.retention.delete(two.id, "request")
    assert not again.shared
    assert not house.blobs.exists(house.tenant, two.asset.sha256)


def test_an_older_version_goes_and_the_asset_stays(house: House) -> None:
    one, _ = house.kept()
    two, _ = house.kept(CONTENT[::-1])
    assert one.asset_id == two.asset_id
    house.retention.delete(two.id, "retention")
    asset = house.catalogue.asset(one.asset_id)
    assert (asset.latest, asset.versions) == (one.id, 2)
    three, _ = house.kept(CONTENT + b"x")
    assert three.number == 3
    assert [v.number for v in house.catalogue.versions(one.asset_id).items] == [3, 1]


@pytest.mark.parametrize("kind", ["legal", "certificate"])
def test_what_is_held_stays(house: House, kind: kept.Held) -> None:
    version, _ = house.kept()
    for target in (version.id, version.asset_id):
        hold = house.retention.hold(target, kind=kind, reason="案件 2026-17", key="17")
        assert house.retention.hold(target, kind=kind, reason="再次", key="17") == hold
        with pytest.raises(errors.Conflict, match=kind):
            house.retention.delete(version.id, "request", early=True)
        assert house.retention.terms(version.id).holds == (hold,)
        done = house.retention.release(hold.id, reason="结案")
        assert house.retention.release(hold.id, reason="x") == done
        assert house.retention.terms(version.id).holds == ()
    assert house.retention.hold(version.id, kind=kind, reason="重新", key="17").released is None
    with pytest.raises(errors.Conflict):
        house.retention.delete(version.id, "request")
    assert len(house.catalogue.findings().items) == 30


def test_rules_say_how_long(house: House) -> None:
    version, _ = house.kept()
    day = datetime.timedelta(days=1)
    assert house.retention.due().items == ()
    house.retention.set_rule(kept.Rule(keep_days=10, delete_days=20))
    house.retention.set_rule(kept.Rule(kind="video", keep_days=0, delete_days=1))
    assert house.retention.terms(version.id).keep_until == version.recorded + 10 * day
    with pytest.raises(errors.Conflict, match="must be kept until"):
        house.retention.delete(version.id, "retention")
    house.now = version.recorded + 19 * day
    assert house.retention.due().items == ()
    house.now = version.recorded + 20 * day
    assert [v.id for v in house.retention.due().items] == [version.id]
    hold = house.retention.hold(version.asset_id, reason="x")
    assert house.retention.due().items == ()
    house.retention.release(hold.id, reason="x")
    house.retention.set_rule(kept.Rule(kind="table", keep_days=0, delete_days=100))
    assert house.retention.due().items == ()
    house.catalogue.describe(version.asset_id, sensitivity="sensitive")
    house.retention.set_rule(kept.Rule(sensitivity="sensitive", delete_days=5))
    assert [v.id for v in house.retention.due().items] == [version.id]
    assert [r.weight for r in house.retention.rules()] == [2, 1, 1, 0]
    house.retention.remove_rule(kept.Rule(sensitivity="sensitive").id)
    assert house.retention.due().items == ()
    with pytest.raises(errors.NotFound):
        house.retention.remove_rule("retention-x")
    house.now = version.recorded - 365 * day
    house.retention.set_rule(kept.Rule(kind="table", keep_days=5))
    with pytest.raises(errors.Conflict):
        house.retention.delete(version.id, "retention")
    assert house.retention.delete(version.id, "request", early=True).findings == 30


def test_due_pages(house: House) -> None:
    for n in range(5):
        house.catalogue.register(samples.thing(f"{n}.csv"))
    house.retention.set_rule(kept.Rule(delete_days=0))
    house.now += datetime.timedelta(days=1)
    first = house.retention.due(limit=3)
    rest = house.retention.due(limit=3, after=first.next)
    assert len({v.id for v in (*first.items, *rest.items)}) == 5


def test_another_tenant_deletes_nothing(house: House) -> None:
    version, _ = house.kept()
    other = House(house.store, house.folder, "theirs")
    for call in (
        lambda: other.retention.delete(version.id, "request"),
        lambda: other.retention.terms(version.id),
        lambda: other.retention.hold(version.id, reason="x"),
        lambda: other.retention.hold(version.asset_id, reason="x"),
    ):
        with pytest.raises(errors.NotFound):
            call()
    hold = house.retention.hold(version.id, reason="x")
    with pytest.raises(errors.NotFound):
        other.retention.release(hold.id, reason="x")
    assert other.retention.rules() == ()


def test_bad_words(house: House) -> None:
    version, _ = house.kept()
    with pytest.raises(errors.UserError):
        house.retention.delete(version.id, "because")  # type: ignore[arg-type]
    with pytest.raises(errors.UserError):
        house.retention.hold(version.id, reason=" ")
    with pytest.raises(errors.UserError):
        house.retention.hold(version.id, reason="x", kind="maybe")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="delete_days"):
        kept.Rule(keep_days=2, delete_days=1)
