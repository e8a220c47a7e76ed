"""./try and ./check before there is an environment: on machines that lack things, and after mishaps.

A made-up `uv` or `python3` on an otherwise bare PATH stands for the machine; nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import source

_SYSTEM = ["sh", "cat", "chmod", "dirname", "flock", "ls", "mkdir", "printf", "rm", "sed", "head", "tail", "tr"]
# Makes an environment whose Python is the one that runs the tests, and writes down what it was asked.
_UV = f"""#!/bin/sh
echo "$*" >>"$UV_LOG"
[ -z "${{UV_FAILS:-}}" ] || [ "$1 $2" != "$UV_FAILS" ] || {{ echo "no network" >&2; exit 1; }}
[ "$1" = venv ] || exit 0
for target in "$@"; do :; done
mkdir -p "$target/bin"
cat >"$target/bin/python" <<'END'
#!/bin/sh
exec "{sys.executable}" "$@"
END
cat >"$target/bin/taihang" <<'END'
#!/bin/sh
echo "taihang $*"
[ "$1" != sample ] || : >"$2"
exit "${{WALK_EXIT:-0}}"
END
chmod +x "$target/bin/python" "$target/bin/taihang"
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs to be the whole PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in _SYSTEM:
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    return programs


@pytest.fixture
def run(machine: Path, tmp_path: Path) -> Run:
    """Run a command of the checkout on that machine, in an empty folder."""
    here = tmp_path / "here"
    here.mkdir()

    def call(command: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(machine),
            "HOME": str(tmp_path / "home"),
            "TAIHANG_VENV": str(tmp_path / "env"),
            "UV_LOG": str(tmp_path / "uv.log"),
            **more,
        }
        return subprocess.run(
            [str(source.ROOT / command), *words],
            cwd=here,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


@pytest.fixture
def uv(machine: Path, tmp_path: Path) -> Callable[[], list[str]]:
    """Put the made-up uv on the machine; gives what it was asked since last time."""
    _program(machine / "uv", _UV)
    log = tmp_path / "uv.log"

    def asked() -> list[str]:
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    return asked


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _film(tmp_path: Path, name: str = "a film.MP4") -> str:
    (tmp_path / "here" / name).touch()
    return name


@pytest.mark.parametrize("command", ["try", "check"])
@pytest.mark.parametrize(("lang", "word"), [("C.UTF-8", "Usage"), ("zh_CN.UTF-8", "用法")])
def test_help_needs_nothing(run: Run, command: str, lang: str, word: str) -> None:
    shown = run(command, "--help", LANG=lang)
    assert shown.returncode == 0
    assert word in shown.stderr


def test_no_python_at_all_is_said_with_the_line_that_helps(run: Run) -> None:
    shown = run("try")
    assert shown.returncode == 2
    assert shown.stderr == "there is no python3: run sudo apt install python3 python3-venv\n"


def test_an_old_python_is_named(run: Run, machine: Path) -> None:
    _program(machine / "python3", "#!/bin/sh\necho 3.10\n")
    shown = run("try")
    assert shown.returncode == 2
    assert shown.stderr.startswith("Python 3.11 or newer is needed, and this is python3 3.10")
    assert len(shown.stderr.splitlines()) == 1


def test_a_python_without_venv_is_said_with_the_apt_line(run: Run, machine: Path) -> None:
    _program(machine / "python3", "#!/bin/sh\ncase $3 in *ensurepip*) exit 1 ;; esac\necho 3.12\n")
    shown = run("check", LANG="zh_CN.UTF-8")
    assert shown.returncode == 2
    assert shown.stderr == "这个 Python 缺少 venv：请运行 sudo apt install python3-venv\n"


def test_a_folder_that_is_not_ours_is_left_as_it_is(run: Run, uv: Callable[[], list[str]], tmp_path: Path) -> None:
    mine = tmp_path / "env" / "pyvenv.cfg"
    mine.parent.mkdir()
    mine.write_text("home = /mine\n")
    shown = run("try", _film(tmp_path))
    assert shown.returncode == 2
    assert "was not made by this script" in shown.stderr
    assert [path.name for path in mine.parent.iterdir()] == ["pyvenv.cfg"]
    assert not uv()


def test_an_environment_of_another_checkout_is_left_as_it_is(
    run: Run, uv: Callable[[], list[str]], tmp_path: Path
) -> None:
    other = tmp_path / "other" / "scripts" / "env.sh"
    other.parent.mkdir(parents=True)
    other.touch()
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / ".taihang-env").write_text(f"{tmp_path / 'other'}\n")
    shown = run("try", _film(tmp_path))
    assert shown.returncode == 2
    assert f"belongs to {tmp_path / 'other'}" in shown.stderr
    assert not uv()


