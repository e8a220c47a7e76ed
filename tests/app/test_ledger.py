"""`taihang ledger` on what an auditor was handed: a folder, an export, a proof."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from taihang.core import ids
from taihang.trust.ledger import Entry, Ledger, keys


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ledger/, ledger.tar, report.html with its proof, keys, and an old checkpoint."""
    folder = tmp_path_factory.mktemp("handed")
    log, witness = keys.Signer.fresh("mine.example/log"), keys.Signer.fresh("bureau.example", keys.WITNESS)
    (folder / "log.pub").write_text(log.verifier.vkey + "\n")
    (folder / "witness.pub").write_text(witness.verifier.vkey + "\n")
    (folder / "report.html").write_text("<p>a report</p>")
    with Ledger(folder / "ledger", log) as ledger:
        ledger.append([Entry.now("permission", "role-1", facts={"note": "a\u202eb"})] * 3)
        (folder / "old").write_bytes(ledger.checkpoint())
        proof = ledger.seal(ids.digest((folder / "report.html").read_bytes()))
        (folder / "report.tlog-proof").write_text(proof)
        ledger.export(folder / "ledger.tar")
    return folder


def _ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from taihang.app import cli; cli.main()", "ledger", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ledger", "--since", "old"), "it holds: ledger mine.example/log, 4 entries"),
        (("ledger.tar",), "it holds: ledger mine.example/log, 4 entries"),
        (("report.tlog-proof", "--report", "report.html"), "it holds: entry 3 of 4"),
        (("ledger", "--witness", "witness.pub", "--need", "0"), "witnesses: -"),
    ],
)
def test_what_holds_is_said(handed: Path, words: tuple[str, ...], says: str) -> None:
    ran = _ran(handed, "verify", *words, "--key", "log.pub")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert says in ran.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("ledger", "--witness", "witness.pub"), 1, "0 witnesses signed, 1 are demanded"),
        (("report.tlog-proof", "--report", "log.pub"), 1, "do not belong together"),
        (("old",), 1, "not a whole export"),
        (("nothing",), 2, "no ledger folder or export"),
        (("ledger", "--since", "nothing"), 2, "nothing: cannot be read"),
        (("ledger", "--since", "log.pub"), 1, "not a signed note"),
        (("ledger", "--report", "report.html"), 2, "is no proof"),
        (("ledger", "--witness", "log.pub"), 2, "wrong kind"),
        (("ledger", "--need", "2"), 2, "2 witnesses are demanded"),
    ],
)
def test_what_does_not_hold_is_one_line(handed: Path, words: tuple[str, ...], code: int, says: str) -> None:
    ran = _ran(handed, "verify", *words, "--key", "log.pub")
    assert (ran.returncode, ran.stdout) == (code, "")
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_entries_are_shown_and_not_vouched_for(handed: Path) -> None:
    ran = _ran(handed, "show", "ledger.tar", "--from", "2", "--count", "5")
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert [line.split(",")[0] for line in lines] == ['{"index": 2', '{"index": 3']
    assert "\\u202e" in lines[0]
    assert "nothing above was checked" in ran.stderr
