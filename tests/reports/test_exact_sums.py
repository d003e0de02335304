"""Exact sums against Python's fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.exact_sums import ExactSum, add_groups, rounded

FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50)


def exact(values: list[float]) -> ExactSum:
    sums = [ExactSum(), ExactSum()]
    add_groups(sums, np.array(values, np.float64), np.ones(len(values), np.int64))
    assert sums[0].units == 0
    return sums[1]


@settings(deadline=None, max_examples=100)
@given(FLOATS, FLOATS)
def test_sum_is_exact_and_merges(left: list[float], right: list[float]) -> None:
    total = exact(left)
    total.merge(exact(right))
    assert total.fraction() == sum((Fraction(value) for value in left + right), Fraction(0))
    assert ExactSum.from_json(total.to_json()).units == total.units


def test_extremes() -> None:
    tiny, huge = 5e-324, 1.7976931348623157e308
    assert rounded(exact([tiny]).fraction()) == tiny
    assert rounded(exact([tiny, huge, -huge]).fraction()) == tiny
    assert rounded(exact([huge] * 1000).fraction()) is None
    assert ExactSum.from_json(exact([huge] * 1000).to_json()).units == exact([huge] * 1000).units
    assert exact([0.1] * 10).to_json() == ExactSum(exact([0.1]).units * 10).to_json()
    assert ExactSum().to_json() == "0p0"
    assert ExactSum.from_json("0p0").units == 0


def test_damaged_state_is_refused() -> None:
    with pytest.raises(ValueError, match="exponent"):
        ExactSum.from_json("1p999999999999")
