from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

table: Any = importlib.import_module("table")
machine: Any = importlib.import_module("machine")

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


def test_the_readme_has_the_tables_of_the_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert table.replaced(text, table.rendered()) == text, "run benchmarks/table.py"


def run(rate: float, kept: int) -> dict[str, Any]:
    return {"pages": 30_000, "documents_kept": kept, "documents_a_second": rate}


def test_a_line_of_the_job_compares_with_the_peer() -> None:
    medians = {"documents_a_second": 600.0, "cpu_seconds": 90.0, "peak_pss_mb": 512.4}
    assert table.job_row("ours", [run(600, 7)], medians, 24.0) == ["ours", "30,000", "600 (25×)", "3.0", "512", "7"]
    assert table.job_row("theirs", [run(600, 7)], medians, None)[2] == "600"


def test_signatures_stand_in_order_and_against_ours() -> None:
    result = {"median_microseconds_a_document": {"slow": 880.0, "web2shards, 112 permutations": 88.0, "fast": 44.0}}
    lines = table.signatures(result)
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == ["fast", "web2shards, 112 permutations", "slow"]
    assert lines[-1] == "| slow | 880 | 10.0 |"


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
        "load_average_before",
        "day",
    }
