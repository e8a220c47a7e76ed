"""Versions: a folder of detectors by their hash, the one in use as `detector.onnx`, and which one was before it.

What is in use changes in one rename, and everything that going back needs is on the disk before. So a process that is
killed, or a disk that is full, leaves the detector in use what it was.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic

from taihang.core import errors, ids, words
from taihang.engines import stages
from taihang.model.distil import gate

IN_USE, CANDIDATE = "detector.onnx", "candidate.onnx"
_VERDICT, _JOURNAL = "candidate.json", "history.jsonl"
_LARGEST = 1 << 30


class Told(words.Word):
    """What is kept beside a version. `previous`: what was in use before it was rolled out; `classes`: what it finds;
    `size`: height and width of its picture; `synthetic`: it learnt from drawn pictures."""

    sha256: words.Sha256
    previous: words.Sha256 | None
    classes: tuple[str, ...]
    size: tuple[int, int]
    synthetic: bool
    verdict: gate.Verdict | None = None


class Versions:
    """The versions below one folder."""

    def __init__(self, folder: Path) -> None:
        """Raises errors.UserError for a file in the way."""
        if folder.exists() and not folder.is_dir():
            raise errors.UserError("model.distil:no_folder", path=folder)
        self.folder = folder

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes the folder meanwhile. Raises errors.Conflict when somebody does."""
        with stages.disk(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w", encoding="utf-8")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise errors.Conflict("model.distil:busy", path=self.folder) from None
            yield

    @property
    def in_use(self) -> Path | None:
        """The detector in use, the path that nodes are given; None before the first."""
        path = self.folder / IN_USE
        return path if path.is_file() else None

    @property
    def current(self) -> str | None:
        """SHA-256 of the detector in use."""
        return None if self.in_use is None else ids.digest(read(self.in_use))

    def told(self, sha256: str) -> Told | None:
        """What is kept of a version; None for one that was put there by hand."""
        try:
            return Told.model_validate_json(read(self._card(sha256)))
        except (errors.UserError, pydantic.ValidationError):
            return None

    def propose(self, data: bytes, told: Told, weights: bytes | None = None) -> Path:
        """Keep a student and what the gate said of it; it is not in use yet. `weights`: what later runs begin with."""
        path = self.folder / CANDIDATE
        if weights is not None:
            stages.write_bytes(self._weights(told.sha256), weights)
        stages.write_bytes(path, data)
        stages.write_bytes(self.folder / _VERDICT, told.model_dump_json(indent=1).encode())
        return path

    def proposed(self) -> tuple[bytes, Told]:
        """The student that waits. Raises errors.UserError when there is none, or one that nobody judged."""
        path = self.folder / CANDIDATE
        if not path.is_file():
            raise errors.UserError("model.distil:no_candidate", path=self.folder)
        data = read(path)
        try:
            told = Told.model_validate_json(read(self.folder / _VERDICT))
        except (errors.UserError, pydantic.ValidationError):
            raise errors.UserError("model.distil:unjudged", path=path) from None
        if told.sha256 != ids.digest(data) or told.verdict is None or told.verdict.student != told.sha256:
            raise errors.UserError("model.distil:unjudged", path=path)
        return data, told

    def weights(self, sha256: str | None) -> bytes | None:
        """What a student of this version's begins with; None when it is not known."""
        if sha256 is None or not self._weights(sha256).is_file():
            return None
        return read(self._weights(sha256))

    def roll_out(self) -> Told:
        """Put the student that waits into use.

        Raises errors.UserError when there is none, errors.Conflict when the gate refused it or judged it against
        another detector than the one in use, errors.Failure for a full disk: then nothing has changed.
        """
        data, told = self.proposed()
        verdict = told.verdict
        if verdict is None or not verdict.passed:
            refused = () if verdict is None else verdict.refused
            raise errors.Conflict("model.distil:refused", classes=", ".join(one.name for one in refused) or "-")
        current = self.current
        if verdict.against != current:
            raise errors.Conflict("model.distil:moved", path=self.folder)
        if current is not None and self.in_use is not None:
            # Whatever was in use, put there by hand too, is kept to go back to.
            self._keep(read(self.in_use), current)
        made = told.model_copy(update={"previous": current})
        self._keep(data, told.sha256)
        stages.write_bytes(self._card(told.sha256), made.model_dump_json(indent=1).encode())
        stages.write_bytes(self.folder / IN_USE, data)
        self._note("rollout", told.sha256, current)
        return made

    def roll_back(self) -> Told:
        """Put the version before into use, as it was. Raises errors.Conflict when there is none, errors.Failure when
        its bytes are not what they were."""
        current = self.current
        told = None if current is None else self.told(current)
        if told is None or told.previous is None:
            raise errors.Conflict("model.distil:no_previous", path=self.folder)
        path = self._place(told.previous)
        data = read(path)
        if ids.digest(data) != told.previous:
            raise errors.Failure("model.distil:damaged", path=path)
        stages.write_bytes(self.folder / IN_USE, data)
        self._note("rollback", told.previous, current)
        put_by_hand = Told(sha256=told.previous, previous=None, classes=told.classes, size=told.size, synthetic=False)
        return self.told(told.previous) or put_by_hand

    def history(self) -> list[dict[str, Any]]:
        """What was put into use and when, oldest first."""
        try:
            lines = (self.folder / _JOURNAL).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def _place(self, sha256: str) -> Path:
        return self.folder / "versions" / f"{sha256[:16]}.onnx"

    def _card(self, sha256: str) -> Path:
        return self.folder / "versions" / f"{sha256[:16]}.json"

    def _weights(self, sha256: str) -> Path:
        return self.folder / "versions" / f"{sha256[:16]}.pt"

    def _keep(self, data: bytes, sha256: str) -> None:
        path = self._place(sha256)
        if not path.is_file() or ids.digest(read(path)) != sha256:
            stages.write_bytes(path, data)

    def _note(self, what: str, sha256: str, before: str | None) -> None:
        """The change has happened; a journal that cannot be written does not undo it."""
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        row = {"at": at, "what": what, "sha256": sha256, "before": before}
        with contextlib.suppress(OSError), (self.folder / _JOURNAL).open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")


def read(path: Path) -> bytes:
    """The bytes of a detector. Raises errors.UserError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise errors.UserError("model.distil:unreadable", path=path, reason=error.strerror or "") from None
    if len(data) > _LARGEST:
        raise errors.UserError("model.distil:unreadable", path=path, reason="> 1 GiB")
    return data
