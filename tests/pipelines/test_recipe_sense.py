"""Recipes that can be read and make no sense: what no row can be is an error, what drops nothing a warning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from filters.language import Language
from filters.language_names import code_of
from filters.rule_ranges import beyond
from filters.rules import parse_rule
from pipelines.recipe import check_recipe, load_recipe
from pipelines.recipe_files import check_files_and_plan
from pipelines.recipe_warnings import warnings_of

RECIPE = """
name: sense
input: {{warcs: x.warc.gz}}
documents:
  score: [{score}]
  keep:
{rules}
output: {{text: {{from: documents}}}}
"""
SCORERS = "text, language, gopher, paragraphs"


def recipe(*rules: str, score: str = SCORERS) -> str:
    return RECIPE.format(score=score, rules="".join(f"    - {json.dumps(rule)}\n" for rule in rules))


@pytest.mark.parametrize(
    ("rule", "message", "mend"),
    [
        ("language.label is english", "is never `english`: labels are codes", "write `en`"),
        ("language.label in [en, eng]", "is never `eng`", "write `en`"),
        ("language.label != germn", "is never `germn`", "write `de`"),
        ("language.label is zh-CN", "is never `zh-CN`", "write `zh`"),
        ("language.label is qq", "is never `qq`", "write such as en, de or zh"),
        ("language.second_label is jp", "is never `jp`", "write `ja`"),
        ("language.score >= by language {german: 0.8, other: 0.5}", "is never `german`", "write `de`"),
        ("language.script is latin", "codes of four letters", "write such as Latn"),
        ("language.score >= 65", "is 0 to 1: `>= 65` is never true", "0.65 instead of 65"),
        ("language.score >= by language {de: 82, other: 0}", "`>= 82 for de` is never true", "0.82 instead of 82"),
        ("language.score in 2..3", "`in 2..3` is never true", "as a share"),
        ("gopher.words < 0", "is 0 or more: `< 0` is never true", "give a number within that"),
        ("not gopher.words >= 0", "is 0 or more: `< 0` is never true", "give a number within that"),
        ("paragraphs_repeated.share == 2", "is 0 to 1: `== 2` is never true", "0.02 instead of 2"),
        ('language.score >= "0.65"', 'is a number, and "0.65" is a text', "write it without quotes: 0.65"),
    ],
)
def test_what_no_row_can_be(rule: str, message: str, mend: str) -> None:
    (problem,) = check_recipe(recipe(rule))
    assert (problem.place, problem.path) == ("recipe:7", "documents.keep[0]")
    assert message in problem.message
    assert mend in problem.mend


@pytest.mark.parametrize(
    "rule",
    [
        "language.label in [en, de, und, gsw, ceb, grc]", "language.score >= 1", "language.score > 0", "gopher.words == 0",
        "gopher.dup_5gram <= 1.5", "language.score >= by language {de: 0.8, other: 0}", "language.script in [Latn, Cyrl]",
    ],
)
def test_what_some_row_can_be(rule: str) -> None:
    assert check_recipe(recipe(rule)) == []
    assert warnings_of(load_recipe(recipe(rule))) == ()


def test_every_label_of_the_model_can_be_asked_for() -> None:
    labels, _ = Language()._labels()  # pyright: ignore[reportPrivateUsage]
    assert [code for code in map(str, labels.codes) if code_of(code) != code] == []


def test_bounds_hold_in_every_form_of_a_test() -> None:
    bounds = {"a.b": (0.0, 1.0)}
    never = ["> 1", ">= 1.1", "< 0", "<= -1", "== 2", "in 2..3", "in 1.5..", "in ..-1"]
    always = [">= 0", "<= 1", "!= 2", "> -1", "< 2", "in 0..", "in ..1"]
    neither = ["> 0", "< 1", "== 1", "== 0", "in 0.5..2", "in -1..0.5", ">= 0.5"]
    for tests, holds in ((never, [False]), (always, [True]), (neither, [])):
        for test in tests:
            assert [found.holds for found in beyond(parse_rule(f"a.b {test}"), bounds)] == holds, test
            assert [found.holds for found in beyond(parse_rule(f"not a.b {test}"), bounds)] == [not h for h in holds], test
    assert list(beyond(parse_rule("a.c > 5"), bounds)) == []


@pytest.mark.parametrize(
    ("score", "rules", "told"),
    [
        (SCORERS, ["gopher.words >= 0"], "the rule `gopher.words >= 0` drops only what was not scored"),
        ("text, exact, minhash", ["text.characters >= 5"], "exact, minhash finds duplicates, and no rule drops them"),
        ("text", [], "there is no rule, so that all documents go into text"),
        ("text, exact", ["duplicates.size <= 5"], ""),
        ("text, exact", ["duplicates.kept"], ""),
    ],
)
def test_what_drops_nothing(score: str, rules: list[str], told: str) -> None:
    text = recipe(*rules, score=score) if rules else recipe(score=score).replace("keep:\n", "keep: []\n")
    found = warnings_of(load_recipe(text))
    assert len(found) == bool(told)
    assert all(told in line for line in found)


@pytest.mark.parametrize("path", sorted(Path("recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_of_the_project_make_sense(path: Path) -> None:
    assert [line for line in warnings_of(load_recipe(path)) if "drop" in line or "no rule" in line] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("score: [text, language]", "score:\n    text\n    - language"), ("  keep:\n    - ", "  keep:\n    ")],
)
def test_a_missing_dash_is_one_problem(before: str, after: str) -> None:
    text = recipe("language.score >= 0.5", score="text, language").replace(before, after)
    assert text != recipe("language.score >= 0.5", score="text, language")
    (problem,) = check_recipe(text)
    assert "should be a list of lines that begin with `- `" in problem.message
    assert problem.mend.startswith("write `- ` before each line, the first too: `- ")


def test_a_table_of_texts_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "pos.jsonl").write_text('{"text": "good"}\n')
    (problem,), _ = check_files_and_plan(load_recipe(
        recipe("quality.score >= 0.5", score=f"text, quality: {{model: {tmp_path}/pos.jsonl}}").replace(
            "{warcs: x.warc.gz}", f"{{table: {{path: {tmp_path}/pos.jsonl}}}}"
        )
    ))  # fmt: skip
    assert problem.path == "documents.score[1].quality.model"
    assert "pos.jsonl is JSON Lines, and no model" in problem.message
    assert "web2shards train quality --positive pos.jsonl" in problem.mend


def test_a_range_may_be_set() -> None:
    text = recipe("gopher.words in 50..100")
    made = load_recipe(text, ["documents.keep.gopher.words=20..80"])
    assert made.documents.rules[0].text == "gopher.words in 20..80"
    (problem,) = check_recipe(text, ["documents.keep.gopher.words=20"])
    assert problem.mend == "give a range: --set documents.keep.gopher.words=50..1000"
