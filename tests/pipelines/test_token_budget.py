"""A budget of tokens over whole runs: the same samples for any workers and parts, the longest beginning of the order that fits."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.hashing import ID_TYPE, seeded_keys
from pipelines import partitions, shard_plan
from pipelines.recipe import Recipe, check_recipe, load_recipe
from pipelines.run import RunOptions, run
from pipelines.verify import verify
from tests.pipelines.runs import EXAMPLES, hashes, small_run

#: Copies are kept, so that some of a cluster would stand on both sides of the validation split, and repeated.
RECIPE = """
name: budget
seed: 7
input: {{warcs: [{warc}], part: 100kB}}
documents:
  score: [text, tokens, exact: {{by: text}}]
  keep: [text.characters >= 100]
output:
  text: {{from: documents, samples: 7, validation: 0.4{budget}}}
"""
WARC = json.dumps(str(EXAMPLES / "web.warc.gz"))


def recipe(budget: int | str | None, settings: tuple[str, ...] = ()) -> Recipe:
    return load_recipe(RECIPE.format(warc=WARC, budget="" if budget is None else f", tokens: {budget}"), settings)


def samples(out: Path) -> list[tuple[str, int]]:
    """Key and tokens of every sample, of both splits, in the order of the output."""
    rows = [row for file in (out / "shards" / "text").glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    ids = pa.array([bytes.fromhex(row["key"][:32]) for row in rows], ID_TYPE)
    orders = [
        (int(seeded_keys(ids[i : i + 1], 7, f"order{row['key'][33:] or 0}")[0]), row["key"], row["tokens.count"])
        for i, row in enumerate(rows)
    ]
    return [(key, tokens) for _, key, tokens in sorted(orders)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    small_run(out, recipe(None))
    return out


def beginning(of: list[tuple[str, int]], most: int) -> list[tuple[str, int]]:
    kept: list[tuple[str, int]] = []
    for key, tokens in of:
        most -= tokens
        if most < 0:
            break
        kept.append((key, tokens))
    return kept


def test_what_fits_is_the_beginning_of_the_order(whole: Path, tmp_path: Path) -> None:
    every = samples(whole)
    total = sum(tokens for _, tokens in every)
    before: set[str] = set()
    for budget in (total // 50, total // 3, total - 1):
        result = small_run(tmp_path / "out", recipe(budget))  # over the shards of the smaller one
        found = samples(tmp_path / "out")
        assert found == beginning(every, budget)
        assert before < {key for key, _ in found}
        before = {key for key, _ in found}
        about = json.loads((tmp_path / "out/shards/text/index.json").read_text())["about"]
        assert about["tokens"] == sum(tokens for _, tokens in found) <= budget
        assert about["token_budget"] == len(every) - len(found) > 0
        assert about["validation_overlap"] > 0
        left_out = {"validation_overlap": about["validation_overlap"], "token_budget": about["token_budget"]}
        assert result.stats["left_out"] == {"text": left_out}
        assert result.passes.keys() >= {"write text"}
        assert verify(str(tmp_path / "out")).problems == []
    assert f"{about['token_budget']:,} samples were left out of text" in (tmp_path / "out/report/index.html").read_text()
    assert json.loads((whole / "shards/text/index.json").read_text())["about"].keys().isdisjoint({"tokens", "token_budget"})


def test_the_same_bytes_for_any_workers_and_senders(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe(sum(tokens for _, tokens in samples(whole)) // 3)
    small_run(tmp_path / "one", made)
    run(made, RunOptions(str(tmp_path / "two"), workers=2))
    monkeypatch.setattr(shard_plan, "MOST_SENDERS", 2)
    monkeypatch.setattr(partitions, "MOST_GROUPS", 2)
    small_run(tmp_path / "few", made)
    assert hashes(tmp_path / "one", "shards") == hashes(tmp_path / "two", "shards") == hashes(tmp_path / "few", "shards")
    small_run(tmp_path / "parts", load_recipe(RECIPE.format(warc=WARC, budget=", tokens: 1"), ("input.part=1MB",)))
    assert samples(tmp_path / "parts") == []
    small_run(tmp_path / "parts", load_recipe(
        RECIPE.format(warc=WARC, budget=f", tokens: {made.output['text'].tokens}"), ("input.part=1MB",)
    ))  # fmt: skip
    assert samples(tmp_path / "parts") == samples(tmp_path / "one")


def test_repeats_count_each_time(tmp_path: Path) -> None:
    settings = ("documents.keep+=duplicates.kept", 'documents.repeat={"1": 1, "2": 3}')
    small_run(tmp_path / "whole", recipe(None, settings))
    every = samples(tmp_path / "whole")
    assert len(every) > len({key[:32] for key, _ in every})
    budget = sum(tokens for _, tokens in every) // 2
    small_run(tmp_path / "half", recipe(budget, settings))
    assert samples(tmp_path / "half") == beginning(every, budget)


def test_a_budget_without_tokens_and_how_numbers_are_written() -> None:
    (problem,) = check_recipe(RECIPE.format(warc=WARC, budget=", tokens: 2B").replace("tokens, ", ""))
    assert (problem.path, problem.place) == ("output.text.tokens", "recipe:9")
    assert "no scorer of documents counts them" in problem.message
    assert "put `- tokens` under documents.score" in problem.mend
    for written, number in (("2B", 2 * 10**9), ("1.5M", 1_500_000), ("2_000_000", 2_000_000), ("500k", 500_000), ("7", 7)):
        assert recipe(written).output["text"].tokens == number
    assert load_recipe(json.dumps(recipe("2B").canonical(), indent=1)).output["text"].tokens == 2 * 10**9
    for wrong in ("2X", "many", "0", "-5", "1.5"):
        (problem,) = check_recipe(RECIPE.format(warc=WARC, budget=f", tokens: {wrong}"))
        assert problem.path == "output.text.tokens"
