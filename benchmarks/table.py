"""Writes the tables of the benchmark from results/*.json, between two markers: all of them into RESULTS.md, the short one and the
goals that were missed into the README. `--check` tells whether they are.

Each table is of one machine, which is named; figures of two in one table are an error. Results that tell of none have no caption.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import curation_tables
import engine_tables
import extraction_tables
import goals
import headlines
import image_tables
import language_tables
from goals import Goal, extrapolated, pass_seconds, value_at
from machine import identity, load
from shares import Share

HERE = Path(__file__).resolve().parent
README, RESULTS = HERE.parent / "README.md", HERE / "RESULTS.md"
BEGIN, END = "<!-- benchmark: written by benchmarks/table.py -->", "<!-- end of benchmark -->"
EXTRACTORS = ("trafilatura", "resiliparse")
CRASHED, NONE = "crashed", "–"

Row = dict[str, Any]
#: What tells a machine from others (machine.identity).
Machine = tuple[Any, ...]
#: Of results that tell of none.
UNKNOWN: Machine = (None,)


def lines_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows)]


def number(value: float) -> str:
    """Three figures or all before the point: 0.462, 46.2, 4,620."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(rate: float, base: float | None, mark: str = "") -> str:
    """How many times `base` a rate is."""
    return f"{number(rate / base) if rate < 10 * base else format(rate / base, '.0f')}×{mark}" if base else NONE


def job_row(name: str, runs: Sequence[Row], medians: Row, compared: Sequence[str]) -> list[str]:
    """One line of the table of the whole job; `compared` are the cells that compare it with the peer."""
    if "crashed" in medians:
        return [name, NONE, CRASHED, *compared, NONE, NONE, NONE]
    first = runs[0]
    return [
        name, f"{first['pages']:,}", number(medians["documents_a_second"]), *compared,
        f"{1e3 * medians['cpu_seconds'] / first['pages']:.1f}", f"{medians['peak_pss_mb']:,.0f}", f"{first['documents_kept']:,}",
    ]  # fmt: skip


def against(whole: Row, label: str) -> list[tuple[float | None, str]]:
    """Per extractor the peer's documents a second that our row of the long crawl is compared with, and its mark."""
    size = label.partition(", ")[0]
    if size == "30,000 pages":
        return [(extrapolated(whole, name), " †") for name in EXTRACTORS]
    return [(value_at(whole, "peers", "medians", f"{size}, {name}", "documents_a_second"), "") for name in EXTRACTORS]


def jobs(whole: Row) -> list[str]:
    """The whole job on both crawls."""
    rows: list[list[str]] = []
    plain = [NONE] * len(EXTRACTORS)
    for label, runs in whole["long"]["runs"].items():
        medians = whole["long"]["medians"][label]
        compared = [times(medians["documents_a_second"], base, mark) for base, mark in against(whole, label)]
        rows.append(job_row(f"web2shards, {label.rpartition(', ')[2]}", runs, medians, compared))
    for label, runs in whole["peers"]["runs"].items():
        rows.append(job_row(f"datatrove, {label.rpartition(', ')[2]}", runs, whole["peers"]["medians"][label], plain))
    for label, runs in whole.get("dev", {"runs": {}})["runs"].items():
        medians, compared = whole["dev"]["medians"][label], plain
        if label == "web2shards":
            bases = [value_at(whole, "dev", "medians", f"datatrove, {name}", "documents_a_second") for name in EXTRACTORS]
            compared = [times(medians["documents_a_second"], base) for base in bases]
        rows.append(job_row(f"{label}, damaged crawl", runs, medians, compared))
    header = ["WARCs to filtered, deduplicated text", "pages", "documents/s"]
    header += [f"× datatrove, {name}" for name in EXTRACTORS]
    return lines_of([*header, "CPU ms a page", "peak MB", "kept"], rows)


def growth(whole: Row) -> list[str]:
    """What † stands for: how the peer's time grows."""
    grown = {name: found for name, found in (whole["peers"].get("growth") or {}).items() if found}
    if not grown:
        return []
    told = [
        f"{found['start_up_seconds']:.1f} s and {1e3 * found['seconds_a_page']:.1f} ms a page with {name}, which is "
        f"{number(found['extrapolated']['documents_a_second'])} documents/s on {found['extrapolated']['pages']:,} pages"
        for name, found in grown.items()
    ]
    sizes = " and ".join(f"{pages:,}" for pages in next(iter(grown.values()))["pages_measured"])
    return [f"† Extrapolated: by its runs on {sizes} pages datatrove takes {'; '.join(told)}."]


