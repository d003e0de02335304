"""Words of scripts without spaces, signs of other scripts, what a page's head says, and class words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ingest.extraction import layout as at
from ingest.extraction.layout import Tables
from ingest.extraction.names import ELEMENTS, FNV_OFFSET, NUMBER, add_byte, name_hash
from ingest.extraction.relations import RELATIONS, relate
from ingest.extraction.scan import scan


def scanned(html: str) -> Tables:
    return scan(np.frombuffer(html.encode(), np.uint8))


def first(html: str) -> Any:
    """The first block's row."""
    tables = scanned(html)
    assert tables.state[at.N_BLOCKS] > 0
    return tables.blocks[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one two three", 3),
        ("caf\u00e9 na\u00efve", 2),
        ("\u65e5\u672c\u8a9e\u306e\u6587\u7ae0", 3),  # two characters a word
        ("\u65e5\u672c\u3002\u8a9e", 2),
        ("\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22\u0e20\u0e32\u0e29\u0e32", 3),  # four
        ("\ud55c\uad6d\uc5b4 \ubb38\uc7a5", 2),  # Korean has spaces
        ("\u043f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", 2),
        ("a\u00a0b\u2003c\u3000d", 4),
        ("x_1 2.5", 3),
    ],
)
def test_words(text: str, words: int) -> None:
    assert first(text)[at.B_WORDS] == words


@pytest.mark.parametrize(
    ("text", "stops", "commas"),
    [
        ("One. Two! Three?", 3, 0),
        ("\u4e00\uff0c\u4e8c\u3002\u4e09\uff01\u56db\uff1f\u4e94\u3001", 3, 2),
        ("\u0645\u0631\u062d\u0628\u0627\u060c \u0643\u064a\u0641\u061f", 1, 1),
        ("\u0928\u092e\u0938\u094d\u0924\u0947\u0964", 1, 0),
    ],
)
def test_sentences_end_in_other_scripts(text: str, stops: int, commas: int) -> None:
    row = first(text)
    assert (row[at.B_STOPS], row[at.B_COMMAS]) == (stops, commas)
    assert stops == 0 or row[at.B_LAST] in (46, 63) or text.endswith("\u3001")


def test_counts_of_a_block() -> None:
    row = first("<p>The <a href=x>Red FOX</a> ran 3 km, for \u20ac5 | $6: it did! &copy;<img><p>x")
    assert row[at.B_WORDS] == 11
    assert row[at.B_LINKED] == 2
    assert row[at.B_LINKS] == 1
    assert row[at.B_DIGITS] == 3
    assert row[at.B_UPPER] == 3
    assert row[at.B_CAPITALS] == 1
    assert row[at.B_CURRENCY] == 2
    assert row[at.B_COMMAS] == 1
    assert row[at.B_STOPS] == 1
    assert row[at.B_REFERENCES] == 1
    assert scanned("<img>a<p><img><img>b").blocks[1, at.B_IMAGES] == 3


@pytest.mark.parametrize(
    ("html", "names"),
    [
        ("<p><p>x", ["body", "p", "p"]),
        ("<ul><li>a<ul><li>b</ul><li>c", ["body", "ul", "li", "ul", "li", "li"]),
        ("<table><tr><td>a<td>b<tr><td>c</table>d", ["body", "table", "tr", "td", "td", "tr", "td"]),
    ],
)
def test_elements_end_by_themselves(html: str, names: list[str]) -> None:
    tables = scanned("<body>" + html)
    n = tables.state[at.N_ELEMENTS]
    assert [ELEMENTS[k] for k in tables.elements[1:n, at.E_NAME]] == names
    parents = {"p": "body", "li": "ul", "td": "tr", "tr": "table"}
    for row in tables.elements[2:n]:
        name = ELEMENTS[row[at.E_NAME]]
        if name in parents:
            assert tables.elements[row[at.E_PARENT], at.E_NAME] == NUMBER[parents[name]]


def test_formatting_that_crosses_a_block_does_not_close_it() -> None:
    tables = scanned("<div><i>a<div>b</i>c</div></div>d")
    outer = [tables.blocks[k, at.B_ELEMENT] for k in range(int(tables.state[at.N_BLOCKS]))]
    assert outer[-1] == 0
    assert tables.elements[outer[1], at.E_NAME] == NUMBER["div"]


def test_words_of_classes() -> None:
    tables = scanned('<p class="entry-content PostBody HTMLTable x" id=main role="main">a')
    found = tables.names[: tables.state[at.N_NAMES]].tolist()
    whole = FNV_OFFSET
    for part in ("entry", "content"):
        whole = add_byte(whole ^ name_hash(part), 45)
    for word in ("entry", "content", "post", "body"):
        assert name_hash(word) in found
    assert whole in found
    assert found.count(name_hash("main")) == 1  # a role is another word
    assert name_hash("x") not in found


