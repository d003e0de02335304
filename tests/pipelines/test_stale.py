"""What a layer hangs on beside ids: inputs, elections and skipped rows; nothing stale is taken for done."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RecipeError, StorageError
from pipelines import tasks
from pipelines.beam_tasks import _Do
from pipelines.compilation import compile_plan
from pipelines.context import Context
from pipelines.notes import NoteBook
from pipelines.pool import Task
from pipelines.recipe import load_recipe
from tests.faults.outfolder import contents, differences

from .runs import column, hashes, recipe, small_run

RECIPE = """
name: stale
input: {{table: {{path: "{path}"}}, part: 1kB}}
documents:
  score: {score}
  keep: {keep}
  audit: 0.0
output:
  text: {{from: documents, samples: 40}}
"""


def rows(path: Path, *given: tuple[str, str, str]) -> None:
    path.write_text("".join(json.dumps({"url": u, "text": t, "date": d}) + "\n" for u, t, d in given))


def made(path: object, score: list[object], *keep: str):
    return load_recipe(RECIPE.format(path=path, score=json.dumps(score), keep=json.dumps(list(keep))))


def test_a_scorer_that_reads_the_election_follows_it(tmp_path: Path, trouble: Path) -> None:
    score: list[object] = ["text", "exact", "echo"]
    (tmp_path / "in").mkdir()
    rows(tmp_path / "in" / "a.jsonl", ("http://a.example/1", "one text", "2020-01-01"))
    small_run(tmp_path / "out", made(tmp_path / "in" / "*.jsonl", score))
    assert column(tmp_path / "out", "echo", "said") == ["1"]
    rows(tmp_path / "in" / "b.jsonl", ("http://b.example/1", "one text", "2021-01-01"))
    small_run(tmp_path / "out", made(tmp_path / "in" / "*.jsonl", score))
    assert column(tmp_path / "out", "duplicates", "size") == [2, 2]
    assert column(tmp_path / "out", "echo", "said") == ["2", "2"]


def test_a_scorer_that_reads_the_date_follows_it(tmp_path: Path, trouble: Path) -> None:
    path = tmp_path / "a.jsonl"
    for date in ("2020-01-01", "2021-01-01"):
        rows(path, ("http://a.example/1", "one text", date))
        small_run(tmp_path / "out", made(path, ["text", {"echo": {"of": "page.date"}}]))
        assert [said[:10] for said in column(tmp_path / "out", "echo", "said")] == [date]


def test_a_scorer_that_reads_a_costly_layer_follows_it(tmp_path: Path, trouble: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows(path, ("http://a.example/1", "short", "2020-01-01"), ("http://a.example/2", "a longer text", "2020-01-01"))
    score: list[object] = ["text", {"dear": {"marks": str(tmp_path / "marks")}}, {"echo": {"of": "dear.size"}}]
    small_run(tmp_path / "out", made(path, score, "text.characters >= 10"))
    assert column(tmp_path / "out", "echo", "said") == [None, "13"]
    small_run(tmp_path / "out", made(path, score, "text.characters >= 1"))
    assert column(tmp_path / "out", "echo", "said") == ["5", "13"]


def test_a_copy_that_a_rule_dropped_does_not_stand_for_one_that_passed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows(path, ("http://a.example/1", "one text", "2020-01-01"), ("http://a.example/1", "one text", "2024-01-01"))
    small_run(tmp_path / "out", made(path, ["text", "exact"], "page.date >= 2023-01-01", "duplicates.kept"))
    assert sum(column(tmp_path / "out", "fate", "kept")) == 1


def test_the_same_file_read_as_another_format_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.data"
    path.write_text('text\n"{""text"": 1}"\n')
    settings = ["input.table.format=csv"]
    as_csv = load_recipe(json.dumps(made(path, ["text"]).canonical(), indent=1), settings)
    small_run(tmp_path / "out", as_csv)
    assert column(tmp_path / "out", "text", "text") == ['{"text": 1}']
    small_run(tmp_path / "out", load_recipe(json.dumps(as_csv.canonical(), indent=1), ["input.table.format=jsonl"]))
    assert column(tmp_path / "out", "text", "text") == []


@settings(deadline=None, max_examples=5)
@given(
    before=st.lists(st.integers(0, 30), min_size=1, max_size=25, unique=True),
    after=st.lists(st.integers(0, 30), min_size=1, max_size=25, unique=True),
)
def test_carrying_over_gives_what_a_fresh_run_gives(before: list[int], after: list[int], trouble: Path) -> None:
    """Whatever records came, went or moved in a part: known ones are not scored again, and the bytes are the same."""
    with tempfile.TemporaryDirectory() as folder:
        path, marks = Path(folder, "a.jsonl"), Path(folder, "marks")
        score: list[object] = ["text", {"dear": {"marks": str(marks)}}]
        wanted = made(path, score)
        for numbers in (before, after):
            rows(path, *((f"http://a.example/{n}", f"text number {n}", "2020-01-01") for n in numbers))
            marks.write_text("")
            small_run(Path(folder, "out"), load_recipe(json.dumps(wanted.canonical(), indent=1), ["input.part=1MB"]))
        assert sum(map(int, marks.read_text().split())) == len(set(after) - set(before))
        small_run(Path(folder, "fresh"), load_recipe(json.dumps(wanted.canonical(), indent=1), ["input.part=1MB"]))
        assert hashes(Path(folder, "out")) == hashes(Path(folder, "fresh"))


def test_a_stray_shard_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows(path, ("http://a.example/1", "one text", "2020-01-01"))
    small_run(tmp_path / "out", made(path, ["text"]))
    stray = tmp_path / "out" / "shards" / "text" / "train-000009.tar"
    stray.write_bytes(b"from an earlier plan")
    small_run(tmp_path / "out", made(path, ["text"]))
    assert not stray.exists()


def test_a_trial_does_not_shrink_a_finished_run(tmp_path: Path) -> None:
    small_run(tmp_path / "out", recipe())
    before = hashes(tmp_path / "out")
    with pytest.raises(StorageError, match="would cut its shards down to 1"):
        small_run(tmp_path / "out", recipe(), limit=1)
    assert hashes(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("score", "problem"),
    [(["exact"], "text"), ([{"text": {"as": "body"}}], "there is no layer `text`")],
)
def test_a_recipe_without_texts_is_refused(score: list[object], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        compile_plan(made("a.jsonl", score))


@pytest.mark.parametrize("step", ["write_election", "decide_fates", "plan_shards", "send_samples", "write_shard"])
def test_a_run_that_failed_after_the_election_leaves_nothing_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:  # fmt: skip
    """The same command again mends the manifests too, and until the first shard changes the old ones have their index."""
    out = tmp_path / "out"
    small_run(out)
    moved = recipe(settings=["documents.keep.language.score=0.9"])
    do = tasks.do

    def failing(context: Context, task: Task, notes: NoteBook) -> dict[str, Any]:
        result = do(context, task, notes)
        if task.kind == step:
            raise RuntimeError("no such luck")
        return result

    with monkeypatch.context() as patched:
        patched.setattr(tasks, "do", failing)
        with pytest.raises(RuntimeError, match="no such luck"):
            small_run(out, moved)
    assert (out / "shards" / "text" / "index.json").is_file() == (step in ("write_election", "decide_fates"))
    small_run(out, moved)
    fresh = tmp_path / "fresh"
    small_run(fresh, moved)
    assert differences(out, contents(fresh)) == []


def test_values_that_an_engine_hands_over_twice_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_group = _Do._of_group

    def doubled(self: _Do, group: tuple[Any, Iterable[Any]], *step: Any) -> Iterator[dict[str, Any]]:
        return of_group(self, (group[0], [value for value in group[1] for _ in range(2)]), *step)

    small_run(tmp_path / "once")
    monkeypatch.setattr(_Do, "_of_group", doubled)
    small_run(tmp_path / "twice")
    assert hashes(tmp_path / "twice") == hashes(tmp_path / "once")
