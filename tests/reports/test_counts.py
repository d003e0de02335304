"""Counts by value: exact while they can be, the same in any order always; hosts and years."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.hashing import splitmix64
from reports.counts import Counts, hosts_of, levels_of, years_of


def counted(cap: int, rows: list[tuple[str | None, bool, int]]) -> Counts:
    counts = Counts(cap)
    keys = splitmix64(np.array([row[2] for row in rows], np.uint64))
    values = pa.array([row[0] for row in rows], pa.string())
    counts.update(values, np.array([row[1] for row in rows], bool), levels_of(keys))
    return counts


def test_levels() -> None:
    keys = np.array([2**64 - 1, 2**63, 2**63 - 1, 2**62, 1, 0, 2**11], np.uint64)
    assert levels_of(keys).tolist() == [0, 0, 1, 1, 53, 53, 52]


ROWS = st.lists(
    st.tuples(st.none() | st.integers(0, 40).map(str), st.booleans(), st.integers(0, 2**64 - 1)), max_size=120
)


@settings(deadline=None, max_examples=100)
@given(ROWS, st.integers(1, 12), st.randoms(use_true_random=False))
def test_any_split_and_order_gives_the_same(
    rows: list[tuple[str | None, bool, int]], cap: int, rng: random.Random
) -> None:
    whole = counted(cap, rows)
    shuffled = rng.sample(rows, len(rows))
    parts = [counted(cap, shuffled[i::4]) for i in range(4)]
    rng.shuffle(parts)
    merged = Counts.from_json(parts[0].to_json())
    for part in parts[1:]:
        merged.merge(part)
    assert merged.to_json() == whole.to_json()
    assert len(whole.values) <= cap or whole.level == 53


def test_exact_under_the_cap() -> None:
    rows = [(value, i % 3 == 0, i) for i, value in enumerate("abracadabra")]
    counts = counted(5, rows)
    assert counts.one_in == 1
    assert {value: n for value, n, _ in counts.ranked()} == Counter("abracadabra")
    assert counts.ranked()[0] == ("a", 5, sum(value == "a" and kept for value, kept, _ in rows))


def test_estimates_over_the_cap_find_what_is_frequent() -> None:
    n = 40_000
    rows = [("large.example" if i % 4 == 0 else f"{i}.example", i % 8 == 0, i) for i in range(n)]
    counts = counted(500, rows)
    assert counts.one_in > 1
    assert len(counts.values) <= 500
    assert counts.total == [n, n // 8]
    (value, documents, kept), *_ = counts.ranked()
    assert value == "large.example"
    assert abs(documents - n / 4) < 0.25 * n / 4
    assert abs(kept - n / 8) < 0.3 * n / 8


def test_long_values_are_cut() -> None:
    assert list(counted(5, [("x" * 10_000, True, 1)]).values) == ["x" * 200]


def test_other_caps_do_not_merge() -> None:
    with pytest.raises(ValueError, match="cap"):
        Counts(1).merge(Counts(2))


def test_hosts() -> None:
    cases = {
        "http://Example.COM/a": "example.com",
        "https://user:pass@example.com:8080/": "example.com",
        "http://example.com": "example.com",
        "http://example.com?x=http://other/": "example.com",
        "http://good.example\\@evil.example/": "good.example",
        "http://[2001:db8::1]:80/": "[2001:db8::1]",
        "javascript:alert(1)": "(no host)",
        "http:///path": "(no host)",
        "": "(no host)",
        "http://" + "a" * 300: "(no host)",
        "http://bücher.example/": "bücher.example",
    }
    assert hosts_of(pa.array([*cases, None], pa.string())).to_pylist() == [*cases.values(), None]


def test_years() -> None:
    assert years_of(pa.array(["2024-05-06", "nonsense", None])).to_pylist() == ["2024", None, None]
    moments = pa.array([0, None], pa.timestamp("ms", "UTC"))
    assert years_of(moments).to_pylist() == ["1970", None]
