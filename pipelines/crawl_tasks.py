"""The tasks of a crawl: send on what groups of hosts have led to, and crawl the hosts of one group for a round."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.context import Context
from pipelines.crawled_group import CRAWL, GroupKeeper, State, entries_of, read_state
from pipelines.exchange import Pointer, read_chunks
from pipelines.got_input import FOLDER
from pipelines.matching import send
from pipelines.notes import NoteBook
from pipelines.partitions import chunks_by
from pipelines.pool import Suspect
from pipelines.progress import meanwhile
from pipelines.pulse import Pulse, quiet_seconds
from pipelines.robots_kept import read_robots, write_robots

Json = dict[str, Any]
#: URLs on their way to the group of their host.
LINKS = pa.schema([("url", pa.string()), ("depth", pa.int32()), ("kind", pa.string())])
#: The seeds of a crawl: a scratch file.
SEEDS = "crawl-seeds.json"
_STROKE_SECONDS = 5.0
#: Keys of pages stand in notes as rows, of which the last has one behind it.
_LAST = (1 << 64) - 2


def group_name(groups: int, group: int) -> str:
    """What one of so many groups of hosts is called."""
    return f"hosts-{groups:04d}-{group:04d}"


def send_links(context: Context, args: Json) -> Json:
    """Sends on what a group has led to, to the groups in `to`; emits ["links", group] → [source, number, pointer], the
    number as the state of the group has it."""
    from ingest.crawling import HostGroup
    from ingest.crawling.frontier import Frontier

    source, groups, to = int(args["source"]), int(args["groups"]), {int(group) for group in args["to"]}
    emit: list[list[Any]] = [[["links", group], None] for group in sorted(to)] if args["first"] else []
    state = read_state(context.store, group_name(groups, source))
    if state is None:
        return {"rows": 0, "emit": emit}
    frontier = Frontier((), _settings(context), mine=HostGroup(groups, source))
    urls: list[str] = []
    rows: list[tuple[int, str, int]] = []
    for entry in entries_of(context.store, state):
        for task in entry.led_to:
            group = frontier.elsewhere(task.url)
            if group is not None and group in to:
                urls.append(task.url)
                rows.append((task.depth, task.kind, group))
    batch = pa.RecordBatch.from_arrays([urls, [row[0] for row in rows], [row[1] for row in rows]], schema=LINKS)
    chunks = chunks_by(batch, np.array([row[2] for row in rows], np.int64))
    sent = send(context, f"links-{source:08d}", ["links"], chunks, LINKS)
    return {"rows": len(urls), "emit": emit + [[key, [source, state.sent.get(str(key[1]), 0), pointer]] for key, pointer in sent]}


def crawl_hosts(context: Context, args: Json, suspects: Sequence[Suspect], notes: NoteBook) -> Json:
    """Crawls the hosts of a group: what seeds, other groups and its own pages lead to. `suspects` are pages whose links killed a
    worker: they are not looked for."""
    from ingest.crawling import Crawler, HostGroup, information
    from ingest.crawling.frontier import Task

    number, groups = int(args["key"][1]), int(args["groups"])
    name = group_name(groups, number)
    settings = _settings(context, args["pages"].get(str(number), 0))
    seeds: list[str] = json.loads(context.store.scratch(SEEDS).read_bytes())
    robots = read_robots(context.store, FOLDER, CRAWL, "robots", f"{name}.json")
    keeper = GroupKeeper(context.store, name, read_state(context.store, name) or State(), information(settings))
    pulse, layer = Pulse(notes, quiet_seconds(settings.fetch)), f"{CRAWL} {name}"
    unreadable = {s.start for s in suspects if s.layer == layer and s.stop == s.start + 1}

    def mail() -> Iterator[Task]:
        for _, _, pointer in filter(None, args["values"]):
            (batch,) = read_chunks([Pointer.from_json(pointer)])
            for url, depth, kind in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Task(url, depth, kind)

    def note(_: Any) -> None:
        pulse.done()
        pulse.waiting(layer, 2)

    pulse.waiting(layer, 2)
    try:
        with meanwhile(pulse.beat, _STROKE_SECONDS, "alive"):
            crawler = Crawler(
                seeds, keeper, settings, note=note, mine=HostGroup(groups, number), mail=mail(), robots=robots,
                run=context.store.generation, unreadable=unreadable, reading=lambda key: pulse.reading(layer, min(key, _LAST)),
            )  # fmt: skip
            asyncio.run(crawler.run())
        summary = crawler.summary
        got = {str(source): count for source, count, _ in filter(None, args["values"])}
        keeper.close(summary, seeds=args["seeds"].get(str(number), ""), got=keeper.state.got | got)
    finally:
        keeper.discard()
    if summary.spent.requests:
        write_robots(context.store, robots, FOLDER, CRAWL, "robots", f"{name}.json")
    return {"group": number, "rows": crawler.asked, "requests": summary.spent.requests}


def _settings(context: Context, pages: int = 0) -> Any:
    crawl = context.recipe.input.crawl
    assert crawl is not None
    return crawl.settings(context.recipe.seed, pages)
