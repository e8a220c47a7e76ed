"""Remote: the long verbs on a platform elsewhere; the same files come back as if done here."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from taihang.app.client import client as clients
from taihang.core import errors, i18n, ids
from taihang.core import job as jobs
from taihang.model.causes import book
from taihang.report import bundle
from taihang.report import json as reporting
from taihang.rules import rulebook
from taihang.trust.access import secrets

TOKEN = "TAIHANG_TOKEN"  # noqa: S105 - the name of a variable
_REPORT = re.compile(r"report-[0-9a-f]{16}")
FORMS = ("parquet", "csv", "jsonl")


class NotEarned(errors.TaihangError):
    """No grade was earned there: a verdict, with the exit code of findings."""

    exit_code = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """One source's job and report there, how many findings it has, and the page that was written.

    `exit_code` as of the verb here.
    `masked` and `withheld` count files: see `fetch`.
    """

    job: str
    report: str
    findings: int
    page: Path
    exit_code: int
    masked: int = 0
    withheld: int = 0


@contextlib.contextmanager
def connected(server: str) -> Iterator[clients.Client]:
    """A client with the token that TAIHANG_TOKEN holds, or refers to (`file:PATH`). Raises errors.UserError."""
    given = os.environ.get(TOKEN, "")
    if not given:
        raise errors.UserError("app:remote.token", server=server)
    token = secrets.read(given) if given.startswith("file:") else given
    with clients.Client(server, token) as client:
        yield client


def inspect(
    server: str,
    videos: Sequence[Path],
    out: Path,
    *,
    rules: str | None,
    zones: Path | None,
    progress: jobs.Progress,
    **more: Any,
) -> list[Done]:
    """Videos inspected there; several get a folder each below `out`, as here. Raises as clients.Client does."""
    with connected(server) as client:
        book = _book(client, rules)
        done = []
        for video, folder in _folders(list(videos), out):
            beside = zones or video.parent / f"{video.stem}.zones.yaml"
            given = {"rules": book, **more}
            if beside.is_file():
                given["zones"] = client.upload(beside, kind="rulebook").version
            done.append(_one(client, "inspect-asset", video, "video", given, folder, progress))
        return done


def profile(server: str, sources: Sequence[str], out: Path, *, progress: jobs.Progress, **more: Any) -> list[Done]:
    """Tables profiled there; files only. Raises as clients.Client does."""
    with connected(server) as client:
        return [
            _one(client, "profile-asset", path, "table", more, folder, progress)
            for path, folder in _folders([_named(one)[1] for one in sources], out)
        ]


def assess(
    server: str, sources: Sequence[str], out: Path, *, rules: str | None, progress: jobs.Progress, **more: Any
) -> list[Done]:
    """One table judged there. Raises errors.UserError for several, and as clients.Client does."""
    if len(sources) != 1:
        raise errors.UserError("app:remote.one_table")
    name, path = _named(sources[0])
    with connected(server) as client:
        given = {"rules": _book(client, rules), "table": name or None, **more}
        return [_one(client, "assess-asset", path, "table", given, out, progress)]


def text(
    server: str, source: str, out: Path, *, rules: str | None, files: Mapping[str, Path | None],
    progress: jobs.Progress, **more: Any,
) -> list[Done]:  # fmt: skip
    """Texts judged there; `files` are sent along. Raises as clients.Client does."""
    with connected(server) as client:
        sent = {name: client.upload(path).version for name, path in files.items() if path is not None}
        given = {"rules": _book(client, rules), **sent, **more}
        return [_one(client, "text-asset", _named(source)[1], "table", given, out, progress)]


def mask(server: str, source: str, out: Path, *, progress: jobs.Progress, **more: Any) -> dict[str, Any]:
    """A table masked there, and written to the file `out`; gives what was done, and the new version.

    Raises errors.UserError for a form that is not written, and as clients.Client does.
    """
    form = out.suffix.lstrip(".").lower()
    if form not in FORMS:
        raise errors.UserError("app:remote.form", path=out, known=", ".join(FORMS))
    with connected(server) as client:
        upload = client.upload(_named(source)[1], kind="table", progress=progress)
        given = {"version": upload.version, "format": form, "lang": i18n.current(), **more}
        result = _asked(client, "mask-asset", given, progress)[1]
        client.content(result["version"], out)
        return result


def monitor(server: str, asset: str, out: Path, *, progress: jobs.Progress, **more: Any) -> list[Done]:
    """What is unusual about an asset there, by its id or exact name. Raises as clients.Client does."""
    with connected(server) as client:
        given = {"version": client.latest(asset), "lang": i18n.current(), **more}
        return [_fetched(client, "monitor-asset", given, out, progress)]


def causes(
    server: str, sources: Sequence[Path], out: Path, *, constraints: str, progress: jobs.Progress, **more: Any
) -> list[Done]:
    """Causes judged there from tables and reports of this machine, or from reports there by their ids.

    Of a report on this machine the events are sent and no pictures. Raises as clients.Client does.
    """
    bundle.usable(out)
    with connected(server) as client:
        here = [one for one in sources if not _REPORT.fullmatch(str(one))]
        given = {
            "reports": [str(one) for one in sources if _REPORT.fullmatch(str(one))],
            "versions": [_sent(client, one, progress) for source in here for one in _reports(source)],
            "constraints": _constraints(client, constraints),
            "lang": i18n.current(),
            **more,
        }
        return [_fetched(client, "causes-asset", given, out, progress)]


def _reports(source: Path) -> list[Path]:
    """The files that a source of causes stands for. Raises errors.UserError for a folder without reports."""
    if not source.is_dir():
        return [_named(str(source))[1]]
    found = [source / reporting.NAME] if (source / reporting.NAME).is_file() else sorted(
        source.glob(f"*/{reporting.NAME}")
    )  # fmt: skip
    if not found:
        raise errors.UserError("app:causes.no_report", path=source)
    return found


def _sent(client: clients.Client, path: Path, progress: jobs.Progress) -> str | None:
    """The version that a table or a report became there; a report by a name that says what it is about."""
    if path.name != reporting.NAME:
        return client.upload(path, kind="table", progress=progress).version
    with tempfile.TemporaryDirectory(prefix="taihang-report-") as folder:
        link = Path(folder) / f"{path.parent.name[:80] or 'report'}.{reporting.NAME}"
        link.symlink_to(path.absolute())
        return client.upload(link, kind="report", progress=progress).version


def _constraints(client: clients.Client, given: str) -> str | None:
    """The name of shipped constraints, or the version of a file that is sent there."""
    if not Path(given).is_file():
        return given
    book.load(given)  # what is wrong with it is said here, with its place
    return client.upload(Path(given), kind="rulebook").version


def certify(server: str, reports: Sequence[str], out: Path, *, progress: jobs.Progress, **more: Any) -> Done:
    """A certificate about reports there, by their ids. Raises NotEarned, and as clients.Client does."""
    bundle.usable(out)
    with connected(server) as client:
        given = {"reports": list(reports), "lang": i18n.current(), **more}
        job, result = _asked(client, "certify-reports", given, progress)
        if not result["earned"]:
            raise NotEarned("app:remote.not_earned", reason=i18n.Text.model_validate(result["reason"]))
        masked, withheld = fetch(client, str(result["report"]), out)
        return Done(job, str(result["report"]), 0, out / "report.html", 0, masked, withheld)


def refuse(server: str, **given: bool) -> None:
    """Nothing when no option is given that only works here. Raises errors.UserError naming the first."""
    for name, is_given in given.items():
        if is_given:
            raise errors.UserError("app:remote.only_here", option=f"--{name.replace('_', '-')}", server=server)


def _one(  # noqa: PLR0917 - what is asked of the server, and where its answer goes
    client: clients.Client,
    kind: str,
    path: Path,
    asset: str,
    given: Mapping[str, Any],
    out: Path,
    progress: jobs.Progress,
) -> Done:
    bundle.usable(out)
    upload = client.upload(path, kind=asset, progress=progress)
    return _fetched(client, kind, {"version": upload.version, "lang": i18n.current(), **given}, out, progress)


def _fetched(client: clients.Client, kind: str, given: Mapping[str, Any], out: Path, progress: jobs.Progress) -> Done:
    """A job that makes a report, and the report's files in `out`."""
    bundle.usable(out)
    job, result = _asked(client, kind, given, progress)
    masked, withheld = fetch(client, result["report"], out)
    found, code = int(result["findings"]), int(result["exit_code"])
    return Done(job, str(result["report"]), found, out / "report.html", code, masked, withheld)


