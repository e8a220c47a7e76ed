"""Three hours of film, read by a vision-language model whose budget ends long before the film does."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fixtures import endpoints, videos
from use.video import films

import taihang

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

SECONDS, FPS = 3 * 3600, 1
SMALL = 2  # the pictures of `films`, so many times smaller
TOKENS = 60_000


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody comes every four minutes and stays for half a minute; the third hour's last quarter is dark."""
    dice = np.random.default_rng(0)
    empty = films.view(0, 0)
    size = (films.WIDTH // SMALL, films.HEIGHT // SMALL)
    grains = [dice.integers(-2, 3, (size[1], size[0], 1), dtype=np.int16) for _ in range(16)]

    @functools.cache
    def drawn(at: float | None) -> npt.NDArray[np.int16]:
        return films.visitor(empty.copy(), at)[::SMALL, ::SMALL].astype(np.int16)

    def pictures() -> Iterator[films.Image]:
        for number in range(SECONDS * FPS):
            now = number / FPS
            shown = drawn(films.place(now % 240, 60, 90))
            if now >= SECONDS - 900:
                shown = shown // 50
            yield np.clip(shown + grains[number % 16], 0, 255).astype(np.uint8)

    path = tmp_path_factory.mktemp("long") / "hours.mp4"
    options = {"preset": "ultrafast", "g": "20", "sc_threshold": "0", "crf": "28"}
    videos.write(path, size=size, options=options, time_base=Fraction(1, FPS), pictures=pictures(), file_format="mp4")
    return path


def test_three_hours_with_a_spent_budget_end_in_a_report_that_says_what_was_not_read(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAIHANG_VLM_TOKENS", str(TOKENS))
    monkeypatch.setenv("TAIHANG_VLM_FRAMES", "2")

    def answer(body: dict, number: int) -> endpoints.Reply:
        text = json.dumps(body["messages"])
        if number % 7 == 3:  # now and then a server goes wrong
            return endpoints.said("All is well.", usage=(900, 40))
        questions = re.findall(r"- (\w+):", text)
        said = [{"question": q, "seen": "no", "frames": [], "text": ""} for q in dict.fromkeys(questions)]
        return endpoints.said(json.dumps({"summary": "a wall", "statements": said}), usage=(900, 60))

    with endpoints.endpoint(answer) as (url, got):
        done = taihang.inspect(film, rules="mine-vlm", vlm=url, budget="2%", out=tmp_path / "out")
    report = done.videos[0].report
    asked = len(got.bodies)
    assert asked > 5
    assert asked * 960 <= TOKENS, "the budget was kept"
    told = [one for one in report.not_judged if one.code.startswith("vlm-") or one.code == "more-spans"]
    assert {"vlm-allowance", "vlm-prose"} <= {one.code for one in told}
    facts = {fact.label.en: fact.value for s in report.sections if "Reading by" in s.title.en for fact in s.items}
    spent, prose = facts["the budget of tokens or money is spent"], facts["prose instead of the form asked for"]
    assert facts["Usable answers"] + prose == asked
    assert asked + spent == facts["Parts asked about"]
    # Every part that nobody read lies in a span that the report names: all of what came after the money was gone.
    unread = [(one.start_s, one.end_s) for one in told if one.code in ("vlm-allowance", "more-spans")]
    assert sum(end - start for start, end in unread) > SECONDS / 4
    assert any(one.code == "unseen-dark" for one in report.not_judged)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert len(page) < 20_000_000
