"""Gate: what a build server reads of an assessment: JUnit XML, SARIF, annotations."""

from __future__ import annotations

import dataclasses
import datetime
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import taihang
from taihang.core import errors, i18n, words
from taihang.report import document, github, junit, plain
from taihang.report import sarif as sarifs
from taihang.rules import rulebook

Annotations = Literal["github"]


@dataclasses.dataclass(frozen=True, slots=True)
class Gate:
    """Which files to write, and whether to annotate."""

    junit: Path | None = None
    sarif: Path | None = None
    annotations: Annotations | None = None

    def usable(self) -> None:
        """Check before long work that the files can be written. Raises errors.UserError."""
        for path in (self.junit, self.sarif):
            if path is not None and (path.is_dir() or not (path.parent.is_dir() and os.access(path.parent, os.W_OK))):
                raise errors.UserError("app:gate.path", path=path)

    def write(self, report: document.Report, places: sarifs.Places, floor: words.Level | None) -> tuple[str, ...]:
        """Write what was asked; the annotations as lines."""
        language = i18n.current()
        if self.junit is not None:
            _put(self.junit, junit.dump(report, language, floor))
        if self.sarif is not None:
            _put(self.sarif, sarifs.dump(report, language, places))
        return tuple(github.lines(report, language, places)) if self.annotations == "github" else ()

    def refuse(self, error: errors.TaihangError, name: str) -> None:
        """Write that nothing was judged, so that no server takes an old file, or none, for a pass."""
        if self.junit is not None:
            _put(self.junit, junit.dump_error(error, name, plain.iso(datetime.datetime.now(tz=datetime.UTC))))
        if self.sarif is not None:
            _put(self.sarif, sarifs.dump_error(error, taihang.__version__))


def places(book: rulebook.Rulebook) -> Mapping[str, tuple[str, int]]:
    """Where each rule stands in its file, as far as it came from one."""
    found = {}
    for compiled in book.rules:
        mark = compiled.places.mark(("id",))
        if mark is not None:
            found[compiled.rule.id] = (mark.file, mark.line)
    return found


def _put(path: Path, data: bytes) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise errors.Failure("app:gate.write", path=path, reason=error.strerror or error) from error
