"""The folder of a report: every form of it and its evidence, replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from taihang.core import errors, i18n, ids
from taihang.report import attachments, document, docx, html, json, markdown, pdf, xlsx

Format = Literal["html", "json", "docx", "pdf", "xlsx", "md"]
DEFAULT: tuple[Format, ...] = ("html", "json", "docx")
SUMS = "SHA256SUMS"
_NAMES = (html.NAME, json.NAME, docx.NAME, pdf.NAME, xlsx.NAME, markdown.NAME, SUMS)
_WORK, _NEW, _OLD = ".report-writing", "new", "old"
_CALLERS_MISTAKE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.EISDIR,
    errno.ELOOP,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Paths:
    """Where the parts of a report were written; a form that was not asked for is None."""

    folder: Path
    sums: Path
    html: Path | None = None
    json: Path | None = None
    docx: Path | None = None
    pdf: Path | None = None
    xlsx: Path | None = None
    md: Path | None = None
    evidence: Path | None = None

    @property
    def page(self) -> Path:
        """What somebody reads first: the page, or the first other form that was asked for."""
        forms = (self.html, self.pdf, self.docx, self.md, self.xlsx, self.json)
        return next((one for one in forms if one is not None), self.folder)


def write(
    report: document.Report,
    out_dir: Path,
    language: i18n.Language,
    files: Mapping[str, bytes | Path],
    formats: Sequence[str] = DEFAULT,
) -> Paths:
    """Write the report and its files into `out_dir`, and their SHA-256 into `SHA256SUMS`.

    `files` are named `evidence/NAME`. Everything is written below a hidden folder in `out_dir`
    first, so an earlier report stays whole until the new one is complete on disk.
    Raises errors.UserError for a folder that cannot be used and for an unknown format,
    errors.Failure for a full disk or a file that is missing or was changed.
    """
    known(formats)
    held = attachments.Attachments(files)
    attachments.check(report, held)
    usable(out_dir)
    with _told(out_dir):
        created = not out_dir.exists()
        out_dir.mkdir(parents=True, exist_ok=True)
        try:
            with _writing(out_dir) as work:
                _fill(report, work / _NEW, language, held, formats)
                _swap(out_dir, work)
        finally:
            if created:
                # Only an empty folder goes: one that was made for nothing.
                with contextlib.suppress(OSError):
                    out_dir.rmdir()
    return Paths(
        folder=out_dir,
        sums=out_dir / SUMS,
        html=out_dir / html.NAME if "html" in formats else None,
        json=out_dir / json.NAME if "json" in formats else None,
        docx=out_dir / docx.NAME if "docx" in formats else None,
        pdf=out_dir / pdf.NAME if "pdf" in formats else None,
        xlsx=out_dir / xlsx.NAME if "xlsx" in formats else None,
        md=out_dir / markdown.NAME if "md" in formats else None,
        evidence=out_dir / attachments.FOLDER if files else None,
    )


def known(formats: Sequence[str]) -> tuple[str, ...]:
    """The formats, each once. Raises errors.UserError for an unknown one, errors.MissingExtra for one not installed."""
    unknown = [name for name in formats if name not in get_args(Format)]
    if unknown:
        raise errors.UserError("report:unknown_format", name=unknown[0], known=", ".join(get_args(Format)))
    if "pdf" in formats:
        pdf.engine()
    if "xlsx" in formats:
        xlsx.engine()
    return tuple(dict.fromkeys(formats))


def asked(text: str) -> tuple[str, ...]:
    """Formats from a text such as `pdf,xlsx`; the JSON, which programs go on with, is always among them.

    Raises as `known` does.
    """
    return known([*(name for part in text.split(",") if (name := part.strip())), "json"])


def usable(out_dir: Path) -> None:
    """Check, before long work starts, that a report may be written to `out_dir`.

    Raises errors.UserError when it is not a folder, or holds a file that a report would replace
    and that no earlier report wrote. What a killed writer left there is undone.
    """
    with _told(out_dir):
        if out_dir.exists() and not out_dir.is_dir():
            raise errors.UserError("report:not_a_folder", path=out_dir)
        nearest = next(folder for folder in (out_dir, *out_dir.absolute().parents) if folder.exists())
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if (out_dir / _WORK).is_dir():
            with _writing(out_dir):
                pass
        ours = _owned(out_dir)
        for name in _present(out_dir):
            if name not in ours:
                raise errors.UserError("report:not_ours", path=out_dir, name=name)


def _fill(
    report: document.Report,
    folder: Path,
    language: i18n.Language,
    files: attachments.Attachments,
    formats: Sequence[str],
) -> None:
    writers: dict[str, Callable[[], Path]] = {
        "html": lambda: html.write(report, folder, language, files),
        "json": lambda: json.write(report, folder),
        "docx": lambda: docx.write(report, folder, language, files),
        "pdf": lambda: pdf.write(report, folder, language, files),
        "xlsx": lambda: xlsx.write(report, folder, language, files),
        "md": lambda: markdown.write(report, folder, language, files),
    }
    files.save(folder)
    for name in dict.fromkeys(formats):
        writers[name]()
    lines = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb+") as stream:
            lines.append(f"{ids.digest_stream(stream)}  {path.relative_to(folder).as_posix()}\n")
            os.fsync(stream.fileno())
    with (folder / SUMS).open("w", encoding="utf-8") as out:
        out.writelines(lines)
        out.flush()
        os.fsync(out.fileno())


@contextlib.contextmanager
def _writing(out_dir: Path) -> Iterator[Path]:
    """The hidden folder of the one writer that may work in `out_dir`; gone when the block ends.

    A block that fails is undone. Raises errors.Failure when another process is writing.
    """
    work = out_dir / _WORK
    work.mkdir(exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise errors.Failure("report:busy", path=out_dir) from error
        _undo(out_dir, work)
        for name in (_NEW, _OLD):
            shutil.rmtree(work / name, ignore_errors=True)
            (work / name).mkdir()
        try:
            yield work
        except BaseException:
            _undo(out_dir, work)
            shutil.rmtree(work)
            raise
        shutil.rmtree(work)


def _swap(out_dir: Path, work: Path) -> None:
    """Put what is there aside, and what is new in its place.

    The sums go first and come last: while the new ones are not in place, the swap can be undone.
    """
    names = (SUMS, *(name for name in _NAMES if name != SUMS), attachments.FOLDER)
    for name in names:
        if (out_dir / name).exists():
            (out_dir / name).replace(work / _OLD / name)
    for name in reversed(names):
        if (work / _NEW / name).exists():
            (work / _NEW / name).replace(out_dir / name)


def _undo(out_dir: Path, work: Path) -> None:
    """Undo a swap that did not reach its end. May itself be cut off at any point and run again."""
    new, old = work / _NEW, work / _OLD
    if not (new / SUMS).exists() or not old.is_dir():
        return
    for name in sorted({listed.partition("/")[0] for listed in _owned(new)}):
        if not (new / name).exists() and (out_dir / name).exists():
            (out_dir / name).replace(new / name)
    for path in sorted(old.iterdir()):
        path.replace(out_dir / path.name)


def _present(out_dir: Path) -> Iterator[str]:
    """Names in `out_dir` that a report would take; files of the evidence folder one by one."""
    for name in _NAMES:
        if os.path.lexists(out_dir / name):
            yield name
    evidence = out_dir / attachments.FOLDER
    if evidence.is_symlink() or evidence.is_file():
        yield attachments.FOLDER
    elif evidence.is_dir():
        yield from (f"{attachments.FOLDER}/{path.name}" for path in sorted(evidence.iterdir()))


def _owned(out_dir: Path) -> frozenset[str]:
    """What the sums of an earlier report list, and the sums themselves."""
    try:
        lines = (out_dir / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset([SUMS, *(line[66:] for line in lines)])


@contextlib.contextmanager
def _told(out_dir: Path) -> Iterator[None]:
    """Turn what the file system says into one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _CALLERS_MISTAKE:
            raise errors.UserError("report:not_allowed", path=out_dir, reason=reason) from error
        raise errors.Failure("report:cannot_write", path=out_dir, reason=reason) from error
