from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

table: Any = importlib.import_module("table")
machine: Any = importlib.import_module("machine")
headlines: Any = importlib.import_module("headlines")
goals: Any = importlib.import_module("goals")
near_duplicates: Any = importlib.import_module("near_duplicates")

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.mark.parametrize(("page", "made"), [("README.md", table.short), ("benchmarks/RESULTS.md", table.rendered)])
def test_pages_have_the_tables_of_the_results(page: str, made: Callable[[], str]) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert table.replaced(text, made()) == text, "run benchmarks/table.py"


def test_the_short_table_is_beside_the_best_peer_that_ran() -> None:
    found: dict[str, Any] = {
        "end_to_end": end_to_end(),
        "heuristics": {
            "median_microseconds_a_document": {"gopher, c4 and fineweb as in recipes/fineweb.yaml": 100.0},
            "peers": {"datatrove": {"crashed": True}},
        },
        "signatures": {
            "median_microseconds_a_document": {
                "web2shards, 112 permutations": 50.0, "rensa, RMinHash": 400.0, "datasketch, bulk": 90.0,
            }
        },
    }
    assert headlines.lines(found.get) == [
        ["crawl to filtered, deduplicated text", "600 pages/s", "datatrove with Trafilatura: 20 pages/s †", "30×"],
        ["MinHash signature, 112 permutations", "50 µs", "datasketch, bulk: 90 µs", "1.8×"],
    ]


def run(rate: float, kept: int) -> dict[str, Any]:
    return {"pages": 30_000, "documents_kept": kept, "documents_a_second": rate}


def of(rate: float, **more: Any) -> dict[str, Any]:
    return {"runs": 1, "documents_a_second": rate, "cpu_seconds": 90.0, "wall_seconds": 1.0, "peak_pss_mb": 512.4, **more}


def part(**more: Any) -> dict[str, Any]:
    """The head of a part of the results."""
    found = {"processor": "P", "cores": 2, "memory_gb": 25.3, "python": "3.11.7"}
    return {"commit": "abc1234", "date": "2026-11-22", "load_before": 0.1, "loaded": False, "machine": found, **more}


