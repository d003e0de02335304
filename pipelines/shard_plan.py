"""Plans shards as tasks: count samples by sender, then find the first sample of every run of shards.

Samples stand in the order of a seeded hash of their id over the whole output (`sharding.order`), and every shard but the
last of a split holds exactly `samples`. A sender is a part or, where there are many, those whose names hash alike; a run of
shards is one or, where there are many, as many as one task writes: so what travels stays within senders × runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from core.addresses import url_hosts
from core.hashing import ID_TYPE, digest
from core.remote import at_once
from pipelines.chunks import flat, orders_of
from pipelines.context import Context
from pipelines.exchange import Pointer, read_chunks, write_chunks
from pipelines.partitions import most_groups
from pipelines.plan import DUPLICATES, FATE, Plan
from pipelines.recipe import Output
from pipelines.recipe_model import together_with
from sharding.budget import TokenBudget, fitting
from sharding.index import index_method, retract_index
from sharding.order import BUCKETS, ORDER, Orders, RankPlan, Samples, prefixes, samples_of
from sharding.split import SPLITS, is_validation

Bools = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]
#: Parts send for themselves up to this many; more are dealt out to as many senders.
MOST_SENDERS = 4096
#: So many senders' samples, each of some 30 bytes a row, are held at the same time while they are looked through.
MOST_READ = 8
#: A run of several shards holds at most so many samples.
MOST_RUN_SAMPLES = 4_000_000

_ORDERED = pa.schema([
    ("row", pa.int64()), ("key", pa.uint64()), ("high", pa.uint64()), ("low", pa.uint64()), ("copy", pa.uint32()),
])  # fmt: skip
#: Of an output with a budget of tokens; the same rows.
_TOKENS = pa.field("tokens", pa.int32())
_COUNTS = pa.schema([("split", pa.uint8()), ("bucket", pa.int64()), ("count", pa.int64()), ("tokens", pa.int64())])
_CLUSTERS = pa.schema([("cluster", ID_TYPE), ("validation", pa.bool_()), ("bucket", pa.int64()), ("tokens", pa.int32())])
_CUTS = pa.schema([("split", pa.uint8()), ("key", pa.uint64()), ("high", pa.uint64()), ("low", pa.uint64()), ("copy", pa.uint32())])


@dataclass(frozen=True)
class Sender:
    """What `plan_shards` hands to a sender: its `parts`, whose rows it counts as one after the other, where its samples are
    by split, and the first sample of each run of shards (`cuts`, of all splits). `outputs` are those that it sends them to.
    Clusters of `overlap`, and what comes from the sample `end` on, are left out."""

    parts: tuple[str, ...]
    samples: dict[str, list[Any]]
    cuts: list[Any]
    runs: tuple[int, ...]
    run: int
    outputs: tuple[str, ...]
    overlap: list[Any] | None = None
    end: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "parts": self.parts, "samples": self.samples, "cuts": self.cuts, "runs": self.runs, "run": self.run,
            "outputs": self.outputs, "overlap": self.overlap, "end": self.end,
        }  # fmt: skip

    @staticmethod
    def from_json(value: dict[str, Any]) -> Sender:
        parts, runs = tuple(map(str, value["parts"])), tuple(map(int, value["runs"]))
        outputs = tuple(map(str, value["outputs"]))
        end = None if value["end"] is None else tuple(map(int, value["end"]))
        return Sender(parts, value["samples"], value["cuts"], runs, int(value["run"]), outputs, value["overlap"], end)

    def cuts_of(self, code: int) -> Orders:
        """The first samples of the runs of a split but its first."""
        (cuts,) = read_chunks([Pointer.from_json(self.cuts)])
        return orders_of(cuts.filter(pc.equal(cuts.column("split"), code)), "")

    def samples_of(self, context: Context) -> Iterator[tuple[int, Orders, I64]]:
        """Code, orders and rows of the samples of each split, without those that are left out of it."""
        excluded: pa.Array | None = None
        if self.overlap is not None:
            (overlap,) = read_chunks([Pointer.from_json(self.overlap)])
            excluded = overlap.column("cluster")
        end = None if self.end is None else np.array([self.end], ORDER)
        for code in range(len(SPLITS)):
            if str(code) in self.samples:
                found = _samples_at(context, self.parts, self.samples, code, excluded, end)
                yield code, found.orders, found.rows


def sender_of(part: str, parts: int) -> str:
    """The sender of a part, where there are so many parts."""
    return part if parts <= MOST_SENDERS else f"{xxhash.xxh3_64_intdigest(part.encode()) % MOST_SENDERS:05d}"


def count(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """The samples of a sender's parts in their order, by split, in an exchange file; emits ["plan", output] → pointers.

    Counts are by bucket of the order, and so are tokens if the output has a budget of them; clusters that have samples in more
    than one place go along, so that `plan_shards` can leave out what would stand on both sides of the validation split.
    """
    _, name, sender = args["key"]
    output = context.recipe.output[name]
    spread = _clusters_may_spread(context.plan, output)
    parts = sorted(args["values"])
    ids: list[pa.Array] = [pa.array([], ID_TYPE)]
    repeats: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    sides: list[Bools] = [np.zeros(0, bool)]
    clusters: list[pa.Array] = [pa.array([], ID_TYPE)]
    tokens: list[npt.NDArray[np.int32]] = [np.zeros(0, np.int32)]
    counted_in = context.plan.tokens if output.tokens is not None else ""
    columns = [f"{FATE}.kept", f"{FATE}.repeat", context.table.url, *([counted_in] if counted_in else [])]
    columns += [f"{DUPLICATES}.cluster", f"{DUPLICATES}.size"] if spread else []
    for part in parts:
        with context.joined(part, columns) as view:
            for batch in view.batches():
                kept = np.asarray(batch[f"{FATE}.kept"].to_numpy(zero_copy_only=False), bool)
                repeats.append(np.where(kept, batch[f"{FATE}.repeat"].to_numpy(zero_copy_only=False), 0).astype(np.int64))
                hosts = url_hosts(pc.if_else(pa.array(kept), batch[context.table.url], None))
                sides.append(is_validation(hosts, batch["id"], output.validation, context.recipe.seed))
                ids.append(batch["id"])
                tokens.append(
                    np.asarray(batch[counted_in].fill_null(0).to_numpy(zero_copy_only=False), np.int32) if counted_in
                    else np.zeros(len(kept), np.int32)
                )
                if spread:
                    many = pc.greater(batch[f"{DUPLICATES}.size"].fill_null(1), 1)
                    clusters.append(pc.if_else(many, batch[f"{DUPLICATES}.cluster"], None))
    validation = np.concatenate(sides)
    samples = samples_of(pa.concat_arrays(ids), np.concatenate(repeats), context.recipe.seed)
    of_sample = np.concatenate(tokens)[samples.rows]
    chunks: dict[int, pa.RecordBatch] = {}
    counted: list[pa.RecordBatch] = []
    for code in range(len(SPLITS)):
        mine = validation[samples.rows] == bool(code)
        if not mine.any():
            continue
        chunks[code] = _ordered(samples, mine, of_sample if counted_in else None)
        buckets, at, numbers = np.unique(prefixes(samples.orders[mine]), return_inverse=True, return_counts=True)
        sums = np.zeros(len(buckets), np.int64)
        np.add.at(sums, at, of_sample[mine])
        arrays = [np.full(len(buckets), code, np.uint8), buckets, numbers.astype(np.int64), sums]
        counted.append(pa.RecordBatch.from_arrays(list(map(pa.array, arrays)), schema=_COUNTS))
    prefix = f"{name}-{digest(sender).hex()}"
    schema = _ORDERED.append(_TOKENS) if counted_in else _ORDERED
    pointers = write_chunks(context.store, f"{prefix}-samples.arrow", chunks, schema)
    counts = pa.Table.from_batches(counted, _COUNTS).combine_chunks().to_batches()
    counts_at = write_chunks(context.store, f"{prefix}-counts.arrow", {0: counts[0]} if counts else {}, _COUNTS, "zstd")
    shared: dict[int, Pointer] = {}
    if spread and len(samples):
        of_samples = pa.concat_arrays(clusters).take(pa.array(samples.rows))
        known = np.asarray(of_samples.is_valid())
        arrays = [validation[samples.rows][known], prefixes(samples.orders)[known], of_sample[known]]
        batch = pa.RecordBatch.from_arrays([of_samples.drop_null(), *map(pa.array, arrays)], schema=_CLUSTERS)
        shared = write_chunks(context.store, f"{prefix}-clusters.arrow", {0: batch} if len(batch) else {}, _CLUSTERS)
    return {"emit": [[["plan", name], {
        "sender": sender, "parts": parts, "samples": {str(k): p.to_json() for k, p in pointers.items()},
        "counts": [p.to_json() for p in counts_at.values()], "clusters": [p.to_json() for p in shared.values()],
    }]]}  # fmt: skip


def plan_shards(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """From all counts, the first sample of every run of shards; takes the old index back. Emits ["send", output, sender] →
    Sender; of several sizes of the same samples only the first does, which sends all that are wanted."""
    name = args["key"][1]
    output = context.recipe.output[name]
    folder = context.store.path("shards", name)
    if index_method(folder) != args["methods"][name]:  # a late attempt leaves the new index alone
        context.store.check_lease()
        retract_index(folder)
    senders = sorted(args["values"], key=lambda value: value["sender"])
    counts, tokens = np.zeros((len(SPLITS), BUCKETS), np.int64), np.zeros(BUCKETS, np.int64)
    for batch in read_chunks(Pointer.from_json(p) for value in senders for p in value["counts"]):
        buckets = batch.column("bucket").to_numpy()
        np.add.at(counts, (batch.column("split").to_numpy(), buckets), batch.column("count").to_numpy())
        np.add.at(tokens, buckets, batch.column("tokens").to_numpy())
    left_out, overlap_of = _overlap(read_chunks(Pointer.from_json(p) for value in senders for p in value["clusters"]))
    buckets = overlap_of.column("bucket").to_numpy()
    np.subtract.at(counts[1], buckets, 1)
    np.subtract.at(tokens, buckets, overlap_of.column("tokens").to_numpy())
    excluded = left_out if len(left_out) else None
    all_fit = counts.sum(axis=1)
    end, taken = (None, None) if output.tokens is None else _cut_to_budget(
        context, senders, counts, TokenBudget(tokens, output.tokens), excluded
    )  # fmt: skip
    plans = [RankPlan(c, output.samples) for c in counts]
    most = most_groups(len(senders), int(args["workers"]))
    run = shards_a_run(sum(ranks.shards for ranks in plans), output.samples, most)
    of_runs = [RankPlan(c, output.samples * run) for c in counts]
    cuts: list[pa.RecordBatch] = []
    for code, ranks in enumerate(of_runs):

        def border(value: dict[str, Any], code: int = code, ranks: RankPlan = ranks) -> Orders:
            return _samples_at(context, value["parts"], value["samples"], code, excluded, end, ranks.in_borders).orders

        mine = [value for value in senders if str(code) in value["samples"]]
        found = ranks.cuts(list(at_once(border, mine, context.store.remote, MOST_READ)))
        cuts.append(pa.RecordBatch.from_arrays(
            [pa.array(np.full(len(found), code, np.uint8)), *(pa.array(found[n]) for n in ORDER.names or ())], schema=_CUTS
        ))  # fmt: skip
    planned = pa.Table.from_batches(cuts, _CUTS).combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=_CUTS)]
    where = write_chunks(context.store, f"{name}-cuts.arrow", {0: planned[0]}, _CUTS)[0].to_json()
    overlap: list[Any] | None = None
    if excluded is not None:
        schema = pa.schema([("cluster", ID_TYPE)])
        batch = pa.RecordBatch.from_arrays([excluded], schema=schema)
        overlap = write_chunks(context.store, f"{name}-overlap.arrow", {0: batch}, schema)[0].to_json()
    runs = tuple(ranks.shards for ranks in of_runs)
    sent = sent_by(context.recipe.output, args["methods"], name)
    last = None if end is None else tuple(end[0].tolist())
    return {
        "emit": [
            [["send", name, value["sender"]],
             Sender(value["parts"], value["samples"], where, runs, run, sent, overlap, last).to_json()]
            for value in senders if value["samples"] and sent
        ],
        "output": name, "shards": [ranks.shards for ranks in plans], "samples": [ranks.total for ranks in plans],
        "left_out": len(buckets), "over_budget": (all_fit - counts.sum(axis=1)).tolist(), "tokens": taken,
    }  # fmt: skip


def sent_by(outputs: Mapping[str, Output], wanted: Collection[str], name: str) -> tuple[str, ...]:
    """The wanted outputs whose samples are sent with those of this one, its own among them; none if another sends them."""
    mine = tuple(other for other in together_with(outputs, name) if other in wanted)
    return mine if mine[:1] == (name,) else ()


def _cut_to_budget(
    context: Context, senders: Sequence[dict[str, Any]], counts: I64, budget: TokenBudget, excluded: pa.Array | None
) -> tuple[Orders | None, int]:
    """Takes what does not fit out of `counts`; the first sample that does not (None: all do), and the tokens of those that do."""
    bucket = budget.bucket
    if bucket is None:
        return None, int(budget.tokens.sum())

    def in_bucket(asked: tuple[dict[str, Any], int]) -> _Found:
        value, code = asked
        return _samples_at(
            context, value["parts"], value["samples"], code, excluded, None, lambda orders: prefixes(orders) == bucket
        )

    asked = [(value, code) for code in range(len(SPLITS)) for value in senders if str(code) in value["samples"]]
    found = list(at_once(in_bucket, asked, context.store.remote, MOST_READ))
    end, taken = budget.end(
        np.concatenate([np.zeros(0, ORDER), *(each.orders for each in found)]),
        np.concatenate([np.zeros(0, np.int64), *(each.tokens for each in found)]),
    )
    counts[:, bucket:] = 0
    for (_, code), each in zip(asked, found, strict=True):
        counts[code, bucket] += fitting(each.orders, end)
    return end, taken


def shards_a_run(shards: int, samples: int, most: int) -> int:
    """How many shards of so many samples one task receives, where there are so many shards and `most` runs are wanted."""
    return max(1, min(-(-shards // most), MOST_RUN_SAMPLES // samples))


@dataclass(frozen=True, eq=False)
class _Found:
    """A sender's samples of one split in their order: orders, rows, and the tokens of each where there is a budget."""

    orders: Orders
    rows: I64
    tokens: I64


