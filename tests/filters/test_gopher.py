"""Gopher's metrics against numbers that the originals gave, and the scorer against its contract.

`gopher_originals.jsonl` was made by running datatrove 0.10.1, DCLM's repetition_filter and quality filters (their
fractions printed, with uniseg 0.10.1), and Dolma 1.2.1's get_attributes; each leaves out what it does not compute.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.scorer import Scorer
from filters.gopher import ENGLISH, Gopher

DIALECTS = ["datatrove", "dclm", "dolma"]

# of datatrove's tests/pipeline/filters/test_filters.py
FRODO = (
    "I wish it need not have happened in my time,' said Frodo. 'So do I,' said Gandalf, 'and so do all who live to "
    "see such times. But that is not for them to decide. All we have to decide is what to do with the time that is "
    "given us.'"
)


def batch(*texts: str | None, column: str = "text.edited") -> pa.RecordBatch:
    return pa.record_batch([pa.array(texts, pa.string())], [column])


def score(dialect: str, *texts: str | None, **parameters: Any) -> list[dict[str, Any]]:
    return Gopher(dialect=dialect, **parameters).score(batch(*texts)).to_pylist()  # pyright: ignore


def originals() -> list[Any]:
    path = Path(__file__).with_name("gopher_originals.jsonl")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [pytest.param(d, row["text"], row[d], id=f"{d}-{i}") for i, row in enumerate(rows) for d in DIALECTS]


@pytest.mark.parametrize(("dialect", "text", "expected"), originals())
def test_originals(dialect: str, text: str, expected: dict[str, float]) -> None:
    row = score(dialect, text)[0]
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_the_dialects_disagree() -> None:
    short = [score(d, "This is a test.")[0]["top_2gram"] for d in DIALECTS]
    assert short == pytest.approx([0.467, 0, 0.5], abs=5e-4)
    start = FRODO[: FRODO.index(" But")].replace("'", "")
    rows = [score(d, "I am a solo traveller " * 4 + start)[0] for d in DIALECTS]
    assert [row["top_2gram"] for row in rows] == pytest.approx([0.077, 0.329, 0.074], abs=5e-4)
    assert [row["dup_5gram"] for row in rows] == pytest.approx([0.244, 0.437, 0.383], abs=5e-4)


@pytest.mark.parametrize(
    ("text", "metric", "fraction"),
    [
        # tests/baselines/mappers/filters/test_content_filters.py
        ("Hello, World.", "dup_line_frac", 0),
        ("Hello\nHello\n\n\n\nHello", "dup_line_frac", 1),
        ("Hello\nHello\n\n\n\nHello", "dup_line_chars", 1),
        ("Hello, World.\nHello, World.\n\nHello", "dup_line_frac", 2 / 3),
        ("Hello, World.\nHello, World.\n\nHello", "dup_line_chars", 26 / 31),
        ("Hello, World.\n\nHello, World.\n\nHello, World.\nHello", "dup_para_frac", 2 / 3),
        ("Hello, World.\n\nHello, World.\n\nHello, World.\nHello", "dup_para_chars", 26 / 45),
        ("hello", "top_2gram", 0),
        ("hello world hello world hello world", "top_2gram", 1),
        ("hello world hello world hello world", "top_3gram", 1),
        ("hello world hello world hello world", "top_4gram", 4 / 3),
        ("hello      world hello apple.... world hello\n world hello", "top_2gram", 30 / 40),
        ("hello      world hello apple.... world hello\n world hello", "top_3gram", 30 / 40),
        ("hello      world hello apple.... world hello\n world hello", "top_4gram", 0),
        ("a b a b a b ab cd ab cd ab cd abc def abc def", "top_2gram", 12 / 30),
        ("a b a b a b abc def abc def ab cd ab cd ab cd", "top_2gram", 12 / 30),
        ("hello world hello\n world hello. apple world hello world hello world hello world", "dup_5gram", 60 / 65),
    ],
)
def test_dclm_fractions(text: str, metric: str, fraction: float) -> None:
    assert score("dclm", text)[0][metric] == pytest.approx(fraction, abs=1e-12)


def test_dolma_floats() -> None:
    # tests/python/test_gopher.py
    short, lines, spaced, dotted, plain = score(
        "dolma",
        "This is a test.",
        "This is a sentence. \n  \n This is another sentence.\n\n  This is a third sentence.",
        "T h i s \n    \n\n\n    isoneword !!!",
        "The.and.that",
        "The and that",
    )
    assert (short["top_2gram"], short["top_3gram"], short["top_4gram"]) == (0.5, 0.5833333333333334, 1.0)
    assert (short["words"], short["median_word_length"], short["alpha_words"]) == (4, 3.0, 1.0)
    assert lines["top_2gram"] == 0.3050847457627119
    assert lines["top_3gram"] == 0.23728813559322035
    assert lines["top_4gram"] == 0.2711864406779661
    assert (lines["words"], lines["median_word_length"], lines["stop_words"]) == (13, 4.0, 0)
    assert [lines[f"dup_{n}gram"] for n in range(5, 11)] == [0.0] * 6
    assert spaced["words"] == 6
    assert (dotted["stop_words"], plain["stop_words"]) == (0, 2)


#: Gopher's thresholds as datatrove's filters have them, in the order in which they look: reason, metric, bounds kept.
REPETITION = [
    ("dup_para_frac", "dup_para_frac", 0, 0.3), ("dup_para_char_frac", "dup_para_chars", 0, 0.2),
    ("dup_line_frac", "dup_line_frac", 0, 0.3), ("dup_line_char_frac", "dup_line_chars", 0, 0.2),
    ("top_2_gram", "top_2gram", 0, 0.2), ("top_3_gram", "top_3gram", 0, 0.18), ("top_4_gram", "top_4gram", 0, 0.16),
    ("duplicated_5_n_grams", "dup_5gram", 0, 0.15), ("duplicated_6_n_grams", "dup_6gram", 0, 0.14),
]  # fmt: skip
QUALITY = [
    ("gopher_short_doc", "words", 10, 1000),
    ("gopher_below_avg_threshold", "mean_word_length", 3, 1e9), ("gopher_above_avg_threshold", "mean_word_length", 0, 10),
    ("gopher_too_many_hashes", "hash_ratio", 0, 0.1), ("gopher_too_many_ellipsis", "ellipsis_ratio", 0, 0.1),
    ("gopher_too_many_bullets", "bullet_lines", 0, 0.9), ("gopher_too_many_end_ellipsis", "ellipsis_lines", 0, 0.3),
    ("gopher_below_alpha_threshold", "alpha_words", 0.8, 1), ("gopher_enough_stop_words", "stop_words", 2, 1e9),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        # datatrove's tests/pipeline/filters/test_filters.py
        (REPETITION, "I am your father.\n" * 4, "dup_line_frac"),
        (REPETITION, "I am your father.\n\n" * 4, "dup_para_frac"),
        (
            REPETITION,
            "I am groot.\n\nYou are a wizard.\n\nI am your father.\n\n" + f"{'x' * 30}.\n\n" * 2,
            "dup_para_char_frac",
        ),
        (REPETITION, "I am groot.\nYou are a wizard.\nI am your father.\n" + f"{'x' * 40}.\n" * 2, "dup_line_char_frac"),
        (REPETITION, "I am Frank, I am Frank, I am Frank", "top_2_gram"),
        (REPETITION, "I am Frank, you are Jhon. I am Frank. I am Frank you are Jhon", "top_3_gram"),
        (REPETITION, "I am a solo traveller " * 4 + FRODO, "duplicated_5_n_grams"),
        (REPETITION, FRODO, None),
        (QUALITY, "I am too small...", "gopher_short_doc"),
        (QUALITY, "I am " * 20, "gopher_below_avg_threshold"),
        (QUALITY, "interconnection " * 20, "gopher_above_avg_threshold"),
        (QUALITY, "# comment " * 20, "gopher_too_many_hashes"),
        (QUALITY, "... comment " * 20, "gopher_too_many_ellipsis"),
        (
            QUALITY,
            "the ./!*?<><> apple <?////> orange  ++ interconnection !<>??? have" * 20,
            "gopher_below_alpha_threshold",
        ),
        (QUALITY, FRODO, None),
    ],
)
def test_datatrove_reasons(rules: list[tuple[str, str, float, float]], text: str, expected: str | None) -> None:
    row = score("datatrove", text)[0]
    failed = [reason for reason, metric, low, high in rules if not low <= row[metric] <= high]
    assert (failed[0] if failed else None) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_contract(dialect: str) -> None:
    scorer = Gopher(dialect=dialect)  # pyright: ignore[reportArgumentType]
    assert isinstance(scorer, Scorer)
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    scorer.open()
    texts = [FRODO, None, "", "\n", "\0", " ", "x", "word " * 3000, "é", "\U0010ffff", FRODO * 3]
    whole = scorer.score(batch(*texts))
    assert whole.schema.equals(scorer.schema, check_metadata=True)
    assert whole.num_rows == len(texts)
    assert [all(value is None for value in row.values()) for row in whole.to_pylist()] == [t is None for t in texts]
    assert set(whole.slice(2, 1).to_pylist()[0].values()) == {0}
    for cut in (1, 4, 8):
        parts = [scorer.score(batch(*texts).slice(0, cut)), scorer.score(batch(*texts).slice(cut))]
        assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([whole]))
    assert scorer.score(batch()).num_rows == 0
    for field in scorer.schema:
        assert {b"doc", b"unit", b"range"} <= field.metadata.keys()


def test_parameters_are_checked() -> None:
    for name in ("dialect", "read", "stop_words"):
        with pytest.raises(ValueError, match=name):
            Gopher(**{name: "other"})  # pyright: ignore[reportArgumentType]
    assert Gopher(read="extracted").inputs == ("text.text",)
    assert Gopher().inputs == ("text.edited",)


def test_dolma_has_a_median_and_no_paragraphs() -> None:
    names = {dialect: set(Gopher(dialect=dialect).schema.names) for dialect in DIALECTS}  # pyright: ignore
    assert names["datatrove"] == names["dclm"]
    assert names["dolma"] - names["dclm"] == {"median_word_length"}
    assert names["dclm"] - names["dolma"] == {"dup_para_frac", "dup_para_chars"}


def test_stop_words_are_words() -> None:
    text = "The other bethe tobe of_and thathave with. The the THE Be"
    assert score("datatrove", text)[0]["stop_words"] == 2  # the, with: each once
    assert score("dolma", text)[0]["stop_words"] == 1  # "with." is no word of str.split
    assert score("dclm", text)[0]["stop_words"] == 5  # lower case, every occurrence
    assert score("datatrove", " ".join(ENGLISH))[0]["stop_words"] == len(ENGLISH)


def test_stop_words_by_language() -> None:
    scorer = Gopher(stop_words="by_language")
    assert scorer.inputs == ("text.edited", "language.label")
    assert scorer.weights_digest()
    german, english = "Der Hund und die Katze in dem Haus von nebenan", "The dog and the cat have to be in that house"
    texts = [german, german, english, english, german]
    labels = pa.array(["de", "en", "en", "de", None])
    columns = [pa.array(texts), labels]
    rows = scorer.score(pa.record_batch(columns, ["text.edited", "language.label"])).to_pylist()
    counts = [row["stop_words"] for row in rows]
    assert counts[0] >= 5
    assert counts[1] == 0
    assert counts[2] == 6
    assert counts[3] <= 1
    assert counts[4] == 0  # a language that is not known has Gopher's own


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("unit", ["a ", "\n", "(", "'", ":)", "漢", "word", "a\n\n", "…", "x-", "e\u0301", "1.5 "])
def test_hostile_texts_end(dialect: str, unit: str) -> None:
    row = score(dialect, unit * 100_000)[0]
    assert all(value >= 0 for value in row.values())
    if unit == "a ":
        assert row["top_4gram"] > (3.49 if dialect == "datatrove" else 3.9)
        assert row["dup_10gram"] > (0.49 if dialect == "datatrove" else 0.99)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=6), st.sampled_from(DIALECTS))
def test_neighbours_change_nothing(texts: list[str], dialect: str) -> None:
    assert score(dialect, *texts) == [score(dialect, text)[0] for text in texts]
