"""History: what earlier assessments of an asset gave, one line of JSON a run."""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pydantic

from taihang.core import errors, ids, scorecard
from taihang.data.quality import assessment

_MOST_RUNS = 200
_MOST_BYTES = 64 << 20


class Ruled(pydantic.BaseModel):
    """What one rule gave: bad of judged rows, and the total it measured, if any."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")
    bad: int = pydantic.Field(ge=0)
    judged: int = pydantic.Field(ge=0)
    value: float | None = None


class Run(pydantic.BaseModel):
    """One assessment: shares by dimension (None: unknown), rules by id."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")
    at: pydantic.AwareDatetime
    sha256: str
    rulebook: str
    rulebook_sha256: str
    dimensions: dict[str, float | None] = {}
    rules: dict[str, Ruled] = {}

    @classmethod
    def of(cls, found: assessment.Assessment, scores: scorecard.Scorecard, sha256: str) -> Self:
        """What is kept of an assessment."""
        rules = {}
        for outcome in found.outcomes:
            value = outcome.measured.get("value")
            number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
            rules[outcome.compiled.rule.id] = Ruled(bad=outcome.violated, judged=outcome.judged, value=number)
        dimensions = {s.dimension: s.value for s in scores.scores if s.metric == "rows.compliance"}
        return cls(at=found.as_of, sha256=sha256, rulebook=found.book.id, rulebook_sha256=found.book.sha256,
                   dimensions=dimensions, rules=rules)  # fmt: skip


class History:
    """Runs of assets by name, below a folder; an asset's file only grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def earlier(self, asset: str) -> list[Run]:
        """The last 200 runs of an asset, oldest first; what is not a run (a torn line) is passed over."""
        try:
            with self._path(asset).open("rb") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(max(0, stream.tell() - _MOST_BYTES))
                lines = stream.read().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failure(asset, error) from error
        found = []
        for line in lines[-_MOST_RUNS:]:
            try:
                found.append(Run.model_validate_json(line))
            except pydantic.ValidationError:
                continue
        return sorted(found, key=lambda run: run.at)

    def add(self, asset: str, run: Run) -> None:
        """Keep a run: one write of one line, so that two at once do not mix. Raises errors.Failure."""
        path = self._path(asset)
        line = json.dumps(run.model_dump(mode="json"), ensure_ascii=False).encode() + b"\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                # A line that a killed writer left torn must not swallow this one.
                torn = os.fstat(handle).st_size and _last_byte(path) != b"\n"
                os.write(handle, b"\n" + line if torn else line)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise self._failure(asset, error) from error

    def _path(self, asset: str) -> Path:
        plain = re.sub(r"[^A-Za-z0-9]+", "-", asset).strip("-")[:40] or "asset"
        return self.folder / f"{plain}-{ids.digest(asset.encode('utf-8', 'replace'))[:12]}.jsonl"

    def _failure(self, asset: str, error: OSError) -> errors.Failure:
        return errors.Failure("data.quality:history", path=self._path(asset), reason=error.strerror or error)


def last(runs: list[Run], book: str, rule: str) -> tuple[Ruled, datetime.datetime] | None:
    """What a rule of a book gave the last time that it judged anything, and when."""
    for run in reversed(runs):
        ruled: Mapping[str, Ruled] = run.rules
        if run.rulebook == book and rule in ruled and ruled[rule].judged:
            return ruled[rule], run.at
    return None


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)
