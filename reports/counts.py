"""Counts of documents by value, in bounded memory, the same for any order and any split of the rows.

Up to `cap` values the counts are exact; past it, they are those of one document in 2, 4, 8, … by hash of its id:
the adaptive sampling of Wegman (analysed by Flajolet, Computing 43, 1990), which unlike Misra–Gries or
Space-Saving merges to the same answer in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reports.samples import LONGEST_VALUE

#: The keys' 53 leading bits decide a level; level 53 holds what is left.
DEEPEST = 53

Levels = npt.NDArray[np.int64]


def levels_of(keys: npt.NDArray[np.uint64]) -> Levels:
    """The number of leading zeros of each key, 0..53: level l or more is one document in 2**l."""
    _, exponent = np.frexp((keys >> np.uint64(64 - DEEPEST)).astype(np.float64))
    return DEEPEST - exponent.astype(np.int64)


class Counts:
    """Documents and kept documents by value; nulls apart. `total` and `nulls` are always exact."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.level = 0
        self.total = [0, 0]
        self.nulls = [0, 0]
        #: value → the counts of its levels from `level` on, flat: documents, kept, documents, kept, …
        self.values: dict[str, list[int]] = {}

    def update(self, values: pa.Array, kept: npt.NDArray[np.bool_], levels: Levels) -> None:
        """Adds strings (any with nulls), with `kept` and `levels` of the same length."""
        n = len(values)
        self.total[0] += n
        self.total[1] += int(kept.sum())
        encoded = values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()
        codes = encoded.indices
        rows = np.arange(n)
        if codes.null_count:
            null = np.asarray(codes.is_null())
            self.nulls[0] += int(null.sum())
            self.nulls[1] += int(kept[null].sum())
            rows = rows[~null]
        rows = rows[levels[rows] >= self.level]
        if len(rows) == 0:
            return
        code = np.asarray(codes.take(pa.array(rows)), dtype=np.int64)
        depth = levels[rows] - self.level
        key = (code * (DEEPEST + 1) + depth) * 2 + kept[rows]
        cells, counts = np.unique(key, return_counts=True)
        used = np.unique(cells // (2 * (DEEPEST + 1)))
        texts = encoded.dictionary.take(pa.array(used)).to_pylist()
        names = {int(code): text[:LONGEST_VALUE] for code, text in zip(used.tolist(), texts, strict=True)}
        for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
            rest, is_kept = divmod(cell, 2)
            value, depth_at = divmod(rest, DEEPEST + 1)
            self._add(names[value], depth_at, count, count if is_kept else 0)
        self._shrink()

    def _add(self, value: str, depth: int, documents: int, kept: int) -> None:
        flat = self.values.setdefault(value, [])
        if len(flat) < 2 * depth + 2:
            flat.extend([0] * (2 * depth + 2 - len(flat)))
        flat[2 * depth] += documents
        flat[2 * depth + 1] += kept

    def _rise(self, level: int) -> None:
        cut = 2 * (level - self.level)
        self.values = {value: flat[cut:] for value, flat in self.values.items() if len(flat) > cut}
        self.level = level

    def _shrink(self) -> None:
        while len(self.values) > self.cap and self.level < DEEPEST:
            self._rise(self.level + 1)

    def merge(self, other: Counts) -> None:
        if self.cap != other.cap:
            raise ValueError("counts of another cap cannot be merged")
        for side in (0, 1):
            self.total[side] += other.total[side]
            self.nulls[side] += other.nulls[side]
        if other.level > self.level:
            self._rise(other.level)
        skip = self.level - other.level
        for value, flat in other.values.items():
            for depth in range(skip, len(flat) // 2):
                if flat[2 * depth]:
                    self._add(value, depth - skip, flat[2 * depth], flat[2 * depth + 1])
        self._shrink()

    @property
    def one_in(self) -> int:
        """1 where the counts are exact; otherwise they were taken of one document in this many."""
        return 1 << self.level

    def ranked(self) -> list[tuple[str, int, int]]:
        """(value, documents, kept) by falling count, then by value; estimates if `one_in` is more than 1."""
        rows = [
            (value, sum(flat[0::2]) << self.level, sum(flat[1::2]) << self.level) for value, flat in self.values.items()
        ]
        return sorted(rows, key=lambda row: (-row[1], row[0]))

    def to_json(self) -> dict[str, Any]:
        return {
            "cap": self.cap,
            "level": self.level,
            "total": self.total,
            "nulls": self.nulls,
            "values": {value: self.values[value] for value in sorted(self.values)},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Counts:
        self = cls(value["cap"])
        self.level = value["level"]
        self.total = list(value["total"])
        self.nulls = list(value["nulls"])
        self.values = {name: list(flat) for name, flat in value["values"].items()}
        return self


#: Scheme, then user info, then the host up to a port, a path or an end; a backslash ends it too (WHATWG URL).
HOST = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#\\@]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#\\:@\[\]\s]+)"
#: The longest name that DNS has (RFC 1035, 2.3.4).
LONGEST_HOST = 253
NO_HOST = "(no host)"


def hosts_of(urls: pa.Array) -> pa.Array:
    """The host of each URL, lower case, without port; `(no host)` where there is none, null for null."""
    found = pc.struct_field(pc.extract_regex(urls, pattern=HOST), "host")
    hosts = pc.utf8_lower(found)
    good = pc.and_kleene(pc.is_valid(hosts), pc.less_equal(pc.binary_length(hosts), LONGEST_HOST))
    return pc.if_else(pc.is_null(urls), pa.scalar(None, pa.string()), pc.if_else(good, hosts, NO_HOST))


def years_of(dates: pa.Array) -> pa.Array:
    """The year of each timestamp, date or ISO 8601 string as four digits; null where there is none."""
    if pa.types.is_temporal(dates.type):
        return pc.cast(pc.year(dates), pa.string())
    year = pc.struct_field(pc.extract_regex(pc.cast(dates, pa.string()), pattern=r"^(?P<year>\d{4})"), "year")
    return pc.if_else(pc.is_null(year), pa.scalar(None, pa.string()), year)
