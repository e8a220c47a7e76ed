"""Stream: one camera, from its pictures to alerts and segments. One thread reads, one looks and judges."""

from __future__ import annotations

import contextvars
import dataclasses
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

import taihang
from taihang.core import errors, ids, words
from taihang.core import finding as findings
from taihang.engines.media import frame as media
from taihang.engines.media import live, reel
from taihang.engines.predict import appearance
from taihang.engines.predict import predictor as predict
from taihang.engines.predict import scene as scenes
from taihang.rules import rulebook
from taihang.use.video import scope as scopes
from taihang.use.video import synthetic
from taihang.use.video.cascade import alerts, episodes, segment, tail
from taihang.use.video.select import sight
from taihang.use.video.zoning import zones as zoning

_JUDGE_S = 1.0  # between two judgements of the tail
_CLIP_S = 6.0  # of pictures before an alert
# Pictures between the reader and the detector. Of a camera the oldest goes unseen by the detector when it lags: with
# more of them a slow detector would warn late.
_WAITING, _WAITING_LIVE = 16, 2
_BACKDROP_S = 2.0  # between pictures of which the background is learnt
_BACKDROPS = 96
_FEWEST_BACKDROPS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Gear:
    """What a stream works with; swapped as a whole, between two pictures."""

    book: rulebook.Rulebook
    scope: scopes.Scope
    predictor: predict.Predictor
    zones: zoning.Zones | None
    segment_s: float


class Outlet(Protocol):
    """What becomes of what a stream finds."""

    def alert(self, facts: Mapping[str, Any], film: bytes, level: words.Level) -> None:
        """A violation has begun."""

    def segment(self, stream: str, done: Done) -> None:
        """A segment is over."""


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """A segment that is over: its cut, the rules in play, its scene, whether it was rendered, and a way to its film."""

    id: str
    cut: segment.Cut
    end_s: float
    plays: list[segment.Play]
    scene: dict[str, Any]
    synthetic: bool

    def film(self) -> bytes:
        """Its pictures as an MP4."""
        return reel.film(self.cut.pictures, comment=synthetic.TAG if self.synthetic else "")


