"""Language: which of ours a caller reads best, from Accept-Language (RFC 9110, 12.5.4)."""

from __future__ import annotations

from taihang.core import i18n

_LONGEST = 200


def chosen(header: str) -> i18n.Language:
    """The language with the highest weight; the server's own when the header names neither."""
    best: tuple[float, i18n.Language] | None = None
    for part in header[:_LONGEST].split(","):
        tag, _, weight = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary not in i18n.LANGUAGES:
            continue
        try:
            value = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if 0 < value <= 1 and (best is None or value > best[0]):
            best = (value, "zh" if primary == "zh" else "en")
    return best[1] if best else i18n.current()
