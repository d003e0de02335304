"""Where the rows of pairs stand among those that were sent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import verification
from pipelines.sources import SHIFT


@pytest.mark.parametrize("table", [0, 1 << 22])
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 500)), min_size=1, max_size=40, unique=True), st.randoms())
def test_rows_are_found_by_table_and_by_search(table: int, named: list[tuple[int, int]], random: object) -> None:
    rows = np.array([(ordinal << int(SHIFT)) + place for ordinal, place in sorted(named)], np.uint64)
    expected = np.random.default_rng(random.randrange(2**32)).integers(0, len(rows), 60)  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "_TABLE_ROWS", table)
        left, right = verification._places(rows, rows[expected], rows[:1])
    assert left.tolist() == expected.tolist()
    assert right.tolist() == [0]
