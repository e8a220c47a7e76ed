"""The page: what it says, and what it never holds."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
from pathlib import Path

import pytest

from report import sample
from taihang.core import errors, i18n
from taihang.report import attachments, embed, sections
from taihang.report import html as page

REMOTE = re.compile(r"""(?:src|href|url\()\s*=?\s*["']?\s*(?:https?:)?//""")


class Reader(html.parser.HTMLParser):
    """Collects what a test asks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(language: i18n.Language, folder: Path) -> tuple[str, Reader]:
    report, files = sample.make()
    path = page.write(report, folder, language, attachments.Attachments(files))
    text = path.read_text(encoding="utf-8")
    return text, Reader(text)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_holds_everything_and_asks_for_nothing(language: i18n.Language, tmp_path: Path) -> None:
    text, seen = read(language, tmp_path)
    assert len(text.encode()) < embed.LARGEST_HTML
    assert not seen.all("script")
    assert not REMOTE.search(text)
    assert not [a for _, a in seen.tags if "style" in a or any(name.startswith("on") for name in a)]
    assert all((a["src"] or "").startswith("data:image/jpeg;base64,") for a in seen.all("img"))
    assert all((a["src"] or "").startswith("data:video/mp4;base64,") for a in seen.all("video"))
    assert len(seen.all("video")) == 8


def test_the_policy_names_the_style_by_its_hash(tmp_path: Path) -> None:
    text, seen = read("en", tmp_path)
    policy = next(a["content"] for a in seen.all("meta") if a.get("http-equiv"))
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy is not None
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_every_link_inside_the_page_leads_somewhere_and_every_id_is_one(tmp_path: Path) -> None:
    _, seen = read("zh", tmp_path)
    ids = [a["id"] for _, a in seen.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    inside = [a["href"] for a in seen.all("a") if (a["href"] or "").startswith("#")]
    assert inside
    assert {str(link)[1:] for link in inside} <= set(ids)


def test_what_a_court_asks_is_there_in_both_languages(tmp_path: Path) -> None:
    for language, phrases in {
        "zh": [
            "合成数据",
            "重大",
            "证据不足",
            "未校准",
            "0.93（经校准：isotonic, n=412）",
            "0:02:13.4–0:02:21.0",
            "第 5.3.2 条",
            "2026-07-01 起施行",
            "帧预算之外",
            "7.2%",
            "所用检测器不识别“安全帽”类别。",
            "0:47:20.0–0:47:46.0",
            "坐卧",
            "SELECT count(*) FROM findings",
            "标注之前",
            "sha256sum -c SHA256SUMS",
            "certutil",
            "检查人员（签字）",
            "草稿",
            "样例 3 行，共 16 行",
        ],
        "en": [
            "Synthetic data",
            "red (major)",
            "insufficient evidence",
            "not calibrated",
            "in force since 2026-07-01",
            "outside the frame budget",
            "The detector does not know the class “helmet”.",
            "before anything was drawn",
            "every byte of evidence/zone-00133.4.mp4",
            "Inspector (signature)",
            "Draft for an officer's review",
            "unknown",
        ],
    }.items():
        _, seen = read(language, tmp_path)  # type: ignore[arg-type]
        missing = [phrase for phrase in phrases if phrase not in seen.text]
        assert missing == []
    assert hashlib.sha256(sample.clip(3.0)).hexdigest() in seen.text


def test_a_raw_score_is_never_shown(tmp_path: Path) -> None:
    _, seen = read("en", tmp_path)
    assert "0.71" not in seen.text


def test_in_a_small_file_clips_lie_beside_and_are_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "LARGEST_HTML", 600_000)
    text, seen = read("en", tmp_path)
    assert len(text.encode()) < 600_000
    sources = [a["src"] or "" for a in (*seen.all("video"), *seen.all("img"))]
    assert any(s.startswith("data:") for s in sources)
    beside = [s for s in sources if s.startswith("evidence/")]
    assert beside
    assert set(beside) <= {a["href"] for a in seen.all("a")}


def test_ten_thousand_findings_and_their_count(tmp_path: Path) -> None:
    report, _ = sample.make()
    many = tuple(sample.found("crowd", float(i), i + 1.0, {}, frames=0) for i in range(10_000))
    path = page.write(report.model_copy(update={"findings": many, "sections": ()}), tmp_path, "en")
    text = path.read_text(encoding="utf-8")
    assert "10000 in all: 20 are shown in full, 1000 as one line each, and 8980 are in report.json only." in text
    assert len(text) < 2_000_000


def test_a_text_larger_than_the_file_may_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "LARGEST_HTML", 210_000)
    report, _ = sample.make()
    with pytest.raises(errors.Failure, match=r"takes .* more than"):
        page.write(report.model_copy(update={"findings": (), "sections": (sample.coverage(),) * 100}), tmp_path, "en")


def test_nothing_found_is_not_said_to_be_proof(tmp_path: Path) -> None:
    report, _ = sample.make()
    empty = report.model_copy(
        update={"findings": (), "sections": (), "not_judged": (), "limits": (), "produced_by": ()}
    )
    text = page.write(empty, tmp_path, "en").read_text(encoding="utf-8")
    assert "does not prove" in text
    assert "Every rule was judged." in text


def test_equal_reports_give_equal_pages(tmp_path: Path) -> None:
    assert read("zh", tmp_path)[0] == read("zh", tmp_path)[0]


def test_a_gallery_shows_its_pictures(tmp_path: Path) -> None:
    report, _ = sample.make()
    gallery = sections.Gallery(
        title=sample.both("图", "Pictures"),
        pictures=(sections.Picture(file="evidence/a.jpg", caption=sample.both("一", "One")),),
    )
    files = attachments.Attachments({"evidence/a.jpg": sample.picture(1.0)[0]})
    path = page.write(report.model_copy(update={"findings": (), "sections": (gallery,)}), tmp_path, "en", files)
    assert [a["alt"] for a in Reader(path.read_text(encoding="utf-8")).all("img")] == ["One"]
