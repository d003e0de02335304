"""Tar archives whose bytes depend on their members alone: no time, user or host in the headers.

The format is POSIX.1-1988 ustar, as Python's tarfile writes it for the same members (mode 0644, all else zero). A
kernel lays out whole batches, so that the cost is that of copying bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from sharding.cells import cells

BLOCK = 512
#: tarfile and GNU tar fill the end of an archive up to this (20 blocks).
RECORD = 10240
#: A name that needs no second header; a key and an extension stay far below.
LONGEST_NAME = 100
#: Eleven octal digits.
LARGEST_MEMBER = 8**11 - 1
#: How many bytes are laid out at a time; one sample may be larger.
PIECE = 32 << 20
KEY = re.compile(r"[A-Za-z0-9_-]+")
_EXTENSION = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

Bytes = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


class Sink(Protocol):
    """What an archive is written to."""

    def write(self, data: memoryview, /) -> object: ...


class TarWriter:
    """Appends samples to an archive: each a key, and one member an extension, in the order of `append`'s mapping."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._bytes = 0

    def append(self, keys: pa.Array, members: Mapping[str, pa.Array]) -> None:
        """Adds a member `<key>.<extension>` for each non-null cell of `members` (extension → string or binary column).

        `keys` are strings of letters, digits, `-` and `_`, because a dot would end the key for webdataset. ValueError
        for another key, a name past 100 bytes or a member of 8 GiB or more; nothing of the batch is written then.
        """
        n = len(keys)
        if n == 0:
            return
        for extension, column in members.items():
            if not _EXTENSION.fullmatch(extension):
                raise ValueError(f"extension {extension!r}: letters, digits, - and _, parted by single dots")
            if len(column) != n:
                raise ValueError(f"{n} keys and {len(column)} members .{extension}")
        key_starts, key_data = cells(keys)
        if keys.null_count or not _are_keys(key_starts, key_data):
            bad = next(k for k in keys.to_pylist() if k is None or not KEY.fullmatch(k))
            raise ValueError(f"key {bad!r}: at least one of letters, digits, - and _, nothing else")
        longest = int(np.diff(key_starts).max()) + 1 + max((len(e) for e in members), default=0)
        if longest > LONGEST_NAME:
            raise ValueError(f"a name of {longest} bytes: a tar header holds {LONGEST_NAME}")
        columns: list[tuple[Bytes, I64, Bytes, npt.NDArray[np.bool_]]] = []
        sizes = np.zeros(n, np.int64)
        for extension, column in members.items():
            starts, data = cells(column)
            lengths = np.diff(starts)
            if lengths.max() > LARGEST_MEMBER:
                at = int(lengths.argmax())
                raise ValueError(f"{keys[at].as_py()}.{extension}: {lengths[at]:,} bytes; a tar member ends at 8 GiB")
            present = np.array(column.is_valid())
            sizes += present * (BLOCK + -(-lengths // BLOCK) * BLOCK)
            columns.append((np.frombuffer(f".{extension}".encode(), np.uint8), starts, data, present))
        ends = np.cumsum(sizes)
        start = 0
        while start < n:
            before = int(ends[start - 1]) if start else 0
            stop = max(int(np.searchsorted(ends, before + PIECE, side="right")), start + 1)
            # Zeroed, so that the kernel need not fill what follows a name or a member.
            out = np.zeros(int(ends[stop - 1]) - before, np.uint8)
            at = ends[start:stop] - sizes[start:stop] - before
            for suffix, starts, data, present in columns:
                _lay_out(start, key_starts, key_data, suffix, starts, data, present, at, out)
            self._sink.write(out.data)
            self._bytes += len(out)
            start = stop

    def close(self) -> None:
        """Ends the archive; the sink stays open."""
        end = np.zeros(-(self._bytes + 2 * BLOCK) % RECORD + 2 * BLOCK, np.uint8)
        self._sink.write(end.data)
        self._bytes += len(end)


@dataclass(frozen=True)
class Member:
    """A file in an archive: its name, and where its bytes lie."""

    name: str
    start: int
    size: int


def members_of(path: Path) -> Iterator[Member]:
    """The members of an archive of plain files, in order, header checksums verified; contents are skipped.

    ValueError with the byte where the archive is cut off, damaged or holds what `TarWriter` never writes.
    """
    size = path.stat().st_size
    at = 0
    with path.open("rb") as file:
        while True:
            file.seek(at)
            header = file.read(BLOCK)
            if len(header) < BLOCK:
                raise ValueError(f"cut off at byte {at:,}: no end of archive")
            if header[:1] == b"\0":
                if any(header) or any(_rest(file)):
                    raise ValueError(f"damaged at byte {at:,}: something stands where the end should be")
                return
            member = _member(header, at)
            at = member.start + -(-member.size // BLOCK) * BLOCK
            if at > size:
                raise ValueError(f"cut off inside {member.name} at byte {size:,}")
            yield member


def _rest(file: BinaryIO) -> Iterator[bool]:
    while block := file.read(1 << 16):
        yield any(block)


def _member(header: bytes, at: int) -> Member:
    try:
        stated = int(header[148:156].rstrip(b" \0"), 8)
        size = int(header[124:136].rstrip(b" \0"), 8)
        name = header[:LONGEST_NAME].rstrip(b"\0").decode("ascii")
    except ValueError as error:
        raise ValueError(f"damaged at byte {at:,}: no tar header") from error
    if sum(header) - sum(header[148:156]) + 8 * 32 != stated:
        raise ValueError(f"damaged at byte {at:,}: the header's checksum is wrong")
    if header[156:157] != b"0" or size < 0:
        raise ValueError(f"{name} at byte {at:,} is no plain file")
    return Member(name, at + BLOCK, size)


_I = types.Array(types.int64, 1, "C", readonly=True)
_U = types.Array(types.uint8, 1, "C", readonly=True)
_B = types.Array(types.boolean, 1, "C", readonly=True)
_OUT = types.Array(types.uint8, 1, "C")
_AT = types.Array(types.int64, 1, "C")

_FIXED = np.zeros(BLOCK, np.uint8)
for _at, _field in {
    100: b"0000644\0", 108: b"0000000\0", 116: b"0000000\0", 136: b"00000000000\0", 148: b"        ", 156: b"0",
    257: b"ustar\x0000",
}.items():  # fmt: skip
    _FIXED[_at : _at + len(_field)] = np.frombuffer(_field, np.uint8)
_FIXED_SUM = int(_FIXED.sum())


@njit(types.boolean(_I, _U), cache=True, nogil=True, error_model="numpy")
def _are_keys(starts: I64, data: Bytes) -> bool:
    for i in range(len(starts) - 1):
        if starts[i + 1] <= starts[i]:
            return False
        for j in range(starts[i], starts[i + 1]):
            c = data[j]
            letter = 97 <= c <= 122 or 65 <= c <= 90
            if not (letter or 48 <= c <= 57 or c == 45 or c == 95):
                return False
    return True


@njit(types.void(types.int64, _I, _U, _U, _I, _U, _B, _AT, _OUT), cache=True, nogil=True, error_model="numpy")
def _lay_out(
    first: int, key_starts: I64, key_data: Bytes, suffix: Bytes, starts: I64, data: Bytes,
    present: npt.NDArray[np.bool_], at: I64, out: Bytes,
) -> None:  # fmt: skip
    """Writes one member of each sample at `at`, and moves `at` past it."""
    for i in range(len(at)):
        row = first + i
        if not present[row]:
            continue
        p = at[i]
        for j in range(BLOCK):  # slices would take numba seconds more to compile
            out[p + j] = _FIXED[j]
        total = _FIXED_SUM
        key_start = key_starts[row]
        key_length = key_starts[row + 1] - key_start
        for j in range(key_length):
            out[p + j] = key_data[key_start + j]
            total += key_data[key_start + j]
        for j in range(len(suffix)):
            out[p + key_length + j] = suffix[j]
            total += suffix[j]
        length = starts[row + 1] - starts[row]
        rest = length
        for j in range(10, -1, -1):
            digit = 48 + rest % 8
            out[p + 124 + j] = digit
            total += digit
            rest //= 8
        for j in range(5, -1, -1):
            out[p + 148 + j] = 48 + total % 8
            total //= 8
        out[p + 154] = 0
        p += BLOCK
        start = starts[row]
        for j in range(length):
            out[p + j] = data[start + j]
        at[i] = p + -(-length // BLOCK) * BLOCK
