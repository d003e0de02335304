"""What a run came to, as tables: the funnel from records to kept documents, the shards, the time, the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from web2shards.console import by_number, count, duration, grid, messages, plain, results, share, size

if TYPE_CHECKING:
    from pipelines.run import RunResult

Json = Mapping[str, Any]
#: Reasons of records that are shown; the report has all.
MOST_REASONS = 12


def show_result(result: RunResult) -> None:
    """The summary at the end of a run."""
    if not result.passes:
        messages().print("nothing was to be computed: everything is up to date")
    show_summary(result.stats, result.report)


def show_summary(stats: Json, page: Path) -> None:
    """Funnel, shards and times of `report/stats.json`."""
    out = results()
    out.print(f"[bold]{plain(stats['run']['name'])}[/]")
    for table in stats["tables"]:
        rows = _funnel(stats, table)
        if (tokens := table.get("tokens")) is None:
            out.print(grid(["", "", "", "left"], rows, right=(1, 2, 3)))
        else:
            heading = "tokens left" + (" (estimated)" if tokens["estimated"] else "")
            with_tokens = [(*row, left) for row, left in zip(rows, _tokens(table, len(rows)), strict=True)]
            out.print(grid(["", "", "", "left", heading], with_tokens, right=(1, 2, 3, 4)))
    if stats["outputs"]:
        rows = [
            (plain(o["path"]), o["split"], o["format"], f"{o['shards']:,}", f"{o['samples']:,}", size(o["bytes"]))
            for o in stats["outputs"]
        ]
        out.print(grid(["shards", "split", "format", "shards", "samples", "size"], rows, right=(3, 4, 5)))
    timing = stats["timing"]
    slow = sorted(timing["scorers"], key=lambda row: -row["seconds"])[:3]
    scorers = ", ".join(f"{row['name']} {duration(row['seconds'])}" for row in slow if row["seconds"] >= 0.05)
    if timing["seconds"] is not None:
        workers = f", {count(timing['workers'], 'worker')}" if timing["workers"] else ""
        out.print(f"time    {duration(timing['seconds'])}{workers}" + (f"; scorers: {scorers}" if scorers else ""))
    out.print(f"report  {plain(str(page))}")


def _funnel(stats: Json, table: Json) -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    records, crawl = stats["records"], stats.get("crawl")
    if crawl is not None and table["name"] == "documents":
        rows.append(("URLs of the crawl", f"{crawl['total']:,}", "", ""))
        rows += [(f"  {plain(name)}", f"{number:,}", "", "") for name, number in by_number(crawl["statuses"])[:MOST_REASONS]]
        rows += [(f"  links not followed: {plain(name)}", f"{number:,}", "", "") for name, number in by_number(crawl["left"])]
    if records is not None and table["name"] == "documents":
        rows.append(("records of the input", f"{records['total']:,}", "", ""))
        reasons: dict[str, int] = {}
        for row in records["reasons"]:
            if row["reason"]:
                reasons[row["reason"]] = reasons.get(row["reason"], 0) + row["records"]
        ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        rows += [(f"  no document: {plain(name)}", f"−{number:,}", "", "") for name, number in ranked[:MOST_REASONS]]
        if more := sum(number for _, number in ranked[MOST_REASONS:]):
            rows.append((f"  {len(ranked) - MOST_REASONS} other reasons", f"−{more:,}", "", ""))
    total, left = table["total"], table["total"]
    rows.append((f"[bold]{table['name']}[/]", f"[bold]{total:,}[/]", "", "100.0%" if total else ""))
    for name, number in table["apart"].items():
        left -= number
        rows.append((f"  {plain(name)}", f"−{number:,}", share(number, total), share(left, total)))
    for rule in table["rules"]:
        what = f"  {plain(rule['reason'])}" + (f" [dim]{plain(_short(rule['text']))}[/]")
        rows.append((what, f"−{rule['dropped']:,}", share(rule["dropped"], total), share(rule["left"], total)))
    rows.append(("[bold green]kept[/]", f"[bold green]{table['kept']:,}[/]", "", share(table["kept"], total)))
    return rows


def _tokens(table: Json, rows: int) -> list[str]:
    """The tokens that are left at each row of a funnel; nothing for the records above the documents."""
    tokens, left = table["tokens"], table["tokens"]["total"]
    found = [left]
    for name in table["apart"]:
        left -= tokens["apart"][name]
        found.append(left)
    found += [*(rule["tokens"]["left"] for rule in table["rules"]), tokens["kept"]]
    return [""] * (rows - len(found)) + [f"{n:,}" for n in found]


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
