"""The kernel makes the hashes of what `shingles` says, and `shingles` says what it should."""

from __future__ import annotations

import hashlib
import random
import struct

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from datasketch.hashfunc import sha1_hash32
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.characters import CLASSES
from core.unspaced import is_cut
from dedup.shingles import Hash, normalise, shingle_sets, shingles

HASHES = {"xxh64": lambda raw: xxhash.xxh64_intdigest(raw) & 0xFFFFFFFF, "sha1": sha1_hash32}

#: Letters of scripts with and without spaces, marks, format characters, and what lower case makes longer or shorter.
ODD = "aB1 .,'_\n\u0301\u00ad\u200d\u200c\ufeff\u202e日本ひカナー、。ไ่เทຂཀကខğĞİıßΣςȺȾKÅé😀👍🏽￿가\U00010400\U0001e921\U0010ffff\x00"
TEXT = st.one_of(st.text(alphabet=ODD, max_size=120), st.text(max_size=80))


def text(raw: str) -> str:
    return raw.encode("utf-8", "replace").decode()


class TestNormalise:
    @pytest.mark.parametrize(
        ("given_", "wanted"),
        [
            ("The quick, BROWN fox -- isn't it?", "the quick brown fox isn t it"),
            ("", ""),
            ("?!… 😀", ""),
            ("3,14 is 22/7", "3 14 is 22 7"),
            ("snake_case", "snake case"),
            ("İSTANBUL ΣΑΣ STRASSE straße", "istanbul σασ strasse straße"),
            ("e\u0301te\u0301 \u0301x", "e\u0301te\u0301 x"),
            ("hy\u00adphen\ufeff zero\u200bwidth", "hyphen zero width"),
            ("می\u200cخواهم", "می\u200cخواهم"),
            ("क्\u200dष", "क्\u200dष"),
        ],
    )
    def test_words(self, given_: str, wanted: str) -> None:
        assert normalise(given_) == wanted

    def test_scripts_without_spaces_are_cut_as_core_unspaced_does(self) -> None:
        chinese = "我们的系统从网页中提取文本并去除重复的内容"
        pieces = normalise(chinese).split(" ")
        assert "".join(pieces) == chinese
        assert len(pieces) > 5
        with np.errstate(over="ignore"):
            cuts = [i for i in range(1, len(chinese)) if is_cut(ord(chinese[i - 1]), ord(chinese[i]), CLASSES)]
        assert cuts == np.cumsum([len(piece) for piece in pieces])[:-1].tolist()
        # What is cut depends on two characters alone, so that a passage is cut alike wherever it stands.
        assert " ".join(pieces[1:-1]) in normalise("前面还有别的话" + chinese + "后面也有")

    def test_by_character_they_are_not(self) -> None:
        assert normalise("日本語の文章、です", "character") == "日本語の文章 です"


class TestShingles:
    def test_of_words(self) -> None:
        assert shingles("A b, c! D", 3) == [b"a b c", b"b c d"]
        assert shingles("one two", 3) == []
        assert shingles("", 1) == []
        assert shingles("x x x", 1) == [b"x", b"x", b"x"]

    def test_of_characters(self) -> None:
        assert shingles("Ab  -c", 3, "character") == [b"ab ", b"b c"]
        assert shingles("é日", 2, "character") == ["é日".encode()]
        assert shingles("", 1, "character") == []

    def test_punctuation_case_and_layout_change_nothing(self) -> None:
        assert shingles("One, two: THREE four -\nfive!") == shingles("one two three  four five")


@pytest.mark.parametrize("hash_", list(HASHES))
@pytest.mark.parametrize("by", ["word", "character"])
@settings(deadline=None, max_examples=100)
@given(texts=st.lists(st.one_of(st.none(), TEXT), max_size=5), ngram=st.sampled_from([1, 2, 3, 5, 30]))
@example(texts=["Ⱥ" * 50, "日" * 50, "Ⱥ日" * 50, "a" * 64, None, "x " * 40], ngram=1)
@example(texts=["Ⱥ " * 50, "İ", "ก็" * 30, "a日" * 33], ngram=5)
def test_the_kernel_hashes_what_the_definition_says(hash_: Hash, by: str, texts: list[str | None], ngram: int) -> None:
    texts = [None if t is None else text(t) for t in texts]
    offsets, hashes = shingle_sets(pa.array(texts, pa.string()), ngram, by, hash_)  # type: ignore[arg-type]
    assert offsets.dtype == np.int64
    assert hashes.dtype == np.uint32
    for i, t in enumerate(texts):
        wanted = sorted({HASHES[hash_](s) for s in shingles(t or "", ngram, by)})  # type: ignore[arg-type]
        assert hashes[offsets[i] : offsets[i + 1]].tolist() == wanted
    assert offsets[-1] == len(hashes)


@pytest.mark.parametrize("hash_", list(HASHES))
def test_hashes_of_any_length(hash_: Hash) -> None:
    # One shingle of n bytes: 55, 56 and 64 are where SHA-1's padding changes, 4, 8 and 32 where XXH64 does.
    words = ["w" * n for n in range(1, 200)]
    offsets, hashes = shingle_sets(pa.array(words), 1, "word", hash_)
    assert offsets.tolist() == list(range(200))
    assert hashes.tolist() == [HASHES[hash_](word.encode()) for word in words]


def test_sha1_is_datasketchs_default() -> None:
    assert HASHES["sha1"](b"abc") == struct.unpack("<I", hashlib.sha1(b"abc").digest()[:4])[0]


def test_a_slice_is_read_from_where_it_begins() -> None:
    texts = pa.array(["a b c d e f", None, "b c d e f g", "h i j k l m n"])
    offsets, hashes = shingle_sets(texts.slice(2))
    whole_offsets, whole = shingle_sets(texts)
    assert hashes.tolist() == whole[whole_offsets[2] :].tolist()
    assert offsets.tolist() == (whole_offsets[2:] - whole_offsets[2]).tolist()
    assert shingle_sets(texts.slice(4))[0].tolist() == [0]
    large = texts.cast(pa.large_string())
    assert shingle_sets(large)[1].tolist() == whole.tolist()


def test_a_long_text_has_all_its_shingles() -> None:
    rng = random.Random(5)
    vocabulary = ["".join(rng.choices("abcdefghij", k=rng.randint(1, 9))) for _ in range(5000)]
    long = " ".join(rng.choices(vocabulary, k=100_000))
    offsets, hashes = shingle_sets(pa.array([long, "x " * 500_000, "日" * 300_000]))
    assert len({HASHES["xxh64"](s) for s in shingles(long)}) == offsets[1]
    assert (np.diff(hashes[: offsets[1]].astype(np.int64)) > 0).all()
    assert offsets[2] - offsets[1] == 1