def signatures(result: Row) -> list[str]:
    medians, alone = result["median_microseconds_a_document"], result.get("signing_alone_microseconds_a_document", {})
    base = medians["web2shards, 112 permutations"]
    rows = [
        [name, number(value), f"{value / base:.1f}", number(alone[name]) if name in alone else NONE]
        for name, value in sorted(medians.items(), key=lambda item: item[1])
    ]
    rows += [[name, CRASHED, NONE, NONE] for name in result.get("crashed", [])]
    return lines_of(["MinHash signatures", "µs a document", "times", "signing alone, µs"], rows)


def scale(result: Row) -> list[str]:
    rows: list[list[str]] = []
    for name, run in result["runs"].items():
        passed = pass_seconds(run)
        rows.append([
            name, number(run["wall_seconds"]), NONE if passed is None else number(passed), number(run["cpu_seconds"]),
            f"{run['peak_pss_mb']:,.0f}", f"{run['copies found']:,} of {run['planted copies']:,}",
            f"{run['rows in a cluster that is not theirs']:,}",
        ])  # fmt: skip
    header = ["`web2shards dedup cluster`, made-up signatures", "s, whole command", "s, pass alone", "CPU s", "peak MB"]
    return lines_of([*header, "planted copies found", "rows wrongly joined"], rows)


def filters(entry: Row) -> list[str]:
    ours = entry["median_microseconds_a_document"]["gopher, c4 and fineweb as in recipes/fineweb.yaml"]
    named = {"datatrove": "datatrove: the same four filters", "Data-Juicer": "Data-Juicer: its nearest nine"}
    found = {name: value_at(peer, "median", "all") for name, peer in entry["peers"].items()}
    rows = [["web2shards: gopher, c4, fineweb", number(ours), "1.0"]]
    ran = sorted((value, name) for name, value in found.items() if value is not None)
    rows += [[named[name], number(value), f"{value / ours:.1f}"] for value, name in ran]
    rows += [[named[name], CRASHED, NONE] for name, value in found.items() if value is None]
    return lines_of(["Quality filters", "µs a document", "times"], rows)


#: Bins of true similarity that the table shows, each of the bins of near_duplicates.py that begin there.
SHOWN = {".75–.80": ("0.75",), ".80–.85": ("0.80",), ".85–.90": ("0.85",), ".90 and more": ("0.90", "0.95", "1.00")}


def near(result: Row) -> list[str]:
    """Pairs found of all, by their true similarity, with the interval of the share."""
    rows: list[list[str]] = []
    for name, measured in result["measures"].items():
        cells = [name]
        for bins in SHOWN.values():
            share = Share(*(sum(measured["recall"][low][what] for low in bins) for what in ("hits", "total")))
            low, high = share.interval
            cells.append(f"{share.hits}/{share.total} [{low:.2f}, {high:.2f}]")
        under = measured.get("edges under the threshold")
        cells += [NONE if under is None else f"{under:,}", f"{measured['pairs under 0.5']:,} of {measured['pairs']:,}"]
        rows.append(cells)
    return lines_of(["Near copies found, by true Jaccard", *SHOWN, "edges under the threshold", "cluster pairs under .5"], rows)


def wanted(goal: Goal) -> str:
    """A goal's limit."""
    limit = f"{goal.limit:,.0f}" if goal.limit == int(goal.limit) else str(goal.limit)
    return f"{'≥' if goal.least else '≤'} {limit}{goal.unit}"


def reached(goal: Goal) -> str:
    """What was measured of a goal."""
    return NONE if goal.value is None else (number(goal.value) if goal.limit else f"{goal.value:,.0f}") + goal.unit


def aims(found: Sequence[tuple[Goal, str]], letters: Mapping[Machine, str]) -> list[str]:
    """Goals, each with the letter of the machine that it was measured on."""
    rows: list[list[str]] = []
    for goal, letter in found:
        row = [goal.name, wanted(goal), reached(goal), goal.verdict]
        rows.append([*row, letter] if len(letters) > 1 else row)
    return lines_of(["Goal", "limit", "measured", "", *(["machine"] if len(letters) > 1 else [])], rows)


