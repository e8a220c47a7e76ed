"""Page: the model card that people read, from what the machine-readable one says."""

from __future__ import annotations

from taihang.core import i18n
from taihang.model.temporal import card as cards

NAMES: dict[i18n.Language, str] = {"en": "MODEL_CARD.md", "zh": "MODEL_CARD.zh.md"}


def text(card: cards.Card, language: i18n.Language) -> str:
    """The page in Markdown."""

    def say(key: str, **values: object) -> str:
        return i18n.text(f"model.temporal:card_page.{key}", language, **values)

    kept, trained = [], card.trained
    for name in card.classes:
        f1, small = trained.f1[name], trained.f1_int8[name]
        shown = [say("none") if score is None else f"{score:.2f}" for score in (f1, small)]
        kept.append(f"| {name} | {trained.seen[name]} | {shown[0]} | {shown[1]} |")
    lines = [
        f"# {say('title')}",
        say("what", classes=", ".join(card.classes), presence=", ".join(card.presence) or "–"),
        say("synthetic" if card.synthetic else "own"),
        say(
            "trained", films=trained.films, steps=trained.steps, held=trained.held_films, held_steps=trained.held_steps
        ),
        f"| {say('class')} | {say('steps')} | F1 | {say('small')} |\n|---|---|---|---|\n" + "\n".join(kept),
        say("precision", precision=card.precision, parity=f"{card.parity:.1e}"),
        say("limits"),
        say("retrain"),
        f"sha256: `{card.sha256}`",
    ]
    return "\n\n".join(lines) + "\n"
