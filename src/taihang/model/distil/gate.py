"""Gate: whether a student may take the place of the detector in use, class by class, on pictures held back.

A protected class is *kept* only when two tests agree: the one-sided bootstrap bound of how its average precision
changed (pictures drawn anew, Efron 1979) lies above minus the margin, and the exact sign test over true boxes that one
of the two found and the other did not (McNemar 1947) does not speak for a loss. Too few true boxes: *unknown*. The
gate opens only when every protected class is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import pydantic

from taihang.core import errors, words
from taihang.model.distil import answers, precision
from taihang.model.routing import binomial

_HALF = (0.5,)
_Share = Annotated[float, pydantic.Field(ge=0, le=1, allow_inf_nan=False)]
State = Literal["kept", "worse", "unknown"]


class Plan(words.Word):
    """`margin`: how much average precision a class may lose at most. `alpha`: chance that a loss of just that much goes
    unseen in one class. `fewest`: true boxes without which nothing is known. `threshold`: from which score a detection
    is acted upon. `floor`: the least average precision of a protected class where no detector is in use yet."""

    margin: _Share = 0.02
    alpha: Annotated[float, pydantic.Field(gt=0, lt=0.5)] = 0.05
    fewest: Annotated[int, pydantic.Field(ge=1)] = 20
    threshold: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.5
    floor: Annotated[float, pydantic.Field(gt=0, le=1)] | None = None
    resamples: Annotated[int, pydantic.Field(ge=100, le=100_000)] = 2000
    seed: int = 0


class Class(words.Word):
    """One class: true boxes `held` back, average precision at IoU 0.5 of the detector in use and of the student, the
    bound of the change, true boxes that only the former found (`lost`) and only the latter (`won`) at the threshold,
    and the sign test's p of so many lost."""

    name: str
    protected: bool
    state: State
    held: int
    before: float | None
    after: float | None
    bound: float | None
    lost: int
    won: int
    p: float


class Verdict(words.Word):
    """What the gate found. `student`, `against`: SHA-256 of the two, `against` None where no detector is in use yet;
    `held`: of the pictures held back and their truth."""

    passed: bool
    student: words.Sha256
    against: words.Sha256 | None
    held: words.Sha256
    pictures: int
    plan: Plan
    classes: tuple[Class, ...]

    @property
    def refused(self) -> tuple[Class, ...]:
        """Protected classes that are not kept."""
        return tuple(one for one in self.classes if one.protected and one.state != "kept")


def check(classes: Sequence[str], protected: Sequence[str], in_use: bool, plan: Plan) -> None:
    """Refuse before long work what can never pass: a protected class that there is not, none at all, or no detector in
    use and no floor. Raises errors.UserError."""
    unknown = sorted(set(protected) - set(classes))
    if unknown or not protected:
        raise errors.UserError("model.distil:protected", unknown=", ".join(unknown) or "-", known=", ".join(classes))
    if not in_use and plan.floor is None:
        raise errors.UserError("model.distil:nothing_against")


def judge(  # noqa: PLR0917 - what is judged by what
    after: Sequence[answers.Boxes],
    before: Sequence[answers.Boxes] | None,
    truth: Sequence[answers.Boxes],
    classes: Sequence[str],
    protected: Sequence[str],
    plan: Plan,
) -> tuple[Class, ...]:
    """Judge what a student found (`after`) against what the detector in use found on the same pictures.

    Raises errors.UserError as `check` does.
    """
    check(classes, protected, before is not None, plan)
    dice = np.random.default_rng(plan.seed)
    drawn = dice.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), plan.resamples)
    return tuple(
        _class(after, before, truth, place, name, name in set(protected), plan, drawn)
        for place, name in enumerate(classes)
    )


def _class(  # noqa: PLR0917 - what one class is judged by
    after: Sequence[answers.Boxes],
    before: Sequence[answers.Boxes] | None,
    truth: Sequence[answers.Boxes],
    place: int,
    name: str,
    protected: bool,
    plan: Plan,
    drawn: np.ndarray,
) -> Class:
    new = precision.match(after, truth, place, _HALF)
    held = int(new.truths.sum())
    old = None if before is None else precision.match(before, truth, place, _HALF)
    if held < plan.fewest:
        return _told(name, protected, "unknown", held, new, old, None)
    changes = []
    for times in drawn:
        was = plan.floor if old is None else old.average(times)
        changes.append(new.average(times) - (was or 0.0))
    known = np.array(changes)[~np.isnan(changes)]
    bound = float(np.quantile(known, plan.alpha)) if len(known) else float("nan")
    finds = precision.recalled(after, truth, place, plan.threshold)
    found = finds if before is None else precision.recalled(before, truth, place, plan.threshold)
    lost, won = int((found & ~finds).sum()), int((finds & ~found).sum())
    p = binomial.at_most(won, lost + won, 0.5)
    # A floor has no margin: it is the least that there must be.
    margin = plan.margin if old is not None else 0.0
    kept = bound >= -margin and p >= plan.alpha
    return _told(name, protected, "kept" if kept else "worse", held, new, old, bound, lost, won, p)


def _told(  # noqa: PLR0917 - what is told of one class
    name: str,
    protected: bool,
    state: State,
    held: int,
    new: precision.Matched,
    old: precision.Matched | None,
    bound: float | None,
    lost: int = 0,
    won: int = 0,
    p: float = 1.0,
) -> Class:
    def rounded(value: float | None) -> float | None:
        return None if value is None or np.isnan(value) else round(value, 4)

    return Class(
        name=name, protected=protected, state=state, held=held, before=rounded(None if old is None else old.average()),
        after=rounded(new.average()), bound=rounded(bound), lost=lost, won=won, p=round(p, 4),
    )  # fmt: skip
