"""Rule and Rulebook: predicates over tables, with the dated clauses they rest on."""

from __future__ import annotations

import datetime

from taihang.core import i18n, words


class Clause(words.Word):
    """A dated clause of a regulation or standard, in its own words.

    `effective` is the day it came into force, `superseded` the day it stopped, if it did.
    """

    document: str
    number: str
    text: str
    effective: datetime.date
    superseded: datetime.date | None = None
    scope: str = ""
    source: str = ""


class RuleRef(words.Word):
    """What a finding keeps of its rule, so that a report stands without the rulebook."""

    id: words.Slug
    title: i18n.Text
    level: words.Level
    dimension: str
    rulebook: str
    rulebook_version: str
    rulebook_sha256: words.Sha256
    clause: Clause | None = None