def _samples_at(
    context: Context, parts: Sequence[str], samples: dict[str, list[Any]], code: int, excluded: pa.Array | None,
    end: Orders | None, wanted: Callable[[Orders], Bools] | None = None,
) -> _Found:  # fmt: skip
    """A sender's samples of one split, without those of excluded clusters, which are left out of validation, and those from
    `end` on; only those that are `wanted`, if that is given."""
    (batch,) = read_chunks([Pointer.from_json(samples[str(code)])])
    if end is not None:
        batch = batch.slice(0, fitting(orders_of(batch, ""), end))
    orders, rows = orders_of(batch, ""), batch.column("row").to_numpy()
    tokens = batch.column("tokens").to_numpy().astype(np.int64) if "tokens" in batch.schema.names else np.zeros(0, np.int64)
    keep = np.ones(len(orders), bool)
    if excluded is not None and code == 1:
        clusters: list[pa.Array] = []
        for part in parts:
            with context.joined(part, [f"{DUPLICATES}.cluster"]) as view:
                clusters += [columns[f"{DUPLICATES}.cluster"] for columns in view.batches()]
        mine = pa.concat_arrays(clusters).take(pa.array(rows))
        keep &= ~np.asarray(pc.is_in(mine, value_set=excluded).to_numpy(zero_copy_only=False), bool)
    if wanted is not None:
        keep &= wanted(orders)
    return _Found(orders[keep], rows[keep], tokens[keep] if len(tokens) else tokens)


