"""The scorer minhash: datasketch's signatures, what has none, bands, and the verdicts on pairs."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from datasketch import MinHash as Theirs
from datasketch.hashfunc import sha1_hash32
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.agreement import WRONG, agreement, clear, jaccard
from dedup.minhash import MinHash, band_hashes, group_salts, signature_words
from dedup.shingles import shingles

HASHES = {"xxh64": lambda raw: xxhash.xxh64_intdigest(raw) & 0xFFFFFFFF, "sha1": sha1_hash32}


def batch(texts: list[str | None], groups: list[str | None] | None = None, read: str = "edited") -> pa.RecordBatch:
    columns = {f"text.{read}": pa.array(texts, pa.string())}
    if groups is not None:
        columns["language.label"] = pa.array(groups, pa.string())
    return pa.RecordBatch.from_pydict(columns)


def words(n: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("abcdefghijklmnop", k=6)) for _ in range(n)]


@pytest.mark.parametrize("scheme", ["affine32", "legacy"])
@pytest.mark.parametrize("hash_", ["xxh64", "sha1"])
@pytest.mark.parametrize(("by", "ngram"), [("word", 5), ("word", 1), ("character", 24)])
@pytest.mark.parametrize("seed", [1, 42])
def test_signatures_are_datasketchs(scheme: Any, hash_: Any, by: Any, ngram: int, seed: int) -> None:
    minhash = MinHash(ngram=ngram, by=by, scheme=scheme, hash=hash_, seed=seed, bands=14, rows=8)
    texts = [" ".join(words(n, n)) for n in (5, 6, 40, 700)]
    texts += ["Ein Text, mit Umlauten: äöü ÄÖÜ. Und noch mehr!", "日本語の文章です。" * 9]
    scored = minhash.score(batch([*texts, None]))
    assert scored.schema.equals(minhash.schema)
    scored.validate(full=True)
    for text, row in zip(texts, scored.to_pylist(), strict=False):
        theirs = Theirs(112, seed=seed, scheme=scheme, hashfunc=HASHES[hash_])
        theirs.update_batch(shingles(text, ngram, by))
        assert np.frombuffer(row["signature"], "<u4").tolist() == theirs.hashvalues.tolist()
        assert row["shingles"] == len(set(shingles(text, ngram, by)))


def test_golden_signature() -> None:
    # The version is bumped when this changes.
    scored = MinHash(bands=2, rows=2).score(batch(["The quick brown fox jumps over the lazy dog"])).to_pylist()[0]
    assert MinHash.version == 1
    assert np.frombuffer(scored["signature"], "<u4").tolist() == [318245286, 624884656, 1433130419, 1088640070]
    assert scored["shingles"] == 5
    assert scored["digest"] == 9653064121742800185


class TestNoSignature:
    def test_too_short(self) -> None:
        scored = MinHash().score(batch([None, "", "one two three four", "?!" * 100, "one two three four five"])).to_pylist()
        assert [row["signature"] is None for row in scored] == [True, True, True, True, False]
        assert [row["digest"] is None for row in scored] == [True, True, True, True, False]
        assert [row["shingles"] for row in scored] == [None, 0, 0, 0, 1]

    def test_no_value_within(self) -> None:
        minhash = MinHash(within="language.label")
        assert minhash.inputs == ("text.edited", "language.label")
        text = " ".join(words(20))
        scored = minhash.score(batch([text] * 4, ["en", "de", None, "en"])).to_pylist()
        assert [row["signature"] is None for row in scored] == [False, False, True, False]
        assert [row["shingles"] for row in scored] == [16] * 4
        assert scored[0] == scored[3]
        assert scored[0]["signature"] == scored[1]["signature"]
        assert scored[0]["digest"] != scored[1]["digest"]
        assert scored[2]["digest"] is None

    def test_the_bytes_under_a_null_are_zero(self) -> None:
        scored = MinHash(bands=1, rows=1, within="language.label").score(batch(["a b c d e", "x"], [None, "en"]))
        assert bytes(scored.column("signature").buffers()[1])[:8] == bytes(8)


def test_the_digest_is_of_the_set() -> None:
    a, b = words(5), words(5, 2)
    one, two, other, twice = [" ".join(w) for w in (a + b + a, a + b + a + b + a, a + b + b, a + b + a)]
    digests = MinHash().score(batch([one, two, other, twice, one.upper()])).column("digest").to_pylist()
    # a b a b a has the shingles of a b a and those of b a: the same set.
    assert set(shingles(one)) == set(shingles(two)) != set(shingles(other))
    assert digests[0] == digests[1] == digests[3] == digests[4] != digests[2]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"ngram": 0}, "ngram"), ({"ngram": 101}, "ngram"), ({"ngram": True}, "ngram"), ({"by": "line"}, "by"),
        ({"bands": 0}, "bands"), ({"rows": 0}, "rows"), ({"bands": 9000, "rows": 10}, "bands"), ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"), ({"scheme": "affine64"}, "scheme"), ({"hash": "md5"}, "hash"),
        ({"threshold": 0}, "threshold"), ({"threshold": 1.01}, "threshold"), ({"threshold": float("nan")}, "threshold"),
        ({"verify": "yes"}, "verify"), ({"within": "label"}, "within"), ({"read": "html"}, "read"),
    ],
)  # fmt: skip
def test_bad_parameters_name_their_field(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        MinHash(**parameters)


def test_what_it_reads() -> None:
    assert MinHash().inputs == ("text.edited",)
    assert MinHash(read="text").inputs == ("text.text",)
    assert MinHash().dedup
    assert MinHash().permutations == 108
    assert MinHash(read="text").score(batch(["a b c d e"], read="text")).column("shingles").to_pylist() == [1]


class TestSignatureWords:
    def test_nulls_are_left_out(self) -> None:
        column = MinHash(bands=2, rows=2).score(batch(["a b c d e", None, "b c d e f", "x", "c d e f g"])).column("signature")
        found, positions = signature_words(column)
        assert positions.tolist() == [0, 2, 4]
        assert [row.astype("<u4").tobytes() for row in found] == column.drop_null().to_pylist()
        found, positions = signature_words(column.slice(1, 3))
        assert positions.tolist() == [1]
        assert found[0].astype("<u4").tobytes() == column[2].as_py()

    def test_without_nulls_nothing_is_copied(self) -> None:
        column = pa.array([bytes(range(16)), bytes(16)], pa.binary(16)).slice(1)
        found, positions = signature_words(column)
        assert positions.tolist() == [0]
        assert found.ctypes.data == column.buffers()[1].address + 16

    def test_empty_and_wrong_columns(self) -> None:
        assert signature_words(pa.array([], pa.binary(8)))[0].shape == (0, 2)
        assert signature_words(pa.nulls(3, pa.binary(8)))[0].shape == (0, 2)
        for column in (pa.array([b"abc"], pa.binary(3)), pa.array([b"abcd"])):
            with pytest.raises(TypeError, match="a column of signatures"):
                signature_words(column)


class TestBandHashes:
    def test_equal_bands_have_equal_hashes_and_no_others(self) -> None:
        rng = np.random.default_rng(1)
        signatures = rng.integers(0, 3, (2000, 12), dtype=np.uint32)
        hashes = band_hashes(signatures, 4, 3)
        assert hashes.shape == (2000, 4)
        assert hashes.dtype == np.uint64
        keys = {}
        for i in range(2000):
            for band in range(4):
                key = (band, *signatures[i, 3 * band : 3 * band + 3].tolist())
                assert keys.setdefault(key, hashes[i, band]) == hashes[i, band]
        assert len(set(keys.values())) == len(keys) == 4 * 27

    def test_salts_keep_groups_apart(self) -> None:
        signatures = np.zeros((3, 4), np.uint32)
        salts, grouped = group_salts(pa.array(["en", "de", "en"]))
        assert grouped.all()
        hashes = band_hashes(signatures, 2, 2, salts)
        assert hashes[0].tolist() == hashes[2].tolist()
        assert len(set(hashes[:2].ravel().tolist())) == 4
        assert (hashes != band_hashes(signatures, 2, 2)).all()

    def test_every_bit_is_used(self) -> None:
        hashes = band_hashes(np.arange(4096, dtype=np.uint32).reshape(-1, 1), 1, 1).ravel()
        for bit in range(64):
            assert 0.45 < ((hashes >> np.uint64(bit)) & np.uint64(1)).mean() < 0.55

    def test_the_width_must_be_that_of_the_bands(self) -> None:
        with pytest.raises(ValueError, match="2 × 3 values were expected, not of 5"):
            band_hashes(np.zeros((1, 5), np.uint32), 2, 3)
        assert band_hashes(np.zeros((0, 6), np.uint32), 2, 3).shape == (0, 2)


def test_group_salts_are_of_the_value_whatever_its_type() -> None:
    salts, grouped = group_salts(pa.array(["en", None, "de", "en"]))
    assert grouped.tolist() == [True, False, True, True]
    assert salts[0] == salts[3] != salts[2]
    assert group_salts(pa.array([b"de"]))[0][0] == group_salts(pa.array(["de"]))[0][0] == salts[2]
    assert group_salts(pa.array([3, None], pa.int64()))[1].tolist() == [True, False]
    assert len(group_salts(pa.array([], pa.string()))[0]) == 0


SETS = st.lists(st.sets(st.integers(0, 40), max_size=30), min_size=1, max_size=6)


@settings(deadline=None, max_examples=100)
@given(sets=SETS, data=st.data())
def test_jaccard_is_that_of_the_sets(sets: list[set[int]], data: st.DataObject) -> None:
    offsets = np.cumsum([0, *map(len, sets)])
    hashes = np.array([h for s in sets for h in sorted(s)], np.uint32)
    row = st.integers(0, len(sets) - 1)
    pairs = data.draw(st.lists(st.tuples(row, row), max_size=10))
    a, b = np.array([p[0] for p in pairs], np.int64), np.array([p[1] for p in pairs], np.int64)
    wanted = [len(sets[i] & sets[j]) / len(sets[i] | sets[j]) if sets[i] and sets[j] else 0.0 for i, j in pairs]
    assert jaccard(offsets, hashes, a, b).tolist() == wanted


def test_agreement_counts_equal_values() -> None:
    signatures = np.array([[1, 2, 3, 4, 5], [1, 0, 3, 0, 5], [9, 9, 9, 9, 9]], np.uint32)
    found = agreement(signatures, np.array([0, 0, 2, 1]), np.array([1, 2, 2, 0]))
    assert found.dtype == np.int32
    assert found.tolist() == [3, 0, 5, 3]
    assert agreement(signatures, np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []


@pytest.mark.parametrize("function", ["agreement", "jaccard"])
def test_a_pair_outside_is_an_error(function: str) -> None:
    def call(a: list[int], b: list[int]) -> None:
        if function == "agreement":
            agreement(np.zeros((3, 2), np.uint32), np.array(a), np.array(b))
        else:
            jaccard(np.zeros(4, np.int64), np.zeros(0, np.uint32), np.array(a), np.array(b))

    for a, b in (([0], [3]), ([-1], [0])):
        with pytest.raises(ValueError, match=r"outside 0\.\.2"):
            call(a, b)
    with pytest.raises(ValueError, match="1 first rows and 2 second rows"):
        call([0], [0, 1])


@pytest.mark.parametrize("permutations", [1, 16, 108, 256])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8, 0.97])
def test_clear_verdicts_are_those_of_the_binomial(permutations: int, threshold: float) -> None:
    verdicts = clear(np.arange(permutations + 1), permutations, threshold).tolist()
    assert verdicts == sorted(verdicts)
    t, n = Fraction(threshold), permutations
    odds = [comb(n, k) * t**k * (1 - t) ** (n - k) for k in range(n + 1)]
    below, above = verdicts.count(-1), verdicts.count(1)
    slack = Fraction(1, 10**6)
    assert sum(odds[:below]) <= Fraction(WRONG) * (1 + slack)
    assert sum(odds[: below + 1]) > Fraction(WRONG) * (1 - slack)
    assert sum(odds[n + 1 - above :]) <= Fraction(WRONG) * (1 + slack)
    assert sum(odds[n - above :]) > Fraction(WRONG) * (1 - slack)


def test_a_threshold_of_one_is_clear_below_and_never_above() -> None:
    assert clear(np.arange(5), 4, 1.0).tolist() == [-1, -1, -1, -1, 0]
    assert clear(np.array([16_384, 0]), 16_384, 0.8).tolist() == [1, -1]


def test_pairs_are_found_as_often_as_the_curve_says() -> None:
    # Pairs of one similarity each, made of words, so that a shingle of one word is one element.
    minhash = MinHash(ngram=1)
    rng = random.Random(7)
    texts: list[str | None] = []
    for _ in range(600):
        own = [f"{rng.getrandbits(60):x}" for _ in range(180)]
        texts += [" ".join(own[:160] + own[160:170]), " ".join(own[:160] + own[170:])]  # 160 of 180: 0.889
        texts += [" ".join(own[:72]), " ".join(own[36:108])]  # 36 of 108: 0.333
    found, positions = signature_words(minhash.score(batch(texts)).column("signature"))
    assert len(positions) == len(texts)
    hashes = band_hashes(found, minhash.bands, minhash.rows)
    shared = (hashes[0::2] == hashes[1::2]).any(axis=1)
    assert shared[0::2].mean() > 0.99  # the curve: 0.9999
    assert shared[1::2].mean() < 0.06  # 0.024
    equal = agreement(found, np.arange(0, 2400, 2), np.arange(1, 2400, 2)) / 108
    assert abs(equal[0::2].mean() - 160 / 180) < 0.01
    assert abs(equal[1::2].mean() - 36 / 108) < 0.01