def _asked(
    client: clients.Client, kind: str, given: Mapping[str, Any], progress: jobs.Progress
) -> tuple[str, dict[str, Any]]:
    """A job's id and what it came to. Raises errors.Cancelled, errors.Failure with the job's reason."""
    job = client.submit(kind, {name: value for name, value in given.items() if value is not None})
    try:
        ended = client.wait(job.id, progress)
    except KeyboardInterrupt:
        with contextlib.suppress(errors.TaihangError):
            client.cancel(job.id)
        raise
    if ended.state == "cancelled":
        raise errors.Cancelled("app:remote.cancelled", job=job.id)
    if ended.state != "done" or ended.result is None:
        raise errors.Failure("app:remote.failed", job=job.id, reason=ended.reason or ended.state)
    return job.id, ended.result


def fetch(client: clients.Client, report: str, out: Path) -> tuple[int, int]:
    """Write a report's files into `out`, each checked against its hash; the list of hashes comes last.

    Says how many came masked, which therefore have other hashes, and how many were withheld from this caller.
    Raises errors.UserError for a folder that cannot be used, errors.Failure for a file that arrived damaged.
    """
    bundle.usable(out)
    out.mkdir(parents=True, exist_ok=True)
    listed = client.files(report)
    files = sorted((one for one in listed if one.given != "withheld"), key=lambda one: one.name == bundle.SUMS)
    with tempfile.TemporaryDirectory(prefix=".taihang-", dir=out) as work:
        for file in files:
            place = out / file.name
            if not place.resolve().is_relative_to(out.resolve()) or place.is_symlink():
                raise errors.Failure("app:remote.damaged", name=file.name)
            part = Path(work) / ids.digest(file.name.encode())
            client.download(report, file.name, part)
            with part.open("rb") as data:
                if file.given == "whole" and hashlib.file_digest(data, "sha256").hexdigest() != file.sha256:
                    raise errors.Failure("app:remote.damaged", name=file.name)
            place.parent.mkdir(parents=True, exist_ok=True)
            part.replace(place)
    return sum(one.given == "masked" for one in files), len(listed) - len(files)


def _book(client: clients.Client, rules: str | None) -> str | None:
    """The name of a shipped rulebook, or the version of a file that is sent there."""
    if rules is None or not Path(rules).is_file():
        return rules
    rulebook.load(rules)  # what is wrong with it is said here, with its place
    return client.upload(Path(rules), kind="rulebook").version


def _named(source: str) -> tuple[str, Path]:
    """`NAME=PATH` as both; only files of this machine can be sent. Raises errors.UserError."""
    name, equals, rest = source.partition("=")
    path = Path(rest if equals and not Path(source).exists() else source)
    if not path.is_file():
        raise errors.UserError("app:remote.file", path=source)
    return (name if equals and str(path) == rest else "", path)


def _folders(paths: list[Path], out: Path) -> list[tuple[Path, Path]]:
    if len(paths) == 1:
        return [(paths[0], out)]
    taken: dict[str, int] = {}
    found = []
    for path in paths:
        taken[path.stem] = taken.get(path.stem, 0) + 1
        found.append((path, out / (path.stem if taken[path.stem] == 1 else f"{path.stem}-{taken[path.stem]}")))
    return found
