from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.splitters import words_of
from filters.fineweb import FineWeb

# Lines, and the numbers of FineWebQualityFilter in huggingface/datatrove 0.10.1, run with spaCy 3.8: line_punct,
# short_lines, dup_line_chars and newlines.
GOLDEN = [
    ("One line ends here.\nAnother does not\n\nshort!\n", [3, 0.6666666666666666, 1.0, 0.0, 0.4]),
    ("Ça va ? 中文。\nsame line\nsame line\n  \nsame line \nLast \"quoted.\"", [5, 0.2, 1.0, 0.16363636363636364, 0.3125]),
    ("x", [1, 0.0, 1.0, 0.0, 0.0]),
    ("\n\n \n", [0, 0.0, 0.0, 0.0, 0.0]),
    ("A.\n\nB.\n\nC", [3, 0.6666666666666666, 1.0, 0.0, 1.3333333333333333]),
    ("¿Qué? Sí…\nΤέλος;\nКонец!\nयह है।\n終わり。\nthe end? ", [6, 0.5, 1.0, 0.0, 0.29411764705882354]),
    ("word " * 50 + "\n" + "- item one\n- item two\n" * 5, [11, 0.0, 0.9090909090909091, 0.22857142857142856, 0.1375]),
]


def score(texts: list[str | None], scorer: FineWeb | None = None) -> pa.RecordBatch:
    scorer = scorer or FineWeb()
    result = scorer.score(pa.record_batch({scorer.inputs[0]: pa.array(texts, pa.string())}))
    result.validate(full=True)
    assert result.schema == scorer.schema
    return result


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_numbers_of_datatrove(text: str, expected: list[float]) -> None:
    row = list(score([text]).to_pylist()[0].values())
    # 終わり is one word to spaCy's English tokenizer, and three to core.english.
    compared = slice(0, 4) if "終" in text or "中" in text else slice(0, 5)
    assert row[compared] == pytest.approx(expected[compared], abs=1e-15)


def reference(text: str) -> list[float]:
    """fineweb_quality_filter.py of datatrove, Apache-2.0."""
    lines = [line for line in text.split("\n") if line.strip() != ""]
    if not lines:
        return [0, 0, 0, 0, 0]
    seen: set[str] = set()
    repeated = 0
    for line in lines:
        repeated += len(line) if line in seen else 0
        seen.add(line)
    return [
        len(lines),
        sum(line.endswith((".", "?", "!", "。", "।")) for line in lines) / len(lines),
        sum(len(line) <= 30 for line in lines) / len(lines),
        repeated / len(text.replace("\n", "")),
        text.count("\n") / max(len(words_of(text, "english")), 1),
    ]


LINES = st.sampled_from(["", " ", "\u3000", "one.", "two ", "é" * 30, "é" * 31, "中" * 31, "Yes!", "了。", "\x0b", "a\xa0b?"])


@settings(deadline=None, max_examples=100)
@given(st.lists(LINES, max_size=12))
def test_agrees_with_the_formulas(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert list(score([text]).to_pylist()[0].values()) == pytest.approx(reference(text), abs=1e-12)


def test_nulls_and_slices() -> None:
    texts = [GOLDEN[0][0], None, "", GOLDEN[6][0]]
    whole = score(texts)
    assert pa.Table.from_batches([score(texts[:1]), score(texts[1:])]).combine_chunks() == pa.Table.from_batches([whole])
    assert set(whole.to_pylist()[1].values()) == {None}
    assert set(whole.to_pylist()[2].values()) == {0}
    batch = pa.record_batch({"text.edited": pa.array(texts)})
    assert FineWeb().score(batch.slice(2)).equals(score(texts[2:]))


def test_the_length_of_a_short_line_is_a_parameter() -> None:
    result = score(["ab\nabc\nabcd"], FineWeb(short_line_length=3, read="extracted"))
    assert np.asarray(result.column("short_lines")).tolist() == [2 / 3]


@pytest.mark.parametrize("arguments", [{"short_line_length": -1}, {"read": "raw"}])
def test_bad_parameters_name_the_field(arguments: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        FineWeb(**arguments)
