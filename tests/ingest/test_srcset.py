"""Lists of addresses by size, as the HTML standard reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.srcset import MAX_CANDIDATES, Candidate, largest, parse_srcset


@pytest.mark.parametrize(
    ("value", "candidates"),
    [
        ("", []),
        ("a.jpg", [Candidate("a.jpg")]),
        ("a.jpg 1x, b.jpg 2x", [Candidate("a.jpg", 0, 1), Candidate("b.jpg", 0, 2)]),
        ("a.jpg 100w,b.jpg 1.5x", [Candidate("a.jpg", 100), Candidate("b.jpg", 0, 1.5)]),
        (" ,, a,b.jpg\t640w 480h,\nc.jpg, ", [Candidate("a,b.jpg", 640), Candidate("c.jpg")]),
        ("a.jpg, b.jpg", [Candidate("a.jpg"), Candidate("b.jpg")]),
        ("a.jpg,,,b.jpg 2x", [Candidate("a.jpg,,,b.jpg", 0, 2)]),
        ("a.jpg -5w, b.jpg 2y, c.jpg 3w", [Candidate("c.jpg", 3)]),
        ("a.jpg calc(1, 2) 3w, b.jpg 3w", [Candidate("b.jpg", 3)]),
    ],
)
def test_lists(value: str, candidates: list[Candidate]) -> None:
    assert parse_srcset(value) == candidates


def test_the_largest_under_a_side() -> None:
    wide = [Candidate("s", 100), Candidate("m", 800), Candidate("l", 3000), Candidate("d", 0, 3)]
    assert [largest(wide, side) for side in (50, 100, 900, 9000)] == ["s", "s", "m", "l"]
    assert largest([Candidate("a"), Candidate("b", 0, 2), Candidate("c", 0, 2), Candidate("")], 900) == "b"
    assert largest([], 900) == largest([Candidate("", 300)], 900) == ""


@given(st.text(alphabet="ab,() \n12wx.", max_size=80))
def test_any_list(value: str) -> None:
    for candidate in parse_srcset(value):
        assert candidate.url
        assert " " not in candidate.url
        assert not candidate.url.endswith(",")


def test_many_candidates_are_cut() -> None:
    assert len(parse_srcset(", ".join(f"{i}.jpg {i}w" for i in range(1, 500)))) == MAX_CANDIDATES
