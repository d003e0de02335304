"""Signatures that other tools made, and ours for them: datasketch objects and columns of tables.

Signatures can be compared when number, seed and scheme of the permutations, the hash and the shingles are the same. Of
these a signature shows the number alone, so that seed and scheme are checked wherever the source says what they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import UserError
from dedup.minhash import signature_words
from dedup.permutations import MAX_HASH, SCHEMES

U32 = npt.NDArray[np.uint32]


def from_datasketch(minhashes: Iterable[Any], seed: int | None = None, scheme: str | None = None) -> pa.Array:
    """The column `signature` of datasketch's MinHash or LeanMinHash objects: binary of 4 bytes a permutation.

    None, and a MinHash that was never updated, become null. An object without `scheme` is of a version before 2.0, thus
    "legacy". ValueError if number of permutations, seed or scheme differ among them, or from `seed` and `scheme` where
    these are given, or if the scheme is "affine64", whose values have 64 bits.
    """
    rows: list[U32 | None] = []
    kinds: set[tuple[int, int, str]] = set()
    for minhash in minhashes:
        if minhash is None:
            rows.append(None)
            continue
        found = str(getattr(minhash, "scheme", "legacy"))
        if found not in SCHEMES:
            raise ValueError(f"scheme: {' or '.join(SCHEMES)}, not {found!r}")
        kinds.add((len(minhash.hashvalues), int(minhash.seed), found))
        values = _uint32(np.asarray(minhash.hashvalues))
        rows.append(values)
    if len(kinds) > 1:
        listed = "; ".join(f"{n} permutations, seed {s}, scheme {c}" for n, s, c in sorted(kinds))
        raise ValueError(f"the signatures cannot be compared with each other: {listed}")
    for number, found_seed, found_scheme in kinds:
        if seed is not None and seed != found_seed:
            raise ValueError(f"seed: the signatures have {found_seed}, not {seed}")
        if scheme is not None and scheme != found_scheme:
            raise ValueError(f"scheme: the signatures have {found_scheme}, not {scheme}")
        empty = np.full(number, MAX_HASH, np.uint32)
        return _column(np.stack([empty if row is None else row for row in rows]))
    return pa.nulls(len(rows), pa.binary(0))


def to_datasketch(signatures: pa.Array, seed: int, scheme: str) -> list[Any]:
    """datasketch's MinHash for each signature of a column, None for null; they share their permutations.

    UserError if datasketch 2.0 or newer is not installed.
    """
    try:
        make: Any = import_module("datasketch").MinHash
    except ImportError:
        make = None
    if make is None or "scheme" not in signature(make).parameters:
        raise UserError("datasketch 2.0 or newer is not installed", "pip install 'datasketch>=2'")
    words, positions = signature_words(signatures)
    made: list[Any] = [None] * len(signatures)
    shared: Any = None
    for row, position in zip(words, positions, strict=True):
        made[position] = make(seed=seed, scheme=scheme, hashvalues=row, permutations=shared)
        shared = made[position].permutations
    return made


def signatures_of_table(column: pa.Array | pa.ChunkedArray, permutations: int | None = None) -> pa.Array:
    """A column `signature` (binary of 4 bytes a permutation) from a column of another tool's table.

    The column is a list (of fixed size or not) of integers, or binary with 4 or, if `permutations` says so, 8 bytes a
    value, little-endian. Null and empty rows become null. ValueError where rows are of different length or not of
    `permutations` values, where a value is null, and where one is past 32 bits: then the scheme is another.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if not pa.types.is_integer(kind.value_type):
            raise TypeError(f"signatures are lists of integers, not {kind}")
        values = column.flatten()  # without what stands behind null rows
        lengths = np.asarray(pc.list_value_length(column).fill_null(0)).astype(np.int64)
        if values.null_count:
            raise ValueError("a signature has a null among its values")
        numbers = np.asarray(values)
    elif pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        present = column.drop_null()
        size = np.asarray(pc.binary_length(column).fill_null(0)).astype(np.int64)
        wide = permutations is not None and bool(size.any()) and int(size.max()) == 8 * permutations
        if (size % (8 if wide else 4)).any():
            raise ValueError(f"signatures of {int(size.max())} bytes are not values of {8 if wide else 4} bytes")
        lengths = size // (8 if wide else 4)
        numbers = np.frombuffer(b"".join(present.to_pylist()), "<u8" if wide else "<u4")
    else:
        raise TypeError(f"signatures are lists of integers or binary, not {kind}")
    there = lengths > 0
    widths = set(lengths[there].tolist())
    width = permutations if permutations is not None else next(iter(sorted(widths)), 0)
    if widths - {width}:
        raise ValueError(f"signatures of {width} values were expected, not of {', '.join(map(str, sorted(widths - {width})))}")
    words = np.full((len(column), width), MAX_HASH, np.uint32)
    words[there] = _uint32(numbers).reshape(-1, width) if width else 0
    return _column(words)


def _uint32(values: npt.NDArray[Any]) -> U32:
    if values.dtype.kind not in "iu":
        raise ValueError(f"values of signatures are integers, not {values.dtype}")
    if values.size and (int(values.min()) < 0 or int(values.max()) > MAX_HASH):
        raise ValueError(f"values of signatures have 32 bits, not {values.min()} to {values.max()}: another scheme made them")
    return values.astype(np.uint32)


def _column(words: U32) -> pa.Array:
    """Signatures (n, width) as a column; one of an empty set is null."""
    width = words.shape[1]
    empty = (words == MAX_HASH).all(axis=1)
    if not width:
        return pa.nulls(len(words), pa.binary(0))
    raw = pa.py_buffer(np.ascontiguousarray(words, "<u4"))
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(4 * width), len(words), [None, raw])
    return pc.if_else(pa.array(empty), None, column) if empty.any() else column
