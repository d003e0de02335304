"""A budget of tokens: the longest beginning of the order that fits, whatever the parts, and the same beginning of a larger one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharding.budget import TokenBudget, fitting
from sharding.order import BUCKETS, I64, ORDER, Orders, argsort, prefixes

Rows = list[tuple[int, int]]
#: Keys of few buckets, so that several samples share one, and one may be the last of all.
KEYS = st.sampled_from([0, 1, 2, 1 << 48, (1 << 48) + 5, 3 << 48, (1 << 64) - 1])
ROWS = st.lists(st.tuples(KEYS, st.integers(0, 9)), min_size=1, max_size=40)


def sorted_samples(rows: Rows) -> tuple[Orders, I64]:
    orders = np.zeros(len(rows), ORDER)
    orders["key"], orders["low"] = [key for key, _ in rows], np.arange(len(rows))
    sorting = argsort(orders)
    return orders[sorting], np.array([tokens for _, tokens in rows], np.int64)[sorting]


def taken(orders: Orders, tokens: I64, most: int, split: np.ndarray) -> list[int]:
    """What fits, as the pipeline finds it of samples that lie with several senders: the ids."""
    senders = [np.flatnonzero(split == sender) for sender in np.unique(split)]
    sums = np.zeros(BUCKETS, np.int64)
    for mine in senders:
        np.add.at(sums, prefixes(orders[mine]), tokens[mine])
    budget = TokenBudget(sums, most)
    if budget.bucket is None:
        return sorted(orders["low"].tolist())
    here = [mine[prefixes(orders[mine]) == budget.bucket] for mine in senders]
    end, told = budget.end(orders[np.concatenate(here)], tokens[np.concatenate(here)])
    found = [mine[: fitting(orders[mine], end)] for mine in senders]
    assert sum(int(tokens[mine].sum()) for mine in found) == told
    return sorted(i for mine in found for i in orders["low"][mine].tolist())


@settings(deadline=None, max_examples=150)
@given(ROWS, st.integers(1, 200), st.integers(0, 200), st.randoms(use_true_random=False))
def test_the_longest_beginning_that_fits_and_a_larger_budget_adds_to_it(rows: Rows, most: int, more: int, random: object) -> None:
    orders, tokens = sorted_samples(rows)
    split = np.array([random.randrange(3) for _ in rows])  # type: ignore[attr-defined]
    found = taken(orders, tokens, most, split)
    fits = int(np.searchsorted(np.cumsum(tokens), most, side="right"))
    assert found == sorted(orders["low"][:fits].tolist())
    assert found == taken(orders, tokens, most, np.zeros(len(rows), np.int64))
    assert set(found) <= set(taken(orders, tokens, most + more, split))


def test_sums_that_are_not_those_counted_are_refused() -> None:
    orders, tokens = sorted_samples([(0, 3), (1, 4)])
    sums = np.zeros(BUCKETS, np.int64)
    sums[0] = 7
    with pytest.raises(ValueError, match="4 tokens given, 7 counted"):
        TokenBudget(sums, 5).end(orders[1:], tokens[1:])
    with pytest.raises(ValueError, match="all samples fit"):
        TokenBudget(sums, 7).end(orders, tokens)
    with pytest.raises(ValueError, match="at least 1"):
        TokenBudget(sums, 0)