class Stream:
    """One source. `counts`: pictures taken, looked at, unseen by the detector; breaks; alerts."""

    def __init__(self, name: str, source: live.Live, gear: Gear, outlet: Outlet, say: Callable[[str], None]) -> None:
        self.name, self.source, self.gear = name, source, gear
        self.counts: Counter[str] = Counter()
        self.state, self.error = "starting", ""
        self._outlet, self._say = outlet, say
        self._shelf = live.Shelf(_WAITING_LIVE if source.live else _WAITING, drop=source.live)
        self._clips: deque[tuple[float, media.Image]] = deque()
        self._cuts: deque[segment.Cut] = deque()
        self._lock = threading.Lock()
        self._context: deque[dict[str, Any]] = deque(maxlen=segment.CONTEXT)
        self._tail: tail.Tail | None = None
        self._made_for: Gear | None = None
        self._episodes = episodes.Episodes()
        self._judged: tail.Judged | None = None
        self._judged_at = -np.inf
        self._size = (0, 0)
        self._zero = 0.0
        self._origin: live.Origin | None = None
        self._rendered = False
        self._rendered_s = -np.inf
        self._backdrop = _Backdrop()
        self._threads = [
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._guard, work),
                name=f"{name} {work.__name__}",
                daemon=True,
            )
            for work in (self._read, self._watch)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the picture that is being looked at."""
        self.source.stop()

    def join(self, wait_s: float | None = None) -> bool:
        """Wait for the end; True when it came."""
        until = None if wait_s is None else time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (errors.TaihangError, OSError, ValueError, MemoryError) as error:
            self.state, self.error = "failed", str(error)
            self._say(f"{self.name}: {error}")
            self.source.stop()
        finally:
            self._shelf.close()

    def _read(self) -> None:
        """The reader: every picture goes into the film of its segment, whether the detector keeps up or not."""
        for one in self.source.shots():
            if isinstance(one, live.Shot):
                self.state = "up"
                self.counts["pictures"] += 1
                self._film(one)
            else:
                self.counts[one.why] += 1
                self.state = one.why
                if one.why in ("down", "stalled"):
                    self._say(f"{self.name}: {live.shown(self.source.address)}: {one.why}")
            self._shelf.put(one)
        if self.state != "failed":
            self.state = "ended"

    def _film(self, shot: live.Shot) -> None:
        small = reel.small(shot.image)
        with self._lock:
            self._clips.append((shot.time_s, small))
            while self._clips[0][0] < shot.time_s - _CLIP_S:
                self._clips.popleft()
            if not self._cuts or _full(self._cuts[-1], shot.time_s, small):
                self._cuts.append(segment.Cut(shot.time_s, shot.wall, self.gear.segment_s))
            self._cuts[-1].pictures.append((shot.time_s, small))

    def _watch(self) -> None:
        """The watcher: looks, judges, warns, and hands segments on."""
        while not self._shelf.over:
            one = self._shelf.get(1.0)
            if isinstance(one, live.Shot):
                self._look(one)
                self._close(one.time_s)
            elif isinstance(one, live.Turn) and one.why == "size":
                # Zones and background belong to the old picture; the segment ends here.
                self._close(np.inf)
                if self._tail is not None:
                    self._tail.close()
                self._tail = self._judged = None
                self._backdrop.close()
                self._backdrop = _Backdrop()
            self.counts["unseen"] = self._shelf.dropped
        self._judge(force=True)
        self._close(np.inf)
        self._backdrop.close()
        if self._tail is not None:
            self._tail.close()

    def _look(self, shot: live.Shot) -> None:
        gear, kept = self._geared(shot)
        one = media.Frame(shot.image, shot.time_s, shot.number, shot.number, key=False)
        background = self._backdrop.of(shot, gear.scope.camera)
        found = appearance.with_looks([one], gear.predictor.predict([one], background))
        grey = sight.grey(shot.image)
        seen = sight.measure(grey)
        kept.add(shot.number, shot.time_s, found, seen)
        self.counts["looked"] += 1
        with self._lock:
            cut = next((c for c in reversed(self._cuts) if c.start_s <= shot.time_s), None)
        if cut is not None:
            cut.look(found, seen, grey, gear.predictor.sure)
        self._zero = shot.wall - shot.time_s
        if shot.origin is not self._origin and shot.origin is not None:
            self._origin, self._rendered = shot.origin, synthetic.of_origin(shot.origin)
        if self._rendered:
            self._rendered_s = shot.time_s
        if shot.time_s - self._judged_at >= _JUDGE_S:
            self._judged_at = shot.time_s
            self._judge(frame_at=shot.wall)

    def _geared(self, shot: live.Shot) -> tuple[Gear, tail.Tail]:
        """The gear of now, with a tail that was made for it and for the picture's size."""
        gear, size = self.gear, (shot.image.shape[1], shot.image.shape[0])
        if self._tail is None or self._made_for is not gear or size != self._size:
            before = self._tail if size == self._size else None
            self._size, self._made_for = size, gear
            drawn = self._drawn(gear, size)
            scene = tail.Scene(
                book=gear.book,
                scope=gear.scope,
                zones=drawn,
                classes=gear.predictor.classes,
                sure=gear.predictor.sure,
                size=size,
                producers=(
                    words.Producer(name="taihang", version=taihang.__version__),
                    words.Producer(name=gear.book.id, version=gear.book.version, sha256=gear.book.sha256),
                    predict.producer(gear.predictor),
                ),
                asset=ids.digest(f"stream {self.name}".encode()),
            )
            self._tail = tail.Tail(scene, before)
        return gear, self._tail

    def _drawn(self, gear: Gear, size: tuple[int, int]) -> zoning.Zones | None:
        """The zones in this picture; where they do not fit, rules about them are not judged, and that is said."""
        try:
            return gear.zones.scaled(*size) if gear.zones is not None else None
        except errors.UserError as error:
            self._say(f"{self.name}: {error}")
            return None

    def _zones(self) -> zoning.Zones | None:
        return self._tail.scene.zones if self._tail is not None else None

    def _judge(self, *, frame_at: float | None = None, force: bool = False) -> None:
        if self._tail is None or self._made_for is None or (force and self._judged_at == -np.inf):
            return
        self._judged = self._tail.judge()
        if self._judged is None:
            return
        book = self._made_for.book
        cooldown = {c.rule.id: c.rule.cooldown for c in book.rules}
        now = self._judged_at
        for one in self._episodes.update(self._judged.judgement.findings, cooldown, now):
            self._warn(one.finding, frame_at if frame_at is not None else self._zero + now)

    def _warn(self, one: findings.Finding, frame_at: float) -> None:
        self.counts["alerts"] += 1
        with self._lock:
            pictures = list(self._clips)
        told = segment.scene(self._judged, self._size, self._zones(), (one.place.start_s or 0.0) - 1.0, self._context)
        times = {"zero": self._zero, "frame": frame_at, "clip": pictures[0][0] if pictures else frame_at - self._zero}
        rendered = self._rendered_s >= min(times["clip"], one.place.start_s or 0.0)
        facts = alerts.alert(self.name, one, told, times, synthetic=rendered)
        self._outlet.alert(facts, reel.film(pictures, comment=synthetic.TAG if rendered else ""), one.level)

    def _close(self, now_s: float) -> None:
        """Hand on segments that are over, and that the detector has left behind."""
        while True:
            with self._lock:
                if not self._cuts or now_s < self._cuts[0].start_s + self._cuts[0].span_s:
                    return
                # Nobody adds pictures to any but the last, and that only until its time is over.
                cut = self._cuts.popleft()
            end = cut.pictures[-1][0] if cut.pictures else cut.start_s
            begun = self._episodes.during(cut.start_s, end + 1e-3)
            book = self._made_for.book if self._made_for is not None else self.gear.book
            played = segment.plays(book, self._judged, begun, cut, end)
            told = segment.scene(self._judged, self._size, self._zones(), cut.start_s, self._context)
            rendered = self._rendered_s >= cut.start_s
            done = Done(segment.name(self.name, cut.wall, cut.start_s), cut, end, played, told, rendered)
            self._context.append({"start_s": round(cut.start_s, 2), "people": cut.people, "labels": dict(cut.labels)})
            self.counts["segments"] += 1
            self._outlet.segment(self.name, done)


