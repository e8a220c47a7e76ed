"""Config: what an edge node watches, by which rules, and whom it tells; a file that may change while streams run.

File form (`*.edge.yaml`)::

    taihang: edge/1
    sources: {gate: rtsp://camera/stream, shaft: /films}
    rules: mine-inspection
    cloud: https://cloud.site/edge
    alerts: [https://desk.site/hook, mqtt://broker/mine/alerts]
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pydantic_core
import yaml

from taihang.core import errors, ids, words
from taihang.engines.media import live
from taihang.engines.notify import channel
from taihang.model.routing import bound, paths

_LARGEST_FILE = 1 << 20
_Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
_Http = Annotated[str, pydantic.AfterValidator(lambda text: _reached(text, ("http", "https")))]
_Sink = Annotated[str, pydantic.AfterValidator(lambda text: _reached(text, ("http", "https", "mqtt", "mqtts")))]


def _reached(text: str, schemes: tuple[str, ...]) -> str:
    head, _, rest = text.partition("://")
    if head not in schemes or not rest or any(c.isspace() for c in rest) or len(text) > 1900:
        raise pydantic_core.PydanticCustomError(
            "address", "an address such as {known}://HOST/…", {"known": "|".join(schemes)}
        )
    return text


class Held(words.Word):
    """A bound that was learnt for one rule: at `threshold` and above its segments leave the edge."""

    threshold: Annotated[float, pydantic.Field(ge=0, le=1)] | None
    limit: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.05
    delta: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.05
    units: Annotated[int, pydantic.Field(ge=0)] = 0

    def bound(self) -> bound.Bound:
        """As the router takes it."""
        return bound.Bound(self.threshold, self.limit, self.delta, self.units, 0.0, "exact binomial")


class Config(words.Word):
    """Everything that may be changed while streams run.

    `sources`: address by name. `zones`: a zones file by source name. `threshold`: the detector's. `console`: address
    of a platform whose console shows alerts, for the account of `console_token`. `clip_bytes`: what clips of alerts
    may take that the node keeps for itself; `queue_bytes`: what may wait on the disk for the cloud. `segment_s`: length
    of a segment. `budget_per_hour`: cost units for paths beyond the edge. `bounds`: by rule id. A rule without one has
    no threshold that holds: all its segments go up. `calibration`: a table of segments with their truth
    (`calibrating`), from which bounds at `limit` are learnt for the rules that `bounds` does not name; with
    `bound_on: events` a group of segments is missed only when none of them goes up.
    """

    sources: Annotated[dict[_Name, str], pydantic.Field(min_length=1, max_length=64)]
    rules: str = "mine-inspection"
    zones: dict[_Name, str] = {}
    detector: str = "builtin"
    threshold: Annotated[float, pydantic.Field(gt=0, lt=1)] | None = None
    fps: Annotated[float, pydantic.Field(ge=0.5, le=30)] = 5.0
    segment_s: Annotated[float, pydantic.Field(ge=1, le=60)] = 4.0
    cloud: _Http | None = None
    cloud_secret: channel.Reference | None = None
    alerts: Annotated[tuple[_Sink, ...], pydantic.Field(max_length=16)] = ()
    alert_secret: channel.Reference | None = None
    console: _Http | None = None
    console_token: channel.Reference | None = None
    clip_bytes: Annotated[int, pydantic.Field(ge=1 << 16)] = 256 << 20
    queue_bytes: Annotated[int, pydantic.Field(ge=1 << 16)] = 1 << 30
    stall_s: Annotated[float, pydantic.Field(ge=0.5, le=300)] = 5.0
    budget_per_hour: Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)] = 1000.0
    policy: paths.Policy = paths.Policy()
    bounds: dict[words.Slug, Held] = {}
    calibration: str | None = None
    limit: Annotated[float, pydantic.Field(gt=0, lt=1)] = 0.05
    bound_on: Literal["segments", "events"] = "segments"
    # Two configurations that name the same files are equal only when the files hold the same.
    _held: str = pydantic.PrivateAttr("")

    @property
    def files(self) -> list[Path]:
        """Files that it names and whose contents count as its own: rulebook, zones, calibration, detector."""
        named = [self.rules, *self.zones.values(), *([self.calibration] if self.calibration is not None else [])]
        # A detector's file and what stands beside it; a new version is rolled out under the same name.
        named += [self.detector, f"{self.detector}.yaml"]
        return [path for path in map(Path, named) if path.is_file()]

    @property
    def sha256(self) -> str:
        """Of everything above."""
        return ids.digest_json([self.model_dump(mode="json"), self._held])

    @pydantic.model_validator(mode="after")
    def _known(self) -> Config:
        strangers = sorted(set(self.zones) - set(self.sources))
        if strangers:
            raise ValueError(f"zones of a source that is not there: {', '.join(strangers)}")
        if (self.console is None) != (self.console_token is None):
            raise ValueError("console and console_token need each other")
        return self


class _File(Config):
    taihang: Literal["edge/1"]


def load(path: Path) -> Config:
    """Read a configuration file. Raises errors.UserError, naming file and field."""
    try:
        data: Any = yaml.safe_load(path.read_bytes()[: _LARGEST_FILE + 1])
        found = _File.model_validate(data)
    except OSError as error:
        raise errors.UserError("use.video:edge.file", path=path, reason=error.strerror or "") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{mark.line + 1}:{mark.column + 1}" if mark is not None else "YAML"
        raise errors.UserError("use.video:edge.file", path=path, reason=where) from None
    except pydantic.ValidationError as error:
        raise errors.UserError("use.video:edge.file", path=path, reason=_first(error)) from None
    made = Config.model_validate(found.model_dump(exclude={"taihang"}))
    try:
        made._held = ids.digest_json([ids.digest(file.read_bytes()) for file in made.files])
    except OSError as error:
        raise errors.UserError("use.video:edge.file", path=path, reason=error.strerror or "") from None
    return made


def of(**values: Any) -> Config:
    """A configuration from single values. Raises errors.UserError naming the field."""
    try:
        return Config.model_validate({name: value for name, value in values.items() if value is not None})
    except pydantic.ValidationError as error:
        raise errors.UserError("use.video:edge.value", reason=_first(error)) from None


def _first(error: pydantic.ValidationError) -> str:
    one = error.errors(include_input=False)[0]
    return f"{'.'.join(str(p) for p in one['loc']) or '-'}: {one['msg']}"


def named(source: str, taken: set[str]) -> str:
    """A name for a source that was given without one."""
    plain = live.shown(source).rstrip("/").rsplit("/", 1)[-1]
    word = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in plain).strip("-.") or "stream"
    base, name, count = word[:50], word[:50], 1
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    return name
