"""Edits of a text as spans of bytes: the arrays that edit scorers return, and the text that is left.

Spans are UTF-8 byte offsets into `text.text`, half-open, as in core.scorer: a cut is removed with nothing in its
place, a mask is replaced, and a cut beats a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit, types

from core.characters import BYTES_TYPE, OFFSETS_TYPE, Int
from core.columns import utf8_view
from core.kernels import helper
from core.scorer import CUT, MASK

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

_NO_PIECES: I64 = np.zeros((0, 3), np.int64)


def cut_array(offsets: I32, starts: I32, ends: I32, source: pa.Array | None = None) -> pa.Array:
    """A CUT column from flat arrays: row i has the spans `offsets[i]:offsets[i + 1]` of `starts` and `ends`.

    Null where `source` (the text column) is null; the spans of such a row are dropped.
    """
    fields = [pa.array(starts, pa.int32()), pa.array(ends, pa.int32())]
    return _lists(CUT, offsets, fields, source)


def mask_array(
    offsets: I32, starts: I32, ends: I32, replacements: pa.Array, source: pa.Array | None = None
) -> pa.Array:
    """A MASK column from flat arrays, as `cut_array`; `replacements` is a string column, one a span."""
    fields = [pa.array(starts, pa.int32()), pa.array(ends, pa.int32()), replacements]
    return _lists(MASK, offsets, fields, source)


def apply_edits(text: pa.Array, cuts: Sequence[pa.Array], masks: Sequence[pa.Array] = ()) -> pa.Array:
    """The edited text: a string column as long as `text`, null where `text` is null.

    The cuts of all columns are joined. Masks that overlap become one, from the first byte of any to the last, so
    that no masked byte survives; its replacement is that of the mask that starts first, then is longest, then comes
    first in `masks`. Where cuts and masks meet the bytes of both go: the replacement is written, once, if the cuts
    leave any byte of the mask, and a mask that is wholly cut is as if it were not there. Columns without any span
    give `text` itself back. Spans may come unsorted and overlapping. Raises ValueError when a span is outside its
    text, ends before it starts, or splits a character.
    """
    edits = _Edits.of(text, cuts, masks)
    if edits is None:
        return text
    n = len(text)
    out = np.empty(edits.offsets[-1], np.uint8)
    _edit(*edits.arguments, out, _NO_PIECES)
    validity = None
    if text.null_count:
        validity = pa.py_buffer(np.packbits(np.asarray(text.is_valid()), bitorder="little"))
    buffers = [validity, pa.py_buffer(edits.offsets.astype(np.int32)), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.string(), n, buffers, text.null_count)


def covered_bytes(columns: Sequence[pa.Array], n: int) -> I64:
    """How many bytes the spans of CUT and MASK columns of `n` rows cover at most, int64 of shape (n,): overlaps count twice."""
    rows, starts, ends, _ = _gather(n, columns)
    covered = np.zeros(n, np.int64)
    np.add.at(covered, rows, ends - starts)
    return covered


def original_spans(text: pa.Array, cuts: Sequence[pa.Array], masks: Sequence[pa.Array], spans: pa.Array) -> pa.Array:
    """Spans of the edited text (`apply_edits` of the same) as spans of `text`: what `spans`, a list of structs with `start`
    and `end` among their fields, looks like there.

    A span covers what was cut inside it, and the whole of a mask that one of its ends lies in. ValueError as
    `apply_edits`; spans outside the edited text are the caller's fault, and come back within the text.
    """
    edits = _Edits.of(text, cuts, masks)
    if edits is None or len(spans) == 0:
        return spans
    offsets, edited, pieces = np.asarray(edits.arguments[0], np.int64), edits.offsets, edits.pieces()
    values = spans.flatten()
    rows = np.asarray(pc.list_parent_indices(spans))
    at, start, length = pieces[:, 0], pieces[:, 1], pieces[:, 2]
    first = np.searchsorted(at, edited)  # of each row's pieces
    given = [np.asarray(values.field(name), np.int64) + edited[rows] for name in ("start", "end")]

    def brought_back(position: I64, low: bool) -> I64:
        """Where the character at `position` begins (`low`), or ends at its last byte plus one, in the text."""
        piece = np.searchsorted(at, position, side="right") - 1
        mine = (piece >= first[rows]) & (piece < first[rows + 1])
        piece = np.maximum(piece, 0)
        inside = mine & (position < at[piece] + length[piece])
        if low:
            beside = np.where(mine, start[piece] + length[piece], offsets[rows])
        else:
            following = np.where(mine, piece + 1, first[rows])
            there = following < first[rows + 1]
            beside = np.where(there, start[np.minimum(following, len(at) - 1)], offsets[rows + 1])
        return np.where(inside, start[piece] + position - at[piece] + (not low), beside) - offsets[rows]

    starts, ends = brought_back(given[0], True), brought_back(given[1] - 1, False)
    fields = [pa.array(starts.astype(np.int32)), pa.array(np.maximum(starts, ends).astype(np.int32))]
    kind = spans.type.value_type
    columns = [fields[("start", "end").index(f.name)] if f.name in ("start", "end") else values.field(f.name) for f in kind]
    made = pa.StructArray.from_arrays(columns, fields=list(kind))
    lengths = np.asarray(pc.list_value_length(spans).fill_null(0), np.int64)
    bounds = pa.array(np.cumsum([0, *lengths.tolist()]), pa.int32())
    return pa.ListArray.from_arrays(bounds, made, type=spans.type, mask=spans.is_null() if spans.null_count else None)


@dataclass(frozen=True, eq=False)
class _Edits:
    """Edits of texts, sorted and checked: what `_edit` takes, and where each text begins when it is edited (int64, n + 1)."""

    arguments: tuple[I32, U8, I32, I32, I32, I32, I32, I32, I32, U8, I64]
    offsets: I64
    spans: int

    @staticmethod
    def of(text: pa.Array, cuts: Sequence[pa.Array], masks: Sequence[pa.Array]) -> _Edits | None:
        """None where there is nothing to edit."""
        cut_rows, cut_starts, cut_ends, _ = _gather(len(text), cuts)
        mask_rows, mask_starts, mask_ends, replacements = _gather(len(text), masks)
        if len(cut_rows) == 0 and len(mask_rows) == 0:
            return None
        offsets, data = utf8_view(text)
        if len(cuts) > 1 or not _is_sorted(cut_rows, cut_starts):
            order = np.lexsort((cut_starts, cut_rows))
            cut_rows, cut_starts, cut_ends = cut_rows[order], cut_starts[order], cut_ends[order]
        order = np.lexsort((-mask_ends, mask_starts, mask_rows))  # stable: ties keep the order of `masks`
        mask_starts, mask_ends, mask_rows = mask_starts[order], mask_ends[order], mask_rows[order]
        replacement_offsets, replacement_data = utf8_view(replacements.take(pa.array(order)))
        rows = np.arange(len(text) + 1, dtype=np.int32)
        out_offsets = np.zeros(len(text) + 1, np.int64)
        arguments = (
            offsets, data,
            np.searchsorted(cut_rows, rows).astype(np.int32), cut_starts, cut_ends,
            np.searchsorted(mask_rows, rows).astype(np.int32), mask_starts, mask_ends,
            replacement_offsets, replacement_data, out_offsets,
        )  # fmt: skip
        fault = _edit(*arguments, np.zeros(0, np.uint8), _NO_PIECES)
        if fault >= 0:
            raise ValueError(f"row {fault}: a span lies outside its text, ends before it starts or splits a character")
        if out_offsets[-1] > np.iinfo(np.int32).max:
            raise ValueError("the edited texts of one batch exceed 2 GiB: take smaller batches")
        return _Edits(arguments, out_offsets, len(cut_rows) + len(mask_rows))

    def pieces(self) -> I64:
        """What of the texts is left, in order: where it begins when edited, where in the text, its bytes. Shape (k, 3)."""
        room = np.zeros((2 * self.spans + len(self.offsets) + 2, 3), np.int64)
        _edit(*self.arguments, np.zeros(0, np.uint8), room)
        if room[0, 0] == 0:  # one at least, behind all texts
            room[0, 0], room[1, 0] = 1, self.offsets[-1] + 1
        return room[1 : 1 + room[0, 0]]


def _lists(type: pa.DataType, offsets: I32, columns: list[pa.Array], source: pa.Array | None) -> pa.Array:
    values = pa.StructArray.from_arrays(columns, fields=[type.value_type.field(i) for i in range(len(columns))])
    mask = source.is_null() if source is not None and source.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=type, mask=mask)


def _gather(n: int, columns: Sequence[pa.Array]) -> tuple[I32, I32, I32, pa.Array]:
    """The spans of all columns in one: row, start, end and replacement (none for cuts)."""
    rows, starts, ends, replacements = [], [], [], []
    for column in columns:
        if len(column) != n:
            raise ValueError(f"{len(column)} rows of spans for {n} texts")
        values = column.flatten()
        rows.append(np.asarray(pc.list_parent_indices(column)).astype(np.int32))
        starts.append(np.asarray(values.field(0), np.int32))
        ends.append(np.asarray(values.field(1), np.int32))
        if values.type.num_fields > 2:
            replacements.append(values.field(2).fill_null(""))
    empty = [np.zeros(0, np.int32)]
    texts = pa.concat_arrays([pa.array([], pa.string()), *replacements])
    return np.concatenate(rows or empty), np.concatenate(starts or empty), np.concatenate(ends or empty), texts


def _is_sorted(rows: I32, starts: I32) -> bool:
    same_row = rows[1:] == rows[:-1]
    return bool(np.all(~same_row | (starts[1:] >= starts[:-1])))


@helper
def _valid(data: U8, row_end: Int, start: Int, end: Int, row_start: Int) -> bool:
    if start < row_start or end < start or end > row_end:
        return False
    if start < row_end and data[start] & 0xC0 == 0x80:
        return False
    return end == row_end or data[end] & 0xC0 != 0x80


@helper
def _cut_after(starts: I32, ends: I32, low: Int, high: Int, position: Int) -> Int:
    """The first of the disjoint cuts `low:high` that ends after `position`."""
    while low < high:
        middle = (low + high) // 2
        if ends[middle] > position:
            high = middle
        else:
            low = middle + 1
    return low


@helper
def _copy(data: U8, start: Int, end: Int, out: U8, at: Int) -> Int:
    if len(out) > 0:
        for i in range(start, end):
            out[at + i - start] = data[i]
    return at + end - start


@helper
def _keep(data: U8, start: Int, end: Int, out: U8, at: Int, pieces: I64) -> Int:
    """Copies a piece of the text, and notes it unless `pieces` is empty; `pieces[0, 0]` counts them."""
    if len(pieces) > 0:
        pieces[0, 0] += 1
        n = pieces[0, 0]
        pieces[n, 0], pieces[n, 1], pieces[n, 2] = at, start, end - start
    return _copy(data, start, end, out, at)


@helper
def _copy_uncut(
    data: U8, start: Int, end: Int, starts: I32, ends: I32, low: Int, high: Int, out: U8, at: Int, pieces: I64
) -> Int:  # fmt: skip
    """Copies what the cuts `low:high` leave of `data[start:end]`."""
    i = _cut_after(starts, ends, low, high, start)
    while i < high and starts[i] < end:
        if starts[i] > start:
            at = _keep(data, start, np.int64(starts[i]), out, at, pieces)
        start = np.int64(ends[i])
        i += 1
    return _keep(data, start, end, out, at, pieces) if start < end else at


@helper
def _replace(replacements: U8, offsets: I32, chosen: Int, out: U8, at: Int) -> Int:
    return _copy(replacements, np.int64(offsets[chosen]), np.int64(offsets[chosen + 1]), out, at)


_I32 = types.int32[::1]


@njit(
    types.int64(
        OFFSETS_TYPE, BYTES_TYPE, _I32, _I32, _I32, _I32, _I32, _I32, OFFSETS_TYPE, BYTES_TYPE, types.int64[::1],
        types.uint8[::1], types.int64[:, ::1],
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _edit(
    offsets: I32, data: U8, cut_rows: I32, cut_starts: I32, cut_ends: I32, mask_rows: I32, mask_starts: I32,
    mask_ends: I32, replacement_offsets: I32, replacements: U8, out_offsets: I64, out: U8,
    pieces: I64,
) -> Int:  # fmt: skip
    """Fills `out_offsets`, and `out` and `pieces` unless they are empty; the first row with a bad span, or -1."""
    starts = np.empty(len(cut_starts), np.int32)
    ends = np.empty(len(cut_starts), np.int32)
    at = np.int64(0)
    for row in range(len(offsets) - 1):
        first = np.int64(offsets[row])
        last = np.int64(offsets[row + 1])
        count = np.int64(0)
        for i in range(cut_rows[row], cut_rows[row + 1]):
            start = first + cut_starts[i]
            end = first + cut_ends[i]
            if not _valid(data, last, start, end, first):
                return row
            if start == end:
                continue
            if count > 0 and start <= ends[count - 1]:
                if end > ends[count - 1]:
                    ends[count - 1] = end
            else:
                starts[count] = start
                ends[count] = end
                count += 1
        position = first
        open_start = np.int64(-1)
        open_end = np.int64(-1)
        chosen = -1
        for i in range(mask_rows[row], mask_rows[row + 1]):
            start = first + mask_starts[i]
            end = first + mask_ends[i]
            if not _valid(data, last, start, end, first):
                return row
            c = _cut_after(starts, ends, 0, count, start)
            if c < count and starts[c] <= start:
                start = np.int64(ends[c])
            c = _cut_after(starts, ends, 0, count, end - 1)
            if c < count and starts[c] < end:
                end = np.int64(starts[c])
            if start >= end:
                continue
            if chosen >= 0 and start < open_end:
                if end > open_end:
                    open_end = end
                continue
            if chosen >= 0:
                at = _copy_uncut(data, position, open_start, starts, ends, 0, count, out, at, pieces)
                at = _replace(replacements, replacement_offsets, chosen, out, at)
                position = open_end
            open_start = start
            open_end = end
            chosen = i
        if chosen >= 0:
            at = _copy_uncut(data, position, open_start, starts, ends, 0, count, out, at, pieces)
            at = _replace(replacements, replacement_offsets, chosen, out, at)
            position = open_end
        at = _copy_uncut(data, position, last, starts, ends, 0, count, out, at, pieces)
        out_offsets[row + 1] = at
    return -1
