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
        ("<p><code># a<br>- b<br>c</code><p>d", "```\n# a\n- b\nc\n```\n\nd"),
        ("<p>One <code>a</code><br>two <code>b</code>", "One a\n\ntwo b"),
        ("<table><tr><th>O<th>M<tr><td>&gt;<td>more<tr><td><code>|</code><td>or<tr><td>&#8203;<td>none</table>",
         "| O | M |\n| --- | --- |\n| > | more |\n| \\| | or |\n|  | none |"),
        ("<ul><li>+<li>a<li>|<li><code>|</code></ul>", "- \\+\n- a\n- |"),
        ("<p># no heading<p>- no item", "\\# no heading\n\n\\- no item"),
        ("<p>1. no item<p>&gt; no quotation", "1\\. no item\n\n\\> no quotation"),
        ("<p>a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("", ""),
    ],
)  # fmt: skip
def test_markdown(html: str, expected: str) -> None:
    assert written(html) == expected


@pytest.mark.parametrize(
    ("holder", "before"), [("<blockquote>", "> " * 8), ("<ul><li>", "  " * 8), ("<ul><li><blockquote>", "  > " * 4)]
)
def test_marks_of_a_line_are_few_however_deep_it_stands(holder: str, before: str) -> None:
    text = written(f"{holder * 200}{'<p>word' * 100}")
    assert text.endswith(f"\n{before}word")
    assert text.count("word") == 100
    assert max(map(len, text.split("\n"))) == len(before) + len("word")


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("<pre><code class='hljs language-c++'>a</code></pre>", "c++"), ("<pre class='prettyprint lang-py'>a</pre>", "py"),
        ("<div class='highlight highlight-source-shell'><pre>a</pre></div>", "shell"),
        ("<div class='highlight-python notranslate'><div class=highlight><pre><span></span>a</pre></div></div>", "python"),
        ("<div class='language-ruby highlighter-rouge'><div class=highlight><pre><code>a</code></pre></div></div>", "ruby"),
        ("<pre class='brush: js; toolbar: false'>a</pre>", "js"), ("<pre class='sourceCode haskell'>a</pre>", "haskell"),
        ("<pre class='rust'><code class=language-rust>a</code></pre>", "rust"), ("<pre class=language-none>a</pre>", ""),
        ("<div class=highlight-default><pre>a</pre></div>", ""), ("<div class=lang-en><pre>a</pre></div>", ""),
        ("<div class=highlight><pre>a</pre></div>", ""), ("<pre class='language-`x'>a</pre>", ""),
        ("<p><code class=language-go>a<br>b</code>", "go"), ("<pre><b class=language-go>a</b></pre>", ""),
    ],
)  # fmt: skip
def test_code_names_its_language(code: str, language: str) -> None:
    assert written(code).split("\n")[0] == f"```{language}"


HEAD = "<html><head><title>{}</title></head><body>"
TEXT = f"<main><p>{SENTENCES}</p><p>{SENTENCES}</p></main>"


@pytest.mark.parametrize(
    ("title", "before", "heading"),
    [
        ("The bridge - The Paper", "<h1>The bridge</h1>", "The bridge"),
        ("The Paper: a bridge of the old town", "<h1>The Paper</h1><h1>A bridge of the old town</h1>", "A bridge of the old town"),
        ("The bridge &amp; us", "<h1>The bridge &amp; us<a href=#b>\u00b6</a></h1>", "The bridge & us"),
        ("The bridge - The Paper", "<h1><a href=/>The Paper</a></h1>", ""),
        ("What is to become of the bridge - Paper", "<h1>Paper</h1>", ""),
        ("What is known of the old bridge", "<h1>All that is known of the old bridge</h1>", "All that is known of the old bridge"),
        ("The bridge", "<h1>Another thing</h1>", ""),
        ("The bridge", "<h1>The bridge</h1><nav>" + "<a href=/a>one of many links</a> " * 60 + "</nav>", ""),
        ("", "<h1>The bridge</h1>", ""),
    ],
)
def test_markdown_has_the_page_s_heading_and_plain_text_has_not(title: str, before: str, heading: str) -> None:
    page = HEAD.format(title) + f"<header>{before}</header>" + TEXT
    text = extract_text(page)
    assert text == f"{SENTENCES}\n{SENTENCES}"
    assert extract_text(page, format="markdown") == f"# {heading}\n\n" * bool(heading) + text.replace("\n", "\n\n")


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
