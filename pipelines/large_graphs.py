"""Clusters of more rows than one process can hold, as tasks: alternating large-star and small-star steps.

The steps are `dedup.stars`; edges travel by partition of their first node until a round changes none of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from dedup.stars import U64, both_ways, downwards, large_star, partition_of, small_star
from pipelines.context import Context
from pipelines.elections import MEMBERS, send_members
from pipelines.exchange import Pointer, read_chunks
from pipelines.matching import EDGES, edges, send
from pipelines.partitions import chunks_by

Json = dict[str, Any]


def hold(context: Context, args: Json) -> Json:
    """What has come so far, for the driver."""
    return {"held": [[args["key"], value] for value in args["values"]]}


def spread(context: Context, args: Json) -> Json:
    """Some edges on their way to the first large-star step; emits ["large", partition] → pointer."""
    found = downwards(_read(args["values"]))
    return {"emit": _send(context, "large", f"stars-{args['name']}", both_ways(found), int(args["partitions"]))}


def large(context: Context, args: Json) -> Json:
    """A large-star step in one partition; emits ["small", partition] → pointer. Returns whether it changed anything."""
    found, changed = large_star(_read(args["values"]))
    name = f"stars-{args['round']:04d}-large-{args['key'][1]:08d}"
    emit = _send(context, "small", name, found, int(args["partitions"]))
    return {"emit": emit, "changed": changed, "round": args["round"]}


def small(context: Context, args: Json) -> Json:
    """A small-star step in one partition; emits ["large", partition] → pointer. Returns whether it changed anything."""
    found, changed = small_star(_read(args["values"]))
    name = f"stars-{args['round']:04d}-small-{args['key'][1]:08d}"
    emit = _send(context, "large", name, both_ways(found), int(args["partitions"]))
    return {"emit": emit, "changed": changed, "round": args["round"]}


def label(context: Context, args: Json) -> Json:
    """Members of clusters from the stars of one partition; emits ["describe", ordinal] → pointer."""
    found = downwards(_read(args["values"]))
    ends = np.unique(found[:, 1])
    rows = np.concatenate([found[:, 0], ends])
    order = np.argsort(rows, kind="stable")
    clusters = np.concatenate([found[:, 1], ends])[order]
    batch = pa.RecordBatch.from_arrays([pa.array(rows[order]), pa.array(clusters)], schema=MEMBERS)
    members = send_members(context, f"stars-members-{args['name']}", batch, int(args["elections"]))
    return {"emit": members + args.get("emit", [])}


def _read(values: list[Any]) -> U64:
    table = pa.Table.from_batches(read_chunks(map(Pointer.from_json, values)), EDGES)
    return np.stack([table.column(name).to_numpy() for name in EDGES.names], axis=1)


def _send(context: Context, kind: str, name: str, found: U64, partitions: int) -> list[list[Any]]:
    batch = edges(np.ascontiguousarray(found[:, 0]), np.ascontiguousarray(found[:, 1]))
    return send(context, name, [kind], chunks_by(batch, partition_of(found, partitions)), EDGES)
