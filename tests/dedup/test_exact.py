"""Keys of exact duplicates: what is the same, what is not, and the scorer's contract."""

from __future__ import annotations

import pickle
import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.scorer import Scorer
from dedup.exact import Exact, _is_composed, text_hash, text_hashes, url_hash  # pyright: ignore[reportPrivateUsage]


def batch(urls: list[str | None], texts: list[str | None], read: str = "edited") -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {"page.url": pa.array(urls, pa.string()), f"text.{read}": pa.array(texts, pa.string())}
    )


def test_it_is_a_scorer_with_hashes_of_sixteen_bytes() -> None:
    exact = Exact()
    assert isinstance(exact, Scorer)
    assert (exact.name, exact.dedup, exact.inputs) == ("exact", True, ("page.url", "text.edited"))
    scored = exact.score(batch(["http://a.example/", "", None], ["x", " \n\u3000", None]))
    assert scored.schema.equals(exact.schema)
    assert [v is None for v in scored.column("url_hash").to_pylist()] == [False, True, True]
    assert [v is None for v in scored.column("text_hash").to_pylist()] == [False, True, True]
    assert pickle.loads(pickle.dumps(exact)) == exact


def test_parameters_choose_what_is_read() -> None:
    by_url = Exact(by=["url"])  # type: ignore[arg-type]
    assert by_url == Exact(by=("url",))
    assert by_url.inputs == ("page.url",)
    assert by_url.score(batch(["http://a.example/"], ["x"])).column("text_hash").null_count == 1
    by_text = Exact(by=("text",), read="text", min_characters=3)
    assert by_text.inputs == ("text.text",)
    scored = by_text.score(batch(["http://a.example/"] * 2, ["a  b", "a\n"], "text"))
    assert [v is None for v in scored.column("text_hash").to_pylist()] == [False, True]
    assert scored.column("url_hash").null_count == 2
    assert hash(by_url) != hash(by_text)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"by": ()}, "by"), ({"by": ("host",)}, "by"), ({"by": ("url", "url")}, "by"), ({"read": "html"}, "read"),
        ({"min_characters": 0}, "min_characters"), ({"min_characters": True}, "min_characters"),
    ],
)  # fmt: skip
def test_bad_parameters_name_their_field(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        Exact(**parameters)


def test_whitespace_and_composition_do_not_matter_and_all_else_does() -> None:
    text = "Über  dem\nFluß."
    same = ["Über dem Fluß.", "  Über dem\u00a0Fluß.\r\n\t", unicodedata.normalize("NFD", text)]
    assert {text_hash(t) for t in same} == {text_hash(text)}
    other = ["über dem Fluß.", "Über dem Fluss.", "Überdem Fluß.", "Über dem Fluß", "Über dem Fluß.\u200b"]
    assert len({text_hash(t) for t in [*other, text]}) == len(other) + 1


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.text(max_size=8), max_size=6), st.lists(st.sampled_from(" \t\n\r\u2003\u3000"), min_size=6, max_size=6)
)
def test_any_whitespace_between_words_is_the_same(words: list[str], spaces: list[str]) -> None:
    words = [w for word in words for w in word.split()]
    one, other = " ".join(words), "".join(f"{s}{s}{w}" for s, w in zip(spaces * len(words), words, strict=False))
    assert text_hash(one) == text_hash(other)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.none() | st.text(max_size=30), st.none() | st.text(max_size=30)), max_size=8),
    st.integers(0, 8),
)
def test_scoring_two_halves_is_scoring_the_whole(rows: list[tuple[str | None, str | None]], at: int) -> None:
    whole = batch([u for u, _ in rows], [t for _, t in rows])
    exact = Exact()
    halves = [exact.score(whole.slice(0, at)), exact.score(whole.slice(at))]
    assert pa.Table.from_batches(halves).equals(pa.Table.from_batches([exact.score(whole)]))


_ANY = st.text(max_size=20) | st.text("aé e\u0301\u1100\u1161\u3000\u2028\x1f\x85\u212b", max_size=12)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.none() | _ANY, max_size=8), st.integers(1, 4), st.integers(0, 4))
def test_a_column_is_hashed_as_each_of_its_texts(texts: list[str | None], least: int, at: int) -> None:
    column = pa.array(texts, pa.string()).slice(at)
    assert text_hashes(column, least) == [text_hash(text, least) for text in texts[at:]]


def test_no_character_that_is_taken_for_composed_is_changed_by_nfc_or_joins_another() -> None:
    taken = [chr(cp) for cp in range(0x110000) if _is_composed(cp)]
    decomposed = [unicodedata.decomposition(chr(cp)) for cp in range(0x110000)]
    seconds = {chr(int(d.split()[1], 16)) for d in decomposed if " " in d and d[0] != "<"}
    assert not seconds & set(taken)
    assert all(unicodedata.combining(c) == 0 and unicodedata.is_normalized("NFC", c) for c in taken)
    assert len(taken) > 30_000


def test_copies_by_address() -> None:
    assert url_hash("http://www.a.example/x?utm_source=y") == url_hash("https://a.example/x")
    assert url_hash("https://a.example/x") != url_hash("https://a.example/X")
    assert url_hash(" ") is None


def test_golden_values() -> None:
    """Move only with `Exact.version`: xxh3-128 of "https://a.example/x" and of "two words"."""
    assert Exact.version == 1
    assert url_hash("http://a.example/x") == bytes.fromhex(URL_GOLDEN)
    assert text_hash("two\n words ") == bytes.fromhex(TEXT_GOLDEN)


URL_GOLDEN = "b6ff507d26e178a60e7940e1d0d02e20"
TEXT_GOLDEN = "9af7dbb1e9a872e97dcde7f48590a634"
