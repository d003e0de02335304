"""What the project set out to reach in speed and memory, and whether the results reach it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
#: How near to a limit is said.
NEAR = 0.2


@dataclass(frozen=True)
class Goal:
    """A limit, the measured value (None if it was not measured), and how both are written. `least`: not less is good. A limit
    of 0 is of what is counted and shall not be."""

    name: str
    limit: float
    value: float | None
    unit: str
    least: bool = False

    @property
    def verdict(self) -> str:
        """met; met, but within a fifth of the limit; or missed, by which share of the limit, or by how much if that is 0."""
        if self.value is None:
            return "not measured"
        if not self.limit:
            return f"missed by {self.value:,.0f}{self.unit}" if self.value > 0 else "met"
        beyond = (self.value - self.limit if self.least else self.limit - self.value) / self.limit
        if beyond < 0:
            return f"missed by {-100 * beyond:.0f}%" if beyond <= -0.005 else "missed by less than 1%"
        return f"met, within {100 * NEAR:.0f}% of the limit" if beyond <= NEAR else "met"


def value_at(found: Any, *path: str) -> Any:
    """What stands at a path of a result; None if something on the way is not there."""
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None


def pass_seconds(run: Row | None) -> float | None:
    """The seconds that `web2shards dedup cluster` tells for its pass, without its start."""
    told = re.search(r"; ([\d.]+) s$", (run or {}).get("told", [""])[0]) if (run or {}).get("told") else None
    return float(told[1]) if told else None


def extrapolated(whole: Row, extractor: str) -> float | None:
    """The peer's documents a second on as many pages as the long crawl has, by its slope and start-up."""
    return value_at(whole, "peers", "growth", extractor, "extrapolated", "documents_a_second")


def end_to_end(whole: Row) -> list[Goal]:
    """Of end_to_end.json."""
    peaks = {size: value_at(whole, "long", "medians", f"{size}, warm", "peak_pss_mb") for size in ("30,000 pages", "3,000 pages")}
    cold = value_at(whole, "long", "medians", "30,000 pages, cold", "peak_pss_mb")
    grows = ratio(peaks["30,000 pages"], peaks["3,000 pages"])
    rate = ("documents_a_second",)
    warm = value_at(whole, "long", "medians", "30,000 pages, warm", *rate)
    dev = [value_at(whole, "dev", "medians", name, *rate) for name in ("web2shards", "datatrove, trafilatura")]
    return [
        Goal("documents/s of datatrove with Trafilatura, 30,000 pages, warm (†)", 20,
             ratio(warm, extrapolated(whole, "trafilatura")), "×", least=True),
        Goal("documents/s of datatrove with Trafilatura, damaged crawl", 8, ratio(*dev), "×", least=True),
        Goal("peak memory, 30,000 pages, cold or warm", 600,
             max((peak for peak in (peaks["30,000 pages"], cold) if peak is not None), default=None), " MB"),
        Goal("peak memory of 30,000 pages against 3,000, off by", 10, None if grows is None else 100 * abs(grows - 1), "%"),
    ]  # fmt: skip


def signing(signed: Row | None) -> list[Goal]:
    """Of signatures.json."""
    value = value_at(signed, "median_microseconds_a_document", "web2shards, 112 permutations")
    return [Goal("MinHash signature of 112 permutations", 100, value, " µs")]


def clustering(grown: Row | None) -> list[Goal]:
    """Of minhash_scale.json."""
    million, ten = (value_at(grown, "runs", f"{rows:,} rows") for rows in (1_000_000, 10_000_000))
    return [
        Goal("1,000,000 signatures clustered, the pass", 5, pass_seconds(million), " s"),
        Goal("10,000,000 signatures clustered, peak memory", 2000, value_at(ten, "peak_pss_mb"), " MB"),
    ]