def test_the_second_time_nothing_is_installed(run: Run, uv: Callable[[], list[str]], tmp_path: Path) -> None:
    first = run("try", _film(tmp_path))
    assert first.returncode == 0, first.stderr
    assert [line.split()[0] for line in uv()] == ["venv", "pip"]
    second = run("try", _film(tmp_path))
    assert second.returncode == 0
    assert second.stderr == ""
    assert not uv()


def test_an_installation_cut_short_is_done_again(run: Run, uv: Callable[[], list[str]], tmp_path: Path) -> None:
    run("try", _film(tmp_path))
    uv()
    (tmp_path / "env" / ".taihang-installing").touch()
    (tmp_path / "env" / "half a package").touch()
    again = run("try", _film(tmp_path))
    assert again.returncode == 0
    assert "anew" in again.stderr
    assert [line.split()[0] for line in uv()] == ["venv", "pip"]
    assert not (tmp_path / "env" / "half a package").exists()


def test_an_environment_whose_python_is_gone_is_made_again(
    run: Run, uv: Callable[[], list[str]], tmp_path: Path
) -> None:
    run("try", _film(tmp_path))
    (tmp_path / "env" / "bin" / "python").unlink()
    uv()
    assert run("try", _film(tmp_path)).returncode == 0
    assert [line.split()[0] for line in uv()] == ["venv", "pip"]


def test_a_failed_installation_says_where_to_look_and_is_tried_again(
    run: Run, uv: Callable[[], list[str]], tmp_path: Path
) -> None:
    failed = run("try", _film(tmp_path), UV_FAILS="pip install")
    assert failed.returncode == 3
    assert "no network" in failed.stderr
    assert str(tmp_path / "env" / "install.log") in failed.stderr
    uv()
    assert run("try", _film(tmp_path)).returncode == 0
    assert [line.split()[0] for line in uv()] == ["pip"]


def test_a_users_own_settings_do_not_leak_in(run: Run, uv: Callable[[], list[str]], tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tomllib.py").write_text("raise SystemExit('from PYTHONPATH')")
    assert run("try", _film(tmp_path), PYTHONPATH=str(tmp_path / "lib")).returncode == 0
    assert uv()


@pytest.mark.usefixtures("uv")
@pytest.mark.parametrize(
    ("words", "walked"),
    [
        (["a film.MP4"], "taihang inspect --out out/a film a film.MP4"),
        (["a film.MP4", "--out", "there"], "taihang inspect a film.MP4 --out there"),
        (["a film.MP4", "--debug"], "taihang --debug inspect --out out/a film a film.MP4"),
        (["--budget", "3%", "a film.MP4"], "taihang inspect --out out/a film --budget 3% a film.MP4"),
        ([], "taihang sample out/sample.mp4\ntaihang inspect out/sample.mp4 --rules mine-demo --out out/sample"),
    ],
)
def test_the_suffix_chooses_the_walk(run: Run, tmp_path: Path, words: list[str], walked: str) -> None:
    _film(tmp_path)
    (tmp_path / "here" / "out").mkdir()
    shown = run("try", *words)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.strip() == walked


@pytest.mark.usefixtures("uv")
@pytest.mark.parametrize("code", [1, 2, 3, 130])
def test_the_walks_exit_code_is_passed_on(run: Run, tmp_path: Path, code: int) -> None:
    assert run("try", _film(tmp_path), WALK_EXIT=str(code)).returncode == code


@pytest.mark.parametrize("name", ["table.odt", "noend", ".mp4x", "a.mp4.zip"])
def test_a_file_without_a_walk_gets_one_line_and_no_installation(
    run: Run, uv: Callable[[], list[str]], tmp_path: Path, name: str
) -> None:
    shown = run("try", _film(tmp_path, name))
    assert shown.returncode == 2
    assert len(shown.stderr.splitlines()) == 1
    assert "mkv mov mp4" in shown.stderr
    assert not uv()


def test_a_file_that_is_not_there_is_said_in_the_users_language(run: Run) -> None:
    shown = run("try", "--lang", "zh", "nix.mp4")
    assert shown.returncode == 2
    assert shown.stderr == "nix.mp4：没有这个文件\n"


@pytest.mark.parametrize("place", ["/proc/env", "/proc/none/env"])
def test_a_place_that_cannot_be_written_is_said(run: Run, place: str) -> None:
    shown = run("try", TAIHANG_VENV=place)
    assert shown.returncode == 2
    assert shown.stderr.startswith("cannot write to /proc")
    assert len(shown.stderr.splitlines()) == 1


def test_scripts_are_posix_and_can_be_run() -> None:
    for name in ("try", "check", ".ci/run"):
        path = source.ROOT / name
        assert os.access(path, os.X_OK), name
        assert path.read_text().startswith("#!/bin/sh\n"), name
    for name in ("try", "check", ".ci/run", "scripts/env.sh"):
        assert subprocess.run(["sh", "-n", str(source.ROOT / name)], check=False).returncode == 0, name
