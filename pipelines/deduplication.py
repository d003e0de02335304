"""The steps that find duplicates, as the tasks of one Beam pipeline: from the keys of each source to the layers.

With MinHash, candidate pairs are verified between the matching of keys and the joining of edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.context import Context
from pipelines.matching import PARTITION_KEYS, PARTITION_ROWS, near_layers
from pipelines.source_rows import near_scorer
from pipelines.sources import Source

Json = dict[str, Any]


def deduplication(context: Context, sources: Sequence[Source], method: str) -> tuple[list[Json], list[tuple[str, Json]]]:
    """The tasks that collect keys, and the steps after them, for an election of this fingerprint."""
    rows = sum(source.rows for source in sources)
    near = near_layers(context)
    ways = 1 + 2 * (len(context.plan.dedup_layers) - len(near))
    partitions = {"exact": _power(rows * ways, PARTITION_KEYS)}
    partitions |= {layer.name: _power(rows * (near_scorer(layer).bands + 1), PARTITION_KEYS) for layer in near}
    pairs = {layer.name: _power(rows, PARTITION_ROWS) for layer in near}
    tasks = [
        {"kind": "collect_keys", "args": {"ordinal": i, "source": source.to_json(), "partitions": partitions}}
        for i, source in enumerate(sources)
    ]  # fmt: skip
    steps: list[tuple[str, Json]] = [("match_keys", {"pair_partitions": pairs})]
    if any(near_scorer(layer).verify != "none" for layer in near):
        steps += [("gather_pairs", {}), ("send_signatures", {}), ("verify_pairs", {})]
    if any(near_scorer(layer).verify == "jaccard" for layer in near):
        steps += [("send_shingles", {}), ("settle_pairs", {})]
    steps += [("join_edges", {}), ("elect", {}), ("write_election", {"method": method})]
    return tasks, steps


def _power(amount: int, each: int) -> int:
    """The power of two that leaves at most `each` for one."""
    return 1 << (max(0, amount - 1) // each).bit_length()
