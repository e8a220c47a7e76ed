"""Groups: which findings belong to one ticket, and by what it is known again in a later version.

The key of a group holds nothing that changes from version to version: no content hash, no rulebook
version, no time span, no row position. So what comes back is the same ticket.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from taihang.catalog import text
from taihang.catalog.tickets import words
from taihang.core import finding as verdicts
from taihang.core import i18n, ids

# Keys of a place that say where a row stands in one version.
_PASSING = {"row", "row_position", "and_more"}


def key(group: words.Group, asset: str, found: verdicts.Finding) -> str:
    """The group that a finding belongs to, as canonical JSON."""
    parts: dict[str, Any] = {"by": group, "asset": asset}
    if group != "asset":
        parts |= {"rulebook": found.rule.rulebook, "rule": found.rule.id}
    if group == "place":
        place = {n: v for n, v in found.place.keys.items() if n not in _PASSING}
        parts |= {"table": found.place.table, "keys": dict(sorted(place.items()))}
    return text.dumped(parts)


def ident(key: str) -> str:
    """A ticket's id: equal groups of a tenant have one ticket."""
    return ids.content_id("ticket", key)


def title(group: words.Group, asset: str, findings: Iterable[verdicts.Finding]) -> i18n.Text:
    """What a list shows for a ticket."""
    first = min(findings, key=lambda f: (-f.level.rank, f.rule.id, f.id))
    if group == "asset":
        return i18n.Message(key="catalog.tickets:title.asset", values={"asset": asset}).both()
    place = {n: v for n, v in first.place.keys.items() if n not in _PASSING} if group == "place" else {}
    where = " ".join([asset, *(f"{n}={v}" for n, v in sorted(place.items()))])
    return i18n.Message(key="catalog.tickets:title.rule", values={"title": first.rule.title, "where": where}).both()


def rules(findings: Iterable[verdicts.Finding]) -> tuple[words.RuleName, ...]:
    """The rules that findings break, in order of their names."""
    names = sorted({(f.rule.rulebook, f.rule.id) for f in findings})
    return tuple(words.RuleName(rulebook=book, rule=rule) for book, rule in names)
