"""The report of a run: merges the statistics of the parts, checks that they add up, and writes report/."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import StorageError
from ingest.parts import Part
from pipelines.context import Context, input_patterns
from pipelines.recipe_show import show_recipe
from pipelines.runfile import versions
from pipelines.summaries import read_statistics, report_plan, statistics_path
from reports.check_sums import ensure
from reports.facts import Output, RunFacts, ScorerTime, Timing
from reports.html import render
from reports.publish import publish, write_stats
from reports.records import RecordCounts
from reports.statistics import Collector

Json = dict[str, Any]


def write_report(context: Context, parts: Sequence[Part], timing: Json, outputs: Mapping[str, Json]) -> Json:
    """Writes report/stats.json and report/index.html; returns the former. CheckError if the numbers do not add up."""
    documents, records = merged_statistics(context, parts)
    recipe = context.recipe
    scorers = {f"scorer {layer.name}": str(layer.scorer.version) for layer in context.plan.layers}
    patterns, _ = input_patterns(recipe)
    facts = RunFacts(
        name=recipe.name, recipe=show_recipe(recipe), versions={"web2shards": versions().get("web2shards", ""), **scorers},
        inputs=tuple(patterns), settings={"seed": str(recipe.seed), "parts": str(len(parts))},
    )  # fmt: skip
    shown = [
        Output(
            name, split, entry["format"], f"shards/{name}", total["shards"], total["samples"], total["bytes"],
            table="" if entry["overlap"] else "documents",  # what overlaps is left out, so that the sums differ
        )
        for name, entry in outputs.items() for split, total in sorted(entry["totals"].items())
    ]  # fmt: skip
    path = context.store.path("report", "stats.json")
    if not timing["passes"]:
        # Nothing had to be done: the report keeps the times of the run that did it.
        timing = _earlier_timing(path) or timing
    stats = publish(facts, [documents], records=records, outputs=shown, timing=Timing(
        started=timing["started"], finished=timing["finished"], seconds=round(timing["seconds"], 3),
        workers=timing["workers"], runner=timing["runner"],
        scorers=tuple(ScorerTime(name, round(s, 3), int(rows)) for name, (s, rows) in timing["scorers"].items()),
        passes=tuple(ScorerTime(name, round(s, 3), 0) for name, s in timing["passes"].items()),
    ))  # fmt: skip
    ensure(stats)
    context.store.write_bytes(path, write_stats(stats))
    context.store.write_bytes(context.store.path("report", "index.html"), render(stats).encode())
    return stats


def _earlier_timing(path: Path) -> Json | None:
    """What the report that is there says of times, as the driver tells it."""
    try:
        told = json.loads(path.read_bytes())["timing"]
        scorers = {s["name"]: [s["seconds"], s["rows"]] for s in told["scorers"]}
        return {**told, "scorers": scorers, "passes": {p["name"]: p["seconds"] for p in told["passes"]}}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def merged_statistics(context: Context, parts: Sequence[Part]) -> tuple[Collector, RecordCounts]:
    """All parts' statistics, merged in the order of their names."""
    documents, records = Collector(report_plan(context.plan)), RecordCounts()
    for part in parts:
        path = statistics_path(context.store, part.name)
        try:
            value = read_statistics(path)
            documents.merge(Collector.from_json(value["documents"]))
            records.merge(RecordCounts.from_json(value["records"]))
        except (OSError, ValueError, KeyError) as error:
            raise StorageError(
                f"{path}: the statistics are missing or damaged ({error})", "run the same command again", str(path)
            ) from error
    return documents, records
