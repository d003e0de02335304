"""RESULTS.md's tables of Flink and Spark, out of results/engines.json and results/faults.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from goals import Goal, value_at

Row = dict[str, Any]
#: How an engine was run, by its name in the results; and the engine whose figures by the slope are of this form.
FORMS = {
    "direct, 1 worker": ("DirectRunner, 1 worker", ""),
    "direct, 2 workers": ("DirectRunner, 2 workers", "direct"),
    "flink-local": ("Flink `[local]`", "flink"),
    "spark-local": ("Spark `local[2]`", "spark"),
    "flink-cluster": ("Flink, 2 TaskManagers, 2 pools", ""),
    "spark-cluster": ("Spark, 2 workers, 2 pools", ""),
}
VICTIMS = {
    "sdk worker": "SDK worker", "task worker": "task worker", "manager": "TaskManager, executor", "pool": "pool",
    "job server": "job server", "driver": "driver",
}  # fmt: skip
NONE = "–"
#: What the issue of the engines set out to reach.
MOST_CPU, LEAST_SPEED_UP = 1.4, 1.5


def forms(result: Row) -> tuple[list[str], list[list[str]]]:
    """What each engine wrote and took: header and rows."""
    runs: Mapping[str, Mapping[str, Row]] = value_at(result, "same_bytes", "runs") or {}
    rows: list[list[str]] = []
    for form, (title, engine) in FORMS.items():
        told = [runs[job].get(form) for job in runs]
        cells = [title]
        for row in told:
            cells.append(f"{row['seconds']:.0f} s, {row['sha256'][:8]}" if row else NONE)
        cells.append(NONE if None in told else "yes" if all(row["same"] for row in told if row) else "no")
        cpu = 1.0 if engine == "direct" else value_at(result, "overhead", "cpu_over_direct", engine)
        cells += [f"{value:.2f}×" if value else NONE for value in (cpu, value_at(result, "overhead", "two_over_one", engine))]
        rows.append(cells)
    header = ["One recipe on every engine", *(f"{job}: time, sha256 of the shards' sha256" for job in runs)]
    return [*header, "all files the same", "CPU over DirectRunner", "2 tasks over 1"], rows


def kills(found: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """How many runs on clusters were struck in what, and how they ended: header and rows."""
    rows: list[list[str]] = []
    for runner in ("flink", "spark"):
        struck = [kill for kill in found if kill["runner"] == runner and kill["struck"]]
        count = Counter(kill["victim"] for kill in struck)
        right = [kill for kill in struck if not kill["wrong"]]
        ends = (sum(not kill["again"] for kill in right), sum(bool(kill["again"]) for kill in right), len(struck) - len(right))
        rows.append([runner.title(), *(str(count[victim]) for victim in VICTIMS), *map(str, ends)])
    header = ["Killed at random, on clusters of two", *VICTIMS.values()]
    return [*header, "went on, to the same bytes", "stopped; the same command went on, to the same bytes", "wrong"], rows


def goals(overhead: Row) -> list[Goal]:
    """Processor time over DirectRunner's and what a second task gives, by the slope."""
    limits = [
        Goal(f"CPU a page on {engine.title()} against DirectRunner, by the slope", MOST_CPU,
             value_at(overhead, "cpu_over_direct", engine), "×")
        for engine in ("flink", "spark")
    ]  # fmt: skip
    return limits + [
        Goal(f"two tasks at a time against one on {title}, pages to text and scores", LEAST_SPEED_UP,
             value_at(overhead, "two_over_one", engine), "×", least=True)
        for engine, title in (("direct", "DirectRunner"), ("flink", "Flink"), ("spark", "Spark"))
    ]  # fmt: skip
