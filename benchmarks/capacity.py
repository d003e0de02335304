"""What a Common Crawl dump, and ten of them, would take: core-hours, shuffle, storage, files, requests and money by pass.

`python benchmarks/capacity.py OUT` takes unit costs from a finished run and from results/minhash_scale.json, and writes
results/capacity.json; without OUT it only writes the tables of runbooks/capacity.md from there. `--check` tells whether
they are. What is computed and not measured is said in that page.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from machine import begin, load, save
from table import lines_of

PAGE = Path(__file__).resolve().parent.parent / "runbooks" / "capacity.md"
BEGIN, END = "<!-- written by benchmarks/capacity.py -->", "<!-- end of what it writes -->"
#: A monthly crawl: WARC files, bytes of each, HTML pages in all (commoncrawl.org, crawl statistics of 2024 and 2025, rounded).
WARCS, WARC_BYTES, PAGES = 90_000, 1.1e9, 3.0e9
#: Bytes of one entry in the election's exchange files (pipelines/matching.py: KEYS, BANDS; elections.py: _DESCRIBED).
KEY_BYTES, BAND_BYTES, MEMBER_BYTES = 25, 24, 59
#: The recipe's default.
SAMPLES_A_SHARD = 10_000
#: What travels: senders, groups of partitions on a thousand cores, members and rows of pairs in a partition (pipelines/sources.py,
#: partitions.py, elections.py, deduplication.py).
MOST_SOURCES, SOURCE_ROWS, MOST_GROUPS, MEMBERS_A_PARTITION, PAIR_ROWS = 4096, 1 << 20, 2048, 1_000_000, 1 << 20
#: Pairs that a group sends at a time (pipelines/matching.py), and how many a row has, as guessed.
HELD_PAIRS, PAIRS_A_ROW = 1 << 22, 3
#: And of shards (pipelines/shard_plan.py, shard_exchange.py): senders, runs, and bytes of a merged chunk.
MOST_SENDERS, MERGED_BYTES = 4096, 4 << 20
#: The share of rows that have company, as in the search for near-duplicates of the web (FineWeb: two thirds of a dump).
COMPANY = 0.5
#: Prices in dollars that large clouds ask, rounded: a core-hour (preemptible), a million PUTs, a million GETs, a TB for a month.
CORE_HOUR, PUTS, GETS, TB_MONTH = 0.02, 5.0, 0.4, 23.0
BLOCK = 8 << 20

Row = dict[str, Any]


@dataclass(frozen=True)
class Costs:
    """Unit costs of a recipe: core-seconds and bytes a page, by pass and layer."""

    pages: int
    input_bytes: int
    kept: int
    bands: int
    dedup_ways: int
    core_seconds: dict[str, float]
    layer_bytes: dict[str, int]
    statistics_bytes_a_part: int
    shard_bytes: int
    signature_core_seconds: float


def measured(out: Path, scale: Row) -> Row:
    """The unit costs of the run in `out`."""
    run = json.loads((out / "run.json").read_text())
    stats = json.loads((out / "report" / "stats.json").read_text())
    workers = int(stats["timing"]["workers"])
    table = stats["tables"][0]
    parts = len(run["parts"])
    layers = {
        f"{name}/{folder.name}": sum(path.stat().st_size for path in folder.glob("*.parquet"))
        for name in ("documents", "records") for folder in sorted((out / name).iterdir())
    }  # fmt: skip
    plan = {entry["layer"]: entry for entry in run["plan"]["layers"]}
    settings = next((s["minhash"] for s in run["recipe"]["documents"]["score"] if isinstance(s, dict) and "minhash" in s), {})
    made = scale["runs"]["10,000,000 rows"]
    return {
        "pages": table["total"], "kept": table["kept"], "input_bytes": sum(part["size"] for part in run["parts"]),
        "bands": int(settings.get("bands", 14)) if "minhash" in plan else 0, "dedup_ways": 1 + ("exact" in plan),
        "core_seconds": {name: round(work["seconds"] * workers, 3) for name, work in run["work"].items()},
        "layer_bytes": layers,
        "statistics_bytes_a_part": round(sum(p.stat().st_size for p in (out / "statistics").glob("*.json")) / parts),
        "shard_bytes": sum(p.stat().st_size for p in (out / "shards").glob("*/*")),
        "signature_core_seconds": round(made["cpu_seconds"] / made["rows"], 9),
    }  # fmt: skip


def passes(costs: Costs, dumps: int) -> list[Row]:
    """What each pass over so many dumps takes. `low` counts pages as large as those measured, `high` bytes of input."""
    pages, warcs = PAGES * dumps, WARCS * dumps
    input_bytes = WARC_BYTES * warcs
    seconds = costs.core_seconds
    kept = pages * costs.kept / costs.pages
    layers = sum(costs.layer_bytes.values()) / costs.pages * pages
    shards = -(-kept // SAMPLES_A_SHARD)
    by_page = {name: taken / costs.pages * pages / 3600 for name, taken in seconds.items()}
    extract = "extract and score"
    payload = costs.shard_bytes / max(1, costs.kept) * kept
    sources, senders = max(min(warcs, MOST_SOURCES), pages / SOURCE_ROWS), min(warcs, MOST_SENDERS)
    runs = shards / -(-shards // MOST_GROUPS)
    pair_groups = 2 ** math.ceil(math.log2(max(MOST_GROUPS, pages / PAIR_ROWS)))
    sends = max(1.0, pages * PAIRS_A_ROW / MOST_GROUPS / HELD_PAIRS)
    exchange = pages * (KEY_BYTES * costs.dedup_ways + BAND_BYTES * costs.bands + COMPANY * MEMBER_BYTES)
    groups = min(MOST_GROUPS, pages * (costs.bands + 1) / 2e6)
    # Keys to groups; pairs to partitions of pairs; their questions for signatures and shingles, and the answers; members.
    matching = 2 * sources * groups + groups * sends * pair_groups + 4 * sources * pair_groups
    electing = 3 * sources * COMPANY * pages / MEMBERS_A_PARTITION
    writing = next(name for name in seconds if name.startswith("write "))
    return [
        {"pass": extract, "low": by_page[extract], "high": seconds[extract] / costs.input_bytes * input_bytes / 3600,
         "exchange": 0.0, "pointers": 0.0, "stored": layers, "files": warcs * len(costs.layer_bytes),
         "gets": input_bytes / BLOCK},
        {"pass": "find duplicates", "low": costs.signature_core_seconds * pages / 3600,
         "high": 3 * costs.signature_core_seconds * pages / 3600, "exchange": exchange, "pointers": matching + electing,
         "stored": 0.0, "files": 6 * sources + 8 * groups, "gets": warcs * 6 + 2 * (matching + electing)},
        {"pass": "decide fates", "low": by_page["decide fates"], "high": 2 * by_page["decide fates"], "exchange": 0.0,
         "pointers": 0.0, "stored": costs.statistics_bytes_a_part * warcs, "files": 2 * warcs,
         "gets": warcs * len(costs.layer_bytes)},
        {"pass": "write shards", "low": by_page[writing], "high": 2 * by_page[writing], "exchange": payload,
         "pointers": max(senders * runs, payload / MERGED_BYTES), "stored": payload, "files": 2 * shards + senders,
         "gets": warcs * 6 + 2 * max(senders * runs, payload / MERGED_BYTES)},
    ]  # fmt: skip


def tables(costs: Costs) -> list[str]:
    """The page's tables, in Markdown."""
    lines: list[str] = []
    for dumps in (1, 10):
        rows = passes(costs, dumps)
        body = [
            [row["pass"], f"{_big(row['low'])}–{_big(row['high'])}", _bytes(row["exchange"]), _big(row["pointers"]),
             _bytes(row["stored"]), _big(row["files"]), _big(row["gets"])]
            for row in rows
        ]  # fmt: skip
        low, high = (sum(row[bound] for row in rows) for bound in ("low", "high"))
        stored = sum(row["stored"] for row in rows)
        requests = sum(row["files"] for row in rows) * PUTS / 1e6 + sum(row["gets"] for row in rows) * GETS / 1e6
        title = "One dump" if dumps == 1 else f"{dumps} dumps"
        size = f"{_big(PAGES * dumps)} pages, {_bytes(WARC_BYTES * WARCS * dumps)} in {_big(WARCS * dumps)} WARCs"
        lines += ["", f"**{title}**: {size}", ""]
        lines += lines_of(
            ["pass", "core-hours", "exchange files", "pointers, at most", "kept on the store", "files", "reads"], body
        )
        lines += [
            "",
            f"Together {_big(low)}–{_big(high)} core-hours (${_big(low * CORE_HOUR)}–{_big(high * CORE_HOUR)}), "
            f"${_big(requests)} for requests, ${_big(stored / 1e12 * TB_MONTH)} a month for what is kept; "
            f"{_big(low / 1000)}–{_big(high / 1000)} hours on 1,000 cores.",
        ]
    return lines


