"""What each group of the environment is made of, and whether the environment holds it.

    groups.py wants GROUP             the group's requirements, one a line
    groups.py holds VENV GROUP...     exit 0 when each was installed as pyproject.toml and constraints.txt say now
    groups.py mark VENV GROUP         note that it was

Run by the environment's own Python; the standard library is all there is.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def wants(group: str) -> list[str]:
    """Requirement lines of `base`, an extra or a dependency group."""
    project = PROJECT["project"]
    if group == "base":
        return list(project["dependencies"])
    found = project["optional-dependencies"].get(group) or PROJECT["dependency-groups"][group]
    return list(found)


def stamp(group: str) -> str:
    """Changes when anything changes that an installation of the group depends on."""
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    # The checkout itself is installed with the base, so how it is built counts there.
    built = [PROJECT["build-system"], PROJECT["project"]["scripts"]] if group == "base" else []
    what = json.dumps([wants(group), built, pins, sys.version_info[:2], sys.platform, str(ROOT)])
    return hashlib.sha256(what.encode()).hexdigest()


def _mark(venv: str, group: str) -> Path:
    return Path(venv, f".taihang-{group}")


def main(verb: str, *given: str) -> int:
    """Do one verb; see the top of this file."""
    if verb == "wants":
        print("\n".join(wants(given[0])))
        return 0
    venv, *groups = given
    if verb == "mark":
        _mark(venv, groups[0]).write_text(stamp(groups[0]))
        return 0
    marks = {group: _mark(venv, group) for group in groups}
    return int(not all(mark.is_file() and mark.read_text() == stamp(group) for group, mark in marks.items()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
