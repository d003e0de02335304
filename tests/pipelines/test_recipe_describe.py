"""What `recipe describe` tells of each scorer is what the scorer has: parameters, columns, source, and a rule that can be run."""

from __future__ import annotations

import re

import pytest

from core.errors import RecipeError
from filters.rules import parse_rule
from pipelines.recipe_describe import describe_scorer, list_scorers
from pipelines.recipe_scorers import installed_scorers, parameter_names

NAMES = sorted(name for name in installed_scorers() if installed_scorers().entries[name][0].value.split(".")[0] in (
    "filters", "dedup", "ingest"
))  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_all_of_a_scorer_is_told(name: str) -> None:
    told = describe_scorer(name)
    assert told.startswith(f"{name}\n\n")
    for heading in ("Method and source", "Parameters", "Reads", "Columns", "In a recipe"):
        assert f"\n{heading}\n" in told
    for parameter in parameter_names(installed_scorers()[name]):
        assert f"\n  {parameter}: " in told
    columns = re.findall(rf"^  ({name}(?:_repeated)?\.\w+): ", told, re.MULTILINE)
    assert columns
    for rule in re.findall(r"^  keep:  - (.*)$", told, re.MULTILINE):
        assert set(parse_rule(rule).columns) & {*columns, "duplicates.kept"}


def test_ranges_defaults_and_what_must_be_given() -> None:
    gopher = describe_scorer("gopher")
    assert "dialect: one of datatrove, dclm, dolma; datatrove if not given" in gopher
    assert "gopher.alpha_words: a number, 0 to 1" in gopher
    assert "gopher.words: a number, words, 0 or more" in gopher
    assert "arXiv 2112.11446" in gopher
    quality = describe_scorer("quality")
    assert "model: a text; must be given" in quality
    assert "score: - quality: {model: demo}" in quality
    assert describe_scorer("extract") == describe_scorer("text")


def test_all_are_listed_in_a_line_each() -> None:
    told = dict(list_scorers())
    assert told.keys() >= set(NAMES)
    assert told["gopher"] == "Gopher's metrics."
    assert all("\n" not in line and line.endswith(".") for line in told.values())


def test_a_scorer_that_there_is_not() -> None:
    with pytest.raises(RecipeError, match="no scorer `gofer` is installed") as caught:
        describe_scorer("gofer")
    assert caught.value.mend == "did you mean `gopher`?"


def test_what_is_bad_is_kept_below_a_number() -> None:
    bad = ("nsfw", "overlaid_text", "repeated_caption", "pii", "flagged_words", "perplexity", "same_caption", "paragraphs")
    for name in bad:
        assert re.search(r"\n  keep:  - [\w.]+ <= ", describe_scorer(name))
    for name in ("decontaminate", "decontaminate_images", "faces"):
        assert re.search(r"\n  keep:  - [\w.]+ == 0\n", describe_scorer(name))
