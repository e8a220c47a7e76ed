"""Every text in a report may come from an attacker; no form of it may break or be taken over."""

from __future__ import annotations

import json
import re
import zipfile

import docx as python_docx
import jsonschema
import pytest

from report import hostile
from report.test_html import Reader
from taihang.core import i18n
from taihang.report import bundle
from taihang.report import json as form


@pytest.fixture(scope="module", params=["zh", "en"])
def paths(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bundle.Paths:
    language: i18n.Language = request.param
    report, files = hostile.make()
    return bundle.write(report, tmp_path_factory.mktemp("hostile") / "out", language, files)


def test_html_shows_the_attack_as_text(paths: bundle.Paths) -> None:
    assert paths.html is not None
    text = paths.html.read_text(encoding="utf-8")
    seen = Reader(text)
    assert not seen.all("script")
    assert len(seen.all("style")) == 1
    assert not [a for _, a in seen.tags if any(name.startswith("on") for name in a)]
    links = [a.get("href") or a.get("src") or "" for _, a in seen.tags if "href" in a or "src" in a]
    assert all(re.match(r"#|evidence/|data:image/", link) for link in links)
    assert "window.owned=1" in seen.text
    assert "{{ 7*7 }}" in seen.text
    assert "49" not in re.findall(r"\$\S+", seen.text)


def test_html_holds_no_character_that_lies(paths: bundle.Paths) -> None:
    assert paths.html is not None
    text = paths.html.read_bytes().decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]", text)


def test_a_picture_that_is_a_page_is_linked_and_never_shown(paths: bundle.Paths) -> None:
    assert paths.html is not None
    seen = Reader(paths.html.read_text(encoding="utf-8"))
    assert not seen.all("img")
    assert "evidence/liar.jpg" in {a["href"] for a in seen.all("a")}


def test_long_texts_are_cut_and_say_so(paths: bundle.Paths) -> None:
    assert paths.html is not None
    assert paths.html.stat().st_size < 400_000
    assert "10000" in paths.html.read_text(encoding="utf-8")


def test_json_is_strict_utf8_and_fits_the_schema(paths: bundle.Paths) -> None:
    assert paths.json is not None

    def refuse(token: str) -> None:
        raise AssertionError(token)

    value = json.loads(paths.json.read_bytes().decode("utf-8"), parse_constant=refuse)
    jsonschema.Draft202012Validator(form.schema()).validate(value)
    assert value["findings"][0]["measured"]["nan"] is None
    assert value["findings"][0]["measured"]["big"] == 10**400
    assert hostile.SCRIPT in value["asset"]["name"]


def test_docx_opens_and_shows_the_attack_as_text(paths: bundle.Paths) -> None:
    assert paths.docx is not None
    draft = python_docx.Document(str(paths.docx))
    assert "<script>" in "".join(p.text for p in draft.paragraphs)
    with zipfile.ZipFile(paths.docx) as made:
        xml = made.read("word/document.xml").decode("utf-8")
    assert "<script" not in xml
