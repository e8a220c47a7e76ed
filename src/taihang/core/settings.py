"""Settings: each package declares a section; values come from `taihang.toml` and `TAIHANG_…`.

The file is read by whoever starts the program (`load`); a section asks for its own part. An
environment variable `TAIHANG_<SECTION>_<FIELD>` wins over the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import pydantic

from taihang.core import errors

_values: dict[str, Mapping[str, Any]] = {}
_loaded_from: list[str] = []


class Section(pydantic.BaseModel):
    """Base of a package's settings; `name` is its table in the file."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]

    @classmethod
    def current(cls) -> Self:
        """This section's values now: defaults, then the file, then the environment.

        Raises errors.UserError, naming the setting and where its value came from.
        """
        merged: dict[str, Any] = dict(_values.get(cls.name, {}))
        source = dict.fromkeys(merged, _source())
        for field in cls.model_fields:
            variable = f"TAIHANG_{cls.name}_{field}".upper()
            if variable in os.environ:
                merged[field] = os.environ[variable]
                source[field] = variable
        try:
            return cls.model_validate(merged)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            where = source.get(field, _source())
            if first["type"] == "extra_forbidden":
                known = ", ".join(cls.model_fields)
                raise errors.UserError(
                    "core:setting_unknown", source=where, name=f"{cls.name}.{field}", known=known
                ) from None
            raise errors.UserError(
                "core:setting_invalid", name=f"{cls.name}.{field}", source=where, reason=first["msg"]
            ) from None


def load(values: Mapping[str, Any], source: str) -> None:
    """Set the file's values for the process; `source` is its path, for messages."""
    _values.clear()
    _values.update({k: v for k, v in values.items() if isinstance(v, Mapping)})
    _loaded_from[:] = [source]


def _source() -> str:
    return _loaded_from[0] if _loaded_from else "taihang.toml"