@dataclass(frozen=True)
class Section:
    """Tables with the parts of the results, by name, that they and the goals were read from."""

    parts: Mapping[str, Row]
    blocks: Sequence[Sequence[str]]
    goals: Sequence[Goal] = ()

    @property
    def machine(self) -> Machine:
        """What its figures were measured on. SystemExit if that is more than one machine."""
        named: dict[Machine, list[str]] = {}
        for name, part in self.parts.items():
            named.setdefault(identity(part), []).append(name)
        if len(named) > 1:
            told = "; ".join(f"{', '.join(names)}: {', '.join(map(str, machine))}" for machine, names in named.items())
            raise SystemExit(
                f"results of different machines do not go into one table ({told}): run its steps of `make bench` on one of "
                "them, or take the file of the other's from benchmarks/results"
            )
        return next(iter(named))

    def caption(self, letter: str) -> str:
        """When the figures under it were measured, at which commit, and beside which other work; "" if they do not tell."""
        told: list[str] = []
        for name, part in self.parts.items():
            if "commit" not in part:
                continue
            load = f", while other work ran (load {part['load_before']})" if part.get("loaded") else ""
            told.append(f"{f'{name}: ' if len(self.parts) > 1 else ''}commit {part['commit']}, {part['date']}{load}")
        if not told:
            return ""
        return f"<sub>{'; '.join(sorted(told))}{f'; machine {letter}' if letter else ''}</sub>"


def machines(sections: Sequence[Section]) -> dict[Machine, str]:
    """A letter for each machine that is known, in the order of the sections."""
    known = dict.fromkeys(section.machine for section in sections if section.machine != UNKNOWN)
    return {machine: chr(65 + i) for i, machine in enumerate(known)}


def head(sections: Sequence[Section], letters: Mapping[Machine, str]) -> str:
    """The machines."""
    told: dict[Machine, str] = {}
    for section in sections:
        if section.machine not in letters:
            continue
        machine = next(iter(section.parts.values()))["machine"]
        told[section.machine] = (
            f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']:.0f} GB, Python {machine['python']}"
        )
    if len(told) == 1:
        return f"Measured by `make bench` on {next(iter(told.values()))}."
    named = "; ".join(f"machine {letters[machine]}: {text}" for machine, text in told.items())
    return f"Measured by `make bench`, each table on one machine ({named}): compare ratios, not times, between tables."


def crawl(whole: Row) -> str:
    """What the end-to-end runs read."""
    read = whole["long"]["input"]
    return (
        f"The crawl is {read['originals']:,} pages of documentation from {len(read['packages'])} Debian packages, made "
        f"{read['pages']:,} by altered copies ({read['html_bytes'] / 1e6:,.0f} MB of HTML); datatrove "
        f"{whole['peers']['peers']['datatrove']} gets a tenth of it, and a third of that. Each side's pages are those that it "
        "read itself; web2shards extracts their text with Resiliparse. Start-up is in all times; cold is the first run, which "
        "compiles kernels. Peak is the PSS of all processes together."
    )


