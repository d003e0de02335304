"""Further columns of a table of images, as columns that rules can read: a layer that every recipe with such columns has.

They come as JSON, since a table names and types them as it likes; what each holds is said in the recipe.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from core.scorer import column

#: The type of what a column may hold.
TYPES = {"text": pa.string(), "number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}


@dataclass(frozen=True)
class TableColumns:
    """The columns of a row, as the table has them (no unit); null where it has none. Source: our own.

    `columns` are their names with what they hold (text, number, integer, boolean).
    """

    columns: Mapping[str, str] = field(default_factory=dict[str, str])

    name: ClassVar[str] = "table"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("page.extra",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([column(name, TYPES[kind], "as the table has it") for name, kind in self.columns.items()])

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return from_json(batch.column(0), self.schema)


def from_json(objects: pa.Array, schema: pa.Schema) -> pa.RecordBatch:
    """JSON objects, which have values of these types, as columns; null where one has none."""
    rows = [json.loads(text) if text else {} for text in objects.to_pylist()]
    return pa.RecordBatch.from_arrays([pa.array([row.get(f.name) for row in rows], f.type) for f in schema], schema=schema)
