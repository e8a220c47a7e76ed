"""A bucket in a local folder: temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from taihang.engines.blobs import disk

_PART = ".part-"


class Folder:
    """See bucket.Bucket. Keys are checked by `blobs.Blobs`, the only caller."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        """The folder as a URL."""
        return f"file://{self.root}"

    def size(self, key: str) -> int | None:
        """See bucket.Bucket."""
        path = self.root / key
        with disk.spoken(path):
            try:
                found = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self, key: str, start: int, end: int) -> bytes | None:
        """See bucket.Bucket."""
        path = self.root / key
        with disk.spoken(path):
            try:
                handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                return None
            with os.fdopen(handle, "rb") as file:
                file.seek(start)
                return file.read(max(0, end - start))

    def put(self, key: str, pieces: Iterable[bytes]) -> None:
        """See bucket.Bucket."""
        self._made(key, pieces, if_absent=False)

    def write(self, key: str, data: bytes, *, if_absent: bool = False) -> bool:
        """See bucket.Bucket."""
        return self._made(key, (data,), if_absent=if_absent)

    def delete(self, key: str) -> bool:
        """See bucket.Bucket."""
        path = self.root / key
        with disk.spoken(path):
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                disk.sync(path.parent)
        return True

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See bucket.Bucket."""
        for folder, names, files in os.walk(self.root / prefix):
            names.sort()
            for name in sorted(files):
                if name.startswith(_PART):
                    continue
                key = (Path(folder) / name).relative_to(self.root).as_posix()
                size = self.size(key)
                if size is not None:
                    yield key, size

    def path(self, key: str) -> Path | None:
        """See bucket.Bucket."""
        return self.root / key

    def _made(self, key: str, pieces: Iterable[bytes], *, if_absent: bool) -> bool:
        path = self.root / key
        disk.made(path.parent)
        with disk.spoken(path):
            handle, temporary = tempfile.mkstemp(prefix=_PART, dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as out:
                    for piece in pieces:
                        out.write(piece)
                    out.flush()
                    os.fchmod(out.fileno(), 0o644)
                    os.fsync(out.fileno())
                if if_absent:
                    # A link, other than a rename, fails when the name is taken.
                    os.link(temporary, path)
                    Path(temporary).unlink()
                else:
                    Path(temporary).replace(path)
            except FileExistsError:
                Path(temporary).unlink(missing_ok=True)
                return False
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        disk.sync(path.parent)
        return True
