"""A report in which every text that somebody else chose is an attack."""

from __future__ import annotations

import datetime

from report import sample
from taihang.core import asset, evidence, finding, i18n, rule, scorecard, words
from taihang.report import document, sections, timeline

SCRIPT = (
    "</style></title><script>window.owned=1</script><img src=x onerror=\"window.owned=1\"><svg onload='window.owned=1'>"
)
CONTROLS = "\x00\x01\x08\x0b\x1b[31m\x7f\x85\u2028\u2029\u202e\u2066\ufffe\uffff\ud800\ufeff"
EVIL = f"\"'`{SCRIPT}{{{{ 7*7 }}}}{{% raw %}}${{7*7}}javascript:window.owned=1 {CONTROLS}&amp;]]>--><!--"
LONG = "长" * 5_000 + "W" * 5_000


def make() -> tuple[document.Report, dict[str, bytes]]:
    """A report whose asset, rules, findings, clauses, sections and numbers are hostile."""
    both = i18n.Text(zh=EVIL, en=EVIL)
    endless = i18n.Text(zh=LONG, en=LONG)
    clause = rule.Clause(
        document=EVIL, number=EVIL, text=EVIL + LONG, effective=datetime.date(1, 1, 1), scope=EVIL, source=EVIL
    )
    ref = rule.RuleRef(
        id="a",
        title=both,
        level=words.Level.red,
        dimension=EVIL,
        rulebook=LONG,
        rulebook_version=EVIL,
        rulebook_sha256=sample.SHA,
        clause=clause,
    )
    maker = words.Producer(name=EVIL, version=LONG)
    numbers: dict[str, words.Scalar] = {
        EVIL: EVIL,
        "nan": float("nan"),
        "inf": float("-inf"),
        "big": 10**400,
        "huge": 1e308,
        "none": None,
        "yes": True,
        LONG: LONG,
    }
    picture = "evidence/liar.jpg"
    files = {picture: f"<svg xmlns='http://www.w3.org/2000/svg' onload='window.owned=1'>{SCRIPT}</svg>".encode()}
    found = finding.Finding(
        rule=ref,
        verdict="violated",
        level=words.Level.red,
        place=finding.Place(table=EVIL, keys=numbers, start_s=float("nan"), end_s=1e300),
        message=both,
        measured=numbers,
        confidence=finding.Confidence(value=0.5, method=EVIL),
        evidence=(
            evidence.Frame(
                asset=sample.SHA,
                produced_by=(maker,),
                time_s=1e300,
                pts=-5,
                number=10**30,
                width=1,
                height=1,
                file=picture,
                boxes=(evidence.Box(x0=float("nan"), y0=0, x1=1, y1=1, label=EVIL),),
                outlines=tuple(evidence.Outline(points=(), label=f"{i}{LONG}") for i in range(50)),
            ),
            evidence.Span(asset=sample.SHA, start_s=float("nan"), end_s=float("inf")),
            evidence.Rows(asset=sample.SHA, table=EVIL, rows=tuple(range(1000)), total=1000),
            evidence.Clause(asset=sample.SHA, document=EVIL, number=LONG),
            evidence.Entry(asset=sample.SHA, log=EVIL, number=-1),
        ),
    )
    report = document.Report(
        title=both,
        created=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        asset=asset.Asset(
            kind="video", name=EVIL + LONG, sha256=sample.SHA, size=10**18, owner=EVIL, tenant=EVIL, media_type=EVIL
        ),
        findings=(found, found.model_copy(update={"message": endless, "verdict": "insufficient"})),
        scorecard=scorecard.Scorecard(
            scores=(
                scorecard.Score(
                    dimension=EVIL,
                    metric=LONG,
                    value=float("nan"),
                    unit=EVIL,
                    threshold=float("inf"),
                    query=EVIL + "\n" + LONG,
                ),
            )
        ),
        produced_by=(maker,),
        not_judged=(
            finding.NotJudged(subject="rule", rule=EVIL, title=endless, reason=both, code=EVIL, start_s=float("nan")),
        ),
        limits=(both, endless),
        sections=(
            sections.Facts(title=both, items=(sections.Fact(label=endless, value=EVIL, unit=EVIL, note=both),)),
            timeline.Timeline(
                title=both,
                duration_s=1e300,
                lanes=(
                    timeline.Lane(
                        label=both,
                        kind="finding",
                        spans=(timeline.Span(start_s=0, end_s=1e308, label=both, finding=EVIL),),
                    ),
                    timeline.Lane(
                        label=endless,
                        kind="state",
                        spans=(timeline.Span(start_s=0, end_s=1e300, label=both),),
                        marks=(timeline.Mark(time_s=1e308, label=both),),
                    ),
                ),
            ),
            timeline.Timeline(
                title=both,
                duration_s=0,
                lanes=(timeline.Lane(label=both, kind="sample", marks=(timeline.Mark(time_s=3),)),),
            ),
            sections.Coverage(
                title=both,
                unit=EVIL,
                total=0,
                seen=1e308,
                shares=(sections.Share(label=both, code="x", amount=1e308, note=endless),),
            ),
            sections.Notes(title=both, paragraphs=(both, endless)),
            sections.Table(
                title=both,
                columns=(sections.Column(label=both, unit=EVIL),),
                rows=((EVIL,), (float("nan"),)),
                finding=found.id,
            ),
            sections.Table(title=both, columns=(), rows=()),
            sections.Gallery(title=both, pictures=(sections.Picture(file=picture, caption=both),)),
        ),
    )
    return report, files
