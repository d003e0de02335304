"""Where a budget of tokens ends in the order of an output.

Samples are taken in their order (`sharding.order`) for as long as the tokens of all of them fit, so that a larger budget adds
to a smaller one. Sums by bucket tell the bucket that the budget ends in, and of that bucket's samples alone the end is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sharding.order import BUCKETS, I64, Orders, argsort, prefixes, shard_slices


@dataclass(frozen=True, eq=False)
class TokenBudget:
    """At most `most` tokens of samples that have `tokens` by bucket, int64 of shape (BUCKETS,), all together."""

    tokens: I64
    most: int

    def __post_init__(self) -> None:
        if self.most < 1:
            raise ValueError(f"most: at least 1 token, not {self.most}")
        if self.tokens.shape != (BUCKETS,):
            raise ValueError(f"tokens of shape ({BUCKETS},) were expected, not {self.tokens.shape}")

    @property
    def bucket(self) -> int | None:
        """The bucket that has the first sample that does not fit; None if all samples fit."""
        found = int(np.searchsorted(np.cumsum(self.tokens), self.most, side="right"))
        return found if found < BUCKETS else None

    def end(self, orders: Orders, tokens: I64) -> tuple[Orders, int]:
        """The first sample that does not fit, ORDER of shape (1,), and the tokens of all before it; from all samples of
        `bucket`, in any order, and the tokens of each.

        ValueError if all samples fit, or if the tokens given are not those counted.
        """
        bucket = self.bucket
        if bucket is None:
            raise ValueError("all samples fit")
        here = prefixes(orders) == bucket
        orders, tokens = orders[here], tokens[here]
        if tokens.sum() != self.tokens[bucket]:
            raise ValueError(f"bucket {bucket}: {tokens.sum()} tokens given, {self.tokens[bucket]} counted")
        sorting = argsort(orders)
        ends = self.tokens[:bucket].sum() + np.cumsum(tokens[sorting])
        first = int(np.searchsorted(ends, self.most, side="right"))
        return orders[sorting[first : first + 1]], int(ends[first] - tokens[sorting[first]])


def fitting(orders: Orders, end: Orders) -> int:
    """How many of sorted samples come before `end`, ORDER of shape (1,)."""
    return int(shard_slices(orders, end)[1])
