"""Profile: what was measured, as plain values that are kept, compared and read by other tools."""

from __future__ import annotations

from typing import Literal

import pydantic

from taihang.core import asset as assets
from taihang.core import i18n, words
from taihang.engines.sources import faults as faulting

Class = Literal["number", "text", "time", "boolean", "binary", "nested", "nothing"]
Value = words.Scalar


class Distinct(words.Word):
    """How many different values there are; `error` is the relative standard error, 0 for an exact count."""

    count: int
    error: float = 0.0


class Frequent(words.Word):
    """A value and how often it occurs; `exact` is False when the count may be too small."""

    value: Value
    count: int
    exact: bool = True


class Numbers(words.Word):
    """Finite numbers; for times, seconds since 1970. Quantiles by share; `error` is a rank's standard error as a share.

    `histogram` counts all rows in bins of width `bin` from `low` on.
    """

    mean: float | None = None
    std: float | None = None
    nan: int = 0
    infinite: int = 0
    zeros: int = 0
    negative: int = 0
    quantiles: dict[str, float] = {}
    error: float = 0.0
    low: float | None = None
    high: float | None = None
    bin: float | None = None
    histogram: tuple[int, ...] = ()


class Outliers(words.Word):
    """Values beyond the far fences Q1 - 3 IQR and Q3 + 3 IQR (Tukey, 1977), counted over all rows."""

    below: float
    above: float
    count: int
    rows: tuple[int, ...] = ()


class Lengths(words.Word):
    """Characters of texts, bytes of binaries, elements of lists."""

    min: int
    max: int
    mean: float
    empty: int = 0


class Pattern(words.Word):
    """A shape of texts and its share of the sampled values, with one of them that is no personal data."""

    shape: str
    share: float
    regex: str


class Semantic(words.Word):
    """What values mean. `share` is of the sampled values; `named` says that the column's name tells it too.

    `valid` of `judged` are counted over all rows where a check is cheap enough, else None.
    """

    kind: words.Slug
    pii: bool
    share: float
    named: bool = False
    valid: int | None = None
    judged: int | None = None


class Column(words.Word):
    """One column. `min` and `max` are exact and over all rows."""

    name: str
    original: str
    type: str
    kind: Class
    rows: int
    nulls: int
    placeholders: int = 0
    distinct: Distinct | None = None
    min: Value = None
    max: Value = None
    numbers: Numbers | None = None
    outliers: Outliers | None = None
    lengths: Lengths | None = None
    top: tuple[Frequent, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    semantic: Semantic | None = None
    mentions: dict[str, float] = {}


class Correlation(words.Word):
    """Two number columns: Pearson over all rows that have both, Spearman over the sample."""

    a: str
    b: str
    pearson: float
    spearman: float | None
    rows: int


class Key(words.Word):
    """Columns whose values differ in every row and are never null, on all rows."""

    columns: tuple[str, ...]


class Dependency(words.Word):
    """`determinant` decides `dependent` in all rows that have both."""

    determinant: str
    dependent: str


class ForeignKey(words.Word):
    """Values of a column that are found in another table's key; `share` of the different ones."""

    column: str
    table: str
    key: str
    share: float


class Freshness(words.Word):
    """The newest moment of a column, and how old it was when the profile was made; below 0 in the future."""

    column: str
    newest: str
    age_s: float


class Personal(words.Word):
    """A column of personal data: all of its values, or texts that mention some."""

    column: str
    kind: words.Slug
    share: float
    whole: bool


class Profile(words.Word):
    """One version of a table, measured. `sampled` rows served patterns, meanings and candidates."""

    format: Literal["taihang-profile/1"] = "taihang-profile/1"
    asset: assets.Asset
    source: str
    created: pydantic.AwareDatetime
    rows: int
    rows_lost: int = 0
    sampled: int = 0
    columns: tuple[Column, ...]
    correlations: tuple[Correlation, ...] = ()
    keys: tuple[Key, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    personal: tuple[Personal, ...] = ()
    faults: tuple[faulting.Fault, ...] = ()
    limits: tuple[i18n.Text, ...] = ()

    def column(self, name: str) -> Column:
        """One column by its name; KeyError when there is none."""
        for found in self.columns:
            if found.name == name:
                return found
        raise KeyError(name)
