"""The tasks that workers do, by name, and the loop of a worker process."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from core.errors import UserError, error_to_json
from pipelines import (
    common_crawl_run,
    crawl_tasks,
    elections,
    gathering,
    images_fetched,
    large_graphs,
    map_pass,
    matching,
    repeats,
    shard_exchange,
    shard_plan,
    summaries,
    verification,
)  # fmt: skip
from pipelines.context import Context
from pipelines.memory import give_back
from pipelines.notes import NoteBook, SilentNotes
from pipelines.pool import Suspect, Task
from pipelines.tables import DOCUMENTS
from pipelines.zygote import receive, send


def _map(context: Context, args: dict[str, Any], suspects: Sequence[Suspect], notes: NoteBook) -> dict[str, Any]:
    try:
        return map_pass.map_part(context, args, suspects, notes)
    except map_pass.BrokenScorer as error:
        return {"part": args["part"]["name"], "broken": error.layer, "message": error.message}


def _draw(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    from pipelines import thumbnails  # which loads what draws

    return thumbnails.draw(context, args)


_Work = Callable[[Context, dict[str, Any]], dict[str, Any]]
_PLAIN: Mapping[str, _Work] = {
    "collect_keys": matching.collect,
    "match_keys": matching.match,
    "gather_pairs": verification.gather,
    "send_signatures": verification.send_signatures,
    "verify_pairs": verification.verify,
    "send_shingles": verification.send_shingles,
    "settle_pairs": verification.settle,
    "join_edges": elections.join,
    "hold_edges": large_graphs.hold,
    "spread_edges": large_graphs.spread,
    "large_star": large_graphs.large,
    "small_star": large_graphs.small,
    "label_members": large_graphs.label,
    "describe_members": elections.describe,
    "elect": elections.elect,
    "write_election": elections.write,
    "collect_lines": repeats.collect,
    "match_lines": repeats.match,
    "cut_lines": repeats.cut,
    "choose_records": common_crawl_run.choose_records,
    "slice_records": common_crawl_run.slice_records,
    "copy_records": common_crawl_run.copy_records,
    "send_links": crawl_tasks.send_links,
    "collect_images": gathering.collect,
    "build_images": gathering.build,
    "decide_fates": summaries.decide_fates,
    "merge_statistics": summaries.merge_statistics,
    "count_samples": shard_plan.count,
    "plan_shards": shard_plan.plan_shards,
    "send_samples": shard_exchange.send,
    "write_shard": shard_exchange.receive,
    "draw_thumbnails": _draw,
}


def do(context: Context, task: Task, notes: NoteBook) -> dict[str, Any]:
    """Does one task in this process."""
    notes.begin()
    context = context.of(task.args.get("table", DOCUMENTS.name)).open()
    if task.kind == "map":
        return _map(context, task.args, task.suspects, notes)
    if task.kind == "fetch_images":  # which has pauses of its own
        return images_fetched.fetch(context, task.args, task.suspects, notes)
    if task.kind == "crawl_hosts":
        return crawl_tasks.crawl_hosts(context, task.args, task.suspects, notes)
    return _PLAIN[task.kind](context, task.args)


class Inline:
    """An executor that does tasks in the caller's own process, one after another: for tests and small jobs."""

    def __init__(self, context: Context) -> None:
        self._context = context.open()

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        for task in tasks:
            yield task, do(self._context, task, SilentNotes())

    def close(self) -> None:
        return


def serve(channel: socket.socket, context: Context, note: int) -> None:
    """The loop of a worker: a task in, its result or its error out, until the channel closes."""
    notes = NoteBook(note)
    while True:
        message, _ = receive(channel)
        if message is None:
            return
        task = Task(message["kind"], message["args"], tuple(Suspect(**s) for s in message["suspects"]))
        try:
            send(channel, {"result": do(context, task, notes)})
        except UserError as error:
            send(channel, error_to_json(error))
        except Exception:
            send(channel, {"error": "", "traceback": traceback.format_exc()})
        give_back()
