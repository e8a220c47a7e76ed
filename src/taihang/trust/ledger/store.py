"""Store: where a log's published files lie. A port of three functions; a folder and an archive have it.

Names are those of c2sp.org/tlog-tiles: `checkpoint`, `tile/<level>/<number>[.p/<width>]`,
`tile/entries/<number>[.p/<width>]`; and some of our own: `witnessed`, the newest checkpoint that witnesses
signed, and `anchored` with `anchors/<size>.tsr`, the newest stamped one and time stamps. An object store
needs no more than these three functions.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from taihang.core import errors
from taihang.engines.blobs import disk
from taihang.trust.ledger import forged

_NAME = re.compile(
    r"checkpoint|witnessed|anchored|anchors/[0-9]{20}\.tsr|tile/(?:entries|[0-9]{1,2})/(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[1-9][0-9]{0,2})?"
)
# 256 entries of 65,535 bytes with their lengths.
LARGEST_FILE = 256 * 65_537


class Store(Protocol):
    """Whole files by name."""

    def read(self, name: str) -> bytes | None:
        """The file, or None when there is none. Raises errors.Failure, forged.Forged."""

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put files there, each whole or not at all; durable on return. Raises errors.Failure."""

    def where(self, name: str) -> str:
        """What messages call the file."""


class Folder:
    """A store in a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes | None:
        """See Store."""
        path = self._path(name)
        try:
            # A named pipe in a folder that somebody handed over would block an ordinary open for ever.
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise forged.Forged("trust:ledger.not_file", where=path)
                data = file.read(LARGEST_FILE + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise errors.Failure("engines:disk", path=path, reason=error.strerror or str(error)) from error
        if len(data) > LARGEST_FILE:
            raise forged.Forged("trust:ledger.file_size", where=path, size=f"> {LARGEST_FILE}", right=LARGEST_FILE)
        return data

    def write(self, files: Mapping[str, bytes]) -> None:
        """See Store."""
        disk.write({self._path(name): data for name, data in files.items()})
        self._without_partials(files)

    def lay(self, files: Mapping[str, bytes]) -> None:
        """Put new files there, each whole for whoever reads them; they are durable only after `settle`.

        For one writer at a time. Raises errors.Failure.
        """
        for folder in sorted({self._path(name).parent for name in files}):
            disk.made(folder)
        for name, data in files.items():
            path = self._path(name)
            with disk.spoken(path):
                temporary = path.with_name(f".part-{path.name}")
                try:
                    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
                    with os.fdopen(handle, "wb") as out:
                        out.write(data)
                    temporary.replace(path)
                except BaseException:
                    temporary.unlink(missing_ok=True)
                    raise

    def settle(self, names: Sequence[str]) -> None:
        """Make files that were laid durable, then take away the partial ones that they continue.

        Raises errors.Failure.
        """
        disk.settle([self._path(name) for name in names])
        self._without_partials(names)

    def _without_partials(self, names: Iterable[str]) -> None:
        """A full file starts with what its partial ones held, and readers look there next."""
        for name in names:
            partial = self._path(name + ".p/1").parent if name.startswith("tile/") and ".p/" not in name else None
            if partial is not None and partial.is_dir():
                shutil.rmtree(partial, ignore_errors=True)

    def where(self, name: str) -> str:
        """See Store."""
        return str(self.path / name)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(name)
        return self.path / name


class Archive:
    """A store in one tar file, read only; holds what `tar` would unpack into a `Folder`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with disk.spoken(path):
            self._file = path.open("rb")
        self._places = dict(self._members())

    def _members(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Name, place and size of each file; anything but a plain file with a name of ours is refused."""
        seen: set[str] = set()
        try:
            with tarfile.open(fileobj=self._file, mode="r:", format=tarfile.USTAR_FORMAT) as tar:
                while member := tar.next():
                    if not member.isreg() or not _NAME.fullmatch(member.name) or member.name in seen:
                        raise forged.Forged("trust:ledger.archive_file", where=self.path, name=member.name)
                    if member.size > LARGEST_FILE:
                        raise forged.Forged(
                            "trust:ledger.file_size", where=f"{self.path}: {member.name}", size=member.size,
                            right=LARGEST_FILE,
                        )  # fmt: skip
                    seen.add(member.name)
                    yield member.name, (member.offset_data, member.size)
        except (tarfile.TarError, OSError, ValueError, RecursionError, OverflowError) as error:
            raise forged.Forged("trust:ledger.archive", where=self.path, reason=str(error)) from None

    def read(self, name: str) -> bytes | None:
        """See Store."""
        if name not in self._places:
            return None
        place, size = self._places[name]
        self._file.seek(place)
        data = self._file.read(size)
        if len(data) != size:
            raise forged.Forged("trust:ledger.file_size", where=self.where(name), size=len(data), right=size)
        return data

    def write(self, files: Mapping[str, bytes]) -> None:
        """An archive is not written to."""
        raise errors.UserError("trust:ledger.archive_written", path=self.path)

    def where(self, name: str) -> str:
        """See Store."""
        return f"{self.path}: {name}"

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def is_name(name: str) -> bool:
    """True for a name that a log's file may have."""
    return _NAME.fullmatch(name) is not None


def read_only(place: Path | str) -> Store:
    """The store at `place`: a folder, a tar file, `http(s)://…` or `s3://…` (see blobs.opening).

    Raises errors.UserError when there is none.
    """
    if str(place).startswith(("http://", "https://", "s3://")):
        from taihang.trust.ledger import remote  # noqa: PLC0415 - loads an HTTP client, which a folder does not need

        return remote.opened(str(place))
    path = Path(place)
    if path.is_dir():
        return Folder(path)
    if path.is_file():
        return Archive(path)
    raise errors.UserError("trust:ledger.none", path=path)


def archive(source: Store, names: Iterable[str], path: Path) -> None:
    """Copy files into a tar file, the same bytes for the same files; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".part-{path.name}")
    with disk.spoken(path):
        try:
            with temporary.open("wb") as out:
                with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                    for name in names:
                        data = source.read(name)
                        if data is None:
                            raise forged.Forged("trust:ledger.missing", where=source.where(name))
                        member = tarfile.TarInfo(name)
                        member.size = len(data)
                        tar.addfile(member, io.BytesIO(data))
                out.flush()
                os.fsync(out.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    disk.sync(path.parent)
