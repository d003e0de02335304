"""Bins, their edges, and the quantiles read off them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.histograms import Histogram, axis, quantile
from reports.plan import ColumnPlan


def filled(column: ColumnPlan, values: pa.Array, kept: bool = True) -> Histogram:
    histogram = Histogram(column)
    histogram.update(values, np.full(len(values), kept))
    return histogram


def share_of(value: float, histogram: Histogram) -> tuple[float, float]:
    """The edges of the one bin that holds `value`."""
    (at,) = np.flatnonzero(histogram.counts.any(axis=1))
    return histogram.edges[at - 1], histogram.edges[at]


def drawn(column: ColumnPlan) -> tuple[str, list[float]]:
    found = axis(column)
    assert (np.diff(found.edges) > 0).all()
    return found.scale, found.edges[found.first : found.last + 1].tolist()


def test_axes() -> None:
    assert drawn(ColumnPlan("a.b", "bool")) == ("boolean", [0, 1, 2])
    scale, edges = drawn(ColumnPlan("a.b", "double", low=0, high=1))
    assert (scale, len(edges), edges[0], edges[-1]) == ("linear", 101, 0, 1)
    # Thresholds as people write them are edges, to the bit.
    assert {0.1, 0.12, 0.29, 0.65, 0.67, 0.9} <= set(edges)
    assert drawn(ColumnPlan("a.b", "int32", low=0, high=8)) == ("unit", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    scale, edges = drawn(ColumnPlan("a.b", "int32", low=0, high=100_000))
    assert (scale, edges[0]) == ("preferred", 0)
    assert {1, 2, 3, 50, 200, 10_000, 100_000, 200_000} <= set(edges)
    assert all(edge.is_integer() for edge in edges)
    assert drawn(ColumnPlan("a.b", "double", low=-3, high=5_000))[1][:3] == [-3, -2.5, -2]
    for type in ("double", "int64", "uint8"):
        scale, edges = drawn(ColumnPlan("a.b", type))
        assert scale == "preferred"
        assert 0 in edges
    with pytest.raises(ValueError, match=r"a\.b: the declared range"):
        axis(ColumnPlan("a.b", "double", low=1, high=1))


def test_quantiles_outside_the_range_are_near() -> None:
    values = pa.array(np.concatenate([np.full(50, 5.0), np.full(50, 3_000.0)]))
    histogram = filled(ColumnPlan("a.b", "double", low=0, high=20), values)
    got = quantile(0.9, histogram.edges, histogram.counts.sum(axis=1), low=5.0, high=4_000.0)
    assert got == pytest.approx(3_000, rel=0.34)


def test_float32_threshold_is_in_the_bin_that_starts_there() -> None:
    column = ColumnPlan("language.score", "float", low=0, high=1)
    assert share_of(0.65, filled(column, pa.array([0.65], pa.float32()))) == (0.65, 0.66)
    assert share_of(0.65, filled(column, pa.array([np.nextafter(np.float32(0.65), np.float32(0))]))) == (0.64, 0.65)


def test_ends_nulls_and_what_is_no_number() -> None:
    column = ColumnPlan("a.b", "double", low=0, high=1)
    values = pa.array([0.0, 1.0, -0.5, 1.5, None, float("nan"), float("inf")], pa.float64())
    histogram = filled(column, values)
    first, last = histogram.axis.first, histogram.axis.last
    assert histogram.counts[[first + 1, last], 1].tolist() == [1, 1]
    assert histogram.counts[: first + 1, 1].sum() == histogram.counts[last + 1 :, 1].sum() == 1
    assert histogram.counts[:, 1].sum() == 4
    assert histogram.nulls.tolist() == [0, 1]
    assert histogram.not_finite.tolist() == [0, 2]
    assert (histogram.low[1], histogram.high[1]) == (-0.5, 1.5)
    again = Histogram.from_json(column, histogram.to_json())
    assert again.to_json() == histogram.to_json()


def test_other_edges_do_not_merge() -> None:
    with pytest.raises(ValueError, match="other edges"):
        Histogram(ColumnPlan("a.b", "double", low=0, high=1)).merge(Histogram(ColumnPlan("a.b", "double")))


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.sampled_from([0.01, 0.25, 0.5, 0.75, 0.99]))
def test_quantiles_of_unit_bins_are_exact(values: list[int], share: float) -> None:
    histogram = filled(ColumnPlan("a.b", "int32", low=0, high=30), pa.array(values, pa.int32()))
    counts = histogram.counts.sum(axis=1)
    got = quantile(share, histogram.edges, counts, low=min(values), high=max(values), zeros=values.count(0), whole=True)
    # The least value that at least `share` of the values do not exceed.
    below = sum(value <= got for value in values)
    assert below >= share * len(values) - 1e-9
    assert sum(value < got for value in values) <= share * len(values) + 1e-9


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantiles_are_within_a_bin(values: list[float], share: float) -> None:
    histogram = filled(ColumnPlan("a.b", "double", low=0, high=1), pa.array(values, pa.float64()))
    got = quantile(
        share,
        histogram.edges,
        histogram.counts.sum(axis=1),
        low=min(values),
        high=max(values),
        zeros=values.count(0.0),
    )
    exact = sorted(values)[max(0, int(np.ceil(share * len(values) - 1e-9)) - 1)]
    assert min(values) <= got <= max(values)
    assert abs(got - exact) <= 0.01 + 1e-9


def test_a_metric_that_is_mostly_zero_has_the_median_zero() -> None:
    values = pa.array([0.0] * 90 + [0.004] * 10)
    histogram = filled(ColumnPlan("a.b", "double", low=0, high=1), values)
    assert quantile(0.5, histogram.edges, histogram.counts.sum(axis=1), low=0.0, high=0.004, zeros=90) == 0.0
