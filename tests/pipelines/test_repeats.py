"""Repeated lines over whole runs: the same as a plain reading of the rules, whatever the parts, the workers and the order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import pipelines.repeats
from core.addresses import url_hosts
from core.errors import RecipeError
from core.scorer import CUT
from core.spans import apply_edits
from dedup.paragraphs import Paragraphs
from pipelines.preview import preview
from pipelines.recipe import Recipe, load_recipe
from pipelines.run import RunOptions, run
from pipelines.verify import verify
from tests.dedup.test_paragraphs import NO_DATE, Page, plain
from tests.pipelines.runs import EXAMPLES, column, hashes, small_run

RECIPE = """
name: lines
input: {{warcs: [{warc}], part: 300kB}}
documents:
  score:
    - text
    - language
{scorers}
  keep:
    - text.characters >= 200
{rules}
output:
  text: {{from: documents, samples: 50, validation: 0.2}}
"""
CUT_LINES = ["c4: {dialect: datatrove, terminal_punctuation: false, min_words_line: 0, bad_words: \"\"}", "paragraphs", "exact"]
KEPT = ["paragraphs_repeated.share <= 0.7", "duplicates.kept"]


def recipe(scorers: list[str], rules: list[str], settings: tuple[str, ...] = ()) -> Recipe:
    listed = ["\n".join(f"    - {line}" for line in lines) for lines in (scorers, rules)]
    return load_recipe(RECIPE.format(warc=json.dumps(str(EXAMPLES / "web.warc.gz")), scorers=listed[0], rules=listed[1]), settings)


def todo(out: Path, made: Recipe) -> dict[str, int]:
    return {work.name: work.todo for work in preview(made, RunOptions(str(out))).passes}


def left(texts: list[str], cuts: list[Any]) -> list[str]:
    return apply_edits(pa.array(texts, pa.string()), [pa.array(cuts, CUT)]).to_pylist()


@pytest.mark.parametrize(
    ("parameters", "rules", "before"),
    [
        ({}, ["paragraphs_repeated.share <= 0.7"], False),
        ({"span": 3, "normalise": "ccnet"}, ["duplicates.kept"], True),
        ({"by": "paragraph", "within": "page.host", "most": 2, "keep": "none", "normalise": "none"}, [], False),
    ],
)  # fmt: skip
def test_what_a_run_cuts_is_what_the_rules_say(
    tmp_path: Path, parameters: dict[str, Any], rules: list[str], before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(pipelines.repeats, "PARTITION_KEYS", 1000)  # some partitions
    monkeypatch.setattr(pipelines.repeats, "HELD_KEYS", 500)  # several messages a source
    given = f"paragraphs: {json.dumps({**parameters, 'read': 'text'})}"
    scorers = ["exact: {by: url}", given] if before else [given, "exact"]
    small_run(tmp_path, recipe(scorers, rules))
    dates = [NO_DATE if d is None else int(d.timestamp() * 1_000_000) for d in column(tmp_path, "page", "date")]
    hosts = url_hosts(pa.array(column(tmp_path, "page", "url"), pa.string())).to_pylist()
    texts, characters = column(tmp_path, "text", "text"), column(tmp_path, "text", "characters")
    alive = [c is not None and c >= 200 for c in characters]
    if before:
        alive = [a and bool(kept) for a, kept in zip(alive, column(tmp_path, "duplicates", "kept"), strict=True)]
    pages = [
        Page(id, text or "", host, date, a)
        for id, text, host, date, a in zip(column(tmp_path, "page", "id"), texts, hosts, dates, alive, strict=True)
    ]
    cuts, shares = column(tmp_path, "paragraphs_repeated", "cut"), column(tmp_path, "paragraphs_repeated", "share")
    assert [cut is not None for cut in cuts] == alive == [share is not None for share in shares]
    assert left([page.text for page in pages], cuts) == plain(pages, Paragraphs(**parameters, read="text"))
    assert sum(len(cut or []) for cut in cuts) > 0
    lines = column(tmp_path, "paragraphs_repeated", "line")
    assert [line is not None for line in lines] == [bool(cut) for cut in cuts]
    for text, line in zip(texts, lines, strict=True):
        assert line is None or line in text
    assert verify(str(tmp_path)).problems == []


def test_the_same_bytes_with_two_workers_and_the_same_samples_of_other_parts(tmp_path: Path) -> None:
    made = recipe([*CUT_LINES, "minhash"], KEPT)
    small_run(tmp_path / "one", made)
    run(made, RunOptions(str(tmp_path / "two"), workers=2))
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    small_run(tmp_path / "whole", recipe([*CUT_LINES, "minhash"], KEPT, ("input.part=100MB",)))
    one, whole = (hashes(tmp_path / out, "shards") for out in ("one", "whole"))
    assert one.keys() == whole.keys()
    assert [name for name in one if one[name] != whole[name]] == ["shards/text/index.json"]  # which says of what parts
    assert len(column(tmp_path / "whole", "page", "url")) == len(column(tmp_path / "one", "page", "url"))


def test_a_scorer_behind_reads_what_is_left(tmp_path: Path) -> None:
    small_run(tmp_path, recipe([*CUT_LINES, "minhash", "paragraphs: {as: rest}"], KEPT))
    cut = [share is not None for share in column(tmp_path, "paragraphs_repeated", "share")]
    again = [n for n in column(tmp_path, "rest_repeated", "count") if n is not None]
    assert len(again) < sum(cut)  # those that a rule dropped take no part
    # Of two copies one was kept by a page that the rule on shares dropped; all others have nothing left to be cut.
    assert sum(again) < 0.2 * sum(n for n in column(tmp_path, "paragraphs_repeated", "count") if n is not None)
    spans = column(tmp_path, "rest", "units")
    for text, units in zip(column(tmp_path, "text", "text"), spans, strict=True):
        raw, at = (text or "").encode(), 0
        for unit in units or []:  # in the text as extracted, though lines were cut before
            assert at <= unit["start"] < unit["end"] <= len(raw)
            at = unit["end"]
            raw[unit["start"] : unit["end"]].decode()


def test_only_what_must_is_done_again(tmp_path: Path) -> None:
    small_run(tmp_path, recipe(CUT_LINES, KEPT))
    nothing = todo(tmp_path, recipe(CUT_LINES, KEPT))
    assert set(nothing.values()) == {0}
    parts = len(list((tmp_path / "documents" / "page").glob("*.parquet")))
    share = todo(tmp_path, recipe(CUT_LINES, ["paragraphs_repeated.share <= 0.6", KEPT[1]]))
    assert (share["find repeated paragraphs"], share["find duplicates"], share["extract and score"]) == (0, parts, 0)
    most = recipe([CUT_LINES[0], "paragraphs: {most: 2}", "exact"], KEPT)
    wanted = todo(tmp_path, most)
    assert (wanted["find repeated paragraphs"], wanted["extract and score"]) == (parts, 0)
    before = sum(n or 0 for n in column(tmp_path, "paragraphs_repeated", "count"))
    small_run(tmp_path, most)
    assert sum(n or 0 for n in column(tmp_path, "paragraphs_repeated", "count")) < before
    fresh = tmp_path / "fresh"
    small_run(fresh, most)
    kept = hashes(fresh)
    assert {name: value for name, value in hashes(tmp_path, "shards", "documents", "records").items() if name in kept} == kept


def test_a_damaged_layer_is_made_again(tmp_path: Path) -> None:
    made = recipe(CUT_LINES, KEPT)
    small_run(tmp_path, made)
    known = hashes(tmp_path)
    victim = sorted((tmp_path / "documents" / "paragraphs_repeated").glob("*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:-100])
    small_run(tmp_path, made)
    assert hashes(tmp_path) == known
    victim.unlink()
    small_run(tmp_path, made)
    assert hashes(tmp_path) == known


def test_the_order_of_passes_is_that_of_the_recipe(tmp_path: Path) -> None:
    first = preview(recipe(CUT_LINES, KEPT), RunOptions(str(tmp_path)))
    assert [p.name for p in first.passes] == [
        "extract and score", "find repeated paragraphs", "score 1", "find duplicates", "decide fates", "write text",
    ]  # fmt: skip
    assert first.pipelines[-1].passes == ("find duplicates", "decide fates", "write text")
    last = preview(recipe(["exact", "paragraphs"], ["duplicates.kept"]), RunOptions(str(tmp_path)))
    assert [p.passes for p in last.pipelines] == [
        ("extract and score",), ("find duplicates",), ("find repeated paragraphs", "decide fates", "write text"),
    ]  # fmt: skip
    alone = preview(recipe(["paragraphs"], []), RunOptions(str(tmp_path)))
    assert [p.name for p in alone.passes][1:3] == ["find repeated paragraphs", "find duplicates"]


@pytest.mark.parametrize(
    ("scorers", "rules", "message"),
    [
        (["paragraphs", "exact: {as: paragraphs_repeated}"], [], "holds what is found by a scorer before"),
        (["exact: {as: paragraphs_repeated}", "paragraphs"], [], "a scorer before has that name"),
        (["exact"], ["paragraphs_repeated.share <= 0.5"], "paragraphs_repeated"),
        (["paragraphs: {within: pages.host}"], [], "pages.host"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_before_anything_runs(scorers: list[str], rules: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(scorers, rules)


def test_a_run_without_pages_ends(tmp_path: Path) -> None:
    table = tmp_path / "empty.jsonl"
    table.write_text('{"text": ""}\n')
    made = recipe(["paragraphs"], [], (f"input={{table: {{path: {table}}}}}",))
    small_run(tmp_path / "out", made)
    assert np.sum([n or 0 for n in column(tmp_path / "out", "paragraphs_repeated", "count")]) == 0
