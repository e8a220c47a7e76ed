"""Grades: a policy in YAML that says which thresholds earn which grade; the first grade whose all hold is given."""

from __future__ import annotations

import dataclasses
import importlib.resources
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml

from taihang.core import errors, i18n, ids, words

SUFFIX = ".grades.yaml"
_LARGEST = 1 << 20
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Count = Annotated[int, pydantic.Field(ge=0)]


class Part(pydantic.BaseModel):
    """Base of what a policy holds."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class Grade(Part):
    """One grade. `score`: least value of each checked dimension; `dimensions`: of some, which must be checked.

    `judged`: least share of the rules that were judged; `findings`: most findings of a level.
    """

    id: words.Slug
    title: i18n.Text
    score: Share | None = None
    dimensions: dict[str, Share] = {}
    judged: Share | None = None
    findings: dict[words.Level, Count] = {}


class Policy(Part):
    """Grades, the best first; `valid_days` is how long a certificate stands."""

    taihang: Literal["grades/1"]
    id: words.Slug
    version: Annotated[str, pydantic.StringConstraints(min_length=1, max_length=100)]
    title: i18n.Text
    valid_days: Annotated[int, pydantic.Field(ge=1, le=3660)] = 365
    grades: Annotated[tuple[Grade, ...], pydantic.Field(min_length=1, max_length=20)]


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A policy and the SHA-256 of its text."""

    policy: Policy
    sha256: str


@dataclasses.dataclass(frozen=True)
class Judged:
    """What a policy looks at: values of dimensions that were checked, how many rules of how many, findings by level."""

    dimensions: Mapping[str, float]
    rules: int
    judged: int
    findings: Mapping[words.Level, int]


@dataclasses.dataclass(frozen=True)
class Given:
    """The grade that was earned, or None; what held for it in words; and what each better grade lacked."""

    grade: Grade | None
    met: tuple[i18n.Text, ...]
    missed: tuple[tuple[Grade, tuple[i18n.Text, ...]], ...]


def load(given: str) -> Loaded:
    """A policy's file, or a shipped one by its name. Raises errors.UserError."""
    path = Path(given)
    shipped = importlib.resources.files("taihang.trust.certificate").joinpath(f"{given}{SUFFIX}")
    try:
        if path.is_file():
            if path.stat().st_size > _LARGEST:
                raise errors.UserError("trust.certificate:policy", path=path, reason=f"> {_LARGEST} bytes")
            data = path.read_bytes()
        elif words_of(given) and shipped.is_file():
            data = shipped.read_bytes()
        else:
            raise errors.UserError("trust.certificate:no_policy", path=given)
    except OSError as error:
        raise errors.UserError("trust.certificate:policy", path=path, reason=error.strerror or error) from None
    return loads(data, given)


def loads(data: bytes, where: str) -> Loaded:
    """A policy from its text. Raises errors.UserError."""
    try:
        value: Any = yaml.load(data.decode(), Loader=_Plain)  # noqa: S506 - a safe loader without aliases
        return Loaded(Policy.model_validate(value), ids.digest(data))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = str(error).replace("\n", " ")[:200]
    raise errors.UserError("trust.certificate:policy", path=where, reason=reason)


def give(policy: Policy, found: Judged) -> Given:
    """The best grade that is earned; missing evidence earns none."""
    missed: list[tuple[Grade, tuple[i18n.Text, ...]]] = []
    for grade in policy.grades:
        met, lacking = _weighed(grade, found)
        if not lacking:
            return Given(grade, met, tuple(missed))
        missed.append((grade, lacking))
    return Given(None, (), tuple(missed))


def words_of(name: str) -> bool:
    """True for what may name a shipped policy."""
    return bool(name) and all(c.isalnum() or c in "-." for c in name) and ".." not in name


def _weighed(grade: Grade, found: Judged) -> tuple[tuple[i18n.Text, ...], tuple[i18n.Text, ...]]:
    met: list[i18n.Text] = []
    lacking: list[i18n.Text] = []

    def weigh(holds: bool, key: str, **values: Any) -> None:
        (met if holds else lacking).append(i18n.Message(key=f"trust.certificate:grade.{key}", values=values).both())

    if grade.score is not None:
        lowest = min(found.dimensions.values(), default=None)
        shown = "–" if lowest is None else f"{lowest:.4f}"
        weigh(lowest is not None and lowest >= grade.score, "score", least=f"{grade.score:g}", value=shown)
    for name, least in grade.dimensions.items():
        value = found.dimensions.get(name)
        shown = "–" if value is None else f"{value:.4f}"
        weigh(value is not None and value >= least, "dimension", dimension=name, least=f"{least:g}", value=shown)
    if grade.judged is not None:
        share = found.judged / found.rules if found.rules else 0.0
        weigh(share >= grade.judged, "judged", least=f"{grade.judged:.0%}", judged=found.judged, rules=found.rules)
    for level, most in grade.findings.items():
        count = found.findings.get(level, 0)
        text = i18n.Message(key=f"core:level.{level.value}").both()
        weigh(count <= most, "findings", level=text, most=most, count=count)
    return tuple(met), tuple(lacking)


class _Plain(yaml.SafeLoader):
    """YAML without aliases, which could grow beyond all memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("no aliases, please")
        return super().compose_node(parent, index)
