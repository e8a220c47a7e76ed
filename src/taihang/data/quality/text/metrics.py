"""Text metrics: of one text, or, of a set, of an `Item`: a text and the texts that it stands among."""

from __future__ import annotations

import dataclasses

import numpy as np

from taihang.data.profile.semantic import spans
from taihang.data.quality.metrics.registry import metric
from taihang.data.quality.text import (
    examples,
    form,
    language,
    letters,
    minhash,
    ngram,
    repetition,
    sensitive,
)
from taihang.data.quality.text.duplicates import SHINGLE, THRESHOLD
from taihang.data.quality.text.duplicates import jaccard as _jaccard

_SECONDARY = "TC609-5-2025-04 (secondary)"


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A text, and others that it is compared with: what a model of letters learns from, and what it may repeat."""

    text: str
    others: tuple[str, ...] = ()


def _of(text: str) -> Item:
    return Item(text, examples.CORPUS)


@metric(
    "text.characters", dimension="completeness", source="—", unit="characters", direction="within", bound=(10, 100_000),
    cost="scan", failing=lambda: "嗯", passing=lambda: examples.CHINESE,
)  # fmt: skip
def characters(one: str) -> float:
    """How many characters."""
    return float(len(one))


@metric(
    "text.repetition", dimension="uniqueness", source=f"{_SECONDARY}; Rae et al. 2021", direction="lower", bound=0.2,
    cost="scan", failing=lambda: examples.repeated(examples.CHINESE, 5), passing=lambda: examples.CHINESE,
)  # fmt: skip
def repeated(one: str) -> float | None:
    """The share of tokens in a run that stood before."""
    return repetition.repetition(repetition.tokens(one))


@metric(
    "text.near_duplicate", dimension="uniqueness", source="Broder 1997", direction="lower", bound=THRESHOLD,
    cost="scan", of="set", failing=lambda: _of(examples.CORPUS[0].replace("。", "！")),
    passing=lambda: _of(examples.OTHER),
)  # fmt: skip
def near_duplicate(one: Item) -> float | None:
    """The greatest Jaccard similarity with another text."""
    own, others = letters.plain(one.text), [plain for text in one.others if (plain := letters.plain(text))]
    if not own or not others:
        return None
    found = minhash.sets([own, *others], SHINGLE)
    count = np.arange(1, len(others) + 1)
    return float(_jaccard(found.hashes, found.starts, np.zeros_like(count), count).max())


@metric(
    "text.perplexity", dimension="validity", source=f"{_SECONDARY}; Witten, Bell 1991", direction="lower", bound=400.0,
    cost="scan", of="set", failing=lambda: _of(examples.shuffled(examples.OTHER, 1.0)),
    passing=lambda: _of(examples.OTHER),
)  # fmt: skip
def perplexity(one: Item) -> float | None:
    """Per letter, under a model of the others."""
    model = ngram.train(one.others)
    return None if model is None else model.perplexities([one.text])[0]


@metric(
    "text.density", dimension="validity", source=f"{_SECONDARY}; own", direction="within", bound=(0.15, 1.0),
    cost="scan", failing=lambda: examples.repeated(examples.CHINESE, 20), passing=lambda: examples.CHINESE,
)  # fmt: skip
def density(one: str) -> float | None:
    """What zlib leaves of it."""
    return form.density(one)


@metric(
    "text.entropy", dimension="validity", source="Shannon 1948", unit="bit", direction="higher", bound=2.5, cost="scan",
    failing=lambda: "哈" * 40, passing=lambda: examples.CHINESE,
)  # fmt: skip
def entropy(one: str) -> float | None:
    """Of its letters."""
    return form.entropy(one)


@metric(
    "text.completeness", dimension="completeness", source=f"{_SECONDARY}; own", direction="higher", bound=0.6,
    cost="scan", failing=lambda: "设备巡检应当按照以下步骤：（一）检查外观，（二",
    passing=lambda: examples.CHINESE,
)  # fmt: skip
def completeness(one: str) -> float | None:
    """Signs of a whole text."""
    script = language.scripts_of(letters.Letters.of([one]))[0][0]
    return form.completeness(one, knows_ends=script in language.ENDS)


@metric(
    "text.missing", dimension="completeness", source=f"{_SECONDARY}; own", direction="lower", bound=0, cost="scan",
    failing=lambda: "联系电话：______，地址：待补充。", passing=lambda: examples.CHINESE,
)  # fmt: skip
def missing(one: str) -> float:
    """Marks of what is not there."""
    return float(form.missing(one))


@metric(
    "text.purity", dimension="validity", source=f"{_SECONDARY}; own", direction="higher", bound=0.95, cost="scan",
    failing=lambda: examples.soiled(examples.CHINESE, 0.3), passing=lambda: examples.CHINESE,
)  # fmt: skip
def purity(one: str) -> float | None:
    """The share that is text."""
    return form.purity(one)


@metric(
    "text.decoding", dimension="validity", source="Unicode 15, 5.22", direction="lower", bound=0.0, cost="scan",
    failing=lambda: "设备\ufffd\ufffd运行", passing=lambda: examples.CHINESE,
)  # fmt: skip
def decoding(one: str) -> float | None:
    """The share of replacement characters."""
    return one.count("\ufffd") / len(one) if one else None


@metric(
    "text.coherence", dimension="consistency", source=f"{_SECONDARY}; Hearst 1997", direction="higher", bound=0.02,
    cost="scan", failing=lambda: "雨停了。数学很难。牛奶没了。", passing=lambda: examples.CHINESE,
)  # fmt: skip
def coherence(one: str) -> float | None:
    """Words in common of neighbouring sentences."""
    return form.coherence(one)


@metric(
    "text.sensitive", dimension="validity", source="—", direction="lower", bound=0.001, cost="scan",
    failing=lambda: "代 开 发 票，请联系。", passing=lambda: examples.CHINESE,
)  # fmt: skip
def sensitive_share(one: str) -> float | None:
    """The share of letters in sensitive words of the shipped list."""
    script = language.scripts_of(letters.Letters.of([one]))[0][0]
    found = sensitive.found(one, sensitive.shipped(), (script,) if script else ())
    return None if found is None else found[1]


@metric(
    "text.script_share", dimension="consistency", source="ISO 15924", direction="higher", bound=0.7, cost="scan",
    failing=lambda: "安全 safety безопасность", passing=lambda: examples.CHINESE,
)  # fmt: skip
def script_share(one: str) -> float | None:
    """The share of letters of the commonest script."""
    return language.scripts_of(letters.Letters.of([one]))[1][0]


@metric(
    "text.personal", dimension="compliance", source="GB/T 35273-2020 (kinds)", unit="mentions", direction="lower",
    bound=0, cost="scan", failing=lambda: "联系人：王伟，电话13812345678。", passing=lambda: examples.CHINESE,
)  # fmt: skip
def personal(one: str) -> float:
    """How many mentions of personal data."""
    return float(len(spans.spans(one)))