def test_what_the_head_says() -> None:
    tables = scanned(
        '<title>The old Bridge</title><meta content="A bridge, kept" name="Description"><meta property="og:title" content=News>'
        "<p>old bridge<p>nothing else<p>old bridge"
    )
    s = tables.state
    assert tables.hints[at.TITLE_HINT, : s[at.N_TITLE]].tolist() == [name_hash(w) for w in ("the", "old", "bridge", "news")]
    assert tables.hints[at.DESCRIPTION_HINT, : s[at.N_DESCRIPTION]].tolist() == [name_hash(w) for w in ("a", "bridge", "kept")]
    rows = dict(zip(RELATIONS, relate(tables).T, strict=True))
    assert rows["title_share"].tolist() == [1, 0, 1]
    assert rows["title_cover"].tolist() == [0.5, 0, 0.5]
    assert rows["description_share"].tolist() == [0.5, 0, 0.5]
    assert rows["same_text"].tolist() == [2, 1, 2]
    assert rows["same_text_before"].tolist() == [0, 0, 1]
    assert rows["frequency"][0] == pytest.approx(np.log(3))
    assert rows["page_title"].tolist() == [4] * 3


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<svg/>b<svg></svg>c", "abc"), ("a<svg viewBox='0 0 1 1' />b<svg><text>x</text></svg>c", "abc"),
        ("a<math/>b<math></math>c", "abc"), ("a<svg id=x/>b</svg>c", "ac"), ("a<svg / >b</svg>c", "ac"),
        ("a<script/>b</script>c", "ac"), ("a<style/>b</style>c", "ac"), ("a<textarea/>b</textarea>c", "ac"),
        ("a<video src=x>No video here</video>b<audio>Nor sound</audio>c", "abc"), ("a<video><p>b", "ab"),
    ],
)  # fmt: skip
def test_what_is_not_read(html: str, text: str) -> None:
    tables = scanned(html)
    assert tables.text[: tables.state[at.N_TEXT]].tobytes().decode() == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h2>Plot<a href=#plot>\u00b6</a></h2>", "Plot"), ("<h2>Plot <a href='#p'>&para;</a> of it", "Plot of it"),
        ("<h2>C#<a href=#c>#</a>", "C#"), ("<h2><a href=#p>#</a> Plot", "Plot"), ("<p>a<a href=#b>b.</a>", "ab."),
        ("<h2><a href=#p>\u00a7</a>Plot", "Plot"), ("<h2>Plot<a href=#p>&#xB6;</a>", "Plot"),
        ("<h2>Plot<a href=#p>\U0001f517</a>", "Plot"),
        ("<h2>Plot<a href=#p>\uf0c1</a>", "Plot"), ("<h2>Plot <a href=#p>[&sect;]</a>", "Plot"),
        ("<a href=#p>\u00b6</a>", "\u00b6"),
        ("<p>The <a href=#a>&alpha;</a> of it", "The &alpha; of it"), ("<p>The <a href=#a>&#945;</a>", "The &#945;"),
        ("<p>note<a href=#n>*</a>", "note*"), ("<p>a <a href=#b>\u2192</a> b", "a \u2192 b"), ("<p>a<a href=#b>&#x;</a>", "a&#x;"),
        ("<p>Note <a href=#n>[1]</a>", "Note [1]"), ("<p>Note <a href=/n>*</a>", "Note *"), ("<p>a<a href=#b><br>.</a>b", "a|.b"),
        ("<p>a<a href=#b>\u65e5</a>", "a\u65e5"), ("<pre>a <a href=#b>+</a> b</pre>", "a + b"),
        ("<h2>Plot<span class=mw-editsection>[<a href=/e>edit</a>]</span></h2>b", "Plot|b"),
        ("<h2>Plot <span class=mw-editsection><b>[</b><a>edit</a></span> c</h2>", "Plot c"),
        ("<h2><span class=editsection>[<a href=/e>edit</a>]</span> <span class=mw-headline>Plot</span></h2>b", "Plot|b"),
        ("<h2><span class=editsection>[<a href=/e>edit</a>]</span></h2>b", "[edit]|b"),
        ("<h2>Plot<span class=editsection>[<br>edit]</span></h2>", "Plot[|edit]"),
        ("<span class=mw-editsection>edit</span> Plot", "Plot"), ("<pre> .<i class=editsection>a</i> b", " . b"),
        ("<pre>a<button>copy</button></pre>b", "a|b"), ("<p>a<button>b</button>", "a|b"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_heading_and_of_code_is_no_text(html: str, text: str) -> None:
    tables = scanned(html)
    blocks = tables.blocks[: tables.state[at.N_BLOCKS]]
    assert b"|".join(tables.text[b[at.B_START] : b[at.B_END]].tobytes() for b in blocks).decode() == text


def test_code_beside_code_is_a_line_of_its_own() -> None:
    assert scanned("<pre><code>a</code><code>b</code> <code>c</code></pre>").state[at.N_BLOCKS] == 2
    assert scanned("<p><code>a</code><code>b</code>").state[at.N_BLOCKS] == 1


def test_noscript_is_read_where_the_page_has_no_text_without_it() -> None:
    post = "<noscript><div>" + "A post of some words. " * 40 + "</div></noscript>"
    assert scanned("<p>Loading" + post).blocks[: 2, at.B_WORDS].tolist() == [1, 200]
    long = "<p>" + "word " * 200
    assert scanned(long + post).state[at.N_BLOCKS] == 1


@pytest.mark.parametrize("text", ["می\u200cخواهم", "👩\u200d💻", "क्\u200dष"])
def test_what_joins_letters_is_no_space(text: str) -> None:
    tables = scan(np.frombuffer(f"<p>a {text} b".encode(), np.uint8))
    assert tables.text[: int(tables.state[at.N_TEXT])].tobytes().decode() == f"a {text} b"
