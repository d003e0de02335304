"""Finds the scorers that are installed, and builds one from the parameters that a recipe gives.

Scorers come by entry points of the group `web2shards.scorers` (packaging.python.org, entry points specification).
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Annotated, Any, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic_core import to_jsonable_python

from core.errors import RecipeError
from pipelines.recipe_shapes import listed

GROUP = "web2shards.scorers"

#: What a recipe may call a scorer beside its name: `extract: {engine: …}` makes the layer `text`.
OTHER_NAMES = {"extract": "text"}


class InstalledScorers(Mapping[str, type]):
    """The scorer classes by the name that recipes use; a class is imported when it is asked for."""

    def __init__(self) -> None:
        self.entries: dict[str, list[metadata.EntryPoint]] = {}
        for entry in metadata.entry_points(group=GROUP):
            known = self.entries.setdefault(entry.name, [])
            if all(entry.value != other.value for other in known):
                known.append(entry)

    def __getitem__(self, name: str) -> type:
        entries = self.entries[name]
        if len(entries) > 1:
            listed = " and ".join(entry.value for entry in entries)
            raise RecipeError(f"two installed packages have a scorer `{name}`: {listed}", "uninstall one of them")
        try:
            return entries[0].load()
        except (ImportError, AttributeError) as error:
            raise RecipeError(
                f"the scorer `{name}` ({entries[0].value}) is installed but does not load: {error}",
                "install what it needs; `web2shards doctor` looks for the cause",
            ) from error

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


@functools.cache
def installed_scorers() -> InstalledScorers:
    """The scorers of all installed packages. Raises nothing until one is asked for."""
    return InstalledScorers()


def entry_of(cls: type) -> str:
    """`module:Class`."""
    return f"{cls.__module__}:{cls.__qualname__}"


@functools.cache
def parameters_model(cls: type) -> type[BaseModel]:
    """A pydantic model with the fields of a scorer's dataclass, for validation and for the JSON schema.

    Raises RecipeError if the class is no dataclass.
    """
    if not dataclasses.is_dataclass(cls):
        raise RecipeError(f"the scorer {entry_of(cls)} is no dataclass", "decorate it with @dataclass(frozen=True)")
    hints = get_type_hints(cls, include_extras=True)
    parameters: dict[str, Any] = {}
    for field in _parameters(cls):
        if field.default_factory is not dataclasses.MISSING:
            default = Field(default_factory=field.default_factory)
        else:
            default = Field(... if field.default is dataclasses.MISSING else field.default)
        hint = hints[field.name]
        several = get_origin(hint) in (tuple, list, set, frozenset)
        parameters[field.name] = (Annotated[hint, BeforeValidator(listed)] if several else hint, default)
    config = ConfigDict(extra="forbid", protected_namespaces=(), arbitrary_types_allowed=True)
    return create_model(cls.__name__, __config__=config, __doc__=inspect.getdoc(cls), **parameters)


def _parameters(cls: type) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if field.init and not field.name.startswith("_")]


def parameter_names(cls: type) -> list[str]:
    """The names that a recipe may set."""
    return [field.name for field in _parameters(cls)]


def build_scorer(cls: type, given: Mapping[str, Any]) -> Any:
    """The scorer with the given parameters, the rest at their defaults.

    Raises pydantic.ValidationError for types and unknown names, and what the class's __post_init__ raises.
    """
    model = parameters_model(cls).model_validate(dict(given))
    return cls(**{name: getattr(model, name) for name in model.model_fields_set})


def parameters_of(scorer: Any) -> dict[str, Any]:
    """All parameters of a scorer with their values, JSON-able."""
    values = {name: getattr(scorer, name) for name in parameter_names(type(scorer))}
    found = to_jsonable_python(values, fallback=str)
    return {name: sorted(found[name], key=str) if isinstance(value, set | frozenset) else found[name]
            for name, value in values.items()}  # fmt: skip


def column_parameters(scorer: Any) -> dict[str, Any]:
    """What a scorer's columns follow from, JSON-able: what its `column_parameters` says, else all its parameters."""
    given = getattr(scorer, "column_parameters", None)
    return parameters_of(scorer) if given is None else dict(given)
