from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.hashing import splitmix64
from dedup import hamming
from dedup.hamming import Bands, as_words, bucket_keys, match, pack_rows, scatter

PLANS = [
    Bands(64, 6, 3), Bands(64, 6, 4), Bands(64, 3, 2), Bands(64, 0, 1), Bands(64, 9, 3), Bands(256, 31, 11), Bands(256, 15, 16),
]  # fmt: skip


def near_hashes(bits: int, seed: int, families: int = 20, members: int = 6, most: int = 40) -> np.ndarray:
    """Families of hashes that differ in a few bits."""
    random = np.random.default_rng(seed)
    base = np.repeat(random.integers(0, 2, (families, bits), np.uint8), members, axis=0)
    for row in base:
        row[random.permutation(bits)[: random.integers(0, most)]] ^= 1
    return np.packbits(base, axis=1)


def distances(hashes: np.ndarray) -> np.ndarray:
    bits = np.unpackbits(hashes, axis=1).astype(np.int64)
    return (bits[:, None] != bits[None]).sum(axis=2)


def all_matches(hashes: np.ndarray, bands: Bands, partition_bits: int = 0, **given) -> dict[tuple[int, int], int]:
    n = len(hashes)
    rows = given.get("rows", np.arange(n, dtype=np.uint64))
    digests = given.get("digests", splitmix64(np.arange(n, dtype=np.uint64)))
    bounds, *records = scatter(as_words(hashes), digests, rows, bands, partition_bits)
    found: dict[tuple[int, int], int] = {}
    for start, end in pairwise(bounds):
        for a, b, distance in zip(*match(*(record[start:end] for record in records), bands), strict=True):
            assert found.setdefault((int(a), int(b)), int(distance)) == distance
    return found


@pytest.mark.parametrize("bands", PLANS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_all_pairs_within_the_radius_are_found_and_no_others(bands: Bands, seed: int) -> None:
    hashes = near_hashes(bands.bits, seed, most=bands.bits // 8)
    apart = distances(hashes)
    expected = {(int(i), int(j)): int(apart[i, j]) for i, j in np.argwhere(np.triu(apart <= bands.radius, 1))}
    assert expected or bands.radius == 0
    assert all_matches(hashes, bands) == expected


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10), st.integers(1, 8), st.lists(st.sets(st.integers(0, 63), max_size=12), min_size=2, max_size=6))
def test_wherever_the_bits_differ(radius: int, bands: int, flips: list[set[int]]) -> None:
    if radius // bands > 4:
        return
    hashes = np.packbits(np.array([[bit in flip for bit in range(64)] for flip in flips]), axis=1)
    apart = distances(hashes)
    expected = {(int(i), int(j)): int(apart[i, j]) for i, j in np.argwhere(np.triu(apart <= radius, 1))}
    assert all_matches(hashes, Bands(64, radius, bands)) == expected


def test_the_answer_does_not_depend_on_partitions_or_order() -> None:
    hashes = near_hashes(64, 7)
    bands = Bands()
    whole = all_matches(hashes, bands)
    assert all_matches(hashes, bands, partition_bits=4) == whole
    order = np.random.default_rng(0).permutation(len(hashes)).astype(np.uint64)
    shuffled = all_matches(hashes[order], bands, rows=order, digests=splitmix64(order))
    assert shuffled == whole


def test_two_views_are_no_pair() -> None:
    hashes = np.zeros((4, 8), np.uint8)
    hashes[2:] = 255
    rows = pack_rows(np.array([1, 2, 3, 4], np.uint64), np.array([True, True, False, True]))
    assert all_matches(hashes, Bands(), rows=rows) == {(3, 4): 0}


def test_a_row_and_its_own_views_are_no_pair() -> None:
    hashes = np.zeros((3, 8), np.uint8)
    rows = pack_rows(np.array([5, 5, 9], np.uint64), np.array([False, True, False]))
    digests = np.array([1, 1, 2], np.uint64)
    assert all_matches(hashes, Bands(), rows=rows, digests=digests) == {(5, 9): 0}


def test_copies_are_compared_as_one() -> None:
    hashes = np.repeat(near_hashes(64, 3, families=1, members=2, most=3), 500, axis=0)
    digests = np.repeat(np.array([11, 22], np.uint64), 500)
    assert list(all_matches(hashes, Bands(), digests=digests)) == [(0, 500)]


def test_a_bucket_of_very_many_costs_a_bounded_number_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 3_000
    found = all_matches(np.zeros((n, 8), np.uint8), Bands(64, 2, 3))
    assert len(found) <= 3 * n * hamming.PARTNERS  # a choice a band
    labels = np.arange(n)
    for _ in range(20):  # everyone is still connected
        for a, b in found:
            labels[a] = labels[b] = min(labels[a], labels[b])
    assert (labels == 0).all()


def test_keys() -> None:
    bands = Bands(256, 31, 11)
    keys, tags = bucket_keys(as_words(near_hashes(256, 0)), bands)
    assert keys.shape == (120, bands.keys) == (120, 256 + 11)
    assert np.bincount(tags).tolist() == [11, 256]
    assert bands.edges[0] == 0
    assert bands.edges[-1] == 256
    assert np.abs(np.bincount((keys >> np.uint64(63)).astype(int).ravel()) / keys.size - 0.5).max() < 0.02
    with pytest.raises(ValueError, match="shape"):
        bucket_keys(np.zeros((3, 2), np.uint64), bands)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"bits": 128}, "bits"), ({"radius": -1}, "radius"), ({"radius": 32}, "radius"), ({"bands": 0}, "bands"),
        ({"bits": 256, "bands": 3}, "bands"), ({"radius": 20, "bands": 2}, "bands"),
    ],
)  # fmt: skip
def test_wrong_bands_are_named(settings: dict, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        Bands(**settings)
