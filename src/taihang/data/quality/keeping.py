"""Keeping: what each file of a table gave, on disk; nothing in force is changed, one small file says what is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from taihang.core import ids
from taihang.data.quality import keys as indexing
from taihang.data.quality import parted, passes

_SAYS = "state.json"
Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


@dataclasses.dataclass
class Part:
    """A file of a table under a number of its own. `fresh`: not settled into the table's answer yet.

    `digest` is there when the file was so new that it could have changed under the same mark. `lost` are the faults
    that were met; `whole`: all columns were read, so that what is broken in any of them is left out.
    """

    id: int
    name: str
    mark: list[int]
    rows: int = 0
    fresh: bool = True
    read: bool = False
    digest: str = ""
    lost: dict[str, Any] = dataclasses.field(default_factory=dict)
    whole: bool = False


class State:
    """A folder of results. `mark` says for what; with another mark everything starts anew.

    What is in force and cannot be read any more raises keys.Damaged: without it answers would be wrong, not slow.
    """

    def __init__(self, folder: Path, mark: str) -> None:
        self.folder = folder
        self._says: dict[str, Any] = {"mark": mark, "tables": {}}
        try:
            found = json.loads((folder / _SAYS).read_text(encoding="utf-8"))
            if found.get("mark") == mark:
                self._says = found
        except (OSError, ValueError, AttributeError):
            pass
        self._parts: dict[str, list[Part]] = {}

    def forget(self) -> None:
        """Everything starts anew."""
        self._says, self._parts = {"mark": self._says["mark"], "tables": {}}, {}
        self._write()
        self._clean()

    def look(self, name: str, files: Sequence[parted.File]) -> list[Part]:
        """Compare with the files that are there now; returns those to be read."""
        table = self._table(name)
        known = {p["name"]: Part(**p) for p in table["parts"]}
        made: list[Part] = []
        for file in files:
            before = known.get(file.name)
            if before is not None and self._same(before, file) and self._whole(name, before):
                made.append(before)
                del known[file.name]
            else:
                table["next"] += 1
                made.append(Part(table["next"], file.name, file.mark, digest=file.digest()))
        table["gone"] = sorted({*table["gone"], *(p.id for p in known.values() if p.read)})
        self._parts[name] = made
        return [p for p in made if not p.read]

    def again(self, name: str) -> list[Part]:
        """Parts of which not all columns were read, to be read anew under new numbers."""
        table, made = self._table(name), list[Part]()
        for at, part in enumerate(self._parts[name]):
            if not part.whole:
                table["next"] += 1
                table["gone"] = sorted({*table["gone"], part.id})
                made.append(Part(table["next"], part.name, part.mark, digest=part.digest))
                self._parts[name][at] = made[-1]
        return made

    def alive(self, name: str) -> list[Part]:
        """The parts of a table, in its order."""
        return self._parts[name]

    def gone(self, name: str) -> set[int]:
        """Numbers of parts whose keys have not been taken out of the answer yet."""
        return set(self._table(name)["gone"])

    def starts(self, name: str) -> dict[int, int]:
        """The position of each part's first row."""
        found, at = {}, 0
        for part in self._parts[name]:
            found[part.id] = at
            at += part.rows
        return found

    def done(self, name: str, part: Part) -> None:
        """A part was read and its keys are in the index."""
        part.read = True
        self._write()

    def settle(self, name: str, totals: Sequence[int]) -> None:
        """The table's answer is of all parts now; what they gave is put together, so that it is read at once."""
        table = self._table(name)
        alive = [p.id for p in self._parts[name]]
        if table.get("together") == alive and not table["gone"] and not any(p.fresh for p in self._parts[name]):
            return
        self._together(name, totals)
        for part in self._parts[name]:
            part.fresh = False
        table["gone"], table["together"] = [], alive
        self._write()
        self._clean()

    def mark(self, name: str, files: Sequence[parted.File]) -> str:
        """What stands for the contents of a table."""
        return ids.digest_json([name, [[f.name, *f.mark, f.digest()] for f in files]])[:24]

    # What a part gave

    def put(self, name: str, part: Part, scanned: passes.Scanned, totals: Mapping[int, pa.Table]) -> None:
        """Keep a scan, and parts of totals."""
        part.rows = scanned.total
        text = np.frombuffer(json.dumps(_counts(scanned)).encode(), np.uint8)
        self._save(self._file(name, part, "scan.npz"), counts=text, **{f"r{n}": r for n, r in scanned.rows.items()})
        for number, table in totals.items():
            self._arrow(self._file(name, part, f"total-{number}.arrow"), table)

    def scans(self, name: str) -> list[passes.Scanned]:
        """The scans of all parts, in their order."""
        found = self._read_together(name)
        return [found[p.id] if p.id in found else self._scanned(name, p) for p in self._parts[name]]

    def totals(self, name: str, number: int) -> list[pa.Table]:
        """Parts of a total, of all parts."""
        together = self._table(name).get("together", [])
        path = self._joined(name, f"total-{number}.arrow")
        if not together or not path.exists():
            return [self._total(name, part, number) for part in self._parts[name]]
        news = [p for p in self._parts[name] if p.id not in together]
        every = pa.concat_tables([_arrow(path), *(self._total(name, p, number) for p in news)])
        at = {part: n for n, part in enumerate([*together, *(p.id for p in news)])}
        # In the parts' own order, which is the one that they are told by when they are put together again.
        return [every.take(pa.array([at[p.id] for p in self._parts[name]], pa.int64()))]

    def _scanned(self, name: str, part: Part) -> passes.Scanned:
        with _opened(self._file(name, part, "scan.npz")) as found:
            counts = json.loads(found["counts"].tobytes())
            rows = {int(key[1:]): found[key] for key in found.files if key.startswith("r")}
        return _scan(counts, rows)

    def _total(self, name: str, part: Part, number: int) -> pa.Table:
        return _arrow(self._file(name, part, f"total-{number}.arrow"))

    def _together(self, name: str, totals: Sequence[int]) -> None:
        """Write what all parts gave into one file, and one for each total."""
        scans = self.scans(name)
        whole = {number: pa.concat_tables(self.totals(name, number)) for number in totals} if scans else {}
        tests = sorted({n for one in scans for n in one.rows})
        sizes = np.array([[len(one.rows.get(n, ())) for n in tests] for one in scans], np.int64)
        rows = [one.rows[n] for one in scans for n in tests if n in one.rows]
        says = {"tests": tests, "ids": [p.id for p in self._parts[name]], "scans": [_counts(one) for one in scans]}
        text = np.frombuffer(json.dumps(says).encode(), np.uint8)
        # Under a name of their own: until the state is written anew, the old one names the old ones.
        self._table(name)["whole"] = os.urandom(6).hex()
        every = np.concatenate([np.zeros(0, np.int64), *rows])
        self._save(self._joined(name, "scan.npz"), says=text, sizes=sizes, rows=every)
        for number, table in whole.items():
            self._arrow(self._joined(name, f"total-{number}.arrow"), table)

    def _read_together(self, name: str) -> dict[int, passes.Scanned]:
        path = self._joined(name, "scan.npz")
        if not self._table(name).get("together") or not path.exists():
            return {}
        with _opened(path) as found:
            says, sizes, rows = json.loads(found["says"].tobytes()), found["sizes"], found["rows"]
        if says["ids"] != self._table(name)["together"]:
            return {}
        ends = np.cumsum(sizes.ravel()).reshape(sizes.shape)
        made = {}
        for n, (part, counts) in enumerate(zip(says["ids"], says["scans"], strict=True)):
            some = {t: rows[ends[n, m] - sizes[n, m] : ends[n, m]] for m, t in enumerate(says["tests"])}
            made[part] = _scan(counts, some)
        return made

    def _joined(self, name: str, what: str) -> Path:
        return self.folder / f"part-{ids.digest_json(name)[:8]}-{self._table(name).get('whole')}-{what}"

    def related(self, name: str, part: Part, rule: str, other: str) -> Rows | None:
        """Bad rows of a part beside another table as it is; None when not known."""
        path = self._file(name, part, f"rule-{ids.digest_json([rule, other])[:16]}.npz")
        if not path.exists():
            return None
        with _opened(path) as found:
            rows: Rows = found["rows"]
        return rows

    def set_related(self, name: str, part: Part, rule: str, other: str, rows: Rows) -> None:
        """Keep them."""
        self._save(self._file(name, part, f"rule-{ids.digest_json([rule, other])[:16]}.npz"), rows=rows)

    # What the whole table gave

    def runs(self, name: str, sql: str) -> list[str]:
        """The runs of a key index."""
        return list(self._table(name)["runs"].get(ids.digest_json(sql)[:16], []))

    def set_runs(self, name: str, sql: str, names: Sequence[str]) -> None:
        """Say which runs are in force."""
        self._table(name)["runs"][ids.digest_json(sql)[:16]] = list(names)

    def repeats(self, name: str, sql: str) -> tuple[Keys, Rows]:
        """Keys that repeat, with the places of their rows."""
        file = self._table(name)["repeats"].get(ids.digest_json(sql)[:16])
        if file is None:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64)
        with _opened(self.folder / file) as found:
            return found["keys"], found["places"]

    def set_repeats(self, name: str, sql: str, keys: Keys, places: Rows) -> None:
        """Keep them."""
        file = f"repeats-{os.urandom(6).hex()}.npz"
        self._save(self.folder / file, keys=keys, places=places)
        self._table(name)["repeats"][ids.digest_json(sql)[:16]] = file

    # Files

    def _table(self, name: str) -> dict[str, Any]:
        empty: dict[str, Any] = {"next": 0, "parts": [], "gone": [], "runs": {}, "repeats": {}}
        found: dict[str, Any] = self._says["tables"].setdefault(name, empty)
        return found

    def _file(self, name: str, part: Part, what: str) -> Path:
        return self.folder / f"part-{ids.digest_json(name)[:8]}-{part.id}-{what}"

    def _same(self, before: Part, file: parted.File) -> bool:
        if before.mark != file.mark or file.size < 0:
            return False
        if before.digest and before.digest != file.hashed():
            return False
        before.digest = file.digest()
        return True

    def _whole(self, name: str, part: Part) -> bool:
        return not part.read or self._file(name, part, "scan.npz").exists()

    def _write(self) -> None:
        for name, parts in self._parts.items():
            self._table(name)["parts"] = [dataclasses.asdict(p) for p in parts if p.read]
        path = self.folder / f".{_SAYS}"
        with path.open("w", encoding="utf-8") as stream:
            json.dump(self._says, stream)
            stream.flush()
            os.fsync(stream.fileno())
        path.replace(self.folder / _SAYS)

    def _clean(self) -> None:
        """Remove what is not in force any more."""
        named = {_SAYS, "lock"}
        stems = {
            f"part-{ids.digest_json(n)[:8]}-{p}"
            for n, t in self._says["tables"].items()
            for p in (t.get("whole"), *(p["id"] for p in t["parts"]))
        }
        for table in self._says["tables"].values():
            named.update(run for runs in table["runs"].values() for run in runs)
            named.update(table["repeats"].values())
        for path in self.folder.iterdir():
            if path.name not in named and "-".join(path.name.split("-")[:3]) not in stems:
                path.unlink(missing_ok=True)

    def _save(self, path: Path, **arrays: npt.NDArray[Any]) -> None:
        part = path.with_name(f".{path.name}")
        with part.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
        part.replace(path)

    def _arrow(self, path: Path, table: pa.Table) -> None:
        part = path.with_name(f".{path.name}")
        with pa.OSFile(str(part), "wb") as raw, pa.ipc.new_file(raw, table.schema) as writer:
            writer.write_table(table)
        part.replace(path)


def _counts(scanned: passes.Scanned) -> dict[str, Any]:
    through = {str(n): c for n, c in scanned.through.items()}
    return {"total": scanned.total, "true": scanned.true, "unknown": scanned.unknown, "through": through}


def _scan(counts: dict[str, Any], rows: dict[int, Rows]) -> passes.Scanned:
    through = {int(n): c for n, c in counts["through"].items()}
    return passes.Scanned(counts["total"], rows, counts["true"], counts["unknown"], through)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with np.load(path, allow_pickle=False) as found:
            yield found
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise indexing.Damaged(path.name) from error


def _arrow(path: Path) -> pa.Table:
    try:
        with pa.OSFile(str(path)) as raw, pa.ipc.open_file(raw) as reader:
            return reader.read_all()
    except (OSError, pa.ArrowException) as error:
        raise indexing.Damaged(path.name) from error
