"""Text metrics: monotone under the corruption they are about, and silent where they know nothing."""

from __future__ import annotations

import numpy as np
import pytest

from taihang.data.quality.text import (
    examples,
    form,
    language,
    letters,
    metrics,
    ngram,
    observing,
    reading,
    repetition,
    sensitive,
)

STRENGTHS = np.linspace(0, 0.9, 10)


def _monotone(values: list[float], sign: int) -> None:
    ranks = np.argsort(np.argsort(np.array(values) * sign, kind="stable"), kind="stable")
    spearman = np.corrcoef(ranks, np.arange(len(values)))[0, 1]
    assert spearman >= 0.9, values
    assert sign * (values[-1] - values[0]) > 0


def test_perplexity_rises_with_letters_out_of_place() -> None:
    model = ngram.train(examples.CORPUS)
    assert model is not None
    _monotone([model.perplexities([examples.shuffled(examples.OTHER, s)])[0] or 0 for s in STRENGTHS], 1)


def test_purity_falls_with_markup() -> None:
    _monotone([form.purity(examples.soiled(examples.CHINESE, s)) or 0 for s in STRENGTHS], -1)


def test_repetition_rises_and_density_falls_with_what_is_said_again() -> None:
    text = examples.CHINESE
    _monotone([repetition.repetition(repetition.tokens(examples.partly_repeated(text, s))) or 0 for s in STRENGTHS], 1)
    _monotone([form.density(examples.partly_repeated(text, s)) or 0 for s in STRENGTHS], -1)


def test_sensitive_share_rises_with_the_words() -> None:
    words = sensitive.shipped()
    made = [sensitive.found(examples.CHINESE + "网络赌博，" * n, words, ("Hani",)) for n in range(10)]
    _monotone([one[1] for one in made if one is not None], 1)


def test_similarity_falls_with_letters_out_of_place() -> None:
    text = examples.CORPUS[0]
    made = [metrics.near_duplicate(metrics.Item(examples.shuffled(text, s), (text,))) or 0 for s in STRENGTHS]
    _monotone(made, -1)


def test_perplexity_is_a_distribution_over_letters() -> None:
    """The chances of all letters after one beginning add up to one, the unknown letter among them."""
    model = ngram.train(examples.CORPUS)
    assert model is not None
    alphabet = sorted({c for text in examples.CORPUS for c in text})
    begun = "作业人员应当检查自救器的压力，不合格的不"
    whole = model.perplexities([begun])[0]
    assert whole is not None
    base = len(begun) * np.log(whole)
    chances = []
    for letter in [*alphabet, "\u9fa5"]:
        value = model.perplexities([begun + letter])[0]
        assert value is not None
        chances.append(np.exp(base - (len(begun) + 1) * np.log(value)))
    assert sum(chances) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("井下作业人员必须佩戴自救器。", "zh"),
        ("The valve must be closed before the pump is started.", "en"),
        ("Das Ventil muss geschlossen sein, bevor die Pumpe nicht mehr läuft.", "de"),
        ("安全はすべてに優先します。", "ja"),
        ("안전이 최우선입니다", "ko"),
        ("Безопасность прежде всего", None),
        ("pump valve", None),
        ("12345", None),
        ("", None),
        ("ᚠᚢᚦᚨᚱᚲ", None),
    ],
)
def test_language(text: str, told: str | None) -> None:
    script, _ = language.scripts_of(letters.Letters.of([text]))
    assert language.languages([text], script) == [told]


def test_what_cannot_be_told_of_a_script_is_not_told() -> None:
    table = observing.measured([reading.Text(0, "a", 1, "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ")], sensitive.shipped()).to_pylist()[
        0
    ]
    assert table["sensitive"] is None
    assert table["completeness"] is None
    assert table["script"] == "Mong"


def test_words_hidden_by_marks_and_unseen_letters_are_found() -> None:
    words = sensitive.Words.of(["代开发票", "fake passport"], "own")
    for text in ("代 开 发 票", "代*开*发*票", "代\u200b开发\u200b票", "代．开．发．票"):
        assert sensitive.found(text, words, ("Hani",)) == (["代开发票"], 1.0)
    assert sensitive.found("a fake  PASSPORT here", words, ("Latn",)) == (["fake passport"], pytest.approx(12 / 17))
    assert sensitive.found("fake passports", words, ("Latn",)) == ([], 0.0)


def test_numbers_that_a_few_words_do_not_give() -> None:
    assert repetition.repetition(repetition.tokens("太短了")) is None
    assert form.density("短") is None
    assert form.coherence("只有一句。") is None
    assert form.entropy("") is None
    assert ngram.train(["少"]) is None
