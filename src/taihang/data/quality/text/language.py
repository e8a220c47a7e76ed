"""Language: what a text is written in, by its script and by frequent words; None where that does not tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from taihang.data.quality.text import letters, scripts

# Scripts that one language of today stands for; Arabic, Cyrillic, Devanagari and others serve many.
_ONE = {
    "Hani": "zh", "Kana": "ja", "Hang": "ko", "Thai": "th", "Grek": "el", "Hebr": "he", "Armn": "hy", "Geor": "ka",
    "Khmr": "km", "Laoo": "lo", "Taml": "ta", "Telu": "te", "Knda": "kn", "Mlym": "ml", "Sinh": "si", "Gujr": "gu",
    "Mong": "mn", "Tibt": "bo",
}  # fmt: skip
_FREQUENT = {
    "en": "the of and to in is that it was for on are as with his they be at this have from or had by not but what all "
    "were when we there can an your which their said if do will each about how up out them then she you a i he its "
    "has been must should no any before after only please more than into",
    "de": "der die das und ist in den von zu mit sich des auf für nicht ein eine als auch es an werden aus er hat dass "
    "sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr ich",
    "fr": "le la les de des du un une et est que qui dans pour pas sur au avec ce il elle sont par plus ne se en nous "
    "vous mais ou leur cette ces aux son sa ses été être ont je a d l qu",
    "es": "el la los las de del un una y es que en por para con no se su al lo como más pero sus le ha este si sin "
    "sobre ser son entre está cuando muy hay o yo también fue",
    "it": "il lo la i gli le di del della un una e è che in per non con si da sono al dei nel alla ma come più anche o "
    "se questo ha delle ci suo era essere",
    "pt": "o a os as de do da dos das um uma e é que em no na para por com não se mais como mas foi ao ele tem à seu "
    "sua ou ser quando muito nos já está eu também",
    "nl": "de het een en van is in op te dat die voor met zijn niet aan er om ook als bij maar dan nog door naar uit "
    "over wordt hij ze worden heeft deze",
}
_WORDS = {language: frozenset(words.split()) for language, words in _FREQUENT.items()}
# Scripts whose marks at the end of a sentence are known here.
ENDS = frozenset({"Latn", "Hani", "Kana", "Cyrl", "Grek", "Hang"})
_WORD = re.compile(r"[^\W\d_]+")
_LOOKED_AT = 400


def scripts_of(found: letters.Letters) -> tuple[list[str | None], list[float | None]]:
    """For each text the script of most of its letters, and its share of them; None without a letter we know.

    Kana make a text Japanese, though most of its letters may be Han.
    """
    counted = scripts.counts(found)[:, 1:]
    totals = counted.sum(axis=1)
    names = scripts.NAMES[1:]
    kana, han = names.index("Kana"), names.index("Hani")
    japanese = counted[:, kana] * 20 > counted[:, han]
    counted = counted.copy()
    moved = np.where(japanese & (counted[:, kana] > 0), counted[:, han], 0)
    counted[:, kana] += moved
    counted[:, han] -= moved
    best = counted.argmax(axis=1)
    most = counted.max(axis=1)
    script = [names[b] if t else None for b, t in zip(best.tolist(), totals.tolist(), strict=True)]
    share = [m / t if t else None for m, t in zip(most.tolist(), totals.tolist(), strict=True)]
    return script, share


def languages(texts: Sequence[str], script: Sequence[str | None]) -> list[str | None]:
    """ISO 639-1 codes of texts of these scripts; None where neither script nor frequent words tell.

    Latin texts: the language whose frequent words are most of the words, at least one in ten, and clearly more than
    of any other. Han without kana is taken for Chinese.
    """
    return [_ONE.get(one or "") or (_latin(text) if one == "Latn" else None)
            for text, one in zip(texts, script, strict=True)]  # fmt: skip


def _latin(text: str) -> str | None:
    words = [word.casefold() for word in _WORD.findall(text[: _LOOKED_AT * 12])[:_LOOKED_AT]]
    if len(words) < 4:
        return None
    shares = [(sum(word in known for word in words) / len(words), name) for name, known in _WORDS.items()]
    (second, _), (best, name) = sorted(shares)[-2:]
    return name if best >= 0.1 and best >= 1.3 * second else None
