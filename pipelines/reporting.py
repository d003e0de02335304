"""The report of a run: merges the statistics of the parts, checks that they add up, and writes report/."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.parts import Part
from pipelines.context import Context, input_patterns
from pipelines.got_input import told_of
from pipelines.passes import Passes, timed
from pipelines.progress import Pass
from pipelines.recipe_show import show_recipe
from pipelines.runfile import versions
from pipelines.summaries import merged, report_plan
from pipelines.tables import IMAGES
from reports.check_sums import ensure
from reports.facts import Output, RunFacts, ScorerTime, Timing
from reports.html import render
from reports.publish import publish, write_stats
from reports.records import RecordCounts
from reports.statistics import Collector

Json = dict[str, Any]


#: The driver merges the statistics of so many parts by itself; of more, tasks merge those of as many parts or more each.
MOST_ALONE, PARTS_A_TASK = 1024, 64
_MOST_TASKS = 1024
MERGING = "merge statistics"


def write_report(
    tables: Sequence[tuple[Context, Sequence[Part]]], passes: Passes, timing: Json, outputs: Mapping[str, Json],
    references: Mapping[str, int] | None = None, crawl: Json | None = None,
) -> Json:  # fmt: skip
    """Writes report/stats.json and report/index.html of tables, with their parts; returns the former. `references` are those
    of the pages by reason, `crawl` what the crawl of the input came to. CheckError if the numbers do not add up."""
    idle = not timing["passes"]
    context, parts = tables[0]
    collected = [merged_statistics(each, passes, [part.name for part in its]) for each, its in tables]
    records = collected[0][1]
    recipe = context.recipe
    scorers = {
        f"scorer {timed(each.table, layer.name)}": str(layer.scorer.version) for each, _ in tables for layer in each.plan.layers
    }
    patterns = told_of(recipe) or input_patterns(recipe)[0]
    facts = RunFacts(
        name=recipe.name, recipe=show_recipe(recipe), versions={"web2shards": versions().get("web2shards", ""), **scorers},
        inputs=tuple(patterns), settings={"seed": str(recipe.seed), "parts": str(len(parts))},
    )  # fmt: skip
    written = [
        Output(
            name, split, entry["format"], f"shards/{name}", total["shards"], total["samples"], total["bytes"],
            table="" if entry["overlap"] else entry["table"],  # what overlaps is left out, so that the sums differ
        )
        for name, entry in outputs.items() for split, total in sorted(entry["totals"].items())
    ]  # fmt: skip
    path = context.store.path("report", "stats.json")
    if idle:
        # Nothing had to be done: the report keeps the times of the run that did it.
        timing = _earlier_timing(path) or timing
    collectors = [documents for documents, _ in collected]
    stats = publish(facts, collectors, records=records, references=references, crawl=crawl, outputs=written, timing=Timing(
        started=timing["started"], finished=timing["finished"], seconds=round(timing["seconds"], 3),
        workers=timing["workers"], runner=timing["runner"],
        scorers=tuple(ScorerTime(name, round(s, 3), int(rows)) for name, (s, rows) in timing["scorers"].items()),
        passes=tuple(ScorerTime(name, round(s, 3), 0) for name, s in timing["passes"].items()),
    ))  # fmt: skip
    ensure(stats)
    context.store.write_bytes(path, write_stats(stats))
    drawn: dict[str, str] = {}
    for each, its in tables:
        if each.table is IMAGES:
            from pipelines.thumbnails import shown, thumbnails

            drawn = thumbnails(each, [part.name for part in its], passes, shown(stats), idle)
    context.store.write_bytes(context.store.path("report", "index.html"), render(stats, drawn).encode())
    return stats


def _earlier_timing(path: Path) -> Json | None:
    """What the report that is there says of times, as the driver tells it."""
    try:
        told = json.loads(path.read_bytes())["timing"]
        scorers = {s["name"]: [s["seconds"], s["rows"]] for s in told["scorers"]}
        return {**told, "scorers": scorers, "passes": {p["name"]: p["seconds"] for p in told["passes"]}}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def merged_statistics(context: Context, passes: Passes, parts: Sequence[str]) -> tuple[Collector, RecordCounts]:
    """All parts' statistics. Of many parts they are merged as a tree, by a pass: one takes some milliseconds to read."""
    if len(parts) <= MOST_ALONE:
        return merged(context, parts)
    size = max(PARTS_A_TASK, -(-len(parts) // _MOST_TASKS))
    tasks = [
        {"kind": "merge_statistics", "args": {"number": number, "parts": list(parts[first : first + size])}}
        for number, first in enumerate(range(0, len(parts), size))
    ]  # fmt: skip
    passes.turn_to(context)
    results = passes.run(Pass(MERGING, "merge_statistics", len(tasks)), tasks)
    by_number = {result["number"]: result["merged"] for result in results}
    documents, records = Collector(report_plan(context.plan)), RecordCounts()
    for number in range(len(tasks)):
        of_documents, of_records = by_number[number]
        documents.merge(Collector.from_json(of_documents))
        records.merge(RecordCounts.from_json(of_records))
    return documents, records
