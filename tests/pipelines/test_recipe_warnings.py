"""Settings that can be run and are hardly meant."""

from __future__ import annotations

import pytest

from pipelines.recipe import load_recipe
from pipelines.recipe_warnings import warnings_of

RECIPE = """
name: a
input: {{warcs: x.warc.gz}}
documents:
  score: [text, {{minhash: {{{}}}}}]
  keep: [duplicates.kept]
output: {{text: {{from: documents}}}}
"""


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("threshold: 0.8", ""),  # 99.6%
        ("threshold: 0.59", ""),  # 53.6%
        ("threshold: 0.5", "minhash: 18 × 6 finds 25% of the pairs at its threshold 0.5: take 337 bands or fewer rows"),
        ("threshold: 0.8, bands: 2, rows: 9", "2 × 9 finds 25%"),
        ("threshold: 0.1, verify: none", ""),  # then the bands alone decide
        ("threshold: 1.0, bands: 1, rows: 100", ""),
    ],
)
def test_bands_that_do_not_fit_their_threshold(setting: str, told: str) -> None:
    found = warnings_of(load_recipe(RECIPE.format(setting)))
    assert len(found) == bool(told)
    assert all(told in line and "web2shards dedup curve" in line for line in found)


def test_repeated_lines_know_nothing_of_earlier_runs() -> None:
    lines = RECIPE.replace("{{minhash: {{{}}}}}", "exact, paragraphs")
    assert warnings_of(load_recipe(lines.format())) == ()
    (line,) = warnings_of(load_recipe(lines.format(), ["documents.against=[out/before]"]))
    assert line.startswith("paragraphs: lines of the earlier runs (against) are not compared")
