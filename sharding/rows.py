"""Rows of Arrow columns as JSON text, one object a row with sorted keys, the same for the same values.

What `json.dumps(row, sort_keys=True, ensure_ascii=False)` gives without spaces, column by column instead of row by
row; JSON has no NaN, bytes or times: they become null, hex digits and ISO 8601.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

import numpy as np
import pyarrow as pa

from sharding.cells import list_lengths


def json_rows(columns: dict[str, pa.Array], rows: int) -> list[str]:
    """One JSON object a row of `columns` (each of length `rows`), keys sorted, no spaces, non-ASCII kept."""
    if not columns:
        return ["{}"] * rows
    names = sorted(columns)
    template = "{" + ",".join(encode_basestring(name).replace("%", "%%") + ":%s" for name in names) + "}"
    return [template % cells for cells in zip(*(json_cells(columns[name]) for name in names), strict=True)]


def json_cells(column: pa.Array) -> list[str]:
    """Each cell as JSON text.

    float32 and float16 are written by their own shortest digits; timestamps as UTC with a Z (without one if the
    column has no time zone), fractions of a second only where there are some; years past 32767 as null.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return json_cells(column.cast(kind.value_type))
    if pa.types.is_null(kind):
        return ["null"] * len(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _each(column, encode_basestring)
    if pa.types.is_boolean(kind):
        return _each(column, lambda value: "true" if value else "false")
    if pa.types.is_integer(kind):
        return _each(column, str)
    if pa.types.is_floating(kind):
        if kind != pa.float64():
            # Through decimal digits: the nearest float64 of the short form, not 0.30000001192092896 for 0.3.
            column = column.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
        return _each(column, lambda value: repr(value) if math.isfinite(value) else "null")
    if pa.types.is_timestamp(kind):
        return _timestamps(column)
    if _is_binary(kind):
        return _each(column, lambda value: f'"{value.hex()}"')
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(column)
    if pa.types.is_map(kind):
        return _lists(column.cast(pa.list_(pa.struct([kind.key_field, kind.item_field]))))
    if pa.types.is_struct(kind):
        fields = {kind.field(i).name: part for i, part in enumerate(column.flatten())}
        return _where_valid(column, json_rows(fields, len(column)))
    return _each(column.cast(pa.string()), encode_basestring)


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _each(column: pa.Array, encode: Callable[[Any], str]) -> list[str]:
    return ["null" if value is None else encode(value) for value in column.to_pylist()]


def _where_valid(column: pa.Array, cells: list[str]) -> list[str]:
    if not column.null_count:
        return cells
    return [cell if valid else "null" for cell, valid in zip(cells, column.is_valid().to_pylist(), strict=True)]


def _lists(column: pa.Array) -> list[str]:
    cells = json_cells(column.flatten())
    lengths = list_lengths(column)
    ends = np.cumsum(lengths)
    lists = [
        "[" + ",".join(cells[end - length : end]) + "]"
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]
    return _where_valid(column, lists)


def _timestamps(column: pa.Array) -> list[str]:
    zone = "Z" if column.type.tz else ""
    # Without a zone the cast needs no time zone database; the values are UTC either way.
    local = column.cast(pa.timestamp(column.type.unit))

    def iso(text: str) -> str:
        if text.startswith("<"):  # Arrow's "<value out of range: …>"
            return "null"
        day, _, time = text.partition(" ")
        seconds, point, fraction = time.partition(".")
        fraction = fraction.rstrip("0")
        return f'"{day}T{seconds}{point + fraction if fraction else ""}{zone}"'

    return _each(local.cast(pa.string()), iso)
