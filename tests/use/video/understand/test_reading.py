"""A model reads a film: what it answers is kept, what goes wrong is told, and nothing ends the work."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fixtures import endpoints, videos

from taihang.core import errors, i18n, job
from taihang.engines import stages
from taihang.engines.media import packets as packeting
from taihang.engines.predict import allowance, chat, speaker
from taihang.use.video import scope
from taihang.use.video.understand import asking, reading, windows

QUESTIONS = (scope.Question(id="smoke", ask=i18n.Text(zh="有烟吗？", en="Is there smoke?")),)
SETTINGS = speaker.Settings(concurrency=2, frames=2)
Reply = Callable[[Sequence[chat.Message], int], chat.Answer[Any]]


class Scripted:
    """A speaker in this process that answers as it is told to."""

    name, version, sha256 = "scripted", "1", None
    concurrency = 2
    limits: tuple[i18n.Message, ...] = ()

    def __init__(self, reply: Reply) -> None:
        self.allowance = allowance.Allowance()
        self.asked: list[list[chat.Message]] = []
        self._reply = reply

    def ask(self, messages: Sequence[chat.Message], form: type[Any]) -> chat.Answer[Any]:
        self.asked.append(list(messages))
        answer = self._reply(messages, len(self.asked) - 1)
        self.allowance.count(answer.usage)
        return answer


def _texts(messages: Sequence[chat.Message]) -> str:
    return "\n".join(p.text for m in messages for p in m.parts if isinstance(p, chat.Text))


def _yes(messages: Sequence[chat.Message], n: int) -> chat.Answer[Any]:
    frame = re.findall(r"^id (f\d+),", _texts(messages), re.M)[0]
    said = asking.Statement(question="smoke", seen="yes", frames=[frame], text="smoke")
    usage = allowance.Usage(100, 10)
    return chat.Answer("ok", value=asking.Reading(summary=f"part {frame}", statements=[said]), usage=usage, attempts=1)


def _windows(count: int = 6) -> list[windows.Window]:
    return [windows.Window(i, i + 1.0, i % 3 == 0, (2 * i, 2 * i + 1), (i + 0.0, i + 0.5)) for i in range(count)]


def _asked(model: speaker.Speaker, folder: Path, **more: Any) -> reading.Asked:
    path = videos.get("b_frames")
    return reading.Asked(
        **{
            "path": path, "video": "0" * 64, "packets": packeting.packets(path), "model": model, "settings": SETTINGS,
            "questions": QUESTIONS, "store": stages.Stages(folder), "progress": job.Silent(), "language": "en", **more,
        }
    )  # fmt: skip


def test_every_part_is_asked_about_and_told_what_came_before(tmp_path: Path) -> None:
    model = Scripted(_yes)
    model.concurrency = 1
    done = reading.read(_asked(model, tmp_path), _windows())
    assert [a.window.numbers[0] for a in done.answers] == [0, 2, 4, 6, 8, 10]
    assert done.outcomes() == {"ok": 6}
    assert [a.judged.said[0][2] for a in done.answers] == [(n,) for n in (0, 2, 4, 6, 8, 10)]
    assert sum("«part f0»" in _texts(m) for m in model.asked) == 1
    pictures = [p for p in model.asked[0][1].parts if isinstance(p, chat.Image)]
    assert [(p.width, p.height) for p in pictures] == [(videos.WIDTH, videos.HEIGHT)] * 2
    assert done.usage == allowance.Usage(600, 60)


def test_what_was_answered_is_not_asked_again_whatever_the_next_run_is_told_before(tmp_path: Path) -> None:
    def third_fails(messages: Sequence[chat.Message], n: int) -> chat.Answer[Any]:
        return chat.Answer("stalled") if n == 2 else _yes(messages, n)

    first = reading.read(_asked(Scripted(third_fails), tmp_path), _windows())
    assert first.outcomes() == {"ok": 5, "stalled": 1}
    model = Scripted(_yes)
    again = reading.read(_asked(model, tmp_path), _windows())
    assert len(model.asked) == 1
    assert again.outcomes() == {"ok": 6}
    assert sum(a.kept for a in again.answers) == 5
    assert again.usage == allowance.Usage(600, 60)  # what was paid before counts


@pytest.mark.parametrize("outcome", ["refusal", "empty", "cut", "prose", "schema", "too_large"])
def test_an_answer_that_is_no_use_is_paid_once(outcome: Any, tmp_path: Path) -> None:
    model = Scripted(lambda m, n: chat.Answer(outcome, text="words", usage=allowance.Usage(7, 1)))
    asked = _asked(model, tmp_path)
    for _ in range(2):
        assert reading.read(asked, _windows(2)).outcomes() == {outcome: 2}
    assert len(model.asked) == 2


def test_a_service_that_is_away_is_not_called_for_every_part(tmp_path: Path) -> None:
    model = Scripted(lambda m, n: chat.Answer("unreachable"))
    done = reading.read(_asked(model, tmp_path), _windows(12))
    assert done.outcomes() == {"unreachable": 12}
    assert len(model.asked) <= 3 + model.concurrency
    assert reading.read(_asked(Scripted(_yes), tmp_path), _windows(12)).outcomes() == {"ok": 12}


def test_events_come_first_when_not_everything_may_be_asked(tmp_path: Path) -> None:
    few = SETTINGS.model_copy(update={"calls": 3})
    done = reading.read(_asked(Scripted(_yes), tmp_path, settings=few), _windows())
    assert [a.judged.outcome for a in done.answers] == ["ok", "ok", "calls", "ok", "calls", "calls"]


def test_it_can_be_stopped_and_keeps_what_it_has(tmp_path: Path) -> None:
    @dataclasses.dataclass
    class Stop:
        seen: int = 0

        def update(self, stage: str, done: float, total: float) -> None:
            if done >= 2:
                raise errors.Cancelled("core:cancelled")

    model = Scripted(_yes)
    with pytest.raises(errors.Cancelled):
        reading.read(_asked(model, tmp_path, progress=Stop()), _windows(30))
    paid = len(model.asked)
    assert paid < 30
    again = Scripted(_yes)
    reading.read(_asked(again, tmp_path), _windows(30))
    assert len(again.asked) == 30 - paid


def test_another_question_or_model_is_another_answer(tmp_path: Path) -> None:
    reading.read(_asked(Scripted(_yes), tmp_path), _windows(1))
    other = Scripted(_yes)
    other.version = "2"
    reading.read(_asked(other, tmp_path), _windows(1))
    assert len(other.asked) == 1
    asked = Scripted(_yes)
    changed = (scope.Question(id="smoke", ask=i18n.Text(zh="有火吗？", en="Is there fire?")),)
    reading.read(_asked(asked, tmp_path, questions=changed), _windows(1))
    assert len(asked.asked) == 1


def test_frames_that_do_not_decode_any_more_are_told_and_not_asked(tmp_path: Path) -> None:
    model = Scripted(_yes)
    broken = tmp_path / "broken.mp4"
    data = videos.get("b_frames").read_bytes()
    broken.write_bytes(data[:2000] + bytes(len(data) - 2000))
    asked = _asked(model, tmp_path / "stages", path=broken)
    try:
        done = reading.read(asked, _windows(1))
    except errors.UserError:
        return  # one line that says what is wrong with the file
    assert done.outcomes() == {"status": 1}
    assert not model.asked


def test_an_endpoint_behind_the_real_client(tmp_path: Path) -> None:
    good = '{"summary": "s", "statements": [{"question": "smoke", "seen": "no", "frames": [], "text": ""}]}'
    replies = [endpoints.said(good), endpoints.said("I'm sorry, I can't."), endpoints.Reply("x" * (3 << 20))]
    with endpoints.endpoint(lambda body, n: replies[n]) as (url, got):
        model = speaker.load(url, SETTINGS.model_copy(update={"concurrency": 1}))
        done = reading.read(_asked(model, tmp_path), _windows(3))
        assert len(got.bodies) == 3
        assert model.name == f"scripted-1 @ {url[7:-3]}"
    assert done.outcomes() == {"ok": 1, "refusal": 1, "too_large": 1}


_READ = """
import sys
from pathlib import Path
from taihang.core import i18n, job
from taihang.engines import stages
from taihang.engines.media import packets
from taihang.engines.predict import speaker
from taihang.use.video import scope
from taihang.use.video.understand import reading, windows
film, home, url = sys.argv[1:]
given = speaker.Settings(concurrency=1)
asked = reading.Asked(
    Path(film), "0" * 64, packets.packets(Path(film)), speaker.load(url, given), given,
    (scope.Question(id="smoke", ask=i18n.Text(zh="?", en="?")),), stages.Stages(Path(home)), job.Silent(), "en",
)
found = [windows.Window(float(i), i + 1.0, True, (2 * i,), (float(i),)) for i in range(6)]
print(reading.read(asked, found).outcomes())
"""


def test_a_killed_run_pays_for_no_answer_twice(tmp_path: Path) -> None:
    running: list[subprocess.Popen[str]] = []
    answered: list[str] = []
    started = threading.Event()

    def script(body: dict[str, Any], n: int) -> endpoints.Reply:
        frame = re.findall(r"id (f\d+),", json.dumps(body["messages"]))[0]
        started.wait(60)
        if len(running) == 1 and len(answered) == 3:  # killed while this question is under way
            running[0].kill()
            running[0].wait()
            return endpoints.said("")
        answered.append(frame)
        said = {"question": "smoke", "seen": "yes", "frames": [frame], "text": ""}
        return endpoints.said(json.dumps({"summary": "", "statements": [said]}))

    with endpoints.endpoint(script) as (url, _):
        line = [sys.executable, "-c", _READ, str(videos.get("b_frames")), str(tmp_path), url]
        running.append(subprocess.Popen(line, stdout=subprocess.PIPE, text=True))
        started.set()
        assert running[0].communicate()[0] == ""
        assert running[0].returncode == -9
        before = list(answered)
        running.append(subprocess.Popen(line, stdout=subprocess.PIPE, text=True))
        assert running[1].communicate()[0] == "{'ok': 6}\n"
    assert before == ["f0", "f2", "f4"]
    assert answered == ["f0", "f2", "f4", "f6", "f8", "f10"]
