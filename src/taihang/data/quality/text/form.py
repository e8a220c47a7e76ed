"""Form: how a text is made: how dense, how complete, how pure, how its sentences hang together."""

# ruff: noqa: E501 - a pattern is read as one line
from __future__ import annotations

import itertools
import math
import re
import zlib
from collections import Counter

from taihang.data.quality.text import repetition

_SHORTEST_BYTES = 100
_ENDS = tuple("。！？!?.…~～;；:：")
_AFTER = "”’\"'）)】]」』》>*` \n\t"
_PAIRS = (("（", "）"), ("(", ")"), ("【", "】"), ("[", "]"), ("「", "」"), ("《", "》"), ("“", "”"), ("{", "}"))
_SENTENCE = re.compile(r"[。！？!?；;\n]+|(?<=[^\W\d_])\.(?=\s|$)")
_MOST_SENTENCES = 200
_MISSING = re.compile(
    r"暂无(?:内容|数据|信息|描述)|待(?:补充|填写|完善|确认)|此处省略|以下省略|内容(?:缺失|为空)|无法显示|图片加载失败|_{4,}|\?{3,}|？{3,}"
    r"|\[(?:MASK|BLANK|UNK|REDACTED|image|图片|表格|公式)\]|<unk>|lorem ipsum|\b(?:TBD|TO[D]O|FIX[M]E|N/A|to be (?:added|completed|defined))\b",
    re.IGNORECASE,
)
# Markup, addresses, controls, private use, what failed to decode, and what was decoded as the wrong thing.
_IMPURE = re.compile(
    r"</?[A-Za-z][^<>]{0,200}>|&(?:#\d{1,6}|[a-z]{2,8});|(?:https?|ftp)://\S+|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ufffe\ue000-\uf8ff]+"
    r"|(?:[ÃÂâä-ï][\u0080-\u00bf€™œžŸ‚„†‡ˆ‰‹›Œ]+)+|(?:锟斤拷|烫烫烫|屯屯屯)+|([^\w\s])\1{3,}|\\[nrtu][0-9a-f]{0,4}"
)


def density(text: str) -> float | None:
    """How many bytes zlib leaves of each: low for what repeats itself, near one for noise; None under 100 bytes.

    A measure of our own: an upper bound of the information per byte.
    """
    data = text.encode("utf-8", "surrogatepass")
    return min(1.0, len(zlib.compress(data)) / len(data)) if len(data) >= _SHORTEST_BYTES else None


def entropy(text: str) -> float | None:
    """Shannon's entropy of the letters, in bits a letter; None for an empty text."""
    if not text:
        return None
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def completeness(text: str, *, knows_ends: bool) -> float | None:
    """The share of three signs of a whole text that it shows: it ends as sentences do, brackets close, none is a gap.

    None for a text of fewer than 20 characters, and where the marks of its script are not known.
    """
    if len(text) < 20 or not knows_ends:
        return None
    end = text.rstrip(_AFTER)
    ends = end.endswith(_ENDS) and not end.endswith(("...", "……", "…"))
    closed = all(text.count(left) == text.count(right) for left, right in _PAIRS)
    return (ends + closed + (missing(text) == 0)) / 3


def missing(text: str) -> int:
    """How many marks stand where something is missing: placeholders, blanks to fill in, omitted parts."""
    return sum(1 for _ in _MISSING.finditer(text))


def purity(text: str) -> float | None:
    """The share of a text that is no markup, address, control character or ruin of a wrong decoding."""
    if not text:
        return None
    return 1 - sum(len(one.group()) for one in _IMPURE.finditer(text)) / len(text)


def coherence(text: str) -> float | None:
    """The mean cosine similarity of the words of neighbouring sentences; None for fewer than two sentences.

    Lexical cohesion as in Hearst, TextTiling, 1997: it sees words that come again, no reasons.
    """
    parts = [part for part in _SENTENCE.split(text)[: 2 * _MOST_SENTENCES] if part and part.strip()][:_MOST_SENTENCES]
    bags = [bag for part in parts if (bag := Counter(repetition.tokens(part)))]
    if len(bags) < 2:
        return None
    return sum(_cosine(a, b) for a, b in itertools.pairwise(bags)) / (len(bags) - 1)


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    shared = sum(n * other[word] for word, n in one.items() if word in other)
    sizes = sum(n * n for n in one.values()) * sum(n * n for n in other.values())
    return shared / math.sqrt(sizes)
