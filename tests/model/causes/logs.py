"""Small logs with and without causes, made on the spot."""

from __future__ import annotations

import numpy as np

from taihang.model.causes import book, events

OPEN = book.Read(book.Book.model_validate(book.OPEN), "0" * 64)


def log(
    seed: int = 0,
    *,
    causes: int = 30,
    follow: float = 0.9,
    lag_s: float = 8.0,
    recordings: int = 3,
    length: float = 1800.0,
    names: tuple[str, str, str] = ("helmet-off", "unsafe-act", "noise"),
    places: tuple[str, ...] = ("x", "y", "z"),
) -> events.Log:
    """The first kind brings about the second after about `lag_s`; the third stands alone."""
    random = np.random.default_rng(seed)
    made = []
    for n in range(recordings):
        held: list[events.Event] = []

        def put(kind: int, at: float, held: list[events.Event] = held, n: int = n) -> None:
            if 0 <= at <= length:
                place = places[len(held) % len(places)] if kind != 1 or not held else held[-1].place
                held.append(events.Event(f"r{n}-{len(held)}", names[kind], at, at + 1, place=place, actor="t1"))

        for at in random.uniform(0, length, causes):
            put(0, float(at))
            if random.random() < follow:
                put(1, float(at + lag_s + random.uniform(-1, 1)))
        for at in random.uniform(0, length, causes):
            put(2, float(at))
        for at in random.uniform(0, length, causes // 5):
            put(1, float(at))
        made.append(events.Recording(f"r{n}", length, tuple(sorted(held, key=lambda e: e.start_s))))
    return events.Log(tuple(made))


def single(*rows: tuple[str, float], length: float = 600.0, **more: object) -> events.Log:
    """One recording of (kind, second)."""
    held = tuple(events.Event(str(n), kind, at, at, **more) for n, (kind, at) in enumerate(rows))  # type: ignore[arg-type]
    return events.Log((events.Recording("r", length, held),))


def table(recording: events.Recording) -> str:
    """The events of a recording as CSV."""
    rows = "".join(f"{recording.name},{e.kind},{e.start_s},{e.end_s},{e.place}\n" for e in recording.events)
    return "recording,kind,start_s,end_s,place\n" + rows
