"""Bottom-k samples, and texts made fit to be shown."""

from __future__ import annotations

import random
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.samples import MARKS, MAY_BE_HEAP, Bottom, legible, plain


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 9) | st.integers(0, 2**64 - 1), st.integers(0, 5)), max_size=60),
    st.integers(1, 8),
    st.randoms(use_true_random=False),
)
def test_bottom_is_the_smallest_of_all(rows: list[tuple[int, int]], k: int, rng: random.Random) -> None:
    def collect(part: list[tuple[int, int]]) -> Bottom:
        bottom = Bottom(k)
        keys = np.array([key for key, _ in part], np.uint64)
        for row in bottom.candidates(keys, np.arange(len(part))).tolist():
            key, id = part[row]
            bottom.add(key, f"{id:032x}", {"n": id})
        return bottom

    whole = collect(rows)
    assert [(key, int(id, 16)) for key, id, _ in whole.entries] == sorted(rows)[:k]
    shuffled = rng.sample(rows, len(rows))
    merged = Bottom(k)
    for part in (shuffled[0::3], shuffled[1::3], shuffled[2::3]):
        merged.merge(Bottom.from_json(collect(part).to_json()))
    assert merged.to_json() == whole.to_json()


def test_other_sizes_do_not_merge() -> None:
    with pytest.raises(ValueError, match="size"):
        Bottom(1).merge(Bottom(2))


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("short", 10, "short"),
        ("a  b\t c\n\n\nd ", 50, "a b c\nd"),
        ("0123456789", 5, "01234…"),
        ("\x00\x1b[31m", 50, "��[31m"),
        ("right\u202eleft\u2069", 50, "rightleft"),
        ("line\u2028break", 50, "line\nbreak"),
        ("abc e\u0301\u0302 f", 5, "abc…"),  # never between a letter and its marks
        ("go \U0001f469\u200d\U0001f4bb!", 4, "go…"),  # never inside an emoji
        ("z" + "\u0335" * 50, 60, "z" + "\u0335" * 6),
        ("", 5, ""),
        (" " * 1000, 5, "…"),
    ],
)
def test_legible(text: str, limit: int, shown: str) -> None:
    assert legible(text, limit) == shown


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=80), st.integers(1, 40))
def test_legible_is_bounded_and_clean(text: str, limit: int) -> None:
    shown = legible(text, limit)
    assert len(shown) <= limit + 1
    assert all(letter == "\n" or (ord(letter) >= 32 and not 0x7F <= ord(letter) < 0xA0) for letter in shown)
    shown.encode()


def test_plain_values() -> None:
    assert [plain(value) for value in (None, True, 3, 0.5)] == [None, True, 3, 0.5]
    assert plain(float("nan")) == "nan"
    assert plain("x" * 1000) == "x" * 200 + "…"
    assert plain(b"\x00") == "b'\\x00'"


def test_marks_are_looked_for_wherever_they_may_be() -> None:
    marks = [chr(code) for code in range(0x300, 0x110000) if unicodedata.category(chr(code)) in ("Mn", "Me")]
    assert all(MAY_BE_HEAP.search(mark * (MARKS + 1)) for mark in marks)
    assert legible("a" + "\u0301" * 50, 100) == "a" + "\u0301" * MARKS
