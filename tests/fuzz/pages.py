"""Hostile pages and texts, each a function of a seeded generator: soup, bombs, and real pages that were damaged.

The constructs are those that HTML parsers are known to trip over (html.spec.whatwg.org §13.2: adoption agency, foster
parenting, foreign content, raw text, character references).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

TAGS = (  # noqa: SIM905 - a list of so many strings is harder to read
    "a abbr address article aside b base big blockquote body br button caption center code col colgroup dd details dialog div "
    "dl dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h6 head header hr html i iframe img "
    "input isindex label legend li link listing main map marquee math menu meta mi mo nav nobr noembed noframes noscript "
    "object ol optgroup option p param plaintext pre rb rp rt ruby s script search section select small span strike strong "
    "style sub summary sup svg foreignObject desc annotation-xml malignmark table tbody td template textarea tfoot th thead "
    "title tr track tt u ul var video wbr xmp x-custom"
).split()
ATTRIBUTES = ("class", "id", "href", "style", "title", "onclick", "data-x", "lang", "role", "hidden", "content", "charset", "ä")
ENTITIES = (
    "&amp;", "&lt;", "&nbsp;", "&copy", "&#0;", "&#xD800;", "&#xDFFF;", "&#x110000;", "&#99999999999999;", "&#x80;",
    "&#xFFFF;", "&notit;", "&;", "&#;", "&#x;", "&NotEqualTilde;", "&ac;", "&#10;", "&#13;", "&#128;", "&" * 40, "&" + "a" * 300,
)  # fmt: skip
CHARACTERS = (
    "a", "Z", "0", " ", "\n", "\r\n", "\r", "\t", "\x00", "\x0b", "\x0c", "\x7f", "\x85", "\xa0", "\xad", "\u00e9", "e\u0301",
    "\u0130", "\u017f", "\u1e9e", "\u0600", "\u0628", "\u05d0", "\u0e01\u0e33", "\u200b", "\u200d", "\u202e", "\u2028",
    "\u2029", "\u2026", "\ufeff", "\ufffd", "\uffff", "\u3000", "\u3002", "\u65e5\u672c", "\uac00", "\u1100\u1161",
    "\U0001f468\u200d\U0001f469", "\U0001f1e9\U0001f1ea", "\U000e0041", "\U0010ffff", "\U00020000", "\u0915\u094d\u0937",
    "\u1019\u103c", "\u0f40", "'", '"', "\u2019", "...", "-", "\u2022", "{", "[1]",
)  # fmt: skip
WORDS = (
    *"the and of to a in is that for it lorem ipsum javascript policy terms cookie read more der die und nicht les des".split(),  # noqa: SIM905
    *"una para este на не что и και של من และ の に 的 了 이 1234 3.14 don't e.g. U.S. Mr.".split(),  # noqa: SIM905
    "http://a.example/x?y=z", "[citation", "needed]",
)
SHORT, LONG = 4, 12


def size_of(rng: Random, most: int) -> int:
    """A whole number from 1 to `most`, small ones as likely as large ones by their logarithm."""
    return max(1, round(most ** rng.random()))


def text(rng: Random, most: int = 400) -> str:
    """A text of words, odd characters and lines, in any script."""
    kind = rng.random()
    count = size_of(rng, most)
    if kind < 0.5:
        ends = (" ", " ", " ", " ", ". ", "\n", "\n\n", "! ", ", ", "\u3002", "...\n", "\n- ")
        return "".join(rng.choice(WORDS) + rng.choice(ends) for _ in range(count))
    if kind < 0.7:
        return "".join(rng.choice(CHARACTERS) for _ in range(count))
    if kind < 0.8:
        return rng.choice([*CHARACTERS, *WORDS]) * count
    if kind < 0.9:  # a few lines many times: what the measures of repetition count
        lines = [text(rng, 20) for _ in range(rng.randint(1, SHORT))]
        return "\n".join(rng.choice(lines) for _ in range(count))
    return "".join(chr(_code_point(rng)) for _ in range(count))


def _code_point(rng: Random) -> int:
    near = rng.choice((0x20, 0x80, 0x400, 0x3000, 0x4E00, 0xFF00)) + rng.randrange(256)
    point = rng.randrange(0x110000) if rng.random() < 0.2 else near
    return point if not 0xD800 <= point < 0xE000 else 0xFFFD


def tag(rng: Random) -> str:
    """One start tag, end tag, comment or half of one."""
    name = rng.choice(TAGS)
    kind = rng.random()
    if kind < 0.35:
        return f"<{name}>"
    if kind < 0.6:
        return f"</{name}>"
    if kind < 0.85:
        return f"<{name} {attributes(rng)}{rng.choice(['', '/', ' /', '='])}>"
    return rng.choice((
        "<!--", "-->", "<!-->", "--!>", "<!", "<?", "<![CDATA[", "]]>", "<!DOCTYPE html>", "<!doctype", "</", "<", ">", "</>",
        f"<{name}", f"</{name} x=y>", f"<{name.upper()}\x00>", f"<{name}<", "<script><!--<script>", "<a href='", '<p title="',
        "</script ",
    ))  # fmt: skip


def attributes(rng: Random, most: int = 6) -> str:
    """Some attributes, quoted or not, doubled, without a name or without an end."""
    return " ".join(
        rng.choice((
            f"{rng.choice(ATTRIBUTES)}={rng.choice(chr(34) + chr(39))}{text(rng, 6)}{rng.choice(chr(34) + chr(39))}",
            f"{rng.choice(ATTRIBUTES)}={rng.choice(WORDS)}", rng.choice(ATTRIBUTES), "=", "=x", f"{rng.choice(ATTRIBUTES)}=",
        ))
        for _ in range(size_of(rng, most))
    )  # fmt: skip


def soup(rng: Random, most: int = 200) -> str:
    """Tags, words and entities in no order."""
    return "".join(
        tag(rng) if (kind := rng.random()) < 0.6 else rng.choice(ENTITIES) if kind < 0.7 else text(rng, 12)
        for _ in range(size_of(rng, most))
    )


def bomb(rng: Random, most: int = 3000) -> str:
    """One construct very often: nesting, siblings, open formatting, attributes, one long anything."""
    n = size_of(rng, most)
    name, other = rng.choice(TAGS), rng.choice(TAGS)
    word = text(rng, SHORT)
    return rng.choice((
        lambda: f"<{name}>" * n + word + f"</{name}>" * rng.choice([0, n, n // 2, 2 * n]),
        lambda: f"<{name}><{other}>" * n + word,
        lambda: f"<{name}>{word}</{other}>" * n,
        lambda: f"<{name}>{word}</{name}>" * n,
        lambda: f"<table><tr><td>{word}</table>" * n,
        lambda: f"<table>{word}" * n,
        lambda: f"<p><b><i><a href=x>{word}</p>" * n,
        lambda: f"<{name} " + " ".join(f"a{i}={i}" for i in range(n)) + f">{word}",
        lambda: f"<{name} title='{'x' * 8 * n}'>{word}",
        lambda: f"<{name}>{'x' * 8 * n}</{name}>",
        lambda: f"<pre>{text(rng, n)}</pre>",
        lambda: f"<select><option>{word}" * n,
        lambda: f"<svg><{name}><math><{other}>" * n + word,
        lambda: f"<template><{name}>" * n + word,
        lambda: "<!--" * n + word, lambda: "<script>" * n + word, lambda: "</" * n + word, lambda: "<" * n + word,
        lambda: "&" * n + word, lambda: "\x00" * n + word, lambda: "<br>" * n + word, lambda: f"</{name}>" * n + word,
    ))()  # fmt: skip


def damaged(rng: Random, page: str) -> str:
    """A page with some changes made to its source."""
    for _ in range(rng.randint(1, SHORT)):
        if not page:
            return page
        a, b = sorted((rng.randrange(len(page) + 1), rng.randrange(len(page) + 1)))
        b = min(b, a + size_of(rng, 2000))
        kind = rng.randrange(9)
        if kind == 0:
            page = page[:a] + page[b:]
        elif kind == 1:
            page = page[:a] + page[a:b] * rng.randint(2, LONG) + page[b:]
        elif kind == 2:
            page = page[:a] + soup(rng, 40) + page[a:]
        elif kind == 3:
            page = page[:a]
        elif kind == 4:
            page = page.replace(f"</{rng.choice(TAGS)}>", rng.choice(["", "<", "</p>"]))
        elif kind == 5:
            page = page[:a] + bomb(rng, 500) + page[a:]
        elif kind == 6:
            page = page[:a] + page[a:b].swapcase() + page[b:]
        elif kind == 7:
            page = page[:a] + "".join(rng.choice((c, c, c, "\x00", "<", "&", '"')) for c in page[a:b]) + page[b:]
        else:
            page = f"<{rng.choice(TAGS)}>" * size_of(rng, 600) + page
    return page


def page(rng: Random, real: Sequence[str]) -> str:
    """A page: soup, a bomb, both, or one of `real` damaged."""
    kind = rng.random()
    if kind < 0.35 and real:
        return damaged(rng, rng.choice(real))
    if kind < 0.6:
        return soup(rng)
    if kind < 0.8:
        return bomb(rng)
    if kind < 0.9:
        return f"<!DOCTYPE html><html><head><title>{text(rng, 10)}</title></head><body>{bomb(rng)}{soup(rng)}</body></html>"
    return soup(rng, 20) + bomb(rng, 20_000) + soup(rng, 20)
