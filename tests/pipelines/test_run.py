"""The whole job on the examples: the same bytes however it is run, nothing done twice, nothing lost."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from core.errors import StorageError, UserError
from pipelines.passes import Passes
from pipelines.progress import Pass

from .runs import EXAMPLES, column, hashes, recipe, small_run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, not to be written to."""
    out = tmp_path_factory.mktemp("run") / "out"
    small_run(out)
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(finished, tmp_path / "out", copy_function=shutil.copy2))


def test_every_record_has_a_fate(finished: Path) -> None:
    result = small_run(finished)
    reasons = Counter(column(finished, "record", "reason"))
    documents = Counter(column(finished, "fate", "reason"))
    assert reasons[None] == sum(documents.values()) == result.stats["tables"][0]["total"]
    assert sum(reasons.values()) == result.stats["records"]["total"]
    assert documents[""] == sum(column(finished, "fate", "kept")) == result.stats["tables"][0]["kept"] > 100
    assert sum(total["samples"] for total in result.outputs["text"]["totals"].values()) == documents[""]


def test_nothing_is_left_to_do_when_all_is_done(finished: Path) -> None:
    before = hashes(finished)
    assert small_run(finished).passes == {}
    assert hashes(finished) == before


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_give_the_same_bytes(finished: Path, tmp_path: Path, workers: int) -> None:
    small_run(tmp_path / "out", inline=False, workers=workers)
    assert hashes(tmp_path / "out") == hashes(finished)


def test_the_order_of_the_inputs_does_not_matter(tmp_path: Path) -> None:
    one, two = EXAMPLES / "web.warc.gz", EXAMPLES / "more" / "second.warc.gz"
    small_run(tmp_path / "a", recipe(one, two))
    small_run(tmp_path / "b", recipe(two, one))
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_an_added_input_is_the_only_one_that_is_read(out: Path, tmp_path: Path) -> None:
    both = recipe(EXAMPLES / "web.warc.gz", EXAMPLES / "more" / "second.warc.gz")
    before = {path: path.stat().st_mtime_ns for path in (out / "documents" / "text").glob("web*.parquet")}
    assert len(before) > 2
    small_run(out, both)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    small_run(tmp_path / "fresh", both)
    assert hashes(out) == hashes(tmp_path / "fresh")


def test_a_moved_threshold_runs_no_scorer(out: Path, tmp_path: Path) -> None:
    moved = recipe(settings=["documents.keep.0=text.characters >= 1000"])
    before = {path: path.stat().st_mtime_ns for path in (out / "documents" / "language").glob("*.parquet")}
    passes = small_run(out, moved).passes
    assert "extract and score" not in passes
    assert {"decide fates", "write text"} <= passes.keys()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    small_run(tmp_path / "fresh", moved)
    assert hashes(out) == hashes(tmp_path / "fresh")


def test_a_changed_parameter_computes_its_layer_only(out: Path, tmp_path: Path) -> None:
    changed = recipe(settings=["documents.score.exact.by=[text]"])
    kept = {path: path.stat().st_mtime_ns for path in (out / "documents" / "text").glob("*.parquet")}
    small_run(out, changed)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    small_run(tmp_path / "fresh", changed)
    assert hashes(out) == hashes(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("layer", "damage"),
    [("page", "truncated"), ("text", "flipped"), ("exact", "missing"), ("duplicates", "flipped"), ("fate", "truncated")],
)
def test_a_damaged_layer_file_is_computed_again(out: Path, finished: Path, layer: str, damage: str) -> None:
    path = sorted((out / "documents" / layer).glob("*.parquet"))[1]
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 3] ^= 0xFF
        path.write_bytes(data)
    small_run(out)
    assert hashes(out) == hashes(finished)


def test_a_shard_that_is_missing_is_written_again(out: Path, finished: Path) -> None:
    next((out / "shards" / "text").glob("*.tar")).unlink()
    small_run(out)
    assert hashes(out) == hashes(finished)


def test_a_changed_input_is_read_again_and_what_is_known_is_carried_over(tmp_path: Path) -> None:
    warc = tmp_path / "in" / "web.warc.gz"
    warc.parent.mkdir()
    data = (EXAMPLES / "web.warc.gz").read_bytes()
    warc.write_bytes(data + (EXAMPLES / "more" / "second.warc.gz").read_bytes())
    small_run(tmp_path / "out", recipe(warc))
    warc.write_bytes(data)
    small_run(tmp_path / "out", recipe(warc))
    small_run(tmp_path / "fresh", recipe(warc))
    current = {p.name for p in (tmp_path / "fresh" / "documents" / "page").glob("*.parquet")}
    left = {k: v for k, v in hashes(tmp_path / "out").items() if k.startswith("shards") or Path(k).name in current}
    assert left == hashes(tmp_path / "fresh")


