"""Story: what the walk says of a video, as a report that any reader can follow."""

from __future__ import annotations

import datetime
import itertools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from taihang.core import asset as assets
from taihang.core import finding as findings
from taihang.core import i18n
from taihang.report import document, sections, timeline
from taihang.use.video import causes, exhibits, synthetic, walk
from taihang.use.video.observe import conditions, unseen
from taihang.use.video.temporal import telling as activity_telling
from taihang.use.video.understand import telling

# By FFmpeg's demuxer names.
_MEDIA_TYPES = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    "matroska,webm": "video/matroska",
    "avi": "video/vnd.avi",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
    "gif": "image/gif",
}
_MOST_UNSEEN = 200  # spans listed one by one; what nobody looked at, and then the shortest, are only summed up beyond


def _t(key: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"use.video:{key}", values=values).both()


def tell(walked: walk.Walked) -> tuple[document.Report, dict[str, bytes]]:
    """The report of one video, and its evidence files by name."""
    probe = walked.probe
    is_synthetic = synthetic.is_synthetic(walked.request.path, probe)
    source = exhibits.Source(
        path=walked.request.path,
        video=probe.sha256,
        packets=walked.packets,
        duration_s=walked.signals.duration_s,
        seen=walked.seen,
        produced_by=walked.producers,
        advised_by=walk.advisers(walked.request),
        store=walked.store,
        progress=walked.request.progress,
    )
    found, files = exhibits.attach(source, walked.judgement.findings)
    hidden = unseen.spans(
        walked.seen.coverage, conditions.blind(walked.conditions), [(g.start_s, g.end_s) for g in probe.gaps]
    )
    report = document.Report(
        title=_t("report.title", name=probe.name),
        created=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        synthetic=is_synthetic,
        asset=assets.Asset(
            kind="video",
            name=probe.name,
            sha256=probe.sha256,
            size=probe.size,
            synthetic=is_synthetic,
            media_type=_MEDIA_TYPES.get(probe.container, "application/octet-stream"),
        ),
        findings=found,
        scorecard=walked.judgement.scorecard,
        produced_by=walked.producers,
        not_judged=(*walked.judgement.not_judged, *_model_not_judged(walked), *_spans_not_judged(hidden)),
        limits=_limits(walked),
        sections=(
            _facts(walked),
            _timeline(walked, found, hidden),
            *(telling.told(walked.understood) if walked.understood else ()),
            *(activity_telling.told(walked.activities) if walked.activities else ()),
            *causes.told(probe.name, found, walked.signals.duration_s, walked.request.progress),
            _coverage(walked, hidden),
            _how(walked),
        ),
    )
    return report, files


def _model_not_judged(walked: walk.Walked) -> list[findings.NotJudged]:
    said = telling.not_judged(walked.understood) if walked.understood else []
    return said + (activity_telling.not_judged(walked.activities) if walked.activities else [])


def _spans_not_judged(hidden: Sequence[unseen.Unseen]) -> list[findings.NotJudged]:
    """The longest unseen spans; a 60-minute film has thousands of slivers between two frames.

    What could not be seen comes before what nobody looked at: between rare frames of a long film the latter are longer.
    """
    longest = sorted(hidden, key=lambda u: (u.reason == "budget", u.start_s - u.end_s, u.start_s))[:_MOST_UNSEEN]
    return [
        findings.NotJudged(
            subject="span",
            reason=_t(f"unseen.{u.reason}"),
            code=f"unseen-{u.reason}",
            start_s=round(u.start_s, 3),
            end_s=round(u.end_s, 3),
        )
        for u in sorted(longest)
    ]


def _limits(walked: walk.Walked) -> tuple[i18n.Text, ...]:
    own = [_t("limits.moments"), _t("limits.speed")]
    if walked.scope.camera == "worn":
        own.append(_t("limits.worn"))
    model = telling.limits(walked.understood) if walked.understood else ()
    light = activity_telling.limits(walked.activities) if walked.activities else ()
    return (*(m.both() for m in walked.request.predictor.limits), *own, *model, *light)


def _facts(walked: walk.Walked) -> sections.Facts:
    probe = walked.probe

    def fact(key: str, value: object, unit: str = "", note: i18n.Text | None = None) -> sections.Fact:
        shown = value if isinstance(value, (i18n.Text, int, float)) else str(value)
        return sections.Fact(label=_t(f"fact.{key}"), value=shown, unit=unit, note=note)

    fps = fact("fps", round(probe.fps, 3), "fps", _t("fact.variable") if probe.variable_rate else None)
    items = [
        fact("duration", round(probe.duration_s, 3), "s"),
        fact("picture", f"{probe.width} × {probe.height}"),
        fps,
        fact("frames", probe.frames),
        fact("codec", f"{probe.codec} {probe.profile}".strip()),
        fact("container", probe.container),
        fact("camera", _t("camera.moves" if walked.scope.moves else f"camera.{walked.scope.camera}")),
        fact("telemetry", ", ".join(probe.telemetry) if probe.telemetry else _t("fact.none")),
        *(sections.Fact(label=_t("fact.warning"), value=w.both()) for w in probe.warnings),
    ]
    return sections.Facts(title=_t("report.video"), items=tuple(items))


