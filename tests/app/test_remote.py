"""Verbs on a platform elsewhere, with that platform and its worker in this process."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures import platforms
from typer.testing import CliRunner

from taihang.app import remote
from taihang.app.client import client as clients
from taihang.app.client import words
from taihang.app.jobs import kinds
from taihang.app.verbs import causes, certificates, mask, monitors, text
from taihang.app.verbs import remote as verbs
from taihang.app.verbs import tables as tabular
from tests.app.api import inside
from tests.app.api.test_errands import CONSTRAINTS, RULES, Context, recorded
from tests.model.causes import logs
from tests.walks.test_causes import inspected


@pytest.fixture
def there(local_platform: platforms.Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> platforms.Running:
    """A platform that verbs with --server speak to; a job is done when somebody waits for it."""
    one = local_platform
    token = one.token(one.principal("north", "steward"))
    monkeypatch.setattr("taihang.app.places.current", lambda: one.whole.places)
    monkeypatch.setenv("TAIHANG_HOME", str(one.whole.home))
    monkeypatch.setenv("TAIHANG_LANG", "en")

    @contextlib.contextmanager
    def connected(server: str) -> Iterator[clients.Client]:
        with clients.Client("http://127.0.0.1", token, transport=inside.Inside(one)) as client:
            yield client

    def wait(client: clients.Client, id: str, progress: Any = None) -> words.Job:
        context = Context(one, id, tmp_path / id, {})
        kind = kinds.get(context.kind)
        made = kind.function(kinds.read(context.kind, context.parameters), context)  # type: ignore[arg-type]
        return client.job(id).model_copy(update={"state": "done", "result": dict(made.summary)})

    monkeypatch.setattr(remote, "connected", connected)
    monkeypatch.setattr(clients.Client, "wait", wait)
    monkeypatch.chdir(tmp_path)
    return one


@pytest.fixture
def local_platform(tmp_path: Path) -> Iterator[platforms.Running]:
    with platforms.running("sqlite", tmp_path / "platform") as one:
        yield one


def _run(app: Any, *given: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*given, "--server", "http://there"])
    assert done.exit_code == code or getattr(done.exception, "exit_code", None) == code, (
        given,
        done.output,
        done.exception,
    )
    return done.output


def test_texts_masks_histories_and_certificates_there(there: platforms.Running, tmp_path: Path) -> None:
    (tmp_path / "small.rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "t.csv").write_text("n,phone\n1,13800138000\n2,13800138001\n")
    (tmp_path / "bad.csv").write_text("n,phone\n,\n")
    (tmp_path / "texts.jsonl").write_text(json.dumps({"text": "检查瓦斯浓度。"}, ensure_ascii=False) + "\n")
    _run(text.app, "texts.jsonl", "--out", "text")
    assert "version-" in _run(mask.app, "t.csv", "--out", "masked.csv", "--method", "drop")
    assert "13800138" not in (tmp_path / "masked.csv").read_text()
    said = _run(tabular.app, "assess", "t=t.csv", "--rules", "small.rules.yaml", "--out", "good")
    report = re.findall(r"report-[0-9a-f]{16}", said)[0]
    _run(monitors.app, "--asset", "t.csv", "--out", "watched")
    _run(certificates.top, report, "--out", "certified")
    for name in ("text", "watched", "certified"):
        assert (tmp_path / name / "report.html").is_file()
    assert (tmp_path / "certified" / "certificate.json").is_file()
    worse = _run(tabular.app, "assess", "t=bad.csv", "--rules", "small.rules.yaml", "--out", "bad")
    refused = re.findall(r"report-[0-9a-f]{16}", worse)[0]
    _run(certificates.top, refused, "--out", "none", code=1)
    issued = _run(verbs.app, "certificates").split()[0]
    assert _run(verbs.app, "issuer").count("+") >= 2
    assert "1" in _run(verbs.app, "revoke", issued, "--reason", "a wrong sensor")
    _run(verbs.app, "revocations", "--out", "list.json")
    assert (tmp_path / "list.json").stat().st_size > 0


def test_causes_there_from_tables_reports_and_ids(there: platforms.Running, tmp_path: Path) -> None:
    names = []
    for recording in logs.log(1).recordings:
        Path(f"{recording.name}.csv").write_text(logs.table(recording))
        names.append(f"{recording.name}.csv")
        inspected(tmp_path / "walks" / recording.name, f"{recording.name}.mp4", recording)
    ids = [recorded(there, folder) for folder in sorted((tmp_path / "walks").iterdir())]
    Path("site.causes.yaml").write_text(CONSTRAINTS)
    for out, given in (("tables", names), ("folder", ["walks"]), ("ids", ids)):
        said = _run(causes.app, *given, "--out", out)
        assert "report-" in said
        value = json.loads((tmp_path / out / "evidence" / "causes.json").read_text())
        (edge,) = [e for e in value["edges"] if e["verdict"] == "supported"]
        assert (edge["cause"], edge["effect"]) == ("helmet-off", "unsafe-act")
    _run(causes.app, *names, "--out", "none", "--constraints", "site.causes.yaml", "--judges", "statistical")
    assert json.loads((tmp_path / "none" / "evidence" / "causes.json").read_text())["judges"] == ["statistical"]


@pytest.mark.parametrize(
    ("app", "given"),
    [
        (mask.app, ["t.csv", "--out", "masked.xlsx"]),
        (mask.app, ["t.csv", "--out", "masked.csv", "--secret", "env:X"]),
        (monitors.app, ["history", "--out", "m"]),
        (monitors.app, ["--asset", "nothing", "--out", "m"]),
        (certificates.top, ["report-0123456789abcdef", "--out", "c"]),
        (certificates.top, ["report-0123456789abcdef", "--key", "k", "--out", "c"]),
        (text.app, ["nothing.jsonl", "--out", "x"]),
        (causes.app, ["nothing.csv", "--out", "x"]),
        (causes.app, [".", "--out", "x"]),
        (causes.app, ["t.csv", "--out", "x", "--constraints", "no-such"]),
        (causes.app, ["t.csv", "--out", "x"]),
        (causes.app, ["report-0123456789abcdef", "--out", "x"]),
    ],
)
def test_what_cannot_be_done_there_is_said(there: platforms.Running, app: Any, given: list[str]) -> None:
    Path("t.csv").write_text("n\n1\n")
    told = _run(app, *given, code=2)
    assert "Traceback" not in told
    assert not Path(given[given.index("--out") + 1]).exists()  # nothing half done lies there