def sections() -> list[Section]:
    """Those whose results are there."""
    whole, signed, grown = load("end_to_end") or {}, load("signatures"), load("minhash_scale")
    found: list[Section] = []
    if {"long", "peers"} <= set(whole):
        found.append(Section(whole, [jobs(whole), growth(whole), [crawl(whole)]], goals.end_to_end(whole)))
    if signed:
        found.append(Section({"": signed}, [signatures(signed)], goals.signing(signed)))
    if grown:
        found.append(Section({"": grown}, [scale(grown)], goals.clustering(grown)))
    if heuristic := with_peers("heuristics"):
        found.append(Section({"": heuristic}, [filters(heuristic)]))
    if copies := load("near_duplicates"):
        found.append(Section({"": copies}, [near(copies)]))
    if extracted := load("extraction"):
        lines = lines_of(*extraction_tables.engines(extracted))
        found.append(Section({"": extracted}, [lines], extraction_tables.goals(extracted)))
    if languages := load("language"):
        lines = lines_of(*language_tables.lengths(languages))
        found.append(Section({"": languages}, [lines], language_tables.goals(languages)))
    if curated := {name: part for name in curation_tables.STEPS if (part := with_peers(name))}:
        found.append(Section(curated, [lines_of(*curation_tables.steps(curated))], curation_tables.goals(curated)))
    if stages := load("all_stages"):
        blocks = [lines_of(*curation_tables.stages(stages)), curation_tables.growth(stages)]
        found.append(Section({"": stages}, blocks, curation_tables.stage_goals(stages)))
    if fetched := load("fetching"):
        found.append(Section({"": fetched}, [lines_of(*image_tables.fetching(fetched))], image_tables.fetching_goals(fetched)))
    if resized := load("image_resize"):
        found.append(Section({"": resized}, [lines_of(*image_tables.resizing(resized))], image_tables.resizing_goals(resized)))
    if looked := load("image_duplicates"):
        found.append(Section({"": looked}, [], image_tables.duplicate_goals(looked)))
    if exchanged := load("host_exchange"):
        found.append(Section({"": exchanged}, [], image_tables.exchange_goals(exchanged)))
    if "overhead" in (engines := load("engines") or {}):
        aimed = engine_tables.goals(engines["overhead"])
        found.append(Section({"overhead": engines["overhead"]}, [lines_of(*engine_tables.forms(engines))], aimed))
    return found


def with_peers(name: str) -> Row | None:
    """Of a file of results by texts that which was measured beside others."""
    return next((entry for entry in load(name) or [] if "peers" in entry), None)


def short() -> str:
    """The README's text between the markers: a line a job beside its peer, and what the project aimed at and missed."""
    blocks: list[Sequence[str]] = [lines_of(headlines.HEADER, headlines.lines(measured))]
    aimed = [goal for section in sections() for goal in section.goals]
    missed = [f"{goal.name} ({wanted(goal)}): {reached(goal)}" for goal in aimed if goal.verdict.startswith("missed")]
    if missed:
        blocks.append([f"Goals met: {sum(goal.verdict.startswith('met') for goal in aimed)} of {len(aimed)}. Missed:", ""])
        blocks[-1] = [*blocks[-1], *(f"- {line}" for line in missed)]
    return "\n\n".join("\n".join(block) for block in blocks)


def measured(name: str) -> Row | None:
    """What a file of results tells; of those by texts, what was measured beside others."""
    found = load(name)
    return with_peers(name) if isinstance(found, list) else found


def rendered() -> str:
    """RESULTS.md's text between the markers; a part whose results are not there is left out. SystemExit if machines are mixed."""
    found, faults = sections(), load("faults") or {}
    letters = machines(found)
    blocks: list[Sequence[str]] = [[head(found, letters)]] if letters else []
    for section in found:
        if section.blocks:  # else it has goals alone
            blocks += [*section.blocks, [section.caption(letters.get(section.machine, "") if len(letters) > 1 else "")]]
    if faults.get("kills"):
        blocks.append(lines_of(*engine_tables.kills(faults["kills"])))
    aimed = [(goal, letters.get(section.machine, NONE)) for section in found for goal in section.goals]
    if aimed:
        blocks.append(aims(aimed, letters))
    return "\n\n".join("\n".join(block) for block in blocks if any(block))


def replaced(text: str, table: str) -> str:
    """The text with what stands between the markers exchanged; ValueError if they are not there, in order, once."""
    start, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in tail:
        raise ValueError(f"the markers {BEGIN} and {END} must stand once each, in this order")
    return f"{start}{BEGIN}\n\n{table}\n\n{END}{tail}"


def main() -> None:
    written = [(path, path.read_text(encoding="utf-8"), table()) for path, table in ((RESULTS, rendered), (README, short))]
    if "--check" in sys.argv[1:]:
        stale = [path.name for path, text, table in written if replaced(text, table) != text]
        told = f"{', '.join(stale)}: the tables are not those of benchmarks/results: run benchmarks/table.py"
        raise SystemExit(told if stale else 0)
    for path, text, table in written:
        unfinished = path.with_name(f".{path.name}.part")
        unfinished.write_text(replaced(text, table), encoding="utf-8")
        os.replace(unfinished, path)


if __name__ == "__main__":
    main()
