"""What a moved threshold costs: which layers are scored again, how many rows of them, why, and that the bytes are those of a
fresh run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.account import Done
from pipelines.causes import rule_changes
from pipelines.preview import preview
from pipelines.recipe import Recipe, load_recipe
from pipelines.run import RunOptions
from tests.pipelines.runs import EXAMPLES, column, hashes, small_run
from tests.pipelines.runs import recipe as small

RECIPE = """
name: reuse
input: {{table: {{path: {path}}}, part: 20kB}}
documents:
  score:
    - text
    - gopher
    - paragraphs
    - tokens
    - dear: {{marks: {marks}}}
    - exact
  keep:
    - gopher.words >= {words}
    - paragraphs_repeated.share <= {share}
    - tokens.count >= 2
    - duplicates.kept
  audit: 0
output:
  text: {{from: documents, samples: 50}}
"""
INDEX = "shards/text/index.json"
FIRST = {"words": 40, "share": 0.5}
#: Lines that stand on several pages, and those of their own, the more the later.
TEXTS = ["\n".join([*(f"a line of site {i % 7} number {k}" for k in range(i % 9)),
                    *(f"row {i} says {k} things of its own" for k in range(i // 20))]) for i in range(300)]  # fmt: skip


def recipe(folder: Path, **moved: float) -> Recipe:
    return load_recipe(RECIPE.format(path=folder / "texts.jsonl", marks=folder / "marks", **{**FIRST, **moved}))


@pytest.fixture(scope="module")
def marks(trouble: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the costly scorer leaves its marks: its path is a parameter, so that all runs have the same."""
    folder = tmp_path_factory.mktemp("marks")
    rows = ({"url": f"https://host-{i % 40}.example/{i}", "text": text} for i, text in enumerate(TEXTS))
    (folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def first(marks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first") / "out"
    small_run(out, recipe(marks))
    return out


def by_name(done: tuple[Done, ...]) -> dict[str, Done]:
    return {each.name: each for each in done}


def scored(folder: Path) -> int:
    return sum(map(int, (folder / "marks").read_text().split())) if (folder / "marks").exists() else 0


@pytest.mark.parametrize(
    ("moved", "again"),
    [
        # Other rows take part in the search for repeated lines: what reads the text behind it reads another text.
        ({"words": 60}, {"find repeated paragraphs", "tokens", "dear", "exact"}),
        ({"words": 20}, {"find repeated paragraphs", "tokens", "dear", "exact"}),
        # Only the costly scorer is asked of rows that newly reach it; nothing that is scored is scored again.
        ({"share": 0.3}, {"dear"}),
        ({"share": 0.9}, {"dear"}),
    ],
)
def test_what_a_moved_threshold_scores_anew(
    first: Path, marks: Path, tmp_path: Path, moved: dict[str, float], again: set[str]
) -> None:  # fmt: skip
    out = tmp_path / "out"
    shutil.copytree(first, out)
    made = recipe(marks, **moved)
    planned = preview(made, RunOptions(str(out), inline=True))
    before = scored(marks)
    result = small_run(out, made)
    done = by_name(result.done)
    rows = done["find duplicates"].rows
    layers = {"page", "text", "gopher", "paragraphs", "find repeated paragraphs", "tokens", "dear", "exact"}
    assert {name for name in layers if done[name].computed} == again
    for name in layers - again:
        assert (done[name].rows, done[name].carried, done[name].reused) == (0, 0, done[name].parts)
    for name in again - {"dear"}:
        assert (done[name].rows, done[name].reused) == (rows, 0)
    # The costly scorer reads text as extracted: what it has scored is carried over, whatever lines are cut.
    assert scored(marks) - before == done["dear"].rows < rows / 4
    assert done["dear"].carried > rows / 2
    looser = moved in ({"words": 20}, {"share": 0.9})
    assert (done["dear"].rows > 0) == looser
    rule = f"gopher.words >= {moved['words']}" if "words" in moved else f"paragraphs_repeated.share <= {moved['share']}"
    for name in (*again, "find duplicates", "decide fates"):
        assert f"→ {rule}" in done[name].why
        assert "version" not in done[name].why
    whys = {layer.layer: layer.why for work in planned.passes for layer in work.layers if layer.parts}
    assert whys.keys() == again - {"find repeated paragraphs"}
    assert all(f"→ {rule}" in why for told in whys.values() for why in told)
    assert all(f"→ {rule}" in why for work in planned.passes[1:-1] for why in work.why)
    assert not [change for change in planned.changes if "scorer" in change]
    small_run(tmp_path / "fresh", made)
    ours, theirs = hashes(out), hashes(tmp_path / "fresh")
    # What a costly scorer has scored of rows that a tighter rule drops stays, and the fates say what was seen.
    differ = {str(Path(name).parent) for name in ours | theirs if ours.get(name) != theirs.get(name)}
    assert differ == (set() if looser else {"documents/dear", "documents/fate", "shards/text"})
    assert [name for name in ours if "shards/" in name and ours[name] != theirs[name]] == ([] if looser else [INDEX])
    assert column(out, "fate", "reason") == column(tmp_path / "fresh", "fate", "reason")
    assert by_name(small_run(out, made).done)["dear"].reused == done["dear"].parts


def test_a_first_run_is_new_and_one_that_has_nothing_to_do_says_so(first: Path, marks: Path, tmp_path: Path) -> None:
    done = small_run(tmp_path / "out", recipe(marks)).done
    assert {each.why for each in done} == {"new"}
    assert all(each.reused == 0 for each in done)
    again = small_run(first, recipe(marks))
    assert (again.passes, again.scorers) == ({}, {})
    assert all(not each.computed for each in again.done)


def test_an_added_input_and_a_parameter(marks: Path, tmp_path: Path) -> None:
    both = [EXAMPLES / "web.warc.gz", EXAMPLES / "more" / "second.warc.gz"]
    small_run(tmp_path / "out", small(both[0]))
    done = by_name(small_run(tmp_path / "out", small(*both)).done)
    assert 0 < len(done["text"].computed) < done["text"].parts
    assert done["text"].why == done["page"].why == "new"
    assert done["text"].rows == done["page"].rows > 0
    assert done["find duplicates"].why == "rows were added, or read again"
    changed = by_name(small_run(tmp_path / "out", small(*both, settings=("documents.score.language.characters=300",))).done)
    assert changed["language"].why == "its parameters changed: characters 400 → 300"
    assert changed["find duplicates"].why == "language: its parameters changed: characters 400 → 300"
    assert changed["text"].computed == {}


def test_a_damaged_file_is_told_of(marks: Path, tmp_path: Path) -> None:
    small_run(tmp_path / "out", small())
    file = sorted((tmp_path / "out/documents/exact").glob("*.parquet"))[1]
    file.unlink()
    done = by_name(small_run(tmp_path / "out", small()).done)
    assert (len(done["exact"].computed), done["exact"].why) == (1, "missing")
    assert done["find duplicates"].computed == {}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (["a.b >= 1", "a.c"], ["a.b >= 2", "a.c"], ("rule changed: a.b >= 1 → a.b >= 2",)),
        (["a.b >= 1"], [], ("rule taken out: a.b >= 1",)),
        ([], ["not a.c"], ("new rule: not a.c",)),
        (["a.b >= 1", "a.b <= 9"], ["a.b >= 1", "a.b <= 8"], ("rule changed: a.b <= 9 → a.b <= 8",)),
        (["a.c", "a.b >= 1"], ["a.b >= 1", "a.c"], ("the order of the rules changed",)),
        (["a.c"], ["a.c"], ()),
    ],
)
def test_rules_that_differ(old: list[str], new: list[str], told: tuple[str, ...]) -> None:
    assert rule_changes(old, new) == told


def test_causes_are_not_guessed(first: Path, marks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(first, out)
    told: dict[str, Any] = json.loads((out / "run.json").read_text())
    del told["hung_on"]  # as an older version wrote it
    (out / "run.json").write_text(json.dumps(told))
    work = {work.name: dict(work.why) for work in preview(recipe(marks, words=60), RunOptions(str(out))).passes}
    assert list(work["find repeated paragraphs"]) == ["what it hangs on changed since it was made"]
