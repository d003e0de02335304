"""The development corpus against its truth: what issue after issue must not lose again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from quality_web import evaluate

from pipelines.recipe import load_recipe
from pipelines.run import RunOptions, run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def judged(web_corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The recipe for many languages over dev.warc.gz, compared with the truth."""
    out = tmp_path_factory.mktemp("dev") / "out"
    warc = web_corpus_folder / "dev.warc.gz"
    recipe = load_recipe(ROOT / "recipes" / "multilingual.yaml", [f"input.warcs={warc}", "input.part=8MB"])
    run(recipe, RunOptions(str(out), workers=2))
    return evaluate(
        out, [warc], [web_corpus_folder / "dev-truth.jsonl.gz"], gold=web_corpus_folder / "dev-gold-text.jsonl.gz"
    )["results"]


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("records accounted for", 1.0),
        ("charset right", 0.99),
        ("language right", 0.97),
        ("exact duplicates found", 1.0),
        ("or of nearly the same text", 0.995),
        ("junk dropped", 0.9),
        ("good pages kept", 0.95),
        ("what is no page left out", 1.0),
    ],
)
def test_the_corpus_is_judged_right(judged: dict[str, Any], name: str, least: float) -> None:
    assert judged[name]["share"] >= least, judged[name]
