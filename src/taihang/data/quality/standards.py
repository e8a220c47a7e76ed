"""Standards: the scorecard put under the characteristics of a standard, with what nothing was measured for."""

from __future__ import annotations

import pydantic

from taihang.core import errors, i18n, words
from taihang.data.quality import assessment
from taihang.report import plain, sections
from taihang.rules import rulebook


class Standard(pydantic.BaseModel):
    """What a book of templates says of its standard. `read`: the standard's own text, or what others write of it."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
    name: str
    read: str
    sources: tuple[str, ...]
    remark: str = ""
    characteristics: dict[str, i18n.Text]
    dimensions: dict[str, str]


def load(name: str) -> tuple[str, Standard]:
    """The id of a book and its standard. Raises errors.UserError for a book that speaks of none."""
    book = rulebook.load(name)
    try:
        return book.id, Standard.model_validate(book.scope.get("standard"))
    except pydantic.ValidationError:
        raise errors.UserError("data.quality:standard.none", name=name) from None


def section(found: assessment.Assessment, name: str) -> sections.Table:
    """A row a characteristic: how many rules count under it, its compliance, and how many are broken.

    A rule counts under the characteristics of its tags `BOOK.CHARACTERISTIC`; without one, under that
    of its dimension. A characteristic without a judged rule is unknown.
    """
    book, standard = load(name)
    under: dict[str, list[assessment.Outcome]] = {c: [] for c in standard.characteristics}
    for outcome in found.outcomes:
        rule = outcome.compiled.rule
        if rule.level is words.Level.info:
            continue
        tagged = [t.removeprefix(f"{book}.") for t in rule.tags if t.startswith(f"{book}.")]
        known = [t for t in tagged if t in under] or [standard.dimensions.get(rule.dimension, "")]
        for characteristic in known:
            under.get(characteristic, []).append(outcome)
    rows = tuple(_row(standard.characteristics[c], outcomes) for c, outcomes in under.items())
    names = ("characteristic", "rules", "judged", "bad", "compliance", "broken")
    columns = tuple(sections.Column(label=_t(f"standard.{n}")) for n in names)
    title = _t("standard.title" if standard.read == "primary" else "standard.title_secondary", name=standard.name)
    return sections.Table(title=title, columns=columns, rows=rows)


def _row(name: i18n.Text, outcomes: list[assessment.Outcome]) -> tuple[sections.Cell, ...]:
    judged = [o for o in outcomes if o.judged]
    whole = sum(o.compiled.rule.weight * o.judged for o in judged)
    bad = sum(o.compiled.rule.weight * o.violated for o in judged)
    if not whole:
        return (name, len(outcomes), 0, None, _t("standard.unknown"), None)
    share = plain.percent(max(0.0, 1 - bad / whole))
    counted = sum(o.violated for o in judged)
    return (name, len(outcomes), sum(o.judged for o in judged), counted, share, sum(o.broken for o in judged))


def _t(key: str, **values: object) -> i18n.Text:
    return i18n.Message(key=f"data.quality:{key}", values=values).both()
