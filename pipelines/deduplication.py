"""Finds duplicates: the steps from the keys of each source to the layers, as tasks of one Beam pipeline.

With MinHash, or hashes of images, candidate pairs are verified between the matching of keys and the joining of edges.
Clusters of more rows than one process can hold are found by alternating stars instead, some rounds a pipeline.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pipelines.context import Context
from pipelines.elections import to_describe
from pipelines.looks import keys_a_row, look_layers
from pipelines.partitions import most_groups, power
from pipelines.passes import Passes
from pipelines.progress import Pass
from pipelines.sources import Source, near_layers, near_scorer

Json = dict[str, Any]
Steps = list[tuple[str, Json]]

#: Rows whose clusters are found in one process, at 9 bytes each and about 28 for each that has company: below the 4 GB
#: that a worker may take, even if each has.
ROWS_IN_ONE_PROCESS = 100_000_000
#: Keys that one partition should hold, at 25 bytes each.
PARTITION_KEYS = 2_000_000
#: Rows that one partition of candidate pairs should be about, and those that it may be where that keeps them few.
PARTITION_ROWS, MOST_PARTITION_ROWS = 1 << 16, 1 << 20
#: Rounds of stars in one pipeline.
_ROUNDS = 3
#: The name of the pass, and the steps that it may begin with.
NAME = "find duplicates"
COLLECT: tuple[str, Json] = ("collect_keys", {})
LABEL: tuple[str, Json] = ("label_members", {})


def find_duplicates(
    passes: Passes, context: Context, sources: Sequence[Source], method: str, then: Sequence[Pass] = ()
) -> list[Json]:  # fmt: skip
    """Runs the election over the sources, under this fingerprint, and the passes `then` in the same pipeline, from
    ["fates", part] on; returns what their tasks came to."""
    if not sources:
        return []
    rows = sum(source.rows for source in sources)
    tasks, steps = _until_edges(context, sources, rows, passes.workers)
    end: Steps = [("describe_members", {}), ("elect", {}), ("write_election", {"method": method})]
    whole = Pass(NAME, COLLECT[0], len(tasks), steps=(COLLECT, *steps, ("join_edges", {}), *end))
    if rows <= ROWS_IN_ONE_PROCESS:
        results = passes.run(whole, tasks, then)
    else:
        results = _over_large_graph(passes, context, rows, tasks, steps, end, then)
    if not context.store.remote:  # where each file would be a request: they go with the run's scratch
        for pattern in ("election-*", "stars-*"):
            _forget(context, pattern)
    return results


def _over_large_graph(
    passes: Passes, context: Context, rows: int, tasks: list[Json], steps: Steps, end: Steps, then: Sequence[Pass]
) -> list[Json]:  # fmt: skip
    """The same where the clusters do not fit in one process."""
    held = _held(passes.run(Pass(NAME, COLLECT[0], len(tasks), steps=(COLLECT, *steps, ("hold_edges", {}))), tasks))
    told = [value for _, value in held if isinstance(value, dict)]
    pointers = [value for _, value in held if not isinstance(value, dict)]
    partitions = power(rows, PARTITION_KEYS)
    stars = _stars(passes, context, pointers, partitions)
    owners = {"emit": to_describe(told)}
    tasks = [
        {"kind": "label_members", "args": {
            "name": f"{i:08d}", "values": values, "elections": partitions, **(owners if i == 0 else {}),
        }}
        for i, values in enumerate(stars or [[]])
    ]  # fmt: skip
    return passes.run(Pass(f"{NAME}: elect", LABEL[0], len(tasks), steps=(LABEL, *end)), tasks, then)


def _until_edges(context: Context, sources: Sequence[Source], rows: int, workers: int) -> tuple[list[Json], Steps]:
    """The tasks that collect keys, and the steps from them to edges."""
    most = most_groups(len(sources), workers)
    near, looks = near_layers(context.plan), look_layers(context.plan)
    ways = 1 + 2 * (len(context.plan.dedup_layers) - len(near))
    partitions = {"exact": power(rows * ways, PARTITION_KEYS)}
    partitions |= {layer.name: power(rows * (near_scorer(layer).bands + 1), PARTITION_KEYS) for layer in near}
    partitions |= {layer.name: power(rows * keys_a_row(layer), PARTITION_KEYS) for layer in looks}
    split = {"partitions": partitions, "groups": {name: min(number, most) for name, number in partitions.items()}}
    pairs = {layer.name: pair_partitions(rows, most) for layer in [*near, *looks]}
    tasks = [
        {"kind": "collect_keys", "args": {"ordinal": i, "source": source.to_json(), **split}}
        for i, source in enumerate(sources)
    ]  # fmt: skip
    steps: Steps = [("match_keys", {**split, "pair_partitions": pairs})]
    if looks or any(near_scorer(layer).verify != "none" for layer in near):
        steps += [("gather_pairs", {}), ("send_signatures", {}), ("verify_pairs", {})]
    if any(near_scorer(layer).verify == "jaccard" for layer in near):
        steps += [("send_shingles", {}), ("settle_pairs", {})]
    return tasks, steps


def _stars(passes: Passes, context: Context, pointers: list[Any], partitions: int) -> list[list[Any]]:
    """Rounds of stars until one changes nothing; the pointers to what is left, by partition."""
    common = {"partitions": partitions}
    tasks = [{"kind": "spread_edges", "args": {**common, "name": f"{i:08d}", "values": [p]}} for i, p in enumerate(pointers)]
    number = 0
    while tasks:
        rounds = range(number, number + _ROUNDS)
        number += _ROUNDS
        steps: Steps = []
        for i in rounds:
            steps += [("large_star", {**common, "round": i}), ("small_star", {**common, "round": i})]
        if tasks[0]["kind"] == "large_star":  # the first step of the first round is the tasks themselves
            steps = steps[1:]
        kind = str(tasks[0]["kind"])
        join = Pass(f"{NAME}: join", kind, len(tasks), steps=((kind, {}), *steps, ("hold_edges", {})))
        results = passes.run(join, tasks)
        by_partition: dict[int, list[Any]] = {}
        for key, value in _held(results):
            by_partition.setdefault(int(key[1]), []).append(value)
        held = [by_partition[p] for p in sorted(by_partition)]
        if not any(result["changed"] for result in results if result.get("round") == rounds[-1]):
            return held
        _forget(context, "stars-*", {pointer[0] for values in held for pointer in values})
        tasks = [
            {"kind": "large_star", "args": {**common, "round": number, "key": ["large", p], "values": by_partition[p]}}
            for p in sorted(by_partition)
        ]  # fmt: skip
    return []


def _forget(context: Context, pattern: str, kept: Collection[str] = ()) -> None:
    """Deletes the exchange files that nobody reads any more."""
    for path in context.store.scratch("exchange").glob(pattern):
        if str(path) not in kept:
            path.unlink(missing_ok=True)


def _held(results: Sequence[Json]) -> list[list[Any]]:
    """What the last step was given; an engine that tried a bundle twice gives it twice."""
    return list({str(pair): pair for result in results for pair in result.get("held", [])}.values())


def pair_partitions(rows: int, most: int) -> int:
    """How many partitions the candidate pairs of so many rows are gathered in, a power of two: `most` unless they got too large."""
    return max(min(power(rows, PARTITION_ROWS), most), power(rows, MOST_PARTITION_ROWS))
