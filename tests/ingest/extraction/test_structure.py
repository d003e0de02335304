"""Text with its structure: Markdown of headings, lists, tables, quotations and code, and lines of <pre> in plain text."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.extraction import extract_text
from ingest.extraction import layout as at
from ingest.extraction.markdown import markdown
from ingest.extraction.scan import scan
from ingest.extraction.signs import pieces
from tests.ingest.extraction.test_extract import ARTICLE, SENTENCES


def written(html: str) -> str:
    page = np.frombuffer(html.encode(), np.uint8)
    tables = scan(page)
    return markdown(page, tables, pieces(tables, np.ones(int(tables.state[at.N_BLOCKS]), np.bool_)))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>Title <b>of</b> it</h1><p>One<br>two <a href=x>three</a></p>", "# Title of it\n\nOne\n\ntwo three"),
        ("<h6>Deep", "###### Deep"),
        ("<ul><li>a<li>b<ol><li>c<li>d</ol></ul>e", "- a\n- b\n  1. c\n  2. d\n\ne"),
        ("<ul><li>a<p>b</p></ul>", "- a\n\n  b"),
        ("<blockquote><p>a<p>b</blockquote>", "> a\n>\n> b"),
        ("<table><tr><th>A<th>B<tr><td>1|2<td><tr><td><td>4</table>", "| A | B |\n| --- | --- |\n| 1\\|2 |  |\n|  | 4 |"),
        ("<table><caption>C<tr><td>1<td>2<tr><td>3<br>x<td>4</table>", "C\n\n| 1 | 2 |\n| --- | --- |\n| 3 x | 4 |"),
        ("<table><tr><td><h2>News</h2>a<td>b<tr><td>c<td>d</table>", "## News\n\na\n\nb\n\nc\n\nd"),  # places things
        ("<table><tr><td>one cell</table>", "one cell"),
        ("<pre>def f():\n    return 1\n\n\tx</pre>", "```\ndef f():\n    return 1\n\n\tx\n```"),
        ("<pre>a\n```\nb</pre>", "````\na\n```\nb\n````"),
        ("<ul><li><pre>a\n b</pre></ul>", "- ```\n  a\n   b\n  ```"),
        ("<p># no heading<p>- no item", "\\# no heading\n\n\\- no item"),
        ("<p>1. no item<p>&gt; no quotation", "1\\. no item\n\n\\> no quotation"),
        ("<p>a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("", ""),
    ],
)  # fmt: skip
def test_markdown(html: str, expected: str) -> None:
    assert written(html) == expected


def test_what_is_not_kept_leaves_no_mark() -> None:
    page = np.frombuffer(b"<ul><li>a<li>b<li>c</ul><table><tr><td>1<td>2<tr><td>3<td>4</table>", np.uint8)
    tables = scan(page)
    kept = pieces(tables, np.array([1, 0, 1, 1, 1, 0, 1], np.bool_))
    assert markdown(page, tables, kept) == "- a\n- c\n\n| 1 | 2 |\n| --- | --- |\n|  | 4 |"


def test_rows_of_a_table_are_no_longer_than_they_were() -> None:
    wide = "<tr>" + "<td>x" * 2000
    html = "<table>" + wide + "<tr><td>1<td>2<td>" * 2000 + "</table>"
    rows = written(html).split("\n")
    assert len(rows) == 2002
    assert rows[0].count("|") == rows[1].count("|") == 2001
    assert set(rows[2:]) == {"| 1 | 2 |  |"}
    assert written("<table><tr><td>1<tr><td>2<td>3</table>") == "| 1 |  |\n| --- | --- |\n| 2 | 3 |"


def test_the_function() -> None:
    found = extract_text(ARTICLE, format="markdown")
    assert found.removeprefix("# The bridge\n\n") == f"{SENTENCES}\n\n{SENTENCES} <sic>"
    assert SENTENCES in extract_text(ARTICLE, engine="web2shards-fast")
    with pytest.raises(ValueError, match="format"):
        extract_text(ARTICLE, format="html")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="engine"):
        extract_text(ARTICLE, engine="lynx")  # type: ignore[arg-type]


def block(html: str) -> str:
    tables = scan(np.frombuffer(html.encode(), np.uint8))
    row = tables.blocks[0]
    return tables.text[row[at.B_START] : row[at.B_END]].tobytes().decode()


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<pre>\n\n  a\n    <b>b</b>  c\r\n\td \n\n</pre>", "  a\n    b  c\n\td"),
        ("<pre>a&nbsp;&nbsp;b\xa0c</pre>", "a  b c"),
        ("<pre><code>a\n</code>b</pre>", "a\nb"),
        ("<div> a\n  b </div>", "a b"),
        ("<pre> </pre>a\n b", "a b"),
    ],
)
def test_white_space_of_pre_stands(html: str, expected: str) -> None:
    assert block(html) == expected


def test_a_long_pre_is_one_block() -> None:
    code = "\n".join(f"    call({i}, 'x')" for i in range(250_000))
    assert len(code) > 5_000_000
    html = f"<html><head><title>a.py</title></head><body><pre>{code}</pre></body></html>"
    assert extract_text(html) == code
    assert extract_text(html, format="markdown") == f"```\n{code}\n```"