def end_to_end() -> dict[str, Any]:
    """Ours: 600 pages a second of 30,000, 300 of 3,000; the peer, by extractor: 24 and 60 of 3,000, extrapolated 20 and 50."""
    ours = {"30,000 pages, cold": of(500.0), "30,000 pages, warm": of(600.0), "3,000 pages, warm": of(300.0, peak_pss_mb=500.0)}
    theirs = {"3,000 pages, trafilatura": of(24.0), "3,000 pages, resiliparse": of(60.0)}
    grown = {
        name: {
            "pages_measured": [1000, 3000], "seconds_a_page": 0.05, "start_up_seconds": 3.0,
            "extrapolated": {"pages": 30_000, "wall_seconds": 1500.0, "documents_a_second": rate},
        }
        for name, rate in (("trafilatura", 20.0), ("resiliparse", 50.0))
    }  # fmt: skip
    damaged = {"web2shards": of(300.0), "datatrove, trafilatura": of(50.0), "datatrove, resiliparse": {"runs": 1, "crashed": True}}
    crawl = {"originals": 7526, "packages": {"a": "1"}, "pages": 30_000, "html_bytes": 10**9}
    return {
        "long": part(input=crawl, medians=ours, runs={name: [run(1, 7)] for name in ours}),
        "peers": part(
            medians=theirs, growth=grown, peers={"datatrove": "0.10.1"},
            runs={name: [{**run(1, 7), "pages": 3000}] for name in theirs},
        ),
        "dev": part(medians=damaged, runs={name: [{"crashed": True} if "resili" in name else run(1, 7)] for name in damaged}),
    }


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Results by name, made up, which the table reads."""
    found: dict[str, Any] = {"end_to_end": end_to_end()}
    monkeypatch.setattr(table, "load", found.get)
    return found


def cells(lines: list[str], begin: str) -> list[str]:
    """The cells of the first line that begins so."""
    return next(line for line in lines if line.startswith(f"| {begin}")).strip("| ").split(" | ")


def test_each_of_our_rows_stands_against_both_extractors_of_the_peer(results: dict[str, Any]) -> None:
    lines = table.jobs(results["end_to_end"])
    assert cells(lines, "web2shards, cold")[1:5] == ["30,000", "500", "25× †", "10× †"]
    assert cells(lines, "web2shards, warm")[1:5] == ["30,000", "600", "30× †", "12× †"]
    assert "| 300 | 12× | 5.00× |" in lines[4]  # 3,000 pages, against what was measured
    assert cells(lines, "datatrove, trafilatura")[2:5] == ["24.0", "–", "–"]
    assert "† Extrapolated: by its runs on 1,000 and 3,000 pages" in table.rendered()


def test_a_peer_that_crashed_says_so_and_compares_with_nothing(results: dict[str, Any]) -> None:
    lines = table.jobs(results["end_to_end"])
    assert cells(lines, "datatrove, resiliparse, damaged")[1:3] == ["–", "crashed"]
    assert cells(lines, "web2shards, damaged")[2:5] == ["300", "6.00×", "–"]
    results["end_to_end"]["peers"]["growth"]["trafilatura"] = None
    assert cells(table.jobs(results["end_to_end"]), "web2shards, warm")[3:5] == ["–", "12× †"]


def test_results_of_two_machines_do_not_go_into_one_table(results: dict[str, Any]) -> None:
    assert "Measured by `make bench` on 2 cores (P), 25 GB, Python 3.11.7." in table.rendered()
    results["end_to_end"]["peers"]["machine"] = {**results["end_to_end"]["peers"]["machine"], "cores": 64}
    with pytest.raises(SystemExit, match=r"different machines.*make bench"):
        table.rendered()


def test_tables_of_two_machines_name_theirs(results: dict[str, Any]) -> None:
    signed = part(median_microseconds_a_document={"web2shards, 112 permutations": 88.0}, commit="5168ed0")
    results["signatures"] = {**signed, "machine": {**signed["machine"], "cores": 64}}
    lines = table.rendered().splitlines()
    assert "machine A: 2 cores (P), 25 GB, Python 3.11.7; machine B: 64 cores (P)" in lines[0]
    assert "<sub>commit 5168ed0, 2026-11-22; machine B</sub>" in lines
    assert cells(lines, "MinHash signature of")[1:] == ["≤ 100 µs", "88.0 µs", "met, within 20% of the limit", "B"]
    assert cells(lines, "documents/s of datatrove with Trafilatura, damaged crawl")[-1] == "A"


def test_curation_stands_beside_its_peers(results: dict[str, Any]) -> None:
    ours = {"quality (fastText, DCLM's settings)": 124.4, "quality (linear, 2 ** 14 buckets)": 102.7}
    results["quality"] = [
        part(median_microseconds_a_document=ours),
        part(median_microseconds_a_document=ours, peers={"datatrove": {"median": {"FastTextClassifierFilter": 764.6}}}),
    ]
    lines = table.rendered().splitlines()
    assert cells(lines, "classifier, fastText")[1:] == ["124", "765 (6.1×)", "–"]
    assert cells(lines, "classifier, logistic")[1:] == ["103", "–", "–"]
    assert cells(lines, "a classifier applied")[1:] == ["≤ 300 µs", "124 µs", "met"]
    assert cells(lines, "all kinds of personal data masked in")[2:] == ["–", "not measured"]


def language() -> dict[str, Any]:
    """Made-up results that tell of no machine."""
    row = {"set": "fresh", "texts": 1200, "languages": 9, "ours": 0.6, "bare": 0.5, "false und": 0.002, "worse by more than .01": 0}
    accuracy = [
        {**row, "length": 0}, {**row, "length": 20, "ours": 0.45, "worse by more than .01": 2},
        {**row, "set": "messages", "length": 10, "false und": 0.02},
    ]  # fmt: skip
    return {"model": "lid.176.ftz", "accuracy": accuracy, "und recall": {"code: yaml": 0.99, "letters: han": 0.9}}


def test_languages_stand_beside_the_bare_model_without_a_caption_if_no_machine_is_told(results: dict[str, Any]) -> None:
    plain = table.rendered()
    results["language"] = language()
    lines = table.rendered().splitlines()
    assert lines[0] == plain.splitlines()[0]
    assert [line for line in lines if line.startswith("<sub>")] == [x for x in plain.splitlines() if x.startswith("<sub>")]
    assert "\n\n\n" not in table.rendered()
    assert cells(lines, "whole")[1:] == ["1,200", "9", "60.0%", "50.0%", "0", "0.20%"]
    assert not any(line.startswith("| 10 characters") for line in lines)
    assert cells(lines, "macro accuracy on fresh")[1:] == ["≥ 1×", "1.20×", "met, within 20% of the limit"]
    assert cells(lines, "macro accuracy on fresh sentences against the bare model's, 20")[1:] == ["≥ 1×", "0.90×", "missed by 10%"]
    assert cells(lines, "languages worse by")[1:] == ["≤ 0", "2", "missed by 2"]
    assert cells(lines, "what is no language told")[1:] == ["≥ 95%", "90.0%", "missed by 5%"]
    assert cells(lines, "sentences lost")[1:] == ["≤ 1%", "2.00%", "missed by 100%"]
    signed = part(median_microseconds_a_document={"web2shards, 112 permutations": 88.0})
    results["signatures"] = {**signed, "machine": {**signed["machine"], "cores": 64}}
    assert cells(table.rendered().splitlines(), "sentences lost")[-1] == "–"
    results["language"] |= part()
    assert "<sub>commit abc1234, 2026-11-22; machine A</sub>" in table.rendered()


def test_results_of_languages_alone_have_no_head(results: dict[str, Any]) -> None:
    results.clear()
    results["language"] = language()
    assert table.rendered().startswith("| Language of fresh sentences")


def test_fetching_stands_beside_its_peer(results: dict[str, Any]) -> None:
    row = {"images": 7680, "images_a_second": 232.0, "wall_seconds": 33.0, "cpu_ms_an_image": 5.13, "peak_pss_mb": 708.1}
    medians = {
        "web2shards": row, "img2dataset": {**row, "images_a_second": 136.4, "peak_pss_mb": 1416.2},
        "web2shards, no host hangs": {**row, "wall_seconds": 30.0},
    }  # fmt: skip
    results["fetching"] = part(medians=medians, images=8000, hosts=300, hosts_hanging=3, timeout_seconds=10)
    lines = table.rendered().splitlines()
    assert "| 8,000 addresses of 300 hosts on loopback, 3 of which hang | images | images/s | CPU ms an image | peak MB |" in lines
    assert cells(lines, "img2dataset")[1:] == ["7,680", "136", "5.1", "1,416"]
    assert cells(lines, "images/s of img2dataset")[2:] == ["1.70×", "missed by 15%"]
    assert cells(lines, "peak memory of img2dataset's")[2:] == ["0.50×", "met"]
    assert cells(lines, "longer for hosts that hang")[1:] == ["≤ 10 s", "3.00 s", "met"]


def test_a_part_without_a_table_has_its_goals(results: dict[str, Any]) -> None:
    results["host_exchange"] = part(references=100_000, seconds=2.4, peak_pss_mb=872.0)
    results["image_duplicates"] = part(other_half={"recall": 0.9455, "merged_share": 0.0})
    lines = table.rendered().splitlines()
    assert cells(lines, "100,000 references gathered by host")[2:] == ["2.40 s", "met"]
    assert cells(lines, "100,000 references gathered by host, peak memory")[2:] == ["872 MB", "missed by 45%"]
    assert cells(lines, "planted near-duplicates")[1:] == ["≥ 95%", "94.5%", "missed by less than 1%"]
    assert cells(lines, "distinct images merged")[3] == "met"


def test_all_stages_have_their_speed_with_and_without_start_up(results: dict[str, Any]) -> None:
    rows = {"web2shards": of(288.2, cpu_ms_a_page=5.19), "datatrove, trafilatura": of(39.5, cpu_ms_a_page=39.8)}
    results["all_stages"] = part(
        runs={name: [run(1, 310)] for name in rows}, medians=rows,
        growth={"web2shards": {"start_up_seconds": 3.0, "seconds_a_page": 0.001},
                "datatrove": {"start_up_seconds": 5.0, "seconds_a_page": 0.025}},
    )  # fmt: skip
    lines = table.rendered().splitlines()
    assert cells(lines, "web2shards | 30,000 | 288")[3:] == ["5.2", "512", "310"]
    assert any("web2shards 3.0 s and 1.00 ms a page; datatrove 5.0 s and 25.00 ms a page" in line for line in lines)
    assert cells(lines, "documents/s of datatrove with Trafilatura, all")[2:] == ["7.30×", "missed by 64%"]
    assert cells(lines, "documents/s of datatrove with Trafilatura, all stages, by the slope")[2:] == ["25.0×", "met"]


def test_engines_stand_by_form_with_hashes_costs_and_kills(results: dict[str, Any]) -> None:
    run = {"seconds": 3.4, "sha256": "0123456789abcdef", "same": True}
    results["engines"] = {
        "same_bytes": {"runs": {"demo": {"direct, 1 worker": run, "flink-local": run, "spark-local": {**run, "same": False}}}},
        "overhead": part(cpu_over_direct={"flink": 1.234, "spark": 1.5}, two_over_one={"direct": 1.9, "flink": 1.4}),
    }
    kill = {"runner": "flink", "victim": "pool", "struck": True, "again": [], "wrong": []}
    results["faults"] = {"kills": [
        kill, {**kill, "victim": "driver", "again": [0]}, {**kill, "wrong": ["hangs"]}, {**kill, "struck": False},
    ]}  # fmt: skip
    lines = table.rendered().splitlines()
    assert cells(lines, "Flink `[local]`")[1:] == ["3 s, 01234567", "yes", "1.23×", "1.40×"]
    assert cells(lines, "Spark `local[2]`")[2:] == ["no", "1.50×", "–"]
    assert cells(lines, "Flink, 2 TaskManagers")[1:] == ["–", "–", "–", "–"]
    assert cells(lines, "Flink |")[1:] == ["0", "0", "0", "2", "0", "1", "1", "1", "1"]
    assert cells(lines, "CPU a page on Spark")[1:] == ["≤ 1.4×", "1.50×", "missed by 7%"]
    assert cells(lines, "two tasks at a time against one on Flink")[1:] == ["≥ 1.5×", "1.40×", "missed by 7%"]


def test_a_part_that_was_measured_under_load_is_named(results: dict[str, Any]) -> None:
    assert "other work" not in table.rendered()
    results["end_to_end"]["dev"] |= {"loaded": True, "load_before": 2.5, "commit": "def5678+"}
    told = "<sub>dev: commit def5678+, 2026-11-22, while other work ran (load 2.5); long: commit abc1234, 2026-11-22; peers: "
    assert told in table.rendered()


def test_signatures_stand_in_order_and_against_ours() -> None:
    result = {
        "median_microseconds_a_document": {"slow": 880.0, "web2shards, 112 permutations": 88.0, "fast": 44.0},
        "signing_alone_microseconds_a_document": {"slow": 20.0},
        "crashed": ["Daft"],
    }
    lines = table.signatures(result)
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == ["fast", "web2shards, 112 permutations", "slow", "Daft"]
    assert lines[-2:] == ["| slow | 880 | 10.0 | 20.0 |", "| Daft | crashed | – | – |"]


def test_clusters_have_the_time_of_the_command_and_of_the_pass() -> None:
    measured = {
        "wall_seconds": 8.4, "cpu_seconds": 12.8, "peak_pss_mb": 741.0, "copies found": 5, "planted copies": 6,
        "rows in a cluster that is not theirs": 0, "told": ["1,000 signatures, 9 kept; 6.6 s"],
    }  # fmt: skip
    assert table.scale({"runs": {"1,000 rows": measured}})[-1] == "| 1,000 rows | 8.40 | 6.60 | 12.8 | 741 | 5 of 6 | 0 |"
    assert table.pass_seconds({**measured, "told": []}) is None


def test_near_copies_are_counted_by_bin_with_intervals() -> None:
    recall = {f"{low:.2f}": {"hits": 0, "total": 0} for low in near_duplicates.BINS}
    recall |= {"0.80": {"hits": 20, "total": 20}, "0.90": {"hits": 3, "total": 4}, "1.00": {"hits": 6, "total": 6}}
    measures = {"recall": recall, "pairs": 40, "pairs under 0.5": 2, "edges under the threshold": 0}
    row = table.near({"measures": {"true texts, default": measures}})[-1]
    assert "| 20/20 [0.84, 1.00] |" in row
    assert "| 9/10 [0.60, 0.98] | 0 | 2 of 40 |" in row


def test_pieces_are_counted_as_pairs_join_them() -> None:
    assert near_duplicates.pieces([3, 5, 8, 9], []) == 4
    assert near_duplicates.pieces([3, 5, 8, 9], [(3, 5), (8, 9), (5, 3)]) == 2
    assert near_duplicates.pieces([3, 5, 8, 9], [(3, 5), (8, 9), (5, 9)]) == 1


@pytest.mark.parametrize(
    ("limit", "value", "least", "verdict"),
    [
        (20, 25.0, True, "met"), (20, 22.0, True, "met, within 20% of the limit"), (20, 15.0, True, "missed by 25%"),
        (600, 400.0, False, "met"), (600, 534.0, False, "met, within 20% of the limit"),
        (600, 600.0, False, "met, within 20% of the limit"),
        (5, 6.6, False, "missed by 32%"), (0, 0.0, False, "met"), (0, 3.0, False, "missed by 3"),
        (1000, 1001.0, False, "missed by less than 1%"), (5, None, False, "not measured"),
    ],
)  # fmt: skip
def test_a_goal_says_how_near_it_is(limit: float, value: float | None, least: bool, verdict: str) -> None:
    assert goals.Goal("x", limit, value, "", least).verdict == verdict


def test_goals_are_read_from_the_results() -> None:
    scale = {"runs": {"1,000,000 rows": {"told": ["…; 4.5 s"]}, "10,000,000 rows": {"peak_pss_mb": 1500.0}}}
    signed = {"median_microseconds_a_document": {"web2shards, 112 permutations": 88.0}}
    found = [*goals.end_to_end(end_to_end()), *goals.signing(signed), *goals.clustering(scale)]
    assert [goal.value for goal in found] == pytest.approx([30.0, 6.0, 512.4, 2.48, 88.0, 4.5, 1500.0])
    assert {goal.value for goal in [*goals.end_to_end({}), *goals.signing(None), *goals.clustering(None)]} == {None}


@pytest.mark.parametrize(("value", "written"), [(4620.4, "4,620"), (46.24, "46.2"), (0.462, "0.46")])
def test_numbers_have_three_figures(value: float, written: str) -> None:
    assert table.number(value) == written


@pytest.mark.parametrize("text", ["no markers", f"{table.END}{table.BEGIN}", f"{table.BEGIN}{table.BEGIN}{table.END}"])
def test_missing_or_doubled_markers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        table.replaced(text, "x")


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_results_name_no_machine_path_or_index(path: Path) -> None:
    text = json.dumps(json.loads(path.read_text()))
    assert not re.search(r"https?://|/home/|/root/|/tmp/|/work/|/usr/|hostname", text)


def test_what_is_told_of_the_machine_is_what_it_is_made_of() -> None:
    told = machine.machine()
    assert told["cores"] >= 1
    assert told["memory_gb"] > 0
    assert set(told) == {
        "processor",
        "architecture",
        "cores",
        "memory_gb",
        "system",
        "kernel",
        "python",
    }


def test_a_part_begins_with_commit_date_load_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = iter([3.0, 3.0, 3.0, 0.2, 0.2, 0.2])
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (next(loads), 0, 0))
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(machine, "PAUSE", 0.0)
    told = machine.begin()
    assert (told["loaded"], told["load_before"]) == (False, 0.2)
    assert re.fullmatch(r"([0-9a-f]{7,}\+?|unknown)", told["commit"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", told["date"])


def test_a_machine_that_stays_busy_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (99.0, 0, 0))
    monkeypatch.setattr(machine, "PATIENCE", 0.0)
    assert machine.begin()["loaded"] is True


def test_parts_of_another_machine_are_dropped() -> None:
    here, there = {"processor": "P", "cores": 2, "memory_gb": 25.3}, {"processor": "P", "cores": 64, "memory_gb": 25.3}
    known = {"long": {"machine": here}, "peers": {"machine": there}, "old": {"machine": "x86_64"}, "dev": {"machine": there}}
    fresh = {"machine": {**here, "memory_gb": 25.2}, "new": True}
    assert machine.joined(known, "dev", fresh) == {"long": {"machine": here}, "dev": fresh}
