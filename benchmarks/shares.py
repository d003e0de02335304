"""Shares of rows that are right, with their intervals, in all and by kind, and as lines of a table.

The interval is Wilson's 95% score interval (Wilson 1927, doi:10.1080/01621459.1927.10502953).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Z95 = 1.959964
FAULTS = 50  # examples kept of each fault


@dataclass(frozen=True)
class Share:
    """`hits` out of `total`."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        return self.hits / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% score interval."""
        n, p = self.total, self.value
        if not n:
            return 0.0, 1.0
        centre, spread = p + Z95**2 / (2 * n), Z95 * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
        return max(0.0, (centre - spread) / (1 + Z95**2 / n)), min(1.0, (centre + spread) / (1 + Z95**2 / n))

    def json(self) -> Row:
        low, high = self.interval
        return {"hits": self.hits, "total": self.total, "share": round(self.value, 4) if self.total else None,
                "low": round(low, 4), "high": round(high, 4)}  # fmt: skip


@dataclass
class Result:
    """One measure: its share, the same by kind, and examples of what went wrong."""

    name: str
    share: Share
    by: dict[str, dict[str, Share]] = field(default_factory=dict)
    faults: list[Any] = field(default_factory=list)
    note: str = ""

    def json(self) -> Row:
        by = {kind: {name: share.json() for name, share in found.items()} for kind, found in self.by.items()}
        return {"name": self.name, **self.share.json(), "by": by, "faults": self.faults[:FAULTS], "note": self.note}


def measure(
    name: str, rows: Sequence[tuple[Row, Any]], right: Callable[[Row, Any], bool],
    by: dict[str, Callable[[Row, Any], Iterable[str]]], fault: Callable[[Row, Any], Any], note: str = "",
) -> Result:  # fmt: skip
    """Share of `rows` that are right, in all and by each of the keys that `by` gives."""
    counts: dict[str, dict[str, list[int]]] = {kind: defaultdict(lambda: [0, 0]) for kind in by}
    hits, faults = 0, []
    for row, other in rows:
        good = right(row, other)
        hits += good
        if not good:
            faults.append(fault(row, other))
        for kind, keys in by.items():
            for key in keys(row, other):
                counts[kind][key][0] += good
                counts[kind][key][1] += 1
    shares = {kind: {key: Share(*n) for key, n in sorted(found.items())} for kind, found in counts.items()}
    return Result(name, Share(hits, len(rows)), shares, faults, note)


def table(measured: Row, by: Iterable[str]) -> str:
    """The measures as lines of text; `by` names the keys to split them by."""
    lines = ["  ".join(f"{name} {count:,}" for name, count in measured["rows"].items()), ""]

    def line(name: str, share: Row) -> str:
        value = "–" if share["share"] is None else f"{share['share']:.4f}"
        interval = f"{share['low']:.4f}–{share['high']:.4f}"
        return f"{name:<44}{share['hits']:>8,} /{share['total']:>7,}  {value:>7}  {interval}"

    for name, result in measured["results"].items():
        lines.append(line(name, result) + (f"  ({result['note']})" if result["note"] else ""))
        for kind in by:
            lines += [line(f"    {kind} {key}", share) for key, share in result["by"].get(kind, {}).items()]
    for kind, found in measured["f1"].items():
        if kind == "all" or "dirt" in by:
            scores = f"mean {found['mean']:.4f}, median {found['median']:.4f}"
            lines.append(f"word F1, {kind}: {scores}, {found['pages']:,} pages")
    return "\n".join(lines)
