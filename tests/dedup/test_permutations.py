"""Permutations and signatures are datasketch 2.0's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.permutations import MAX_HASH, SCHEMES, permutations, sign


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", [0, 1, 42, 2**32 - 1])
@pytest.mark.parametrize("number", [1, 7, 108, 128, 1024])
def test_permutations_are_datasketchs(scheme: str, seed: int, number: int) -> None:
    a, b = permutations(scheme, number, seed)
    theirs = MinHash(number, seed=seed, scheme=scheme).permutations
    assert a.tolist() == theirs[0].tolist()
    assert b.tolist() == theirs[1].tolist()
    with pytest.raises(ValueError, match="read-only"):
        a[0] = 1


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(ValueError, match="affine32 or legacy, not 'affine64'"):
        permutations("affine64", 8, 1)


HASHES = st.lists(
    st.one_of(st.integers(0, MAX_HASH), st.sampled_from([0, 1, MAX_HASH, MAX_HASH - 1, 1 << 31])), max_size=20
)


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(deadline=None, max_examples=100)
@given(sets=st.lists(HASHES, min_size=1, max_size=4), number=st.integers(1, 40), seed=st.integers(0, 3))
def test_signatures_are_datasketchs(scheme: str, sets: list[list[int]], number: int, seed: int) -> None:
    offsets = np.cumsum([0, *map(len, sets)])
    hashes = np.array([h for s in sets for h in s], np.uint32)
    signatures = sign(offsets, hashes, scheme, number, seed)
    assert signatures.dtype == np.uint32
    for row, values in zip(signatures, sets, strict=True):
        theirs = MinHash(number, seed=seed, scheme=scheme, hashfunc=int)
        theirs.update_batch(values)
        assert row.tolist() == theirs.hashvalues.tolist()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_of_many_hashes_too(scheme: str) -> None:
    hashes = np.random.default_rng(3).integers(0, 1 << 32, 50_001, dtype=np.uint32)
    theirs = MinHash(112, seed=1, scheme=scheme, hashfunc=int)
    theirs.update_batch(hashes.tolist())
    ours = sign(np.array([0, 0, len(hashes)]), hashes, scheme, 112, 1)
    assert (ours[0] == MAX_HASH).all()
    assert ours[1].tolist() == theirs.hashvalues.tolist()
