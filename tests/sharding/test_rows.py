"""Rows as JSON: what json.dumps gives, and a defined form for what JSON does not have."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharding.rows import json_cells, json_rows

STRUCT = pa.struct([pa.field("z", pa.float64()), pa.field("a", pa.list_(pa.string()))])
SCHEMA = pa.schema(
    [
        ("words", pa.int64()), ("score", pa.float64()), ("url", pa.string()), ("ok", pa.bool_()),
        ("captions", pa.list_(STRUCT)), ("100%", pa.string()), ('q"', pa.large_string()),
    ]
)  # fmt: skip
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ROW = st.fixed_dictionaries(
    {
        "words": st.none() | st.integers(-(2**63), 2**63 - 1),
        "score": st.none() | NUMBERS,
        "url": st.none() | st.text(),
        "ok": st.none() | st.booleans(),
        "captions": st.none()
        | st.lists(
            st.none()
            | st.fixed_dictionaries(
                {"z": st.none() | NUMBERS, "a": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3)}
            ),
            max_size=3,
        ),
        "100%": st.none() | st.just("%s %d %"),
        'q"': st.none() | st.text(max_size=2),
    }
)


@settings(deadline=None, max_examples=100)
@given(st.lists(ROW, max_size=6), st.integers(0, 3))
def test_rows_are_those_of_json_dumps(rows: list[dict[str, Any]], skip: int) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA).combine_chunks()
    columns = {
        name: pa.concat_arrays(table.column(name).chunks or [pa.array([], SCHEMA.field(name).type)])
        for name in table.schema.names
    }
    columns = {name: column.slice(skip) for name, column in columns.items()}
    wanted = [json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")) for row in rows[skip:]]
    assert json_rows(columns, max(len(rows) - skip, 0)) == wanted


def test_numbers_json_does_not_have_are_null() -> None:
    assert json_cells(pa.array([float("nan"), float("inf"), -float("inf"), 1.0])) == ["null", "null", "null", "1.0"]
    assert json_cells(pa.array([float("nan"), 1.0], pa.float32())) == ["null", "1.0"]


def test_float32_keeps_its_own_digits() -> None:
    assert json_cells(pa.array([0.3, 1e-9, 16777216.0, None], pa.float32())) == ["0.3", "1e-09", "16777216.0", "null"]
    assert json_cells(pa.array([0.5, 3.0], pa.float16())) == ["0.5", "3.0"]


def test_ids_are_hex_and_times_iso() -> None:
    assert json_cells(pa.array([b"\x00\xff", None])) == ['"00ff"', "null"]
    assert json_cells(pa.array([bytes(range(16))], pa.binary(16))) == ['"000102030405060708090a0b0c0d0e0f"']
    moments = [dt.datetime(2024, 5, 1, 12), dt.datetime(2024, 5, 1, 12, 0, 0, 1500), None]
    assert json_cells(pa.array(moments, pa.timestamp("us", "UTC"))) == [
        '"2024-05-01T12:00:00Z"', '"2024-05-01T12:00:00.0015Z"', "null",
    ]  # fmt: skip
    assert json_cells(pa.array(moments[:1], pa.timestamp("us", "Europe/Berlin"))) == ['"2024-05-01T12:00:00Z"']
    assert json_cells(pa.array([0], pa.timestamp("s"))) == ['"1970-01-01T00:00:00"']
    assert json_cells(pa.array([10**14], pa.timestamp("s"))) == ["null"]
    assert json_cells(pa.array([dt.date(2024, 5, 1)])) == ['"2024-05-01"']


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (pa.nulls(2), ["null", "null"]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ['"a"', "null", '"a"']),
        (pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)), ["[1.0,2.0]", "null"]),
        (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int8())), ['[{"key":"k","value":1}]', "null", "[]"]),
        (pa.array([{}, None], pa.struct([])), ["{}", "null"]),
    ],
)
def test_other_types(column: pa.Array, wanted: list[str]) -> None:
    assert json_cells(column) == wanted


def test_no_columns_are_empty_objects() -> None:
    assert json_rows({}, 2) == ["{}", "{}"]
