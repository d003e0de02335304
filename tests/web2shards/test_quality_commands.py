"""`web2shards train quality` and `web2shards threshold`, and a recipe that uses what they give."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import web2shards

from .conftest import EXAMPLES, Cli, run_inline, write_recipe

RECIPE = """\
name: small
input: {{warcs: {warcs}, part: {part}}}
documents:
  score: [text, language, {{quality: {{model: demo}}}}, {{ensemble: {{columns: [quality.percentile, language.score]}}}}]
  keep: [text.characters >= 200]
output:
  text: {{from: documents, samples: 50}}
"""


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    run_inline(write_recipe(folder, text=RECIPE), folder / "out")
    return folder / "out"


def tables(folder: Path) -> tuple[Path, Path]:
    texts = [json.loads(line)["text"] or "" for line in (EXAMPLES / "table.jsonl").read_text("utf-8").splitlines()]
    good, bad = folder / "good.jsonl", folder / "bad.jsonl"
    good.write_text("".join(json.dumps({"body": text}) + "\n" for text in texts))
    bad.write_text("".join(json.dumps({"body": f"cheap offer {i} casino " * (i % 9 + 1)}) + "\n" for i in range(60)))
    return good, bad


def test_training_prints_what_the_card_says(cli: Cli, tmp_path: Path) -> None:
    good, bad = tables(tmp_path)
    settings = ["--buckets", "100", "--dimensions", "4", "--epochs", "20", "--keep", "0.25", "--text-column", "body"]
    done = cli("train", "quality", "-p", good, "-n", bad, "--out", tmp_path / "model", "--about", "For tests.", *settings)
    assert done.exit_code == 0, done.stderr
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert f"held-out AUC {card['figures']['auc']:.4f}" in done.stdout
    row = next(row for row in card["figures"]["shares_of_reference"] if row["share"] == 0.25)
    assert f"quality.score >= {np.float32(row['threshold'])!s} " in done.stdout
    assert "the figures are rough" in done.stderr
    assert "For tests." in (tmp_path / "model" / "card.md").read_text()
    assert card["settings"]["epochs"] == 20


def test_mistakes_have_a_mend(cli: Cli, tmp_path: Path) -> None:
    good, bad = tables(tmp_path)
    done = cli("train", "quality", "-p", good, "-n", bad, "--out", tmp_path / "model", "--method", "svm")
    assert done.exit_code == 2
    assert "--method" in done.stderr
    done = cli("train", "quality", "-p", good, "-n", bad, "--out", tmp_path / "model", "--held-out", "0.9")
    assert done.exit_code == 2
    assert "--held-out: 0.9 is not in 0.01..0.5" in done.stderr
    done = cli("train", "quality", "-p", good, "-n", bad, "--out", tmp_path / "model")
    assert done.exit_code == 3
    assert "has no column 'text'" in done.stderr or "there is no text" in done.stderr
    assert "--text-column" in done.stderr
    done = cli("train", "quality", "-p", good, "-n", bad, "--out", good)
    assert done.exit_code == 4
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.json").write_text("mine")
    done = cli("train", "quality", "-p", good, "-n", bad, "--out", tmp_path / "model")
    assert done.exit_code == 4
    assert "holds a model already" in done.stderr
    assert (tmp_path / "model" / "card.json").read_text() == "mine"
    done = cli("train", "quality", "-p", good, "-n", bad, "--out", tmp_path / "model", "--overwrite")
    assert done.exit_code == 3  # of the texts


def test_a_recipe_with_the_demo_keeps_manuals_and_drops_junk(scored: Path) -> None:
    """By the example's own truth: pages of the manual score higher than what is planted as junk."""
    quality = {
        row["url"]: row["quality"]
        for row in (json.loads(line) for line in (EXAMPLES / "truth.jsonl").read_text("utf-8").splitlines())
    }
    table = web2shards.open(scored).documents.to_table(["page.url", "quality.score", "ensemble.mean"], "text.characters > 0")
    urls, scores = (table[name].to_pylist() for name in ("page.url", "quality.score"))
    kinds = [quality.get(url) for url in urls]
    good, bad = ([s for kind, s in zip(kinds, scores, strict=True) if kind == wanted] for wanted in ("ok", "junk"))
    assert len(good) > 200
    assert len(bad) > 10
    better = np.mean([g > b for g in good for b in bad])
    assert better > 0.9
    assert table["ensemble.mean"].null_count == 0


