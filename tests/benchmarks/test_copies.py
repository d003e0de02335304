from __future__ import annotations

import importlib
import re
from collections import Counter
from typing import Any

import pytest

copies: Any = importlib.import_module("copies")


def test_copies_are_not_near_duplicates_of_their_page_or_of_each_other(originals: list[Any]) -> None:
    for page in originals:
        spans = copies.words(page.html)
        first, second = (copies.altered(page.html, spans, f"{page.url}{copy}") for copy in (1, 2))
        assert copies.likeness(page.html, page.html) == 1
        assert copies.likeness(page.html, first) < 0.3
        assert copies.likeness(first, second) < 0.3


def test_a_copy_has_the_words_and_the_markup_of_its_page(originals: list[Any]) -> None:
    html = originals[0].html
    copy = copies.altered(html, copies.words(html), "seed")
    assert copy != html
    assert Counter(re.findall(rb"\w+", copy.lower())) == Counter(re.findall(rb"\w+", html.lower()))
    assert re.findall(rb"<[^>]*>|&\w+;", copy) == re.findall(rb"<[^>]*>|&\w+;", html)
    assert b"var these = 1" in copy
    assert b"main {color: black}" in copy


def test_the_same_seed_gives_the_same_copy(originals: list[Any]) -> None:
    html = originals[0].html
    spans = copies.words(html)
    assert copies.altered(html, spans, "a") == copies.altered(html, spans, "a")
    assert copies.altered(html, spans, "a") != copies.altered(html, spans, "b")


@pytest.mark.parametrize(
    ("place", "word", "written"),
    [(b"HELLO", b"world", b"WORLD"), (b"Hello", b"WORLD", b"World"), (b"hello", b"World", b"world")],
)
def test_a_word_takes_the_capitals_of_its_place(place: bytes, word: bytes, written: bytes) -> None:
    assert copies.in_capitals_of(place, word) == written


def test_bytes_that_are_no_text_in_any_charset_stay(originals: list[Any]) -> None:
    html = b"<p>\xff\xfe caf\xc3\xa9 words that move around here and there again" * 5
    copy = copies.altered(html, copies.words(html), "seed")
    assert re.findall(rb"[^A-Za-z ]+", copy) == re.findall(rb"[^A-Za-z ]+", html)


def test_short_texts_have_no_likeness() -> None:
    assert copies.likeness(b"<p>one two three four five six", b"<p>one two three four five six") is None
