"""Cloud: the receiving end. Segments by id, each kept once however often it comes, and the answers to them."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pydantic

from taihang.core import errors, ids, words
from taihang.engines import stages
from taihang.use.video.cascade import link, spool

NOTES = "asked.json"  # why models settled nothing, by path
ANSWER, ENTRY = "answer.json", "entry.json"
_MOST_FACTS = 4 << 20
# A node reads 64 KiB of an answer: what does not fit is told when it asks again.
_MOST_ANSWERS, _MOST_ANSWERED = 50, 48 << 10
_Id = Annotated[str, pydantic.StringConstraints(pattern=r"^segment-[0-9a-f]{16}$")]
_Node = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]


class Sent(pydantic.BaseModel):
    """A segment as a node sends it: its facts as JSON text, and its clip; `sha256` covers the bytes of both."""

    model_config = pydantic.ConfigDict(extra="forbid")

    node: _Node
    id: _Id
    sha256: words.Sha256
    facts: Annotated[str, pydantic.StringConstraints(max_length=_MOST_FACTS)]
    clip: str


class Asked(pydantic.BaseModel):
    """A node asks for answers to these segments."""

    model_config = pydantic.ConfigDict(extra="forbid")

    node: _Node
    ids: Annotated[list[_Id], pydantic.Field(max_length=200)]


class Cloud:
    """Segments and answers below one folder; threads may share it."""

    def __init__(self, folder: Path, *, make: bool = True) -> None:
        """Raises errors.UserError for a folder that is none of a receiving end, when it may not be made."""
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.arrived: Callable[[str], None] = lambda _ident: None  # told each new segment's id
        self._lock = threading.Lock()
        if make:
            with stages.disk(folder):
                (folder / "segments").mkdir(parents=True, exist_ok=True)
        elif not (folder / "segments").is_dir():
            raise errors.UserError("use.video:edge.no_cloud", path=folder)

    def take(self, raw: bytes) -> dict[str, Any]:
        """Keep a segment and acknowledge it, with answers that are there.

        Raises errors.UserError for what is no segment, errors.Conflict for another one under a known id.
        """
        sent = _read(Sent, raw)
        try:
            film = base64.b64decode(sent.clip, validate=True)
        except (binascii.Error, ValueError):
            raise errors.UserError("use.video:edge.body", reason="clip: base64") from None
        body = sent.facts.encode(errors="replace")
        if ids.digest(body + film) != sent.sha256 or _named(body) != sent.id:
            raise errors.UserError("use.video:edge.body", reason="sha256")
        place = self.place(sent.id)
        with self._lock:
            known = self._sha256(sent.id)
            if known is None:
                self._keep(place, {spool.FACTS: body, spool.FILM: film}, {"sha256": sent.sha256, "node": sent.node})
                self.counts["kept"] += 1
            elif known == sent.sha256:
                self.counts["again"] += 1
            else:
                self.counts["conflict"] += 1
                raise errors.Conflict("use.video:edge.other", id=sent.id)
        if known is None:
            self.arrived(sent.id)
        return {"id": sent.id, "sha256": sent.sha256, "answers": self._answers([sent.id])}

    def asked(self, raw: bytes) -> dict[str, Any]:
        """Answers to the segments a node asks about, those that are there."""
        return {"answers": self._answers(_read(Asked, raw).ids)}

    def answer(self, ident: str, *, violated: bool | None, by: str, text: str = "") -> Path:
        """Answer a segment; a later answer replaces the file, and nodes count that they heard another before.

        Raises errors.NotFound for a segment that is not here, errors.UserError for an answer that is none.
        """
        file = self.place(ident) / ANSWER
        stages.write_bytes(file, self._told(ident, violated=violated, by=by, text=text))
        return file

    def answer_first(self, ident: str, *, violated: bool | None, by: str, text: str = "") -> bool:
        """As `answer`, unless there is an answer: then False, and that one stays."""
        file = self.place(ident) / ANSWER
        fresh = file.with_name(f".{ANSWER}-{os.getpid()}-{threading.get_ident()}")
        with stages.disk(file):
            try:
                stages.write_bytes(fresh, self._told(ident, violated=violated, by=by, text=text))
                # A link does not replace: whoever was first stays.
                os.link(fresh, file)
            except FileExistsError:
                return False
            finally:
                fresh.unlink(missing_ok=True)
        return True

    def answered(self, ident: str) -> bool:
        """Whether there is an answer."""
        return (self.place(ident) / ANSWER).exists()

    def facts(self, ident: str) -> dict[str, Any] | None:
        """What the node told; None for a segment that is not here."""
        with contextlib.suppress(OSError, ValueError, LookupError, RecursionError):
            found = json.loads((self.place(ident) / spool.FACTS).read_bytes())
            return found if isinstance(found, dict) and words.Level(found["level"]) else None
        return None

    def waiting(self) -> list[str]:
        """Ids without an answer."""
        found = []
        for place in (self.folder / "segments").iterdir():
            if not place.name.startswith(".") and not (place / ANSWER).exists():
                with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
                    found.append(str(json.loads((place / spool.FACTS).read_bytes())["id"]))
        return found

    def open(self) -> list[dict[str, Any]]:
        """Segments without an answer, gravest first: id, facts but the scene, where the clip lies, and under `asked`
        why models settled nothing."""
        found = []
        for ident in self.waiting():
            facts, place = self.facts(ident), self.place(ident)
            if facts is not None:
                asked: Any = {}
                with contextlib.suppress(OSError, ValueError):
                    asked = json.loads((place / NOTES).read_bytes())
                found.append(
                    {k: v for k, v in facts.items() if k != "scene"}
                    | {"clip": str(place / spool.FILM), "asked": asked if isinstance(asked, dict) else {}}
                )
        return sorted(found, key=lambda f: (-words.Level(f.get("level", "info")).rank, str(f.get("at"))))

    def _answers(self, names: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        size = 0
        for name in names:
            with contextlib.suppress(OSError, ValueError):
                raw = (self.place(name) / ANSWER).read_bytes()
                size += len(raw)
                if found and size > _MOST_ANSWERED:
                    break
                found.append(json.loads(raw))
            if len(found) >= _MOST_ANSWERS:
                break
        return found

    def place(self, ident: str) -> Path:
        """The folder of a segment."""
        return self.folder / "segments" / ids.digest(ident.encode())[:24]

    def _told(self, ident: str, *, violated: bool | None, by: str, text: str) -> bytes:
        digest = self._sha256(ident)
        if digest is None:
            raise errors.NotFound("use.video:edge.unknown", id=ident, path=self.folder)
        try:
            told = link.Answer(id=ident, sha256=digest, violated=violated, by=by, text=text)
        except pydantic.ValidationError as error:
            raise errors.UserError("use.video:edge.body", reason=str(error.errors()[0]["msg"])) from None
        return told.model_dump_json().encode()

    def _sha256(self, ident: str) -> str | None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return str(json.loads((self.place(ident) / ENTRY).read_bytes())["sha256"])
        return None

    def _keep(self, place: Path, files: dict[str, bytes], entry: dict[str, str]) -> None:
        part = place.with_name(f".part-{place.name}")
        with stages.disk(place):
            part.mkdir(exist_ok=True)
            for name, data in {**files, ENTRY: json.dumps(entry).encode()}.items():
                with (part / name).open("wb") as out:
                    out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
            part.rename(place)


def _named(body: bytes) -> str | None:
    """The id that the facts give themselves; they must also name a level that there is."""
    with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
        facts = json.loads(body)
        return str(facts["id"]) if words.Level(facts["level"]) else None
    return None


def _read(form: type[Any], raw: bytes) -> Any:
    try:
        return form.model_validate_json(raw)
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False)[0]
        reason = f"{'.'.join(str(p) for p in first['loc'])}: {first['msg']}"
        raise errors.UserError("use.video:edge.body", reason=reason) from None
