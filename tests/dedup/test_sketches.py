"""Signatures go to datasketch and come from it and from tables without a change, or with an error."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from datasketch import LeanMinHash
from datasketch import MinHash as Theirs
from datasketch.hashfunc import sha1_hash32

from core.errors import UserError
from dedup.minhash import MinHash
from dedup.shingles import shingles
from dedup.sketches import from_datasketch, signatures_of_table, to_datasketch

TEXTS = ["The quick brown fox jumps over the lazy dog", "one two three four five six", "the quick brown fox jumps high"]


def theirs(text: str | None, scheme: str = "affine32", seed: int = 1, number: int = 16) -> Theirs:
    minhash = Theirs(number, seed=seed, scheme=scheme, hashfunc=sha1_hash32)
    minhash.update_batch(shingles(text or "", 5))
    return minhash


def ours(scheme: str = "affine32") -> pa.Array:
    minhash = MinHash(bands=4, rows=4, hash="sha1", scheme=scheme)  # type: ignore[arg-type]
    return minhash.score(pa.RecordBatch.from_pydict({"text.edited": [*TEXTS, "too short", None]})).column("signature")


@pytest.mark.parametrize("scheme", ["affine32", "legacy"])
def test_from_datasketch(scheme: str) -> None:
    given = [*(theirs(text, scheme) for text in TEXTS), theirs("too short", scheme), None]
    assert from_datasketch(given, seed=1, scheme=scheme).equals(ours(scheme))
    assert from_datasketch([LeanMinHash(minhash) for minhash in given[:3]]).equals(ours(scheme).slice(0, 3))
    # before 2.0 there were no schemes
    old = SimpleNamespace(hashvalues=theirs(TEXTS[0], "legacy").hashvalues, seed=1)
    assert from_datasketch([old], scheme="legacy").to_pylist() == ours("legacy").to_pylist()[:1]
    assert len(from_datasketch([])) == 0


@pytest.mark.parametrize(
    ("others", "expected", "match"),
    [
        ([theirs("a b c d e"), theirs("a b c d e", seed=2)], {}, "cannot be compared"),
        ([theirs("a b c d e"), theirs("a b c d e", "legacy")], {}, "cannot be compared"),
        ([theirs("a b c d e"), theirs("a b c d e", number=17)], {}, "16 permutations.*17 permutations"),
        ([theirs("a b c d e")], {"seed": 7}, "seed: the signatures have 1, not 7"),
        ([theirs("a b c d e")], {"scheme": "legacy"}, "scheme: the signatures have affine32, not legacy"),
        ([Theirs(16, scheme="affine64")], {}, "not 'affine64'"),
    ],
)
def test_what_cannot_be_compared_is_refused(others: list[Theirs], expected: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        from_datasketch(others, **expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["affine32", "legacy"])
def test_to_datasketch(scheme: str) -> None:
    made = to_datasketch(ours(scheme), 1, scheme)
    assert made[3:] == [None, None]
    for minhash, text in zip(made, TEXTS, strict=False):
        wanted = theirs(text, scheme)
        assert minhash.hashvalues.tolist() == wanted.hashvalues.tolist()
        assert minhash.hashvalues.dtype == wanted.hashvalues.dtype
        assert minhash.jaccard(wanted) == 1.0
    assert made[0].jaccard(made[2]) == theirs(TEXTS[0], scheme).jaccard(theirs(TEXTS[2], scheme))
    made[0].update(b"another")  # as it has permutations of its seed
    assert from_datasketch(made, 1, scheme).slice(1).equals(ours(scheme).slice(1))


def test_without_datasketch_there_is_a_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    with pytest.raises(UserError, match="pip install"):
        to_datasketch(ours(), 1, "affine32")
    monkeypatch.setitem(sys.modules, "datasketch", SimpleNamespace(MinHash=lambda num_perm, seed: None))
    with pytest.raises(UserError, match=r"2\.0 or newer"):
        to_datasketch(ours(), 1, "affine32")


VALUES = [None if raw is None else np.frombuffer(raw, "<u4").tolist() for raw in ours().to_pylist()]


@pytest.mark.parametrize(
    "type_",
    [pa.list_(pa.uint32()), pa.list_(pa.uint64()), pa.list_(pa.int64()), pa.large_list(pa.int64()), pa.list_(pa.uint64(), 16)],
    ids=str,
)
def test_lists(type_: pa.DataType) -> None:
    column = pa.array(VALUES, type_)
    for permutations in (None, 16):
        assert signatures_of_table(column, permutations).equals(ours())
    assert signatures_of_table(column.slice(1, 3)).equals(ours().slice(1, 3))
    assert signatures_of_table(pa.chunked_array([column.slice(0, 2), column.slice(2)])).equals(ours())


@pytest.mark.parametrize("type_", [pa.binary(64), pa.binary(), pa.large_binary()], ids=str)
def test_binary(type_: pa.DataType) -> None:
    column = pa.array(ours().to_pylist(), type_)
    for permutations in (None, 16):
        assert signatures_of_table(column, permutations).equals(ours())
    assert signatures_of_table(column.slice(2), 16).equals(ours().slice(2))


def test_binary_of_eight_bytes_a_value() -> None:
    wide = pa.array([None if v is None else np.array(v, "<u8").tobytes() for v in VALUES])
    assert signatures_of_table(wide, 16).equals(ours())


@pytest.mark.parametrize(
    ("column", "permutations", "match"),
    [
        (pa.array([[1, 2], [1]]), None, "not of 2"),
        (pa.array([[1, 2]]), 3, "signatures of 3 values were expected, not of 2"),
        (pa.array([[1, None]]), None, "null among"),
        (pa.array([[1, -2]]), None, "32 bits"),
        (pa.array([[1, 1 << 32]]), None, "another scheme"),
        (pa.array([b"abc"]), None, "3 bytes"),
        (pa.array([b"abcd" * 3]), 2, "not of 3"),
        (pa.array([b"abcdefgh" * 2]), 2, "another scheme"),
    ],
)
def test_what_is_no_signature_is_refused(column: pa.Array, permutations: int | None, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        signatures_of_table(column, permutations)


def test_other_types_are_refused() -> None:
    for column in (pa.array([[0.5]]), pa.array(["text"]), pa.array([1])):
        with pytest.raises(TypeError, match="lists of integers"):
            signatures_of_table(column)


def test_empty_and_full_of_the_highest_value_are_null() -> None:
    assert signatures_of_table(pa.array([[], [0xFFFFFFFF] * 2, [1, 2]])).is_null().to_pylist() == [True, True, False]
    assert signatures_of_table(pa.array([], pa.list_(pa.uint32())), 4).type == pa.binary(16)


def test_signatures_of_others_are_found_among_ours() -> None:
    minhash = MinHash(bands=4, rows=4)
    scored = minhash.score(pa.RecordBatch.from_pydict({"text.edited": TEXTS})).column("signature")
    other = Theirs(16, seed=1, hashfunc=lambda raw: xxhash.xxh64_intdigest(raw) & 0xFFFFFFFF)
    other.update_batch(shingles(TEXTS[1].upper()))
    assert from_datasketch([other], minhash.seed, minhash.scheme)[0] == scored[1]
