"""Signs without a word beside what is kept, and rows of links that name languages."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from ingest.extraction import extract_text
from ingest.extraction import layout as at
from ingest.extraction.contents import drop_contents
from ingest.extraction.languages import drop_languages
from ingest.extraction.scan import scan
from ingest.extraction.signs import P_END, P_START, pieces
from tests.ingest.extraction.test_extract import SENTENCES


def written(html: str, *dropped: str) -> list[str]:
    """What is written of a page, without the blocks that have the words `dropped`."""
    tables = scan(np.frombuffer(html.encode(), np.uint8))
    blocks = tables.blocks[: int(tables.state[at.N_BLOCKS])]
    texts = [tables.text[b[at.B_START] : b[at.B_END]].tobytes().decode() for b in blocks]
    kept = np.array([not any(word in text for word in dropped) for text in texts], np.bool_)
    return [tables.text[p[P_START] : p[P_END]].tobytes().decode() for p in pieces(tables, kept)]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<table><tr><td>+<td>sum<tr><td>\u2713<td>yes<tr><td>\u2013<td>no</table>", ["+", "sum", "\u2713", "yes", "\u2013", "no"]),
        ("<table><tr><td>&gt;<td>more<tr><td>+<td>drop</table>", ["&gt;", "more"]),  # it goes with its row
        ("<table><tr><th>A<th>B<tr><td>\u2713<td>-<tr><td>a<td>b</table>", ["A", "B", "\u2713", "-", "a", "b"]),
        ("<table><tr><td>drop<td>|<td>text</table>", ["text"]),
        ("<table><tr><td>text<tr><td>|<tr><td>text</table>", ["text", "text"]),  # a row that parts rows
        ("<table><tr><td>a | <p>b</p> | <td>c</table>", ["a |", "b", "c"]),
        ("<table><tr><td><p>+</p><td>sum</table>", ["+", "sum"]),
        ("<table><tr><td>&#8203;<td>&ensp;<td>a<td>&#xFEFF;</table>", ["a"]),
        ("<table><tr><td>+<tr><td>-</table>", []),
        ("<ul><li>+<li>a<li>-<li>b</ul>", ["+", "a", "-", "b"]),
        ("<ul><li>a<li>|<li>b<li>&raquo;</ul>", ["a", "b"]),
        ("<ul><li>a<li><code>|</code><li>b</ul>", ["a", "|", "b"]),
        ("<ul><li>drop<li>+<li>b</ul>", ["b"]),
        ("<dl><dt>!<dd>not</dl>", ["!", "not"]),
        ("<p>a<p>***<p>b<div>|</div><button>+</button>", ["a", "b"]),
        ("<pre>a {<br>b<br>}</pre><p>c", ["a {", "b", "}", "c"]),
        ("<pre><code>{</code></pre><p>a", ["{", "a"]),
        ("<pre>drop<br>}</pre><p>a", ["a"]),
        ("<p>a<p><code>~</code><p>b", ["a", "~", "b"]),
        ("<p>drop<p><code>~</code><p>b", ["b"]),
    ],
)
def test_signs_are_kept_with_what_stands_beside_them(html: str, text: list[str]) -> None:
    assert written(html, "drop") == text


def test_a_page_has_so_many_signs() -> None:
    tables = scan(np.frombuffer(b"<td>+" * (at.MAX_SIGNS + 1000), np.uint8))
    assert tables.state[at.N_SIGNS] == at.MAX_SIGNS


CODES = ("de", "en", "fr", "pt-br")
NAMES = ("Deutsch", "English", "Fran\u00e7ais", "\u4e2d\u6587")


def links(texts: tuple[str, ...], *, marked: bool) -> list[str]:
    return [f"<a href=/{text}{f' hreflang={text}' if marked else ''}>{text}</a>" for text in texts]


@pytest.mark.parametrize(
    "row",
    [
        f"<p><span>Available Languages: </span>{' | '.join(links(CODES, marked=True))}</p>",
        f"<div>{'<br>'.join(links(NAMES, marked=False))}</div>",
        f"<ul><li>{'<li>'.join(links(NAMES, marked=False))}<li>Italiano</ul>",
        f"<div><p>Languages:</p><ul><li>{'<li>'.join(links(CODES, marked=False))}</ul></div>",
        f"<p>Langues : {' | '.join(links(('en', 'fr'), marked=False))}</p>",
        "<p><a href=x hreflang=de>Allemand</a>, <a href=y hreflang=it>Italien</a>, <a href=z>Fran\u00e7ais</a></p>",
        "<p>Available Languages: en | fr | ja | ko</p><p><a href=/></a></p>",  # too deep for links
        "<p>Sprachen: <a href=x title=English>en</a> | <a href=y hreflang=fr>fr</a></p>",
        f"<p>Available Languages: {' | '.join(links(('de', 'en', 'es', 'fr', 'ja', 'ko', 'pt-br', 'tr'), marked=False))}</p>",
        f"<div><h2>Choose your language</h2><ul><li>{'<li>'.join(links(('it', 'es', 'no', 'id'), marked=False))}</ul></div>",
        "<ul><li>English<li><a href=x>Portugu\u00eas (Brasil)</a><li><a href=y>Espa\u00f1ol (Espa\u00f1a)</a>"
        "<li><a href=z>it</a></ul>",
    ],
)
def test_rows_that_name_languages_are_left_out(row: str) -> None:
    page = f"<title>A bridge</title><body><main><h1>A bridge</h1>{row}<p>{SENTENCES}</p>{row}<p>{SENTENCES}</p></main>"
    assert extract_text(page) == f"{SENTENCES}\n{SENTENCES}"


@pytest.mark.parametrize(
    "html",
    [
        "<p>It is spoken as <a href=/fr>French</a> and <a href=/de>German</a> by those who live there, and by others too.</p>",
        "<p>English, Deutsch, Fran\u00e7ais, Italiano</p>",  # no links
        "<ul><li><a href=/1>Red</a><li><a href=/2>Green</a><li><a href=/3>Blue</a></ul>",
        "<p>See <a href=/a hreflang=en>the report of the council of last year on the bridge</a>.</p>",
        "<div><h2>Bridges</h2><p>Text of it.</p><p>More <a href=/x hreflang=de>hier</a></p></div>",
        "<p>Es ist <a href=/a>de</a> <a href=/b>la</a> <a href=/c>casa</a></p>",
        "<ul><li><a href=/1>Espa\u00f1a</a><li><a href=/2>Portugal</a><li><a href=/3>Brasil</a></ul>",
        "<p>See <a href=/1>us</a>, <a href=/2>my</a>, <a href=/3>it</a>.",
        "<p>Sprachen: <a href=/1>us</a>, <a href=/2>mx</a>, <a href=/3>gb</a>.",  # countries
        "<dl><dt><a href=#1>br</a><dt><a href=#2>th</a><dt><a href=#3>tr</a><dt><a href=#4>hr</a></dl>",
        "<p><a href=/1>be</a> <a href=/2>is</a> <a href=/3>it</a> <a href=/4>no</a></p>",
        "<p><a href=/1>Latina</a>, <a href=/2>Espa\u00f1ol</a> and <a href=/3>Portugu\u00eas</a> are Romance languages</p>",
        "<p>The languages <a href=/2>Espa\u00f1ol</a> and <a href=/3>Portugu\u00eas</a></p>",
        "<p>Language: <a href=/1>English</a></p>",  # of a book
        "<p>It is no <a href=/1 hreflang=de>house</a></p>",
        "<p>It is us: my <a href=/1 hreflang=de>house</a> or his <a href=/2 hreflang=fr>one</a>. He is no be.</p>",
    ],
)
def test_other_rows_stay(html: str) -> None:
    assert left(html).all()


@pytest.mark.parametrize(("row", "stays"), [(NAMES, True), (("Languages:", *NAMES), False)])
def test_a_row_told_by_names_alone_stays_where_it_is_likely_main_text(row: tuple[str, ...], *, stays: bool) -> None:
    html = f"<p>{row[0]} {' '.join(links(row[1:], marked=False))}</p>"
    assert not left(html, 0.8).any()
    assert left(html, 0.81).tolist() == [stays]


ENTRIES = "".join(f"<li><a href=#s{i}>{i}. What is said of part {i}</a>" for i in range(1, 5))


@pytest.mark.parametrize(
    "contents",
    [
        f"<ul>{ENTRIES}</ul>",
        f"<nav><h2>On this page</h2><ul>{ENTRIES}</ul></nav>",
        f"<p>Table of contents</p><ol>{ENTRIES}</ol>",
        f"<div><b>Inhaltsverzeichnis</b><ol>{ENTRIES.replace('</a>', f'</a><ul>{ENTRIES}</ul>')}</ol></div>",
        "<p>Contents: <a href=#a>One part</a> | <a href=#b>Another part</a> | <a href=#c>The last part</a></p>",
    ],
)
def test_lists_of_contents_are_left_out(contents: str) -> None:
    html = f"<div>{contents}<h2>One part</h2><p>{SENTENCES}</p><p>{SENTENCES}</p></div>"
    assert kept_texts(html) == ["One part", SENTENCES, SENTENCES]


@pytest.mark.parametrize(
    "html",
    [
        f"<ul>{ENTRIES}</ul><p>as short as this",  # it is most of the page
        f"<dl>{ENTRIES.replace('<li>', '<dt>').replace('</a>', '</a><dd>and what it means to those who use')}</dl><p>{SENTENCES}",
        f"<ol>{ENTRIES.replace('</a>', ' as the council has it</a> said in a note below <a href=#b>back</a>')}</ol><p>{SENTENCES}",
        f"<p><a href=#A>A</a> | <a href=#B>B</a> | <a href=#C>C</a> | <a href=#D>D</a></p><p>{SENTENCES}",
        f"<ul>{ENTRIES.replace('#', '/')}</ul><p>{SENTENCES}",  # of other pages
        f"<ul><li><a href=#a>One part</a><li><a href=#b>Another</a></ul><p>{SENTENCES}",
        f"<p>See <a href=#a>one</a>, <a href=#b>two</a> and <a href=#c>three</a> on what the council said of it.</p><p>{SENTENCES}",
        f"<h2><a href=#a>One part</a></h2><h2><a href=#b>Two parts</a></h2><h2><a href=#c>All parts</a></h2><p>{SENTENCES}",
    ],
)
def test_other_lists_stay(html: str) -> None:
    tables = scan(np.frombuffer(html.encode(), np.uint8))
    assert len(kept_texts(html)) == tables.state[at.N_BLOCKS]


def kept_texts(html: str) -> list[str]:
    """What is left of a page, all of which was kept, without contents."""
    tables = scan(np.frombuffer(html.encode(), np.uint8))
    blocks = tables.blocks[: int(tables.state[at.N_BLOCKS])]
    kept = np.ones(len(blocks), np.bool_)
    drop_contents(tables, kept)
    return [tables.text[b[at.B_START] : b[at.B_END]].tobytes().decode() for b in blocks[kept]]


def left(html: str, probability: float = 0.5) -> npt.NDArray[np.bool_]:
    """Of a page's blocks, each as probable, whether it stays."""
    tables = scan(np.frombuffer(html.encode(), np.uint8))
    kept = np.ones(int(tables.state[at.N_BLOCKS]), np.bool_)
    drop_languages(tables, np.full(len(kept), probability, np.float32), kept)
    return kept


def test_a_heading_beside_a_row_of_languages_stays() -> None:
    assert left(f"<div><h2>Bridges</h2><p>{' | '.join(links(CODES, marked=True))}</p></div>").tolist() == [True, False]