def _overlap(batches: Sequence[pa.RecordBatch]) -> tuple[pa.Array, pa.Table]:
    """Clusters that have samples on both sides, and their validation samples, as _CLUSTERS."""
    table = pa.Table.from_batches(batches, _CLUSTERS).combine_chunks()
    validation = table.filter(table.column("validation"))
    train = table.filter(pc.invert(table.column("validation")))
    both = validation.filter(pc.is_in(validation.column("cluster"), value_set=flat(train.column("cluster").unique())))
    return flat(both.column("cluster").unique()), both


def _clusters_may_spread(plan: Plan, output: Output) -> bool:
    """Whether several members of a cluster can be samples: there is an election, and no rule that keeps one only."""
    only_one = any(rule.text == f"{DUPLICATES}.kept" for rule in plan.rules)
    return bool(plan.dedup_layers) and output.validation > 0 and not only_one


def _ordered(samples: Samples, mine: Bools, tokens: npt.NDArray[np.int32] | None) -> pa.RecordBatch:
    orders = samples.orders[mine]
    arrays = [pa.array(samples.rows[mine]), *(pa.array(np.ascontiguousarray(orders[n])) for n in ORDER.names or ())]
    if tokens is None:
        return pa.RecordBatch.from_arrays(arrays, schema=_ORDERED)
    return pa.RecordBatch.from_arrays([*arrays, pa.array(tokens[mine])], schema=_ORDERED.append(_TOKENS))
