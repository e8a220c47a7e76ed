"""Occupancy: how many people each observed moment shows, in view and in each zone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pyarrow as pa

from taihang.use.video.observe import seen as seeing
from taihang.use.video.observe import tables
from taihang.use.video.zoning import zones as zoning


def people(seen: seeing.Seen) -> pa.Table:
    """How many people each observed moment shows."""
    per_frame = [len(feet) for feet in seeing.feet_per_frame(seen)]
    return tables.from_frames("people", seen, {"people": per_frame})


def zone_occupancy(seen: seeing.Seen, zones: Sequence[zoning.Zone]) -> pa.Table:
    """How many people stand in each zone: a person is where the middle of the box's foot is."""
    feet = seeing.feet_per_frame(seen)
    parts = []
    for zone in zones:
        counts = [
            None if outline is None else int(zoning.inside(f, outline).sum()) if len(f) else 0
            for f, outline in zip(feet, seen.outlines[zone.name], strict=True)
        ]
        columns: dict[str, Sequence[object]] = {
            "zone": [zone.name] * len(counts),
            "zone_kind": [zone.kind] * len(counts),
            "people": counts,
            "looks": _alike(counts),
            "registration_error_px": seen.error_px.get(zone.name) or [None] * len(counts),
        }
        constant = {"zone": zone.name, "zone_kind": zone.kind}
        parts.append(
            tables.from_frames("zone_occupancy", seen, columns, constant, known=[c is not None for c in counts])
        )
    return pa.concat_tables(parts) if parts else tables.schema("zone_occupancy").empty_table()


def _alike(counts: Sequence[int | None]) -> list[int]:
    """For each frame, how many next to each other, itself included, agree on whether anybody is there."""
    found: list[int] = []
    for _, run in itertools.groupby(counts, key=lambda c: None if c is None else c > 0):
        length = len(list(run))
        found += [length] * length
    return found
