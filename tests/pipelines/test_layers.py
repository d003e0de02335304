"""Layer files: aligned, whole or not there, and damage is noticed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StorageError
from core.hashing import ID_TYPE, digest
from pipelines.layers import LayerWriter, RowReader, layer_path, read_footer, read_layer
from pipelines.lease import Lease
from pipelines.store import Store

SCHEMA = pa.schema([pa.field("n", pa.int64(), metadata={"doc": "a number"})])


def ids(*numbers: int) -> pa.Array:
    return pa.array([digest(str(n)) for n in numbers], ID_TYPE)


def write(store: Store, part: str, *batches: list[int], method: str = "m"):
    with LayerWriter(store, "documents", "numbers", part, SCHEMA) as writer:
        for numbers in batches:
            writer.write(ids(*numbers), pa.record_batch([pa.array(numbers, pa.int64())], schema=SCHEMA))
        return writer.commit(method, extra={"kept": 3})


@pytest.fixture
def store(tmp_path: Path):
    with Lease(str(tmp_path)) as lease:
        yield lease.store


def test_the_footer_tells_what_was_written(store: Store) -> None:
    footer = write(store, "p-00000", [1, 2], [3])
    path = layer_path(store, "documents", "numbers", "p-00000")
    assert read_footer(path) == footer
    assert (footer.rows, footer.scored, footer.method, footer.extra) == (3, 3, "m", {"kept": 3})
    assert read_layer(path).column("n").to_pylist() == [1, 2, 3]
    assert read_layer(path).schema.field("n").metadata == {b"doc": b"a number"}


def test_the_rows_digest_does_not_depend_on_batches(store: Store) -> None:
    assert write(store, "a", [1, 2], [3]).rows_digest == write(store, "b", [1], [2, 3]).rows_digest
    assert write(store, "c", [1, 3], [2]).rows_digest != write(store, "d", [1, 2, 3]).rows_digest


def test_equal_rows_give_equal_bytes(store: Store) -> None:
    write(store, "a", [1, 2], [3])
    path = layer_path(store, "documents", "numbers", "a")
    first = path.read_bytes()
    write(store, "a", [1, 2, 3])
    assert path.read_bytes() == first


def test_what_is_not_committed_leaves_nothing(store: Store) -> None:
    with LayerWriter(store, "documents", "numbers", "p", SCHEMA) as writer:
        writer.write(ids(1), pa.record_batch([pa.array([1], pa.int64())], schema=SCHEMA))
    assert not layer_path(store, "documents", "numbers", "p").exists()
    assert not list(store.path("tmp").rglob("*.parquet"))


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_damage_is_a_storage_error_that_names_the_file(store: Store, damage: str) -> None:
    write(store, "p", list(range(50_000)))
    path = layer_path(store, "documents", "numbers", "p")
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 3] ^= 0x10
        path.write_bytes(data)
    with pytest.raises(StorageError, match="the layer file is damaged") as caught:
        read_layer(path)
    assert caught.value.path == str(path)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 40), max_size=12), st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_rows_are_read_in_order_whatever_is_asked_for(sizes: list[int], asked: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, Lease(folder) as lease:
        start, batches = 0, []
        for size in sizes:
            batches.append(list(range(start, start + size)))
            start += size
        write(lease.store, "p", *batches)
        reader = RowReader(layer_path(lease.store, "documents", "numbers", "p"), ["n"])
        seen: list[int] = []
        for _ in range(sum(sizes) + 1):
            for rows in asked:
                seen += reader.read(rows).column("n").to_pylist()
        assert seen == list(range(start))
