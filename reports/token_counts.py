"""How many tokens the rules leave: those of each document, summed by what dropped it. All sums are exact integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

I64 = npt.NDArray[np.int64]


class TokenCounts:
    """Tokens by rule and by reason; mergeable in any order."""

    def __init__(self, rules: int) -> None:
        self.total = 0
        self.kept = 0
        self.repeat = 0
        #: Rows whose tokens are an estimate, and rows without a count.
        self.estimated = 0
        self.nulls = 0
        #: Of the rows that each rule dropped first.
        self.dropped = [0] * rules
        #: Of the rows that no rule dropped, by their reason.
        self.apart: dict[str, int] = {}

    def update(
        self, count: pa.Array, estimated: pa.Array, reason: pa.Array, dropper: I64, kept: npt.NDArray[np.bool_], times: I64
    ) -> None:
        """Adds rows. `count`: int32, null where there is none; `estimated`: bool; `dropper` (n,): what `RuleCounts.update` says
        dropped each; `times` (n,): how often each goes into the shards."""
        tokens = np.asarray(count.fill_null(0)).astype(np.int64)
        self.total += int(tokens.sum())
        self.kept += int(tokens[kept].sum())
        self.repeat += int((tokens * times).sum())
        self.estimated += int(np.asarray(estimated.fill_null(False)).sum())
        self.nulls += int(count.null_count)
        for rule in range(len(self.dropped)):
            self.dropped[rule] += int(tokens[dropper == rule].sum())
        outside = np.flatnonzero(dropper < 0)
        for name, n in zip(reason.take(pa.array(outside)).to_pylist(), tokens[outside].tolist(), strict=True):
            self.apart[name] = self.apart.get(name, 0) + n

    def merge(self, other: TokenCounts) -> None:
        self.total += other.total
        self.kept += other.kept
        self.repeat += other.repeat
        self.estimated += other.estimated
        self.nulls += other.nulls
        self.dropped = [a + b for a, b in zip(self.dropped, other.dropped, strict=True)]
        for name, n in other.apart.items():
            self.apart[name] = self.apart.get(name, 0) + n

    def to_json(self) -> dict[str, Any]:
        return {
            "sums": [self.total, self.kept, self.repeat],
            "rows": [self.estimated, self.nulls],
            "dropped": self.dropped,
            "apart": dict(sorted(self.apart.items())),
        }

    @classmethod
    def from_json(cls, rules: int, value: Mapping[str, Any]) -> TokenCounts:
        self = cls(rules)
        self.total, self.kept, self.repeat = value["sums"]
        self.estimated, self.nulls = value["rows"]
        self.dropped = list(value["dropped"])
        self.apart = dict(value["apart"])
        return self
