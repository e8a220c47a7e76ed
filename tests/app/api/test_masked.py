"""Personal numbers in findings: whole to who may read them, masked to everybody else, in every answer alike."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import zipfile
from pathlib import Path

import docx
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures import holdings, platforms
from hypothesis import given
from hypothesis import strategies as st

from taihang.app.api import masked
from taihang.core import asset, principal
from taihang.report import bundle

PHONE, SHOWN = "13812345678", "138******78"
FORMATS = ("html", "json", "docx", "xlsx", "md", "pdf")


def test_a_phone_number_is_masked_by_role(running: platforms.Running) -> None:
    made = holdings.everything(running, running.principal("north", "admin", "steward", "engineer"), PHONE)
    for role, clear in (("viewer", False), ("auditor", False), ("admin", False), ("steward", True)):
        reader = running.client(running.principal("north", role))
        listed = reader.get("/api/v1/findings").json()["items"]
        one = reader.get(f"/api/v1/versions/{made['version']}/findings/{made['finding']}").json()
        report = reader.get(f"/api/v1/reports/{made['report']}/json").json()
        for text in (json.dumps(listed[0]["finding"]), json.dumps(one["finding"]), json.dumps(report["findings"])):
            assert (PHONE in text) is clear
            assert (SHOWN in text) is not clear


def _written(one: platforms.Running, who: principal.Principal, folder: Path) -> str:
    """A report with all its forms and files, as a job leaves it; gives its id."""
    rows = pa.table({
        "_row": pa.array([3, 4], pa.int64()), "tel": [PHONE, "none"], "number": pa.array([int(PHONE), 7], pa.int64()),
        "share": [0.5, 0.25], "_rules": [["rule-0"], ["rule-1"]],
    })  # fmt: skip
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    picture = b"\xff\xd8\xff" + PHONE.encode()
    known = asset.Asset(kind="table", name="people.csv", sha256="ab" * 32, size=1)
    told = holdings.report_of(known, 5, f"call {PHONE}")
    files = {"evidence/bad-rows.parquet": sink.getvalue(), "evidence/a.jpg": picture, "evidence/b.bin": b"x"}
    bundle.write(told, folder, "en", files, FORMATS)
    manifest = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        blob = one.whole.blobs.put(who.tenant, path)
        manifest[path.relative_to(folder).as_posix()] = (blob.sha256, blob.size)
    kept = one.whole.blobs.put(who.tenant, json.dumps(manifest).encode()).sha256
    catalogue = one.whole.catalogue(who)
    version = catalogue.register(known)
    return catalogue.record(told, version.id, kind="assess", job_id="job-1", folder=f"blob:{kept}").id


def test_files_of_a_report_are_masked_by_role(local: platforms.Running, tmp_path: Path) -> None:
    report = _written(local, local.principal("north", "steward"), tmp_path / "out")
    viewer, steward = (local.client(local.principal("north", role)) for role in ("viewer", "steward"))
    base = f"/api/v1/reports/{report}/files"
    listed = {one["name"]: one for one in viewer.get(base).json()["items"]}
    assert {one["given"] for one in steward.get(base).json()["items"]} == {"whole"}
    assert {name for name, one in listed.items() if one["given"] == "withheld"} == {"report.pdf", "evidence/b.bin"}
    for name in listed:
        whole, shown = steward.get(f"{base}/{name}"), viewer.get(f"{base}/{name}")
        assert hashlib.sha256(whole.content).hexdigest() == listed[name]["sha256"]
        assert whole.status_code == 200
        assert shown.status_code == (403 if listed[name]["given"] == "withheld" else 200), name
        if listed[name]["given"] == "whole":
            assert shown.content == whole.content
        elif listed[name]["given"] == "masked":
            assert shown.headers["etag"] != whole.headers["etag"]
            for kind in ("content-type", "content-disposition", "content-security-policy"):
                assert shown.headers[kind] == whole.headers[kind]
            text, clear = _text(name, shown.content), _text(name, whole.content)
            assert PHONE in clear, name
            assert PHONE not in text, name
            assert SHOWN in text, name
            assert clear.replace(PHONE, SHOWN) == text or name.endswith((".parquet", ".json")), name
    again = viewer.get(
        f"{base}/report.html", headers={"If-None-Match": viewer.get(f"{base}/report.html").headers["etag"]}
    )
    assert again.status_code == 304


def _text(name: str, data: bytes) -> str:
    """Everything that a reader of the file reads, by the library that people read it with."""
    if name.endswith(".docx"):
        document = docx.Document(io.BytesIO(data))
        cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return "\n".join([*(p.text for p in document.paragraphs), *cells])
    if name.endswith(".xlsx"):
        book = openpyxl.load_workbook(io.BytesIO(data))
        return "\n".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
    if name.endswith(".parquet"):
        return str(pq.read_table(io.BytesIO(data)).to_pylist())
    return data.decode()


def test_a_masked_table_keeps_its_other_values() -> None:
    table = pa.table({"tel": [PHONE, None, "a"], "id": pa.array([1, 2, None], pa.int64()), "x": [0.5, None, 2.0]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    shown = pq.read_table(io.BytesIO(masked.file("rows.parquet", sink.getvalue())))
    assert shown.to_pylist() == [
        {"tel": SHOWN, "id": 1, "x": 0.5}, {"tel": None, "id": 2, "x": None}, {"tel": "a", "id": None, "x": 2.0}
    ]  # fmt: skip
    assert shown.schema.field("id").type == pa.int64()


def test_the_size_of_a_film_is_no_telephone_number() -> None:
    value = {"title": f"call {PHONE}", "asset": {"size": int(PHONE)}, "findings": [{"measured": {"tel": int(PHONE)}}]}
    shown = json.loads(masked.file("report.json", json.dumps(value).encode()))
    assert shown == {
        "title": f"call {SHOWN}",
        "asset": {"size": int(PHONE)},
        "findings": [{"measured": {"tel": SHOWN}}],
    }


def test_digests_drawings_and_pictures_in_a_page_stay() -> None:
    digest = "13812345678" + "ab" * 16 + "13812345678cdef01234567"[:21]
    page = (
        f'<p title="call {PHONE}">{PHONE} {digest}</p><img src="data:image/png;base64,{PHONE}" alt="{PHONE}">'
        f'<path d="M{PHONE} 1"/><style>a{{width:{PHONE}px}}</style><!-- {PHONE} -->'
    )
    shown = masked.file("report.html", page.encode()).decode()
    assert shown == (
        f'<p title="call {SHOWN}">{SHOWN} {digest}</p><img src="data:image/png;base64,{PHONE}" alt="{SHOWN}">'
        f'<path d="M{PHONE} 1"/><style>a{{width:{PHONE}px}}</style><!-- {PHONE} -->'
    )


def test_a_number_in_a_sheet_becomes_a_text() -> None:
    sheet = (
        f'<row r="1"><c r="A1" s="2" t="n"><v>{PHONE}</v></c><c r="B1"><v>{PHONE}0</v></c><c r="C1"><v>7</v></c></row>'
    )
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as out:
        out.writestr("xl/worksheets/sheet1.xml", sheet)
    with zipfile.ZipFile(io.BytesIO(masked.file("a.xlsx", sink.getvalue()))) as made:
        shown = made.read("xl/worksheets/sheet1.xml").decode()
    assert f'<c r="A1" s="2" t="str"><v>{SHOWN}</v></c>' in shown
    assert '<c r="C1"><v>7</v></c>' in shown


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.parquet", "a.json", "a.html", "a.csv"])
@given(data=st.binary(max_size=300))
def test_a_file_that_is_not_what_it_is_called_is_refused_or_masked(name: str, data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(masked.file(name, data), bytes)


def test_a_bomb_is_not_unpacked() -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as out:
        for part in range(40):
            out.writestr(f"part{part}.xml", bytes(16 << 20))
    assert len(sink.getvalue()) < 1 << 20
    with pytest.raises(ValueError, match="too much"):
        masked.file("a.docx", sink.getvalue())
