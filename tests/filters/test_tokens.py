from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from core.errors import ScorerError
from filters.tokens import Tokens

TEXTS: list[str | None] = ["", "abcd", "abcde", "größe", None, "low lower lowest"]


def score(scorer: Tokens, texts: list[str | None]) -> list[dict[str, Any]]:
    scorer.open()
    found = scorer.score(pa.record_batch({scorer.inputs[0]: pa.array(texts, pa.string())}))
    found.validate(full=True)
    assert found.schema == scorer.schema
    return found.to_pylist()


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """A tokenizer of words, which would cut at two and put marks around if it were let."""
    pytest.importorskip("tokenizers")
    words = {"[UNK]": 0, "low": 1, "lower": 2, "abcd": 3, "[CLS]": 4}
    value = {
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "BertProcessing", "sep": ["[CLS]", 4], "cls": ["[CLS]", 4]}, "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }  # fmt: skip
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(value))
    return path


def test_estimates_are_bytes_by_four_rounded_up() -> None:
    found = score(Tokens(), TEXTS)
    assert [row["count"] for row in found] == [0, 1, 2, 2, None, 4]
    assert {row["estimated"] for row in found} == {True, None}
    assert score(Tokens(bytes_a_token=2.5), ["abcde"])[0]["count"] == 2


def test_a_tokenizer_counts_all_of_a_text_and_nothing_else(tokenizer: Path) -> None:
    found = score(Tokens(str(tokenizer)), TEXTS)
    assert [row["count"] for row in found] == [0, 1, 1, 1, None, 3]
    assert {row["estimated"] for row in found} == {False, None}
    assert score(Tokens(str(tokenizer)), ["low " * 700_000, "low lower"])[0]["count"] == 700_000


def test_another_version_of_the_library_is_another_method(tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Tokens(str(tokenizer)).weights_digest()
    monkeypatch.setattr("tokenizers.__version__", "0.0.1")
    assert Tokens(str(tokenizer)).weights_digest() != before


def test_where_a_tokenizer_lies_is_no_matter(tokenizer: Path, tmp_path: Path) -> None:
    copy = str(shutil.copy(tokenizer, tmp_path / "copy.json"))
    one, two = Tokens(str(tokenizer)), Tokens(copy)
    assert (one.weights_digest(), one.column_parameters) == (two.weights_digest(), two.column_parameters)
    assert one.weights_digest() != Tokens().weights_digest() == ""
    assert Tokens(bytes_a_token=3).column_parameters != Tokens().column_parameters


def test_what_is_no_tokenizer_is_refused(tokenizer: Path, tmp_path: Path) -> None:
    tokenizer.write_text("{}")
    with pytest.raises(ScorerError, match="is no tokenizer"):
        Tokens(str(tokenizer)).open()
    with pytest.raises(ScorerError, match="cannot be read"):
        Tokens(str(tmp_path / "none.json")).open()
    for bad in ({"bytes_a_token": 0}, {"bytes_a_token": float("nan")}, {"read": "both"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Tokens(**bad)  # type: ignore[arg-type]
