"""`taihang ledger` on what an auditor was handed: a folder, an export, a proof."""

from __future__ import annotations

import json
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


def test_a_report_is_sealed_checked_and_sealed_anew(tmp_path: Path) -> None:
    """From nothing to a report whose proof an outsider checks offline."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text('{"findings": []}')
    made = _ran(tmp_path, "keygen", "mine.example/log", "--out", "log.key")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "log.key.pub").read_text() == made.stdout
    assert (tmp_path / "log.key").stat().st_mode & 0o777 == 0o600
    for again in (_ran(tmp_path, "keygen", "x", "--out", "log.key"), _ran(tmp_path, "keygen", "a b", "--out", "k")):
        assert again.returncode == 2
    sealed = _ran(tmp_path, "seal", "ledger", "out", "--signer", "log.key")
    assert (sealed.stdout, sealed.stderr) == ("out/report.tlog-proof\n", "")
    held = _ran(tmp_path, "verify", "--report", "out/report.json", "--key", "log.key.pub")
    assert "it holds: entry 0 of 1" in held.stdout
    told = json.loads(_ran(tmp_path, "verify", "ledger", "--key", "log.key.pub", "--json").stdout)
    assert (told["holds"], told["size"], told["origin"]) == (True, 1, "mine.example/log")
    (tmp_path / "out" / "report.json").write_text('{"findings": [1]}')
    wrong = _ran(tmp_path, "verify", "--report", "out/report.json", "--key", "log.key.pub")
    assert (wrong.returncode, "do not belong together" in wrong.stderr) == (1, True)
    lost = _ran(tmp_path, "prove", "ledger", "--report", "out/report.json", "--key", "log.key.pub")
    assert (lost.returncode, "knows no report" in lost.stderr) == (2, True)
    proof = _ran(tmp_path, "prove", "ledger", "--index", "0", "--key", "log.key.pub", "--out", "p")
    assert proof.stdout == "p\n"
    assert _ran(tmp_path, "verify", "p", "--key", "log.key.pub").returncode == 0
    nothing = _ran(tmp_path, "verify", "--key", "log.key.pub")
    assert (nothing.returncode, len(nothing.stderr.splitlines())) == (2, 1)


def test_a_witness_in_another_house(tmp_path: Path) -> None:
    _ran(tmp_path, "keygen", "mine.example/log", "--out", "log.key")
    _ran(tmp_path, "keygen", "bureau.example", "--out", "w.key", "--kind", "witness")
    (tmp_path / "report.json").write_text("{}")
    _ran(tmp_path, "seal", "ledger", "report.json", "--signer", "log.key")
    command = [sys.executable, "-c", "from taihang.app import cli; cli.main()", "ledger", "witness", "kept"]
    words = ["--signer", "w.key", "--log", "log.key.pub", "--port", "0"]
    server = subprocess.Popen([*command, *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split(" at ")[1].split(" ")[0]
        signed = _ran(tmp_path, "cosign", "ledger", "--signer", "log.key", "--witness", "w.key.pub", "--url", url)
        assert (signed.stdout, signed.stderr) == ("witnessed: 1 entries\n", "")
    finally:
        server.terminate()
        assert server.wait() == 130
    again = _ran(tmp_path, "prove", "ledger", "--report", "report.json", "--key", "log.key.pub", "--witnessed")
    assert again.stdout == "report.tlog-proof\n"
    held = _ran(tmp_path, "verify", "--report", "report.json", "--key", "log.key.pub", "--witness", "w.key.pub")
    assert "witnesses: bureau.example" in held.stdout


def test_a_time_stamp_is_asked_for_and_checked(tmp_path: Path) -> None:
    pytest.importorskip("rfc3161_client")
    from fixtures import stamping

    authority = stamping.Authority(tmp_path / "tsa")
    other = stamping.Authority(tmp_path / "other", name="Others")
    _ran(tmp_path, "keygen", "mine.example/log", "--out", "log.key")
    (tmp_path / "report.json").write_text("{}")
    _ran(tmp_path, "seal", "ledger", "report.json", "--signer", "log.key")
    verify = ("verify", "ledger", "--key", "log.key.pub", "--roots")
    early = _ran(tmp_path, *verify, "tsa/root.pem")
    assert (early.returncode, "time-stamped yet" in early.stderr) == (1, True)
    with stamping.served(authority.reply) as url:
        made = _ran(tmp_path, "anchor", "ledger", "--signer", "log.key", "--url", url, "--roots", "tsa/root.pem")
    assert (made.stdout, made.stderr) == ("time-stamped: 1 entries\n", "")
    held = _ran(tmp_path, *verify, "tsa/root.pem")
    assert "the first 1 entries were there at" in held.stdout
    assert "stamp" in json.loads(_ran(tmp_path, *verify, "tsa/root.pem", "--json").stdout)
    wrong = _ran(tmp_path, *verify, str(other.folder / "root.pem"))
    assert (wrong.returncode, "does not hold" in wrong.stderr) == (1, True)


def test_keys_of_both_kinds_of_signature(tmp_path: Path) -> None:
    pytest.importorskip("gmssl")
    assert _ran(tmp_path, "keygen", "mine.example/log", "--out", "sm.key", "--kind", "sm2").returncode == 0
    (tmp_path / "report.json").write_text("{}")
    assert _ran(tmp_path, "seal", "ledger", "report.json", "--signer", "sm.key").returncode == 0
    assert _ran(tmp_path, "verify", "--report", "report.json", "--key", "sm.key.pub").returncode == 0


@pytest.mark.parametrize(
    ("absent", "words", "extra"),
    [
        ("gmssl", ("keygen", "x", "--out", "k", "--kind", "sm2"), "sm"),
        ("rfc3161_client", ("verify", "ledger", "--key", "log.pub", "--roots", "log.pub"), "timestamp"),
    ],
)
def test_without_an_extra_its_install_line_is_said(
    handed: Path, absent: str, words: tuple[str, ...], extra: str
) -> None:
    code = f"import sys; sys.modules['{absent}'] = None; from taihang.app import cli; cli.main()"
    command = [sys.executable, "-c", code, "ledger", *words]
    ran = subprocess.run(command, cwd=handed, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"pip install 'taihang[{extra}]'" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