def _full(cut: segment.Cut, time_s: float, small: media.Image) -> bool:
    """Whether a picture begins another segment: the time is over, or it has another size."""
    other = bool(cut.pictures) and cut.pictures[-1][1].shape != small.shape
    return other or time_s >= cut.start_s + cut.span_s


class _Backdrop:
    """The background of a fixed camera, learnt anew as pictures come, in a thread that nobody waits for."""

    def __init__(self) -> None:
        self._kept: list[media.Frame] = []
        self._last = -np.inf
        self._learnt = 0
        self._scene: scenes.Scene | None = None
        self._thread: threading.Thread | None = None

    def of(self, shot: live.Shot, camera: scenes.Camera) -> scenes.Scene:
        """What is known of the scene now."""
        if camera == "fixed" and shot.time_s - self._last >= _BACKDROP_S:
            self._last = shot.time_s
            self._kept.append(media.Frame(reel.small(shot.image, 320), shot.time_s, 0, shot.number, key=False))
            if len(self._kept) > _BACKDROPS:
                self._kept = self._kept[len(self._kept) % 2 :: 2]
                self._learnt //= 2
            idle = self._thread is None or not self._thread.is_alive()
            if idle and len(self._kept) >= max(_FEWEST_BACKDROPS, self._learnt * 5 // 4):
                self._learnt = len(self._kept)
                self._thread = threading.Thread(target=self._learn, args=(list(self._kept), camera), daemon=True)
                self._thread.start()
        return self._scene or scenes.Scene(camera)

    def close(self) -> None:
        """Wait until nothing is being learnt."""
        if self._thread is not None:
            self._thread.join()

    def _learn(self, frames: list[media.Frame], camera: scenes.Camera) -> None:
        found = scenes.of(frames, camera)
        if found.background is not None:
            self._scene = found
