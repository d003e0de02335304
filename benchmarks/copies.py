"""Altered copies of a page: its words changed places, so that a copy is as long and as hard as the page, and not its duplicate.

Markup, entities, scripts and styles stay. Of the words of four letters and more, most swap places within the page, by a
seeded rule, and take the capitals of the place where they come to stand; short words, which the stop-word rules count,
stay where they are.
"""

from __future__ import annotations

import random
import re

from resiliparse.extract.html2text import extract_plain_text

#: What is not text: scripts, styles, comments, tags and entities.
MARKUP = re.compile(rb"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^<>]*>|&#?\w+;")
WORD = re.compile(rb"[A-Za-z]{4,}")
#: Share of the words that move. 0.6 of about half of all words leaves some (1 - 0.3)^5 = 17% of the 5-grams whole.
MOVED = 0.6


def words(html: bytes) -> list[tuple[int, int]]:
    """Begin and end of each word of the page's text, in order."""
    found: list[tuple[int, int]] = []
    begin = 0
    for markup in MARKUP.finditer(html):
        found += (match.span() for match in WORD.finditer(html, begin, markup.start()))
        begin = markup.end()
    found += (match.span() for match in WORD.finditer(html, begin))
    return found


def in_capitals_of(place: bytes, word: bytes) -> bytes:
    """The word as the one that stood there was written: HELLO, Hello or hello."""
    if place.isupper():
        return word.upper()
    return word.capitalize() if place[:1].isupper() else word.lower()


def altered(html: bytes, spans: list[tuple[int, int]], seed: str) -> bytes:
    """A copy of the page whose words at `spans` have changed places; the same for the same seed."""
    draw = random.Random(seed)
    moved = [span for span in spans if draw.random() < MOVED]
    taken = [html[begin:end] for begin, end in moved]
    draw.shuffle(taken)
    pieces: list[bytes] = []
    at = 0
    for (begin, end), word in zip(moved, taken, strict=True):
        pieces += (html[at:begin], in_capitals_of(html[begin:end], word))
        at = end
    return b"".join((*pieces, html[at:]))


def shingles(html: bytes, ngram: int = 5) -> set[tuple[str, ...]]:
    """5-grams of the words of a page's main text, in lower case, without punctuation."""
    text = re.findall(r"\w+", extract_plain_text(html.decode("utf-8", "replace"), main_content=True).lower())
    return {tuple(text[at : at + ngram]) for at in range(len(text) - ngram + 1)}


def likeness(one: bytes, other: bytes, shortest: int = 46) -> float | None:
    """Exact Jaccard of the 5-grams of two pages; None if one of them has fewer than `shortest`."""
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b) if min(len(a), len(b)) >= shortest else None
