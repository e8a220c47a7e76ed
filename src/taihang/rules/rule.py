"""Rule: a predicate with its terms, as a rulebook file spells it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import pydantic
import pydantic_core

from taihang.core import i18n, words
from taihang.core import rule as core
from taihang.rules import completion, duration, kinds, tolerance

Name = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=200)]
Sql = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=8000)]
ParameterName = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
Parameter = (
    Annotated[bool, pydantic.Field(strict=True)]
    | Annotated[int, pydantic.Field(strict=True, ge=-(2**63), lt=2**63)]
    | Annotated[float, pydantic.Field(strict=True, allow_inf_nan=False)]
    | Annotated[str, pydantic.Field(strict=True, max_length=2000)]
)
Per = Literal["run", "row", "group", "rule"]
Names = Annotated[tuple[Name, ...], pydantic.Field(max_length=64)]


class Part(pydantic.BaseModel):
    """Base of what a rulebook file holds: frozen, nothing unknown accepted."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Follow(Part):
    """The second half of a sequence: another predicate, or another rule of the book."""

    rule: words.Slug | None = None
    """A rule of this book whose violations are what follows; instead of `where`."""
    table: Name | None = None
    """Its table; the first half's when absent."""
    where: Sql | None = None
    """What follows, as a predicate over that table."""
    filter: Sql | None = None
    """Only rows for which this is true are looked at."""
    by: Names | None = None
    """Columns that match the rule's `by`, one by one; the same names when absent."""
    sustained: duration.Duration = 0.0
    """How long it must hold to count as having come."""
    max_gap: duration.Duration | None = None
    """The longest unobserved gap it may bridge."""
    anchor: Literal["start", "end"] = pydantic.Field(default="start", alias="from")
    """Count the time from the start of the first half, or from its end."""

    @pydantic.model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.rule is None) == (self.where is None):
            raise pydantic_core.PydanticCustomError("follow_one", "needs either `rule` or `where`")
        own = {"table", "filter", "by", "sustained", "max_gap"} & self.model_fields_set
        if self.rule is not None and own:
            raise pydantic_core.PydanticCustomError("follow_rule", "with `rule`, only `from` may be given")
        return self


class Rule(Part):
    """One rule. Its predicate is TRUE for a row that violates it; NULL means that it cannot be told."""

    id: words.Slug
    """Stays the same over versions of the book."""
    title: i18n.Text
    """What the rule forbids or demands, short."""
    level: words.Level
    """How grave a violation is."""
    dimension: words.Slug
    """What the scorecard sums it under."""
    table: Name
    """The table whose rows it judges."""
    where: Sql
    """An SQL predicate over the table's columns and $parameters; TRUE = violated. `check` may stand instead."""
    check: kinds.Check | None = None
    """A built-in check instead of `where`; title, message, level and dimension may then be left out."""
    tolerate: tolerance.Tolerate | None = None
    """How many bad rows are no finding yet."""
    filter: Sql | None = None
    """Only rows for which this is true are judged."""
    message: i18n.Text
    """What to tell. {placeholders}: group columns, measures, parameters, start, end, duration_s, rows and more."""
    by: Names | None = None
    """Columns that make the groups; the table's keys when absent."""
    per: Per | None = None
    """One finding per run of rows in time, per row, per group or for the whole rule."""
    measures: Annotated[dict[ParameterName, Sql], pydantic.Field(max_length=32)] = {}
    """Aggregates over the violating rows, such as max(people)."""
    parameters: Annotated[dict[ParameterName, Parameter], pydantic.Field(max_length=64)] = {}
    """Values that the predicates name as $name; put in as literals."""
    needs: Annotated[tuple[words.Slug, ...], pydantic.Field(max_length=32)] = ()
    """Capabilities without which the rule is not judged."""
    clause: core.Clause | None = None
    """The dated clause that it rests on."""
    sustained: duration.Duration = 0.0
    """How long it must hold."""
    max_gap: duration.Duration | None = None
    """The longest unobserved gap that a run may bridge; half of `sustained` but at most 2s, or 1s."""
    at_least: Annotated[int, pydantic.Field(ge=2, le=1_000_000)] | None = None
    """How many separate occurrences `within` make a violation."""
    within: duration.Duration | None = None
    """The window of `at_least`, `followed_by` or `not_followed_by`."""
    followed_by: Follow | None = None
    """A violation when this comes within the window."""
    not_followed_by: Follow | None = None
    """A violation when this does not come within the window."""
    cooldown: duration.Duration = 0.0
    """Repeats in one group that come sooner than this after the last belong to one finding."""
    confidence: Name | None = None
    """A column of calibrated probabilities that the row is right."""
    weight: Annotated[float, pydantic.Field(gt=0, le=1000)] = 1.0
    """Its part in the dimension's score."""
    tags: Annotated[tuple[words.Slug, ...], pydantic.Field(max_length=64)] = ()
    """Words to choose rules by."""
    reason: i18n.Text | None = None
    """Why the rule is there; a suggested rule says what it was seen in."""
    enabled: bool = True
    """False takes an inherited rule out."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _completed(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("check") is not None and given.get("where") is not None:
            raise pydantic_core.PydanticCustomError("where_check", "has both where and check: keep one")
        return completion.completed(given)

    @pydantic.model_validator(mode="after")
    def _terms(self) -> Self:
        windowed = [n for n in ("at_least", "followed_by", "not_followed_by") if getattr(self, n) is not None]
        if len(windowed) > 1:
            raise pydantic_core.PydanticCustomError(
                "terms_two", "{one} and {other} exclude each other", {"one": windowed[0], "other": windowed[1]}
            )
        if windowed and not self.within:
            raise pydantic_core.PydanticCustomError(
                "terms_window", "{one} needs a window: within", {"one": windowed[0]}
            )
        if self.within is not None and not windowed:
            raise pydantic_core.PydanticCustomError(
                "terms_within", "within needs at_least, followed_by or not_followed_by beside it"
            )
        if self.timed and self.per not in {None, "run"}:
            raise pydantic_core.PydanticCustomError(
                "terms_per", "time terms cannot go with per: {per}", {"per": self.per}
            )
        return self

    @property
    def about_sets(self) -> bool:
        """True when its check speaks about many rows at once."""
        return self.check is not None and self.check.where() is None

    @property
    def timed(self) -> bool:
        """True when it has a time term, and so needs a table with time."""
        return bool(self.sustained or self.cooldown or self.within or self.max_gap is not None or self.per == "run")

    @property
    def follow(self) -> Follow | None:
        """The second half, whether it must or must not come."""
        return self.followed_by or self.not_followed_by


class Book(Part):
    """A rulebook file."""

    taihang: Literal["rules/1"]
    """The format's version."""
    id: words.Slug
    """Stays the same over versions."""
    version: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=100)]
    """Changes whenever the rules do; write it in quotes."""
    title: i18n.Text
    """The book's title."""
    extends: Annotated[tuple[Name, ...], pydantic.Field(max_length=16)] = ()
    """Books whose rules come first: files in the same folder, or shipped names. A rule with an inherited id changes the fields it gives."""  # noqa: E501
    scope: dict[str, Any] = {}
    """What the domain should know, such as camera: fixed; handed on as it is."""
    rules: Annotated[tuple[Rule, ...], pydantic.Field(max_length=20_000)] = ()
    """The rules, in the order in which they are judged and shown."""


def longest_gap(sustained: float, max_gap: float | None) -> float:
    """The longest unobserved gap in seconds that a run may bridge."""
    if max_gap is not None:
        return max_gap
    return min(sustained / 2, 2.0) if sustained else 1.0
