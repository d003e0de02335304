"""The end of a run in a few lines for the terminal: the funnel, the outputs, the slowest scorers.

Rows of plain text, made of `stats.json`; the command line lays them out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reports.numbers import count, duration, share, size

MOST_TIMES = 5

Json = Mapping[str, Any]
Style = Literal["total", "step", "output", "error", "time"]


@dataclass(frozen=True)
class Row:
    """One line. `number` is a grouped count with a minus where rows were dropped, `share` a percentage or empty.

    `style`: "total" for what is left, "step" for what was dropped, "output", "error", "time".
    """

    style: Style
    name: str
    number: str
    share: str = ""
    note: str = ""


def summary(stats: Json) -> list[Row]:
    """The rows of a run's end table, from `publish` or a `stats.json` read back.

    Some texts come from the web: they hold no control characters, but the markup of a terminal library is for
    the caller to escape.
    """
    return [
        *_records(stats["records"]),
        *(row for table in stats["tables"] for row in _table(table)),
        *_outputs(stats),
        *_times(stats["timing"]["scorers"]),
    ]


def _records(records: Json | None) -> Iterator[Row]:
    if records is None:
        return
    yield Row("total", "records read", count(records["total"]))
    for row in records["reasons"]:
        if row["reason"]:
            yield Row(
                "step", row["reason"], _minus(row["records"]), share(row["records"], records["total"]), row["kind"]
            )


def _table(table: Json) -> Iterator[Row]:
    total = table["total"]
    yield Row("total", table["name"], count(total))
    for reason, n in sorted(table["apart"].items()):
        style: Style = "error" if reason.startswith("error:") else "step"
        yield Row(style, reason, _minus(n), share(n, total))
    for rule in table["rules"]:
        yield Row("step", rule["reason"], _minus(rule["dropped"]), share(rule["dropped"], total), rule["text"])
    repeats = table["repeat"] != table["kept"]
    yield Row(
        "total",
        "kept",
        count(table["kept"]),
        share(table["kept"], total),
        f"{count(table['repeat'])} with repeats" if repeats else "",
    )


def _outputs(stats: Json) -> Iterator[Row]:
    for output in stats["outputs"]:
        shards = f"{count(output['shards'])} shard{'' if output['shards'] == 1 else 's'}, {size(output['bytes'])}"
        yield Row("output", f"{output['name']}/{output['split']}", count(output["samples"]), note=shards)


def _times(scorers: list[Json]) -> Iterator[Row]:
    whole = sum(row["seconds"] for row in scorers)
    for row in sorted(scorers, key=lambda row: (-row["seconds"], row["name"]))[:MOST_TIMES]:
        yield Row("time", row["name"], duration(row["seconds"]), share(row["seconds"], whole))


def _minus(n: int) -> str:
    return f"−{count(n)}" if n else "0"
