"""Profile: tables in; what they hold, what changed and which rules that gives reason for out."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from pathlib import Path

import pydantic

import taihang
from taihang.core import asset as assets
from taihang.core import errors, i18n, job, words
from taihang.data.profile import croissant, diff, profiling, relations, sections, suggest
from taihang.data.profile import profile as profiles
from taihang.engines.sources import folder as source_folder
from taihang.engines.sources import opening
from taihang.engines.tasks import opening as tasking
from taihang.report import bundle, document

PROFILE = "evidence/profile.json"
RULES = "evidence/suggested.rules.yaml"
CROISSANT = "evidence/croissant.json"
_LARGEST_PROFILE = 1 << 30
Path_ = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Profiled:
    """One table's profile, its page, what changed since the baseline, how many rules it suggests, and seconds."""

    profile: profiles.Profile
    page: Path
    changes: tuple[diff.Change, ...]
    suggested: int
    took_s: float


def profile(
    *sources: Path_,
    out: Path_,
    baseline: Path_ | None = None,
    lang: i18n.Language | None = None,
    progress: job.Progress | None = None,
    tasks: str | None = None,
) -> tuple[Profiled, ...]:
    """Profile tables and write a report on each to the folder `out`; several get folders below it.

    A source is a path or an address, or `NAME=` before one. Beside each report lie
    `evidence/profile.json` and `evidence/suggested.rules.yaml`. `baseline` is a profile.json, or the
    folder of an earlier report, of the same table. Several tables are searched for foreign keys
    between them. `tasks` says where the files of a folder are measured, one by one: `local`, `ray` or an address
    of Ray (`engines.tasks.opening`); the setting `tasks.address` when absent. Raises errors.UserError for what
    cannot be read as a table, errors.Failure when the machine or the cluster fails.
    """
    if not sources:
        raise errors.UserError("app:profile.no_source")
    if baseline is not None and len(sources) > 1:
        raise errors.UserError("app:profile.one_baseline")
    if lang is not None:
        i18n.use(lang)
    old = read(Path(baseline)) if baseline is not None else None
    given = [_named(os.fspath(source)) for source in sources]
    names = _names(given)
    folders = [Path(out)] if len(sources) == 1 else [Path(out, name) for name in names]
    for folder in folders:
        bundle.usable(folder)
    address = tasking.checked(tasks)
    opened = {name: opening.open(spec) for name, (_, spec) in zip(names, given, strict=True)}
    cut = any(isinstance(source, source_folder.Folder) for source in opened.values())
    if tasks not in {None, "local"} and not cut:
        raise errors.UserError("app:assess.tasks")
    measured: dict[str, profiling.Measured] = {}
    took: list[float] = []
    with tasking.open(address if cut else "local") as place:
        for name, source in opened.items():
            began = time.monotonic()
            measured[name] = profiling.measure(source, progress=progress, place=place)
            took.append(time.monotonic() - began)
    foreign = relations.foreign_keys({name: (one.profile, one.sketches) for name, one in measured.items()})
    done = []
    for name, folder, seconds in zip(names, folders, took, strict=True):
        made = measured[name].profile.model_copy(update={"foreign_keys": foreign[name]})
        done.append(_written(made, old, folder, seconds))
    return tuple(done)


def read(path: Path) -> profiles.Profile:
    """A profile from its file or from the folder of its report. Raises errors.UserError."""
    file = path / PROFILE if path.is_dir() else path
    try:
        if file.stat().st_size > _LARGEST_PROFILE:
            raise errors.UserError("app:profile.not_a_profile", path=file, reason=file.stat().st_size)
        return profiles.Profile.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).split("\n", 1)[0]
        if isinstance(error, pydantic.ValidationError):
            reason = f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}"
        raise errors.UserError("app:profile.not_a_profile", path=file, reason=reason) from None


def _written(made: profiles.Profile, old: profiles.Profile | None, folder: Path, seconds: float) -> Profiled:
    changes = diff.diff(old, made) if old is not None else ()
    rules = suggest.suggestions(made)
    report = document.Report(
        title=i18n.Message(key="app:profile.title", values={"name": Path(made.asset.name).name}).both(),
        created=made.created,
        asset=_asset(made),
        produced_by=(words.Producer(name="taihang", version=taihang.__version__),),
        limits=(i18n.Message(key="app:profile.no_rules").both(), *made.limits),
        sections=sections.made(made, rules, changes),
    )
    files: dict[str, bytes | Path] = {
        PROFILE: (made.model_dump_json(indent=1) + "\n").encode(),
        RULES: suggest.book(made).encode(),
        CROISSANT: croissant.described(made, file=Path(made.asset.name).is_file()).encode(),
    }
    paths = bundle.write(report, folder, i18n.current(), files)
    return Profiled(made, paths.page, changes, len(rules), seconds)


def _asset(made: profiles.Profile) -> assets.Asset:
    return made.asset.model_copy(update={"name": Path(made.asset.name).name or made.asset.name})


def _named(source: str) -> tuple[str, str]:
    """`NAME=PATH` as name and path; a path that holds `=` itself has no name."""
    name, equals, spec = source.partition("=")
    named = equals and re.fullmatch(r"[\w.-]+", name) and not Path(source).exists()
    return (name, spec) if named else ("", source)


def _names(given: list[tuple[str, str]]) -> list[str]:
    """A short name for each source, good for a folder; two of one name get a number."""
    taken: dict[str, int] = {}
    found = []
    for chosen, spec in given:
        last = chosen or (spec.rpartition("#")[2] if "#" in spec else Path(spec.rstrip("/")).stem)
        name = re.sub(r"[^\w.-]+", "-", last).strip(".-")[:80] or "table"
        taken[name] = taken.get(name, 0) + 1
        found.append(name if taken[name] == 1 else f"{name}-{taken[name]}")
    return found
