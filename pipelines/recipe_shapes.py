"""What the models of recipes are made of: keys that are checked, sizes, shares, lists of paths, and faults with a mend."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic import WithJsonSchema as JsonSchema
from pydantic_core import PydanticCustomError

UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_NUMBERS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def fault(message: str, mend: str = "") -> PydanticCustomError:
    """What a validator raises: `problems_of` takes the message as it is, and the mend."""
    return PydanticCustomError("fault", "{message}", {"message": message, "mend": mend})


def listed(value: Any) -> Any:
    """A word where a list is expected stands for a list of one."""
    return [value] if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    """128MB → 128000000; powers of 1024 for MiB."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d[\d_]*(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if found is None or found[2].lower() not in UNITS:
        raise fault(f"`{value}` is no size", "write it as 128MB or 64MiB")
    return round(float(found[1].replace("_", "")) * UNITS[found[2].lower()])


def _number(value: Any) -> Any:
    """2B → 2000000000, 1.5M → 1500000, 2_000 → 2000."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d[\d_]*(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
    if found is None or found[2].lower() not in _NUMBERS:
        raise fault(f"`{value}` is no number", "write it as 2_000_000_000, 500M or 2B")
    return round(float(found[1].replace("_", "")) * _NUMBERS[found[2].lower()]) if found[2] or "." in found[1] else int(found[1])


Paths = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    BeforeValidator(listed),
    Field(min_length=1),
    JsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
Size = Annotated[
    int,
    BeforeValidator(_bytes),
    Field(ge=1000, le=1 << 40),
    JsonSchema({"type": ["integer", "string"], "minimum": 1000, "pattern": r"^[0-9.]+ *[kMG]i?B$"}),
]
Number = Annotated[
    int,
    BeforeValidator(_number),
    Field(ge=1, le=10**15),
    JsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": r"^[0-9][0-9_.]* *[kMBT]?$"}),
]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Patterns = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    BeforeValidator(listed),
    JsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, coerce_numbers_to_str=True)


class ScoredSection(Model):
    """How the rows of one table are scored and which are kept."""

    score: list[Any] = Field(default_factory=list[Any], description="scorers, in order; each adds a layer of columns")
    keep: list[Any] = Field(default_factory=list[Any], description="rules; a row that fails one is dropped")
    audit: Share = Field(default=0.01, description="share of dropped rows that costly scorers score all the same")
