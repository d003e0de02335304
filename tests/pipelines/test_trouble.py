"""Scorers that raise, crash, hang or are broken; costly ones that skip; drivers that are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.errors import ScorerError
from pipelines.recipe import Recipe, load_recipe
from pipelines.run import RunOptions, run

from .runs import column, hashes, small_run

TABLE = """
name: troubled
input: {{table: {{path: {path}}}, part: 1kB}}
documents:
  score: {score}
  keep: {keep}
  audit: {audit}
output:
  text: {{from: documents, samples: 40}}
"""


def table(folder: Path, texts: Sequence[str]) -> Path:
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text, "url": f"http://a.example/{i}"}) + "\n" for i, text in enumerate(texts)))
    return path


def troubled(path: Path, score: object, keep: object = (), audit: float = 0.0) -> Recipe:
    return load_recipe(TABLE.format(path=path, score=json.dumps(score), keep=json.dumps(list(keep)), audit=audit))


TEXTS = [f"text {i} " + "x" * (i % 7) for i in range(60)]


def test_a_record_that_crashes_or_raises_costs_only_itself(tmp_path: Path, trouble: Path) -> None:
    texts = list(TEXTS)
    texts[13], texts[31], texts[44] = "SEGFAULT", "RAISE", "SEGFAULT too"
    made = troubled(table(tmp_path, texts), ["text", "trouble"])
    result = run(made, RunOptions(str(tmp_path / "out"), workers=2))
    sizes = dict(zip(column(tmp_path / "out", "text", "text"), column(tmp_path / "out", "trouble", "size"), strict=True))
    assert {text for text, size in sizes.items() if size is None} == {"SEGFAULT", "RAISE", "SEGFAULT too"}
    assert result.stats["tables"][0]["kept"] == 57
    errors = result.stats["tables"][0]["errors"]
    assert [(e["scorer"], e["records"]) for e in errors] == [("trouble", 3)]
    assert {"killed its process by SIGSEGV", "ValueError: asked to raise"} == {
        e for e in column(tmp_path / "out", "trouble", "error") if e
    }


def test_a_worker_that_hangs_is_replaced(tmp_path: Path, trouble: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.isolate.Limits.__init__.__defaults__", (1.0, 2 << 30))
    texts = list(TEXTS)
    texts[5] = "HANG"
    made = troubled(table(tmp_path, texts), ["text", "trouble"])
    run(made, RunOptions(str(tmp_path / "out"), workers=1, stuck_seconds=5.0))
    assert [e for e in column(tmp_path / "out", "trouble", "error") if e] == ["took more than 1 s"]


def test_a_worker_that_dies_while_its_child_lives_is_noticed(tmp_path: Path, trouble: Path) -> None:
    """The child holds the worker's channel open, so that the channel alone never tells."""
    texts = list(TEXTS)
    texts[5] = "HANG"
    made = troubled(table(tmp_path, texts), ["text", "trouble"])
    with pytest.raises(ScorerError, match="its worker died"):
        run(made, RunOptions(str(tmp_path / "out"), workers=1, stuck_seconds=0.3))


def test_a_scorer_that_fails_on_everything_stops_the_run(tmp_path: Path, trouble: Path) -> None:
    made = troubled(table(tmp_path, TEXTS * 10), ["text", {"trouble": {"everywhere": True}}])
    made = load_recipe(json.dumps(made.canonical() | {"input": made.canonical()["input"] | {"part": 20_000}}, indent=1))
    with pytest.raises(ScorerError, match="the scorer trouble failed on every one of the first 100 records"):
        run(made, RunOptions(str(tmp_path / "out"), workers=1))
    assert not list((tmp_path / "out").rglob("trouble/*.parquet"))


def test_costly_scorers_skip_what_a_rule_dropped_but_for_the_audit(tmp_path: Path, trouble: Path) -> None:
    marks = tmp_path / "marks"
    path = table(tmp_path, [t + "y" * (100 * (i % 2)) for i, t in enumerate(TEXTS)])
    score = ["text", "exact", {"dear": {"marks": str(marks)}}]

    def scored(least: int, audit: float = 0.0) -> int:
        marks.write_text("")
        small_run(tmp_path / "out", troubled(path, score, [f"text.characters >= {least}", "duplicates.kept"], audit))
        return sum(map(int, marks.read_text().split()))

    assert scored(50) == 30
    assert sum(column(tmp_path / "out", "dear", "scored")) == 30
    assert scored(60) == 0  # tighter: nothing new is scored
    assert scored(0) == 30  # looser: just the rows that now reach it
    assert sum(column(tmp_path / "out", "dear", "scored")) == 60
    marks.write_text("")
    audited = troubled(path, score, ["text.characters >= 1000000", "duplicates.kept"], 0.5)
    small_run(tmp_path / "audited", audited)
    assert 15 < sum(map(int, marks.read_text().split())) < 45
    assert not any(column(tmp_path / "audited", "fate", "kept"))


def test_a_scorer_without_the_rows_it_needs_is_topped_up_to_the_same_bytes(tmp_path: Path, trouble: Path) -> None:
    path = table(tmp_path, [t + "y" * (100 * (i % 2)) for i, t in enumerate(TEXTS)])
    score = ["text", {"dear": {"marks": str(tmp_path / "marks")}}]
    small_run(tmp_path / "a", troubled(path, score, ["text.characters >= 50"]))
    small_run(tmp_path / "a", troubled(path, score, ["text.characters >= 0"]))
    small_run(tmp_path / "b", troubled(path, score, ["text.characters >= 0"]))
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


DRIVER = """
import sys
from pipelines.run import RunOptions, run
from tests.pipelines.runs import recipe
run(recipe(), RunOptions(sys.argv[1], workers=2))
"""


@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_a_kill_loses_nothing(tmp_path: Path, victim: str) -> None:
    small_run(tmp_path / "whole")
    out = tmp_path / "out"
    chance = random.Random(victim)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for _ in range(3):
        driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(out)], env=env, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(1.5, 4.5))
        if victim == "driver":
            driver.kill()
            driver.wait()
        else:
            _kill_a_worker(driver.pid)
            assert driver.wait() == 0
    small_run(out, inline=False, workers=2)
    assert hashes(out) == hashes(tmp_path / "whole")


def _kill_a_worker(driver: int) -> None:
    """Kills one of the processes that the driver's zygote forked, if it has got that far."""
    import psutil

    try:
        workers = [w for zygote in psutil.Process(driver).children() for w in zygote.children()]
        if workers:
            os.kill(workers[0].pid, signal.SIGKILL)
    except psutil.NoSuchProcess:
        return


def test_a_recipe_over_a_table_reads_every_row(tmp_path: Path) -> None:
    path = table(tmp_path, [*TEXTS, "", TEXTS[0]])
    result = small_run(tmp_path / "out", troubled(path, ["text", "exact"], ["duplicates.kept"]))
    told = result.stats
    assert told["records"]["total"] == 62
    assert told["tables"][0]["total"] + sum(r["records"] for r in told["records"]["reasons"] if r["reason"]) == 62