def _big(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= size:
            shown = value / (1e3 if unit == " k" else size)
            return f"{shown:,.3g}{unit}" if shown < 1000 else f"{shown:,.0f}{unit}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _bytes(value: float) -> str:
    if not value:
        return "–"
    for size, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB")):
        if value >= size:
            return f"{value / size:,.3g} {unit}"
    return f"{value / 1e6:,.3g} MB"


def rendered(page: str, costs: Costs) -> str:
    """The page with its tables made anew."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return "\n".join([head + BEGIN, *tables(costs), "", END + tail])


def main() -> None:
    given = [argument for argument in sys.argv[1:] if argument != "--check"]
    if given:
        scale = load("minhash_scale")
        if scale is None:
            raise SystemExit("results/minhash_scale.json is not there: make bench BENCH=scale")
        save("capacity", {**begin(wait=False), "costs": measured(Path(given[0]), scale)})
    found = load("capacity")
    if found is None:
        raise SystemExit("results/capacity.json is not there: give the out folder of a finished run")
    page = PAGE.read_text(encoding="utf-8")
    made = rendered(page, Costs(**found["costs"]))
    if "--check" in sys.argv:
        raise SystemExit(f"{PAGE.name} is not what the results say: python benchmarks/capacity.py" if made != page else 0)
    PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