def _timeline(
    walked: walk.Walked, found: Sequence[findings.Finding], hidden: Sequence[unseen.Unseen]
) -> timeline.Timeline:
    segments = [
        timeline.Span(
            start_s=row["start_s"],
            end_s=row["end_s"],
            kind="event" if row["kind"] == "event" else "state",
            label=_t(f"segment.{row['kind']}"),
        )
        for row in walked.segments.to_pylist()
    ]
    camera = [
        timeline.Span(start_s=start, end_s=end, label=_t(f"state.{state}"))
        for state, start, end in _states(walked.signals.camera.to_pylist())
    ]
    again = set(walked.again)
    shown = walked.frames.filter(walked.frames["shown"])
    marks = [
        timeline.Mark(time_s=time, label=_t("mark.again" if number in again else "mark.first"))
        for number, time in zip(shown["number"].to_pylist(), shown["time_s"].to_pylist(), strict=True)
    ]
    blank = [timeline.Span(start_s=u.start_s, end_s=u.end_s, label=_t(f"unseen.{u.reason}")) for u in hidden]
    return timeline.Timeline(
        title=_t("report.timeline"),
        duration_s=walked.signals.duration_s,
        lanes=(
            timeline.lane_of(_t("lane.findings"), found),
            timeline.Lane(label=_t("lane.segments"), kind="state", spans=tuple(segments)),
            timeline.Lane(label=_t("lane.camera"), kind="state", spans=tuple(camera)),
            *((telling.lane(walked.understood),) if walked.understood else ()),
            *((activity_telling.lane(walked.activities),) if walked.activities else ()),
            timeline.Lane(label=_t("lane.looked"), kind="sample", marks=tuple(marks)),
            timeline.Lane(label=_t("lane.unseen"), kind="unseen", spans=tuple(blank)),
        ),
    )


def _states(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, float, float]]:
    """Spans of one camera state, whatever signal each part rests on."""
    found: list[tuple[str, float, float]] = []
    for state, run in itertools.groupby(rows, key=operator.itemgetter("state")):
        parts = list(run)
        found.append((str(state), float(parts[0]["start_s"]), float(parts[-1]["end_s"])))
    return found


def _coverage(walked: walk.Walked, hidden: Sequence[unseen.Unseen]) -> sections.Coverage:
    amounts = unseen.seconds(hidden)
    shares = tuple(
        sections.Share(
            label=_t(f"unseen.{reason}"),
            code=f"unseen-{reason}",
            amount=round(amount, 3),
            spans=sum(u.reason == reason for u in hidden),
        )
        for reason, amount in amounts.items()
        if amount > 0
    )
    count = walked.packets.num_rows
    looked = walked.frames.num_rows
    lost = looked - int(pa.compute.sum(walked.frames["shown"]).as_py() or 0)
    asked = 100 * walked.request.budget
    facts = [
        sections.Fact(
            label=_t("fact.looked"),
            value=looked,
            note=_t("fact.of_frames", count=count, share=f"{100 * looked / max(count, 1):.2f}"),
        ),
        sections.Fact(
            label=_t("fact.budget"),
            value=f"{asked:g}%",
            note=_t("fact.floor") if looked > walked.request.budget * count + 1 else None,
        ),
        sections.Fact(
            label=_t("fact.again"),
            value=len(walked.again),
            note=_t("fact.left_out", count=walked.left_out) if walked.left_out else None,
        ),
        sections.Fact(label=_t("fact.decoded"), value=walked.signals.decoded),
        sections.Fact(label=_t("fact.decoded_looking"), value=walked.decoded, note=_t("fact.decoded_why")),
        sections.Fact(label=_t("fact.state"), value=_rests(walked)),
    ]
    if lost:
        facts.append(sections.Fact(label=_t("fact.lost"), value=lost))
    return sections.Coverage(
        title=_t("report.coverage"),
        unit="s",
        total=round(walked.signals.duration_s, 3),
        seen=round(walked.seen.coverage.seconds(), 3),
        shares=shares,
        facts=tuple(facts),
    )


def _rests(walked: walk.Walked) -> i18n.Text:
    """What the camera's state rests on: seconds by source."""
    rows = walked.signals.camera.to_pylist()
    total = max(walked.signals.duration_s, 1e-9)
    shares = dict.fromkeys(("vectors", "keys", "packets"), 0.0)
    for row in rows:
        shares[row["source"]] += (row["end_s"] - row["start_s"]) / total
    return _t("fact.state_rests", **{source: f"{100 * share:.0f}" for source, share in shares.items()})


def _how(walked: walk.Walked) -> sections.Notes:
    keys = ["how.selection", "how.hold", "how.again", "how.evidence", "how.confidence"]
    if walked.request.zones is not None:
        keys.append("how.zones")
    if walked.understood is not None:
        keys.append("how.vlm")
    if walked.activities is not None:
        keys.append("how.temporal")
    return sections.Notes(title=_t("report.how"), paragraphs=tuple(_t(key) for key in keys))
