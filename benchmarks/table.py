"""Writes the README's tables of the benchmark from results/*.json, between two markers. `--check` tells whether they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from machine import load

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- benchmark: written by benchmarks/table.py -->", "<!-- end of benchmark -->"

Row = dict[str, Any]


def lines_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]


def number(value: float) -> str:
    """Three figures or all before the point: 0.462, 46.2, 4,620."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def job_row(name: str, runs: Sequence[Row], medians: Row, base: float | None) -> list[str]:
    """One line of the table of the whole job; `base` is the documents a second that it is compared with."""
    first, rate = runs[0], medians["documents_a_second"]
    times = f" ({rate / base:.0f}×)" if base else ""
    return [
        name, f"{first['pages']:,}", f"{number(rate)}{times}", f"{1e3 * medians['cpu_seconds'] / first['pages']:.1f}",
        f"{medians['peak_pss_mb']:,.0f}", f"{first['documents_kept']:,}",
    ]  # fmt: skip


def jobs(result: Row) -> list[str]:
    """The whole job on both crawls."""
    rows: list[list[str]] = []
    compared = result["peers"]["medians"]["3,000 pages, trafilatura"]["documents_a_second"]
    for part, base in (("long", compared), ("peers", None)):
        tool = "web2shards" if part == "long" else "datatrove"
        for label, runs in result[part]["runs"].items():
            more = label.partition(", ")[2]
            rows.append(job_row(f"{tool}, {more}", runs, result[part]["medians"][label], base))
    if "dev" in result:
        base = result["dev"]["medians"]["datatrove, trafilatura"]["documents_a_second"]
        for label, runs in result["dev"]["runs"].items():
            compare = base if label == "web2shards" else None
            rows.append(job_row(f"{label}, damaged crawl", runs, result["dev"]["medians"][label], compare))
    header = ["WARCs to filtered, deduplicated text", "pages", "documents/s", "CPU ms a page", "peak MB", "kept"]
    return lines_of(header, rows)


def signatures(result: Row) -> list[str]:
    medians = result["median_microseconds_a_document"]
    base = medians["web2shards, 112 permutations"]
    rows = [[name, number(value), f"{value / base:.1f}"] for name, value in sorted(medians.items(), key=lambda item: item[1])]
    return lines_of(["MinHash signatures", "µs a document", "times"], rows)


def scale(result: Row) -> list[str]:
    rows = [
        [name, number(run["wall_seconds"]), number(run["cpu_seconds"]), f"{run['peak_pss_mb']:,.0f}",
         f"{run['copies found']:,} of {run['planted copies']:,}"]
        for name, run in result["runs"].items()
    ]  # fmt: skip
    return lines_of(["`web2shards dedup cluster`, 108 permutations", "s", "CPU s", "peak MB", "planted copies found"], rows)


def filters(entry: Row) -> list[str]:
    ours = entry["median_microseconds_a_document"]["gopher, c4 and fineweb as in recipes/fineweb.yaml"]
    peers = {name: found["median"]["all"] for name, found in entry["peers"].items()}
    rows = [["web2shards: gopher, c4, fineweb", number(ours), "1.0"]]
    named = {"datatrove": "datatrove: the same four filters", "Data-Juicer": "Data-Juicer: its nearest nine"}
    rows += [[named[name], number(value), f"{value / ours:.1f}"] for name, value in sorted(peers.items(), key=lambda item: item[1])]
    return lines_of(["Quality filters", "µs a document", "times"], rows)


def rendered() -> str:
    """The text between the markers; a part whose results are not there is left out."""
    whole, signed, heuristic = load("end_to_end"), load("signatures"), load("heuristics") or []
    parts: list[list[str]] = []
    if whole and {"long", "peers"} <= set(whole):
        machine, crawl = whole["long"]["machine"], whole["long"]["input"]
        parts.append([
            f"Measured by `make bench` on {machine['cores']} cores ({machine['processor']}), {machine['memory_gb']:.0f} GB, Python "
            f"{machine['python']}, datatrove {whole['peers']['peers']['datatrove']}. The crawl is {crawl['originals']:,} pages of "
            f"documentation from {len(crawl['packages'])} Debian packages, made {crawl['pages']:,} by altered copies "
            f"({crawl['html_bytes'] / 1e6:,.0f} MB of HTML); the peer gets a tenth of it. Start-up is in all times; cold is "
            "the first run, which compiles kernels. Peak is the PSS of all processes together.",
        ])  # fmt: skip
        parts.append(jobs(whole))
    if signed:
        parts.append(signatures(signed))
    if grown := load("minhash_scale"):
        parts.append(scale(grown))
    parts += [filters(entry) for entry in heuristic if "peers" in entry][:1]
    return "\n\n".join("\n".join(part) for part in parts)


def replaced(text: str, table: str) -> str:
    """The text with what stands between the markers exchanged; ValueError if they are not there, in order, once."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in tail:
        raise ValueError(f"the markers {BEGIN} and {END} must stand once each, in this order")
    return f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}"


def main() -> None:
    text = README.read_text(encoding="utf-8")
    wanted = replaced(text, rendered())
    if "--check" in sys.argv[1:]:
        raise SystemExit(
            0 if wanted == text else "README.md: the tables are not those of benchmarks/results: run benchmarks/table.py"
        )
    README.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
