"""Captions that the text in their image repeats."""

from __future__ import annotations

import pyarrow as pa
import pytest

from filters.repeated_caption import RepeatedCaption


def compared(caption: str | None, shown: str | None) -> tuple[float | None, int | None]:
    batch = pa.RecordBatch.from_arrays(
        [pa.array([caption], pa.string()), pa.array([shown], pa.string())], names=["image.caption", "overlaid_text.text"]
    )
    (row,) = RepeatedCaption().score(batch).to_pylist()
    return row["words"], row["longest"]


@pytest.mark.parametrize(
    ("caption", "shown", "words", "longest"),
    [
        ("Fresh coffee, 2024!", "FRESH COFFEE\n2024", 1.0, 15),
        ("Fresh coffee beans", "Freshcoffeebeans", 1.0, 16),  # readers lose spaces
        ("A cup of coffee on a table", "coffee", 1 / 7, 6),
        ("A cat", "scatter", 0.0, 3),  # short words count as words alone
        ("A cup on a table", "Straße", 0.0, 1),
        ("STRASSE", "Straße", 1.0, 7),
        ("ｗｉｄｅ letters", "wide", 0.5, 4),
        ("咖啡店在北京", "咖啡店", 0.0, 3),
        ("", "text", 0.0, 0),
        (None, "text", 0.0, 0),
        ("...", "text", 0.0, 0),
        ("caption", "", 0.0, 0),
    ],
)
def test_words_and_runs(caption: str | None, shown: str, words: float, longest: int) -> None:
    found = compared(caption, shown)
    assert found[0] == pytest.approx(words)
    assert found[1] == longest


def test_without_a_text_nothing_is_said() -> None:
    assert compared("a caption", None) == (None, None)


def test_a_long_text_costs_no_more_than_its_beginning() -> None:
    words, longest = compared("ab " * 100_000, "ba" * 100_000)
    assert words == 0
    assert longest < 1000
