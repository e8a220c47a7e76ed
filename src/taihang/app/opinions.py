"""Opinions: what a language model thinks of a sample of texts, as part of a report; none asked is "not judged"."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from taihang.core import errors, finding, i18n, job
from taihang.data.quality.text import agreement, judging, reading
from taihang.engines.predict import allowance, chat
from taihang.report import sections
from taihang.trust.access import secrets

Path_ = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """`url` is of an OpenAI-compatible endpoint, `key` a reference (`env:NAME`, `file:PATH`).

    At most `tokens` tokens and `money` are spent, at a `price` for a million tokens in and out; `size` texts are asked
    about. `labels` are texts with people's grades (JSONL, columns named as the aspects), by which the judge is judged.
    """

    url: str
    model: str = ""
    key: str = ""
    size: int = 200
    tokens: int | None = None
    money: float | None = None
    price: tuple[float, float] = (0.0, 0.0)
    labels: Path_ | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """Sections for the report, and what was not judged."""

    sections: tuple[sections.Section, ...] = ()
    not_judged: tuple[finding.NotJudged, ...] = ()


def ask(corpus: reading.Corpus, folder: Path, options: Options | None, progress: job.Progress | None = None) -> Asked:
    """The opinion on a corpus. Raises errors.UserError for an endpoint that does not answer, and for wrong labels."""
    if options is None:
        return Asked(not_judged=(_not_judged("endpoint"),))
    if options.size < 2:
        raise errors.UserError("data.quality.text:judge_size")
    limit = allowance.Allowance(options.tokens, options.money, allowance.Price(*options.price))
    endpoint = chat.Endpoint(url=options.url, model=options.model, key=options.key, private=True, attempts=3)
    client = chat.Client(endpoint, secret=secrets.read, allowance=limit)
    labels = _labelled(options.labels) if options.labels is not None else None
    items, total = judging.sample(corpus, options.size)
    found = judging.judge(client, items, total, folder, progress)
    if found.reason is not None:
        return Asked((_facts(found),), (_not_judged(found.reason, found),))
    made: list[sections.Section] = [_facts(found), _estimates(found)]
    if labels is not None:
        made.append(_agreements(client, labels, folder, found.trusted, progress or job.Silent()))
    lost = tuple(
        _not_judged("aspect", found, aspect=_t(f"judge.{a}")) for a in judging.ASPECTS if a not in found.trusted
    )
    return Asked(tuple(made), lost)


Labels = list[tuple[judging.Item, Mapping[str, int]]]


def _labelled(path: Path_) -> Labels:
    corpus = reading.open(os.fspath(path))
    known = [c.name for c in corpus.source.columns if c.name in judging.ASPECTS]
    if not known:
        raise errors.UserError("data.quality.text:judge_labels", path=path, known=", ".join(judging.ASPECTS))
    grades = [row for chunk in corpus.source.chunks(known) for row in chunk.data.to_pylist()]
    texts = [one for batch in corpus.batches() for one in batch]
    made: Labels = []
    for one, row in zip(texts, grades, strict=False):
        said = {name: value for name, value in row.items() if value is not None}
        wrong = [v for v in said.values() if not isinstance(v, int) or not 1 <= v <= 5]
        if wrong:
            raise errors.UserError("data.quality.text:judge_grade", path=path, line=one.line or one.row + 1)
        if one.text and said:
            text = one.answer if one.question else one.text
            made.append((judging.Item(f"l{one.row}", text or "", one.question or None), said))
    return made


def _agreements(
    client: chat.Client, labels: Labels, folder: Path, trusted: tuple[str, ...], progress: job.Progress
) -> sections.Table:
    said = judging.Judge(client, folder).ask([item for item, _ in labels], progress)
    rows: list[tuple[sections.Cell, ...]] = []
    for aspect in trusted:
        pairs = [
            (grades[aspect], grade, len(item.text))
            for item, grades in labels
            if aspect in grades and item.id in said and (grade := getattr(said[item.id], aspect)) is not None
        ]
        found = agreement.measure(aspect, *(list(column) for column in zip(*pairs, strict=True))) if pairs else None
        if found is None:
            rows.append((_t(f"judge.{aspect}"), len(pairs), None, None, None, None, None, _t("judge.few")))
            continue
        verdict = _t("judge.better" if found.better else "judge.no_better")
        numbers = (found.kappa, found.low, found.high, found.by_length, found.constant)
        rows.append((_t(f"judge.{aspect}"), found.n, *(round(number, 3) for number in numbers), verdict))
    names = ("aspect", "n", "kappa", "low", "high", "length", "constant", "verdict")
    columns = tuple(sections.Column(label=_t(f"judge.column_{name}")) for name in names)
    return sections.Table(title=_t("judge.agreement"), columns=columns, rows=tuple(rows))


def _facts(found: judging.Judged) -> sections.Facts:
    outcomes = ", ".join(f"{name} {n}" for name, n in sorted(found.outcomes.items())) or "–"
    values = (
        ("model", found.model or "–"), ("asked", found.asked), ("graded", len(found.verdicts)), ("total", found.total),
        ("outcomes", outcomes), ("tokens", found.usage.prompt + found.usage.completion), ("cost", round(found.cost, 4)),
    )  # fmt: skip
    items = tuple(sections.Fact(label=_t(f"judge.fact_{name}"), value=value) for name, value in values)
    return sections.Facts(title=_t("judge.facts"), items=items)


def _estimates(found: judging.Judged) -> sections.Table:
    rows = tuple(
        (_t(f"judge.{one.aspect}"), one.n, round(one.mean, 3), round(one.low, 3), round(one.high, 3))
        for one in found.estimates
    )
    names = ("aspect", "n", "mean", "low", "high")
    columns = tuple(sections.Column(label=_t(f"judge.column_{name}")) for name in names)
    return sections.Table(title=_t("judge.estimates"), columns=columns, rows=rows)


def _not_judged(code: str, found: judging.Judged | None = None, **values: object) -> finding.NotJudged:
    outcomes = ", ".join(f"{name} {n}" for name, n in sorted(found.outcomes.items())) if found else ""
    reason = _t(f"judge.not_{code}", outcomes=outcomes or "–", **values)
    return finding.NotJudged(subject="rule", title=_t("judge.title"), reason=reason, code=f"judge-{code}")


def _t(name: str, /, **values: object) -> i18n.Text:
    return i18n.Message(key=f"data.quality.text:{name}", values=values).both()