def test_the_printed_rule_keeps_the_share(cli: Cli, scored: Path) -> None:
    run = web2shards.open(scored)
    kept = run.documents.count_rows("fate.kept")
    for share in (0.1, 0.333, 1):
        done = cli("threshold", scored, "quality.score", "--top", f"{100 * share:g}%")
        assert done.exit_code == 0, done.stderr
        rule = done.stdout.strip().removeprefix("- ")
        found = run.documents.count_rows(f"fate.kept and {rule}")
        scores = run.documents.to_table(["quality.score"], "fate.kept")["quality.score"].to_numpy()
        wanted = math.ceil(share * kept)
        assert found == (scores >= np.sort(scores)[kept - wanted]).sum() >= wanted
    done = cli("threshold", scored, "text.characters", "--top", "0.2", "--lowest", "--where", "fate.kept")
    rule = done.stdout.strip().removeprefix("- ")
    assert rule.startswith("text.characters <= ")
    assert "." not in rule.rpartition(" ")[2]
    assert run.documents.count_rows(f"fate.kept and {rule}") >= math.ceil(0.2 * kept)


def test_each_large_label_has_its_own_threshold(cli: Cli, scored: Path) -> None:
    run = web2shards.open(scored)
    done = cli("threshold", scored, "quality.score", "--top", "25%", "--by", "language")
    assert done.exit_code == 0, done.stderr
    rule = done.stdout.strip().removeprefix("- '").removesuffix("'")
    assert rule.startswith("quality.score >= by language {en: ")
    english = run.documents.count_rows("fate.kept and language.label is en")
    others = run.documents.count_rows("fate.kept and language.label is not en and language.label is not fr")
    assert run.documents.count_rows(f"fate.kept and language.label is en and {rule}") == math.ceil(english / 4)
    if "fr: " not in rule:
        return
    assert run.documents.count_rows(f"fate.kept and language.label not in [en, fr] and {rule}") >= math.ceil(others / 4)


def test_what_a_rule_dropped_is_asked_again(cli: Cli, scored: Path, tmp_path: Path) -> None:
    """So that the answer is the same when the rule is in the recipe."""
    first = cli("threshold", scored, "quality.score", "--top", "10%").stdout
    recipe = write_recipe(tmp_path, text=RECIPE.replace(">= 200]", f">= 200, {first.strip().removeprefix('- ')}]"))
    run_inline(recipe, tmp_path / "out")
    again = cli("threshold", tmp_path / "out", "quality.score", "--top", "10%")
    assert again.stdout == first
    assert "dropped; --where fate.kept asks of what is kept alone" in " ".join(again.stderr.split())


def test_a_share_is_of_what_other_rules_of_the_same_scorer_leave(cli: Cli, scored: Path, tmp_path: Path) -> None:
    """A rule on the column itself is replaced by the answer; one on another column of the scorer stays."""
    scores = web2shards.open(scored).documents.to_table(["quality.score", "quality.probability"], "fate.kept")
    score, probability = scores["quality.score"].to_numpy(), scores["quality.probability"].to_numpy()
    middle, floor = float(np.median(probability)), float(np.median(score))
    recipe = write_recipe(tmp_path, text=RECIPE.replace(">= 200]", f">= 200, quality.probability >= {middle}]"))
    run_inline(recipe, tmp_path / "out")
    done = cli("threshold", tmp_path / "out", "quality.score", "--top", "20%")
    left = np.sort(score[probability >= np.float32(middle)])
    assert float(done.stdout.split(">= ")[1]) == left[len(left) - math.ceil(0.2 * len(left))]
    recipe = write_recipe(tmp_path, text=RECIPE.replace(">= 200]", f">= 200, quality.score >= {floor}]"))
    run_inline(recipe, tmp_path / "out")
    every, left = np.sort(score), np.sort(score[score >= np.float32(floor)])
    for where, values in ((), every), (("--where", "fate.kept"), left):
        done = cli("threshold", tmp_path / "out", "quality.score", "--top", "20%", *where)
        assert float(done.stdout.split(">= ")[1]) == values[len(values) - math.ceil(0.2 * len(values))]


def test_thresholds_that_cannot_be(cli: Cli, scored: Path) -> None:
    for arguments, told in (
        (("quality.scor", "--top", "10%"), "did you mean `quality.score`"), (("page.url", "--top", "10%"), "has no highest values"),
        (("quality.score", "--top", "110%"), "is no share"), (("quality.score", "--top", "some"), "is no share"),
        (("quality.score", "--top", "1%", "--where", "text.characters > 10_000_000"), "no row that is asked"),
    ):  # fmt: skip
        done = cli("threshold", scored, *arguments)
        assert done.exit_code in (2, 3), done.stdout
        assert told in done.stderr
