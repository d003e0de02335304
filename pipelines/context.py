"""What every task needs and only its process makes: the store, the compiled plan, opened scorers, limits."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.errors import InputError
from core.remote import at_once, is_remote
from ingest.files import change_stamp, open_file
from ingest.options import IngestOptions
from ingest.parts import Part, list_parts
from pipelines.isolate import Limits
from pipelines.layers import LayerWriter, layer_path
from pipelines.plan import Layer, Plan, compile_plan
from pipelines.recipe import Recipe, load_recipe
from pipelines.removal import Removals, read_removals
from pipelines.store import Store
from pipelines.tables import TABLES, Table
from pipelines.view import Columns, Joined


def recipe_from_json(canonical: dict[str, Any]) -> Recipe:
    """The recipe that `Recipe.canonical` wrote down."""
    return load_recipe(json.dumps(canonical, indent=1))


#: Plain, gzip, zstd, and the skippable frame that may hold a zstd dictionary.
_WARC_BEGINNINGS = (b"WARC/", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", *(bytes([b]) + b"\x2a\x4d\x18" for b in range(0x50, 0x60)))


def input_patterns(recipe: Recipe) -> tuple[list[str], str | None]:
    """The paths and patterns that a recipe reads, and their format if it is said; what it gets from the web is no path."""
    given = recipe.input
    if given.table is not None:
        return given.table.path, given.table.format
    return (given.warcs, "warc") if given.warcs is not None else (given.wets or [], "wet")


def input_parts(recipe: Recipe, limit: int | None = None) -> list[Part]:
    """The parts of the recipe's inputs, sorted by name; the first `limit`."""
    patterns, format = input_patterns(recipe)
    parts = sorted(list_parts(patterns, format=format, part_bytes=recipe.input.part), key=lambda part: part.name)
    _require_kind(recipe, parts)
    return parts[:limit] if limit is not None else parts


def _require_kind(recipe: Recipe, parts: Sequence[Part]) -> None:
    """InputError if a file is of another kind than the recipe's section says."""
    if recipe.input.table is not None:
        for part in parts:
            if part.format in ("warc", "wet"):
                raise InputError(
                    f"{part.uri}: is a WARC, and the recipe reads tables (input.table)",
                    "name it under `input.warcs`, or give the path of a Parquet, JSONL or CSV file",
                )
        return
    uris = [part.uri for part in parts if part.start == 0]
    for uri, head in zip(uris, at_once(_head, uris, any(map(is_remote, uris))), strict=True):
        if head and not head.startswith(_WARC_BEGINNINGS):
            raise InputError(
                f"{uri}: is no WARC or WET file (it begins with {head!r})",
                "name only WARCs, plain or under gzip or zstd; tables of texts go under `input.table`",
            )


def _head(uri: str) -> bytes:
    with open_file(uri) as file:
        return file.read(6)


@dataclass(frozen=True)
class Context:
    """One run as a process sees it."""

    store: Store
    plan: Plan
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def _others(self) -> dict[str, Context]:
        """Contexts of other tables that were asked for, by table: they know each other."""
        return {self.table.name: self}

    def of(self, table: str) -> Context:
        """The same run as another table sees it, with the plan for that."""
        if table not in self._others:
            other = Context(self.store, compile_plan(self.recipe, TABLES[table]), self.limits)
            other.__dict__["_others"] = self._others
            self._others[table] = other
        return self._others[table]

    @cached_property
    def _opened(self) -> Context:
        for layer in self.plan.layers:
            layer.scorer.open()
        return self

    @cached_property
    def ingest(self) -> IngestOptions:
        return self.plan.recipe.ingest_options()

    @cached_property
    def removals(self) -> Removals:
        """What was taken down; the list does not change while a run holds the lease."""
        return read_removals(self.store.root)

    @property
    def recipe(self) -> Recipe:
        return self.plan.recipe

    @property
    def table(self) -> Table:
        """The table that the plan is for."""
        return self.plan.table

    def joined(self, part: str, columns: Iterable[str], edits: Sequence[Layer] = ()) -> Joined:
        """Columns of a part of the table."""
        return Joined(self.store, part, columns, edits, self.table.name)

    def writer(self, layer: str, part: str, schema: pa.Schema) -> LayerWriter:
        """The writer of a layer of the table."""
        return LayerWriter(self.store, self.table.name, layer, part, schema)

    def path(self, layer: str, part: str) -> Path:
        """Where the file of a part of a layer of the table lies."""
        return layer_path(self.store, self.table.name, layer, part)

    def removed(self, columns: Columns) -> npt.NDArray[np.bool_]:
        """Which rows of a batch with `id` and the address were taken down."""
        return self.removals.mask(columns["id"], columns[self.table.url])

    def stamp(self, part: Part) -> dict[str, Any]:
        """What tells cheaply whether a part's file was changed: its size and its time of change."""
        size, changed = change_stamp(part.uri)
        # Without a stamp nothing is told: then the digest has to be compared.
        return {"size": size, "changed": time.time_ns() if changed is None else changed, "format": part.format}

    def to_setup(self) -> dict[str, Any]:
        """JSON from which another process makes the same context."""
        return {
            "root": self.store.root, "generation": self.store.generation, "shared": self.store.shared,
            "recipe": self.recipe.canonical(),
            "limits": {"seconds": self.limits.seconds, "memory_bytes": self.limits.memory_bytes},
        }  # fmt: skip

    @staticmethod
    def from_setup(setup: dict[str, Any]) -> Context:
        """The context of a run; scorers are made but not opened."""
        plan = compile_plan(recipe_from_json(setup["recipe"]))
        return Context(Store(setup["root"], setup["generation"], setup["shared"]), plan, Limits(**setup["limits"]))

    def open(self) -> Context:
        """Opens the scorers of the table, unless they are: models are loaded, once a process."""
        return self._opened
