"""A realistic report made by code: drawn frames, encoded clips, planted findings. Nothing was filmed."""

from __future__ import annotations

import datetime
import functools
import hashlib
import io
import itertools

import av
import cv2
import numpy as np

from taihang.core import asset, evidence, finding, i18n, rule, scorecard, words
from taihang.report import charts, document, sections, timeline

WIDTH, HEIGHT = 960, 540
DURATION_S = 3421.0
SHA = hashlib.sha256(b"a video that does not exist").hexdigest()
BOOK_SHA = hashlib.sha256(b"a rulebook").hexdigest()
DETECTOR = words.Producer(name="builtin people", version="1.0.0", sha256=hashlib.sha256(b"weights").hexdigest())


def both(zh: str, en: str) -> i18n.Text:
    return i18n.Text(zh=zh, en=en)


def scene(time_s: float, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A drawn gallery with a lamp, rails and two people; RGB."""
    image = np.zeros((height, width, 3), np.uint8)
    rows = np.linspace(0.25, 0.55, height)[:, None]
    columns = 1 - np.abs(np.linspace(-1, 1, width))[None, :] * 0.6
    image[:] = (rows * columns * 190)[..., None].astype(np.uint8) * np.array([1, 0.96, 0.85])
    noise = np.random.default_rng(int(time_s * 10)).normal(0, 5, (height, width, 1))
    image = np.clip(image + noise, 0, 255).astype(np.uint8)
    centre = (width // 2, int(height * 0.42))
    for side in (-1, 1):
        cv2.line(
            image, (centre[0] + side * 15, centre[1] + 20), (centre[0] + side * width // 4, height), (120, 116, 108), 4
        )
    cv2.circle(image, (centre[0], centre[1] - 60), 22, (255, 250, 220), -1)
    for index in range(2):
        x = int(width * (0.3 + 0.28 * index) + 40 * np.sin(time_s + index))
        y, tall = int(height * 0.5), int(height * 0.36)
        cv2.rectangle(image, (x, y), (x + tall // 4, y + tall), (40, 52, 84) if index else (96, 74, 30), -1)
        cv2.circle(image, (x + tall // 8, y - 16), 18, (214, 176, 140), -1)
    return image


def boxes(time_s: float) -> tuple[evidence.Box, ...]:
    made = []
    for index in range(2):
        x = WIDTH * (0.3 + 0.28 * index) + 40 * np.sin(time_s + index)
        made.append(evidence.Box(x0=x - 8, y0=230, x1=x + 58, y1=470, label="person", score=0.71, track=index + 1))
    return tuple(made)


def jpeg(image: np.ndarray) -> bytes:
    ok, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert ok
    return data.tobytes()


@functools.cache
def picture(time_s: float) -> tuple[bytes, str]:
    """A JPEG with boxes, and the hash of the pixels before they were drawn."""
    plain = scene(time_s)
    drawn = plain.copy()
    for box in boxes(time_s):
        cv2.rectangle(drawn, (int(box.x0), int(box.y0)), (int(box.x1), int(box.y1)), (255, 210, 0), 3)
        cv2.putText(drawn, f"person {box.track}", (int(box.x0), int(box.y0) - 8), 0, 0.6, (255, 210, 0), 2)
    return jpeg(drawn), hashlib.sha256(plain.tobytes()).hexdigest()


@functools.cache
def clip(start_s: float, seconds: float = 2.0, fps: int = 10) -> bytes:
    """An H.264 MP4 of the drawn scene."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 480, 270, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "30", "profile": "baseline"}
        for number in range(int(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(scene(start_s + number / fps, 480, 270), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return out.getvalue()


CLAUSE = rule.Clause(
    document="GB 00000-2026（虚构示例标准）",
    number="5.3.2",
    text="设备运行期间，人员不得进入防护栏以内的区域；确需进入时，应先停机、闭锁、挂牌，并指定专人监护。",
    effective=datetime.date(2026, 7, 1),
    scope="示例",
    source="为演示而编写，不是任何现行标准的条文",
)


def ref(name: str, zh: str, en: str, level: str, clause: rule.Clause | None = None) -> rule.RuleRef:
    return rule.RuleRef(
        id=name,
        title=both(zh, en),
        level=words.Level(level),
        dimension="people",
        rulebook="mine-inspection",
        rulebook_version="1.0.0",
        rulebook_sha256=BOOK_SHA,
        clause=clause,
    )


RULES = {
    "zone": ref(
        "mine.zone-entry",
        "有人进入运行设备的禁区",
        "Person inside the restricted zone of a running machine",
        "red",
        CLAUSE,
    ),
    "lone": ref("mine.lone-worker", "单人作业超过规定时间", "Lone worker for longer than allowed", "orange"),
    "crowd": ref("mine.crowding", "同一区域人员聚集", "Too many people in one zone", "yellow"),
    "dark": ref("camera.dark", "镜头过暗", "Camera too dark", "blue"),
    "stop": ref("machine.stop", "设备停止", "Machine stopped", "info"),
}


def found(
    name: str, start_s: float, end_s: float, files: dict[str, bytes], *, verdict: str = "violated", frames: int = 2
) -> finding.Finding:
    """A finding with pictures and a clip, which are added to `files`."""
    proofs: list[evidence.Evidence] = []
    for index in range(frames):
        time_s = round(start_s + (end_s - start_s) * (index + 1) / (frames + 1), 2)
        data, pixels = picture(round(time_s % 7, 1))
        file = f"evidence/{name}-{start_s:07.1f}-{index + 1}.jpg"
        files[file] = data
        proofs.append(
            evidence.Frame(
                asset=SHA,
                produced_by=(DETECTOR,),
                time_s=time_s,
                pts=int(time_s * 90000),
                number=int(time_s * 30),
                width=WIDTH,
                height=HEIGHT,
                boxes=boxes(time_s % 7),
                outlines=(evidence.Outline(points=((0, 0), (9, 0), (9, 9)), label="zone A"),),
                file=file,
                digests=(
                    evidence.Digest(sha256=pixels, covers="pixels"),
                    evidence.Digest(sha256=hashlib.sha256(data).hexdigest(), covers="file", file=file),
                ),
            )
        )
    if frames:
        data = clip(round(start_s % 5, 0))
        file = f"evidence/{name}-{start_s:07.1f}.mp4"
        files[file] = data
        proofs.append(
            evidence.Span(
                asset=SHA,
                start_s=start_s - 1,
                end_s=end_s + 1,
                file=file,
                digests=(evidence.Digest(sha256=hashlib.sha256(data).hexdigest(), covers="file", file=file),),
            )
        )
    calibrated = name == "zone"
    return finding.Finding(
        rule=RULES[name],
        verdict=verdict,
        level=RULES[name].level,
        place=finding.Place(
            table="zone_people", keys={"zone": "A 破碎机入口", "track": 7}, start_s=start_s, end_s=end_s
        ),
        message=both(
            f"A 区内最多同时有 2 人，持续 {end_s - start_s:.1f} 秒，超过规则允许的 2 秒。",
            f"Up to 2 people were inside zone A for {end_s - start_s:.1f} s; the rule allows 2 s.",
        ),
        measured={"people_max": 2, "seconds": round(end_s - start_s, 2), "seen_share": 0.9375},
        confidence=finding.Confidence(value=0.93, method="isotonic, n=412") if calibrated else finding.Confidence(),
        evidence=tuple(proofs),
    )


def make() -> tuple[document.Report, dict[str, bytes]]:
    """An hour of inspection with ten findings, and its files."""
    files: dict[str, bytes] = {}
    findings = (
        found("zone", 133.4, 141.0, files),
        found("zone", 1502.2, 1509.9, files),
        found("zone", 1530.0, 1533.5, files, frames=1),
        found("lone", 610.0, 982.5, files, frames=3),
        found("crowd", 2011.0, 2034.0, files),
        found("crowd", 2101.0, 2109.0, files, frames=1),
        found("dark", 2710.0, 2790.0, files, frames=1),
        found("stop", 1511.0, 1512.0, files, frames=0),
        found("stop", 3011.0, 3012.0, files, frames=0),
        found("lone", 2400.0, 2520.0, files, verdict="insufficient", frames=1),
    )
    report = document.Report(
        title=both("采掘工作面巡检视频证据报告", "Evidence report on a mine inspection video"),
        created=datetime.datetime(
            2026, 11, 21, 9, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=8), "UTC+08:00")
        ),
        synthetic=True,
        asset=asset.Asset(
            kind="video",
            name="巡检_2026-11-20_夜班.mp4",
            sha256=SHA,
            size=1_893_224_117,
            synthetic=True,
            owner="安全监察一科",
            media_type="video/mp4",
        ),
        findings=findings,
        scorecard=scorecard.Scorecard(
            scores=(
                scorecard.Score(
                    dimension="people",
                    metric="findings",
                    value=7,
                    threshold=0,
                    passed=False,
                    query="SELECT count(*) FROM findings\nWHERE dimension = 'people'",
                ),
                scorecard.Score(
                    dimension="coverage",
                    metric="seen_share",
                    value=0.8731,
                    unit="",
                    threshold=0.8,
                    passed=True,
                    query="SELECT sum(end_s - start_s) FILTER (observed) / sum(end_s - start_s) FROM coverage",
                ),
                scorecard.Score(dimension="procedure", metric="briefing_held", value=None, standing="unknown"),
            )
        ),
        produced_by=(
            words.Producer(name="taihang", version="0.1.0"),
            words.Producer(name="rulebook mine-inspection", version="1.0.0", sha256=BOOK_SHA),
            DETECTOR,
        ),
        not_judged=(
            finding.NotJudged(
                subject="rule",
                rule="ppe.helmet",
                title=both("未戴安全帽", "No helmet"),
                code="class_missing",
                reason=both("所用检测器不识别“安全帽”类别。", "The detector does not know the class “helmet”."),
            ),
            finding.NotJudged(
                subject="rule",
                rule="mine.absent",
                title=both("岗位无人", "Person absent from a post"),
                code="worn_camera",
                reason=both(
                    "佩戴式摄像机不能判断岗位是否有人。", "A worn camera cannot tell whether a post is staffed."
                ),
            ),
            finding.NotJudged(
                subject="span",
                code="covered",
                reason=both("镜头被遮挡。", "The lens was covered."),
                start_s=2840.0,
                end_s=2866.0,
            ),
        ),
        limits=(
            both(
                "内置检测器看不到被遮挡过半、坐卧或高度不足 40 像素的人。",
                "The built-in detector misses people who are half hidden, sitting, lying, or under 40 pixels tall.",
            ),
            both(
                "只检测人和运动，不识别安全帽、瓦斯或设备铭牌。",
                "Only people and motion are detected: no helmets, no gas, no name plates.",
            ),
        ),
        sections=(facts(), lanes(findings), coverage(), notes(), table(findings[0].id)),
    )
    return report, files


def facts() -> sections.Facts:
    return sections.Facts(
        title=both("视频信息", "The video"),
        items=(
            sections.Fact(label=both("时长", "Duration"), value="57:01.0"),
            sections.Fact(label=both("画面", "Picture"), value="1920×1080", note=both("旋转 0°", "rotation 0°")),
            sections.Fact(label=both("帧数", "Frames"), value=102_630),
            sections.Fact(label=both("帧率", "Frame rate"), value=30.0, unit="fps", note=both("可变帧率", "variable")),
            sections.Fact(label=both("编码", "Codec"), value="H.264 High"),
            sections.Fact(
                label=both("交给检测器的帧", "Frames handed to the detector"),
                value=2052,
                note=both("占 2.0%", "2.0% of all"),
            ),
        ),
    )


def lanes(findings: tuple[finding.Finding, ...]) -> timeline.Timeline:
    random = np.random.default_rng(7)
    cuts = np.sort(random.uniform(0, DURATION_S, 239))
    edges = [0.0, *map(float, cuts), DURATION_S]
    states = [
        timeline.Span(
            start_s=a,
            end_s=b,
            kind="event" if i % 3 == 1 else "state",
            label=both("变化" if i % 3 == 1 else "平稳", "event" if i % 3 == 1 else "stable"),
        )
        for i, (a, b) in enumerate(itertools.pairwise(edges))
    ]
    camera = [
        ("静止", "still", 0, 420),
        ("行走", "walking", 420, 1400),
        ("静止", "still", 1400, 1900),
        ("转身", "turning", 1900, 1960),
        ("行走", "walking", 1960, 3421),
    ]
    return timeline.Timeline(
        title=both("时间轴", "Timeline"),
        duration_s=DURATION_S,
        lanes=(
            timeline.lane_of(both("所见问题", "Findings"), findings),
            timeline.Lane(label=both("平稳与变化", "Stable and events"), kind="state", spans=tuple(states)),
            timeline.Lane(
                label=both("摄像机", "Camera"),
                kind="state",
                spans=tuple(
                    timeline.Span(start_s=a, end_s=b, label=both(zh, en), kind="event" if en == "turning" else None)
                    for zh, en, a, b in camera
                ),
            ),
            timeline.Lane(
                label=both("送检帧", "Frames examined"),
                kind="sample",
                marks=tuple(timeline.Mark(time_s=float(t)) for t in np.sort(random.uniform(0, DURATION_S, 2052))),
            ),
            timeline.Lane(
                label=both("未查看", "Not looked at"),
                kind="unseen",
                spans=(
                    timeline.Span(start_s=2700, end_s=2840, label=both("过暗", "dark")),
                    timeline.Span(start_s=2840, end_s=2866, label=both("遮挡", "covered")),
                    timeline.Span(start_s=3120, end_s=3140),
                ),
            ),
        ),
    )


def coverage() -> sections.Coverage:
    return sections.Coverage(
        title=both("查看了什么，没有查看什么", "What was looked at, and what was not"),
        unit="s",
        total=DURATION_S,
        seen=2987.4,
        shares=(
            sections.Share(
                label=both("帧预算之外", "outside the frame budget"),
                code="budget",
                amount=247.6,
                spans=31,
                note=both(
                    "预算为全部帧的 2%；相邻送检帧相隔超过观察间隔。",
                    "The budget is 2% of the frames; neighbours were farther apart than the observation gap.",
                ),
            ),
            sections.Share(label=both("过暗", "too dark"), code="dark", amount=140.0, spans=1),
            sections.Share(label=both("模糊", "blurred"), code="blurred", amount=20.0, spans=1),
            sections.Share(label=both("镜头被遮挡", "lens covered"), code="covered", amount=26.0, spans=1),
        ),
        facts=(sections.Fact(label=both("解码的帧", "Frames decoded"), value=9120, note=both("占 8.9%", "8.9%")),),
    )


def notes() -> sections.Notes:
    return sections.Notes(
        title=both("说明", "Notes"),
        paragraphs=(
            both(
                "行走中的摄像机：区域在参考画面上登记，误差 12 像素。",
                "Worn camera: the zone is registered to its reference frame with an error of 12 pixels.",
            ),
        ),
    )


def table(finding_id: str) -> sections.Table:
    return sections.Table(
        title=both("违规行样例", "Sample of the violating rows"),
        columns=(
            sections.Column(label=both("时间", "time"), unit="s"),
            sections.Column(label=both("区域", "zone")),
            sections.Column(label=both("人数", "people")),
        ),
        rows=((133.4, "A", 1), (133.9, "A", 2), (134.4, "A", None)),
        total=16,
        finding=finding_id,
    )


def board() -> tuple[sections.Section, ...]:
    """One chart of each kind, with an unknown dimension and a run that lacks a number."""
    at = [datetime.datetime(2026, 11, day, 8, 0, tzinfo=datetime.UTC) for day in (1, 8, 15, 21)]
    names = [
        both("完整性", "completeness"), both("唯一性", "uniqueness"), both("有效性", "validity"),
        both("准确性", "accuracy"), both("一致性", "consistency"), both("时效性", "timeliness"),
    ]  # fmt: skip
    values = (0.993, 0.9999, 0.87, None, 0.95, 1.0)
    dials = tuple(charts.Dial(label=n, value=v) for n, v in zip(names, values, strict=True))
    lines = tuple(
        charts.Line(
            label=name,
            points=tuple(
                charts.Point(at=day, value=None if value is None else max(0.0, value - 0.02 * (3 - n)))
                for n, day in enumerate(at)
            ),
        )
        for name, value in zip(names, values, strict=True)
    )
    blocks = tuple(both(f"第 {n * 1000}–{n * 1000 + 999} 行", f"{n * 1000}–{n * 1000 + 999}") for n in range(12))
    cells = tuple(tuple(charts.Cell(bad=(n * m * 7) % 90, total=1000) for m in range(12)) for n in range(3))
    return (
        charts.Dials(title=both("健康概览", "Health"), dials=dials[:3], note=both("按行计", "by rows")),
        charts.Radar(title=both("维度雷达", "Dimensions"), dials=dials),
        charts.Trend(title=both("历次评估", "Earlier runs"), lines=lines),
        charts.Heat(
            title=both("问题分布", "Where the bad rows are"),
            rows=(both("姓名", "name"), both("年龄", "age"), both("<b>手机", "<b>mobile")),
            columns=blocks,
            cells=cells,
        ),
    )
