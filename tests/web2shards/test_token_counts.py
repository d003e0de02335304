"""Tokens of what each rule leaves: in stats.json, on the report's page, in the table after `run`; the same for any split."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli

RECIPE = """
name: tokens
input: {{table: {{path: {path}}}, part: {part}}}
documents:
  score: [text, tokens: {{as: llm, {settings}}}, exact]
  keep:
    - llm.count >= 5
    - duplicates.kept
output:
  text: {{from: documents, samples: 20}}
"""
#: 60 rows are too short, and a tenth of the others are copies of those before them.
TEXTS = ["short"] * 60 + [f"reeds and water {i - (i % 10 == 1):05d} {'x' * (i // 10)}" for i in range(200)]


def run(cli: Cli, folder: Path, *, part: str = "1MB", workers: int = 1, settings: str = "") -> tuple[dict[str, Any], str]:
    """`stats.json` and what the command wrote."""
    folder.mkdir()
    (folder / "texts.jsonl").write_text(
        "".join(json.dumps({"url": f"https://host.example/{i}", "text": text}) + "\n" for i, text in enumerate(TEXTS))
    )
    (folder / "recipe.yaml").write_text(RECIPE.format(path=folder / "texts.jsonl", part=part, settings=settings))
    done = cli("run", folder / "recipe.yaml", "--out", folder / "out", "--workers", workers)
    assert done.exit_code == 0, done.stderr
    return json.loads((folder / "out" / "report" / "stats.json").read_text()), done.stdout


def tokens(text: str) -> int:
    return -(-len(text.encode()) // 4)


def test_each_step_tells_the_tokens_that_are_left(cli: Cli, tmp_path: Path) -> None:
    stats, shown = run(cli, tmp_path / "one")
    (table,) = stats["tables"]
    long = [text for text in TEXTS if tokens(text) >= 5]
    total, first, last = sum(map(tokens, TEXTS)), sum(map(tokens, long)), sum(map(tokens, set(long)))
    assert total > first > last
    assert (table["tokens"]["total"], table["tokens"]["kept"]) == (total, last)
    assert [rule["tokens"] for rule in table["rules"]] == [
        {"dropped": total - first, "left": first}, {"dropped": first - last, "left": last},
    ]  # fmt: skip
    assert table["tokens"]["estimated"] == len(TEXTS)
    assert "tokens left (estimated)" in shown
    assert re.search(rf"^ *kept .* {last:,}\s*$", shown, re.MULTILINE)
    page = (tmp_path / "one" / "out" / "report" / "index.html").read_text()
    assert "Tokens left (estimated)" in page
    assert f'<td class="n">{first:,}</td>' in page
    split, _ = run(cli, tmp_path / "many", part="1kB", workers=2)
    assert split["tables"] == stats["tables"]


def test_counted_tokens_are_not_called_an_estimate(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    words = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
             "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
             "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}}  # fmt: skip
    (tmp_path / "words.json").write_text(json.dumps(words))
    stats, shown = run(cli, tmp_path / "one", settings=f"tokenizer: {tmp_path / 'words.json'}")
    counted = stats["tables"][0]["tokens"]
    assert (counted["total"], counted["kept"], counted["estimated"]) == (
        sum(len(text.split()) for text in TEXTS), sum(len(text.split()) for text in set(TEXTS) if len(text.split()) >= 5), 0,
    )  # fmt: skip
    assert "tokens left" in shown
    assert "estimated)" not in shown


def test_without_the_scorer_no_tokens_are_told(cli: Cli, out: Path) -> None:
    assert json.loads((out / "report" / "stats.json").read_text())["tables"][0]["tokens"] is None
    assert "tokens" not in cli("report", out).stdout
    assert "okens left" not in (out / "report" / "index.html").read_text()