def test_a_folder_of_another_recipe_is_refused(finished: Path) -> None:
    other = recipe(settings=["name=other"])
    with pytest.raises(StorageError, match="holds the run `small`, and this recipe is `other`"):
        small_run(finished, other)


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(StorageError, match="is not empty"):
        small_run(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_a_limit_takes_the_first_parts(tmp_path: Path, finished: Path) -> None:
    result = small_run(tmp_path / "out", limit=2)
    assert len(list((tmp_path / "out" / "documents" / "page").glob("*.parquet"))) == 2
    assert 0 < result.stats["tables"][0]["total"] < len(column(finished, "page", "id"))
    small_run(tmp_path / "out")
    assert hashes(tmp_path / "out") == hashes(finished)




def test_another_runner_gives_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    """Beam's portable runner, without Java: tasks as elements, workers without the driver's memory."""
    portable = {"runner": "PortableRunner", "runner_options": ("--job_endpoint=embed", "--environment_type=LOOPBACK")}
    small_run(tmp_path / "out", inline=False, **portable)
    assert hashes(tmp_path / "out") == hashes(finished)


def test_an_unknown_runner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--runner sparkle: there is no such runner"):
        small_run(tmp_path / "out", runner="sparkle")


@pytest.fixture
def pipelines(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The passes of each pipeline that runs from now on."""
    found: list[list[str]] = []
    run_pipeline = Passes.run

    def noted(self: Passes, first: Pass, tasks: Sequence[dict[str, Any]], then: Sequence[Pass] = ()) -> list[dict[str, Any]]:
        found.append([first.name, *(each.name for each in then)])
        return run_pipeline(self, first, tasks, then)

    monkeypatch.setattr(Passes, "run", noted)
    return found


def test_a_run_is_two_pipelines(tmp_path: Path, pipelines: list[list[str]]) -> None:
    out = tmp_path / "out"
    both = ["output.second={from: documents, samples: 20, format: jsonl}"]
    first = small_run(out, recipe(settings=both))
    assert pipelines == [["extract and score"], ["find duplicates", "decide fates", "write text, second"]]
    assert list(first.passes) == ["extract and score", "find duplicates", "decide fates", "write text, second"]
    assert list(first.outputs) == ["text", "second"]
    samples = [sum(total["samples"] for total in output["totals"].values()) for output in first.outputs.values()]
    assert samples[0] == samples[1] == first.stats["tables"][0]["kept"] > 100
    pipelines.clear()
    # A rule after the election: it stays. One fate that is lost is decided again, and no shard is written.
    next((out / "documents" / "fate").glob("*-00001.parquet")).unlink()
    assert list(small_run(out, recipe(settings=both)).passes) == ["decide fates"]
    small_run(out, recipe(settings=[*both, 'documents.keep+={keep: "duplicates.size <= 50"}']))
    shutil.rmtree(out / "shards" / "second")
    small_run(out, recipe(settings=[*both, 'documents.keep+={keep: "duplicates.size <= 50"}']))
    assert pipelines == [["decide fates"], ["decide fates", "write text, second"], ["write second"]]
    fresh = small_run(tmp_path / "fresh", recipe(settings=[*both, 'documents.keep+={keep: "duplicates.size <= 50"}']))
    assert hashes(Path(fresh.out)) == hashes(out)


def test_statistics_of_many_parts_are_merged_as_a_tree(
    finished: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = small_run(finished).stats
    monkeypatch.setattr("pipelines.reporting.MOST_ALONE", 2)
    monkeypatch.setattr("pipelines.reporting.PARTS_A_TASK", 3)
    result = small_run(out)
    assert list(result.passes) == ["merge statistics"]
    assert result.stats == before
    damaged = min((out / "statistics").glob("*.json"))
    monkeypatch.setattr("pipelines.survey.fates_missing", lambda *_: [])
    damaged.write_bytes(damaged.read_bytes()[:-30])
    with pytest.raises(StorageError, match="the statistics are missing or damaged"):
        small_run(out)
