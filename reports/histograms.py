"""Histograms with bins fixed before the first value is read, with exact sums, for all rows and for kept ones.

Wide ranges use preferred numbers as edges (the 1–1.2–1.5–2–2.5–3–4–5–6–8 series, about Renard's R10 of ISO 3),
so that thresholds as people write them fall on an edge and not inside a bin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reports.exact_sums import ExactSum, add_groups
from reports.plan import ColumnPlan

LINEAR_BINS = 100
#: A declared range this wide, or none at all, gets preferred numbers for edges, and no high end.
WIDE = 1_000.0
MANTISSAS = ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8")
INTEGER_DECADES = range(13)
FLOAT_DECADES = range(-4, 13)
NARROW: dict[str, type[np.floating[Any]]] = {"float": np.float32, "halffloat": np.float16}

Scale = Literal["boolean", "unit", "linear", "preferred"]


def preferred(decades: range, integer: bool) -> list[float]:
    """The preferred numbers of these decades, rising; only whole ones if `integer`."""
    numbers = [float(f"{mantissa}e{decade}") for decade in decades for mantissa in MANTISSAS]
    return [number for number in numbers if not integer or number.is_integer()]


@dataclass(frozen=True)
class Axis:
    """The bins of a column: bin i is [edges[i], edges[i + 1]), but that a linear one's last drawn bin has its end.

    The drawn range is edges[first] to edges[last]; the bins outside it, in preferred numbers, serve the quantiles.
    """

    scale: Scale
    edges: npt.NDArray[np.float64]
    first: int
    last: int


@lru_cache(maxsize=1024)
def axis(column: ColumnPlan) -> Axis:
    """The bins of a column, from its type and its declared range alone. Raises ValueError for an empty range."""
    if column.type == "bool":
        return Axis("boolean", np.array([0.0, 1.0, 2.0]), 0, 2)
    low, high = column.low, column.high
    if low is None or high is None:
        sizes = preferred(INTEGER_DECADES if column.integer else FLOAT_DECADES, column.integer)
        negative = [] if column.type.startswith("uint") else [-size for size in reversed(sizes)]
        return _axis("preferred", [*negative, 0.0, *sizes])
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{column.name}: the declared range {low}..{high} is empty or not finite")
    if high - low >= WIDE:
        # From the low end on; there is nothing special about the high one.
        sizes = preferred(INTEGER_DECADES, column.integer)
        return _axis("preferred", [low, *(edge for edge in (*(-s for s in sizes), 0.0, *sizes) if edge > low)])
    if column.integer and high - low <= LINEAR_BINS:
        return _axis("unit", np.arange(math.floor(low), math.floor(high) + 2, dtype=np.float64).tolist())
    return _axis("linear", [low + (high - low) * i / LINEAR_BINS for i in range(LINEAR_BINS + 1)])


def _axis(scale: Scale, drawn: list[float]) -> Axis:
    low, high = min(drawn), max(drawn)
    sizes = preferred(FLOAT_DECADES, integer=False)
    below, above = [-size for size in sizes if -size < low], [size for size in sizes if size > high]
    edges = np.array(sorted({*below, *drawn, *above}))
    first, last = np.searchsorted(edges, [low, high]).tolist()
    return Axis(scale, edges, first, last)


class Histogram:
    """Counts of a column's values by bin, dropped and kept apart; mergeable in any order.

    `counts` has shape (edges + 1, 2): below the first edge, the bins, above the last; dropped, kept. Nulls, and
    values that are not finite, are counted apart; `zeros` are counted in their bin and once more, as many a metric
    is 0 for most of the web.
    """

    def __init__(self, column: ColumnPlan) -> None:
        self.axis = axis(column)
        self.edges = self.axis.edges
        # A float32 0.65 is a little less than 0.65, and belongs in the bin that starts there all the same.
        width = NARROW.get(column.type)
        self.cuts = self.edges if width is None else self.edges.astype(width).astype(np.float64)
        self.counts = np.zeros((len(self.edges) + 1, 2), np.int64)
        self.nulls = np.zeros(2, np.int64)
        self.not_finite = np.zeros(2, np.int64)
        self.zeros = np.zeros(2, np.int64)
        self.sums = [ExactSum(), ExactSum()]
        self.low = [math.inf, math.inf]
        self.high = [-math.inf, -math.inf]

    def update(self, values: pa.Array, kept: npt.NDArray[np.bool_]) -> None:
        """Adds numbers or booleans, any with nulls; `kept` of the same length."""
        group = kept.astype(np.int64)
        if values.null_count:
            valid = np.asarray(values.is_valid())
            self.nulls += np.bincount(group[~valid], minlength=2)
            values, group = values.drop_null(), group[valid]
        if len(values) == 0:
            return
        numbers = np.asarray(pc.cast(values, pa.float64(), safe=False))
        finite = np.isfinite(numbers)
        if not finite.all():
            self.not_finite += np.bincount(group[~finite], minlength=2)
            numbers, group = numbers[finite], group[finite]
            if len(numbers) == 0:
                return
        bins = np.searchsorted(self.cuts, numbers, side="right")
        if self.axis.scale == "linear":
            bins[numbers == self.cuts[self.axis.last]] = self.axis.last
        self.counts += np.bincount(bins * 2 + group, minlength=self.counts.size).reshape(-1, 2)
        self.zeros += np.bincount(group[numbers == 0], minlength=2)
        add_groups(self.sums, numbers, group)
        for side in (0, 1):
            part = numbers[group == side]
            if len(part):
                # Adding 0.0 turns -0.0 into 0.0: the two are equal, and which one is met first is chance.
                self.low[side] = min(self.low[side], float(part.min()) + 0.0)
                self.high[side] = max(self.high[side], float(part.max()) + 0.0)

    def merge(self, other: Histogram) -> None:
        if not np.array_equal(self.edges, other.edges):
            raise ValueError("histograms of other edges cannot be merged")
        self.counts += other.counts
        self.nulls += other.nulls
        self.not_finite += other.not_finite
        self.zeros += other.zeros
        for side in (0, 1):
            self.sums[side].merge(other.sums[side])
            self.low[side] = min(self.low[side], other.low[side])
            self.high[side] = max(self.high[side], other.high[side])

    def to_json(self) -> dict[str, Any]:
        """The counts as [bin, dropped, kept] of those that are not empty; the edges follow from the plan."""
        filled = np.flatnonzero(self.counts.any(axis=1))
        return {
            "counts": [[int(i), *self.counts[i].tolist()] for i in filled],
            "nulls": self.nulls.tolist(),
            "not_finite": self.not_finite.tolist(),
            "zeros": self.zeros.tolist(),
            "sums": [total.to_json() for total in self.sums],
            "low": [value if math.isfinite(value) else None for value in self.low],
            "high": [value if math.isfinite(value) else None for value in self.high],
        }

    @classmethod
    def from_json(cls, column: ColumnPlan, value: Mapping[str, Any]) -> Histogram:
        self = cls(column)
        for i, dropped, kept in value["counts"]:
            self.counts[i] = dropped, kept
        self.nulls[:] = value["nulls"]
        self.not_finite[:] = value["not_finite"]
        self.zeros[:] = value["zeros"]
        self.sums = [ExactSum.from_json(total) for total in value["sums"]]
        self.low = [math.inf if number is None else float(number) for number in value["low"]]
        self.high = [-math.inf if number is None else float(number) for number in value["high"]]
        return self


def quantile(
    share: float,
    edges: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    *,
    low: float,
    high: float,
    zeros: int = 0,
    whole: bool = False,
) -> float:
    """The value below which `share` of the values lie, read off the bins: straight inside a bin, but for its zeros.

    `counts` has shape (len(edges) + 1,): below, bins, above. `low` and `high` are the least and the greatest value;
    `zeros` are the values equal to 0, in the bin that starts there; `whole`: values are whole numbers.
    """
    bounds = np.concatenate([[min(low, edges[0])], edges, [max(high, edges[-1])]])
    reached = np.concatenate([[0], np.cumsum(counts)])
    target = share * reached[-1]
    at = min(max(int(np.searchsorted(reached, target, side="left")), 1), len(counts))
    # No further than the values seen, so that a bin with one value gives the value and not its edge.
    start, end = max(float(bounds[at - 1]), low), min(float(bounds[at]), high)
    into, inside = target - int(reached[at - 1]), int(counts[at - 1])
    if start == 0:
        into, inside = into - zeros, inside - zeros
    if into <= 0 or inside <= 0 or end <= start:
        return start
    value = start + into / inside * (end - start)
    return min(math.floor(value), math.ceil(end) - 1 if end < high else high) if whole else value
