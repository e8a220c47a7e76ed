"""Attachments: the files a report brings along, under safe names, with what they really are."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Literal

from taihang.core import errors, ids
from taihang.core import evidence as proof
from taihang.report import document, sections

FOLDER = "evidence"
_NAME = re.compile(rf"{FOLDER}/[A-Za-z0-9][A-Za-z0-9._-]{{0,119}}")
# What a browser shows is decided by the first bytes, never by the name: SVG and HTML can run scripts.
_SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
    (b"ftyp", 4, "video/mp4"),
)
Kind = Literal["picture", "clip", "other"]


class Attachments:
    """Files by name, `evidence/NAME`; each is bytes or a path to read.

    Raises errors.Failure for a name that is not safe on every file system, and for a file that
    cannot be read.
    """

    def __init__(self, files: Mapping[str, bytes | Path]) -> None:
        for name in files:
            if not _NAME.fullmatch(name):
                raise errors.Failure("report:unsafe_name", name=name)
        self._files = dict(sorted(files.items()))
        self._sha256: dict[str, str] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def open(self, name: str) -> BinaryIO:
        """A stream over the file; the caller closes it."""
        source = self._files[name]
        if isinstance(source, bytes):
            return io.BytesIO(source)
        try:
            return source.open("rb")
        except OSError as error:
            raise errors.Failure("report:cannot_read", path=source, reason=error.strerror or error) from error

    def read(self, name: str) -> bytes:
        """The whole file."""
        with self.open(name) as stream:
            return stream.read()

    def size(self, name: str) -> int:
        """Bytes in the file."""
        source = self._files[name]
        try:
            return len(source) if isinstance(source, bytes) else source.stat().st_size
        except OSError as error:
            raise errors.Failure("report:cannot_read", path=source, reason=error.strerror or error) from error

    def media_type(self, name: str) -> str:
        """What the first bytes say: JPEG, PNG, WebP, MP4, or `application/octet-stream`."""
        with self.open(name) as stream:
            head = stream.read(16)
        for signature, offset, kind in _SIGNATURES:
            if head[offset : offset + len(signature)] == signature:
                return kind
        return "application/octet-stream"

    def kind(self, name: str) -> Kind:
        """What a page can do with the file: show it, play it, or only link it."""
        top = self.media_type(name).partition("/")[0]
        return "picture" if top == "image" else "clip" if top == "video" else "other"

    def sha256(self, name: str) -> str:
        """SHA-256 of the file; read once."""
        if name not in self._sha256:
            with self.open(name) as stream:
                self._sha256[name] = ids.digest_stream(stream)
        return self._sha256[name]

    def save(self, folder: Path) -> None:
        """Write every file below `folder`; raises OSError when it cannot be written."""
        for name in self:
            target = folder / name
            target.parent.mkdir(exist_ok=True)
            with self.open(name) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)


def check(report: document.Report, files: Attachments) -> None:
    """Every file the report points at is there, and has the SHA-256 that the report states for it.

    Raises errors.Failure with the first name that does not.
    """
    for name, digests in _references(report):
        if name is not None and name not in files:
            raise errors.Failure("report:missing_file", name=name)
        for digest in digests:
            target = digest.file or name
            if digest.covers == "file" and target in files and files.sha256(str(target)) != digest.sha256:
                raise errors.Failure("report:wrong_hash", name=target)


def _references(report: document.Report) -> Iterator[tuple[str | None, tuple[proof.Digest, ...]]]:
    for found in report.findings:
        for one in found.evidence:
            if isinstance(one, (proof.Frame, proof.Span)):
                yield one.file, one.digests
    for section in report.sections:
        if isinstance(section, sections.Gallery):
            yield from ((picture.file, picture.digests) for picture in section.pictures)
