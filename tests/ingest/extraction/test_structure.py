"""Text with its structure: Markdown of headings, lists, tables, quotations and code, and lines of <pre> in plain text."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.extraction import extract_text
from ingest.extraction import layout as at
from ingest.extraction.extractor import extract
from ingest.extraction.markdown import markdown
from ingest.extraction.names import NUMBER
from ingest.extraction.scan import scan
from ingest.extraction.signs import pieces
from ingest.extraction.titles import drop_heading
from tests.ingest.extraction.test_extract import ARTICLE, SENTENCES


def written(html: str) -> str:
    page = np.frombuffer(html.encode(), np.uint8)
    tables = scan(page)
    return markdown(page, tables, pieces(tables, np.ones(int(tables.state[at.N_BLOCKS]), np.bool_)))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<h1>Title <b>of</b> it</h1><p>One<br>two <a href=x>three</a></p>", "# Title of it\n\nOne\ntwo three"),
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
        ("<p>One <code>a</code><br>two <code>b</code>", "One `a`\ntwo `b`"),
        ("<p>a<br><br>b<br><br/><br>c<br>- d", "a\n\nb\n\nc\n\\- d"),
        ("<h2>a<br>b</h2><ul><li>c<br>d</ul><p>e<br><p>f", "## a b\n\n- c\n  d\n\ne\n\nf"),
        ("<p>a<br>***<br>b", "a\n\nb"),  # a line of signs is left out, and parts
        ("<p>the <kbd>Ctrl</kbd>, <samp> x`y </samp><tt>``</tt> and <code>a <b>b</b></code>.",
         "the `Ctrl`, ``x`y`` ` `` ` and `a b`."),
        ("<p><code># a</code> b<p># <code>a</code>", "`# a` b\n\n\\# `a`"),
        ("<p><tt>" + "prose " * 80 + "</tt>", ("prose " * 80).strip()),
        ("<p><code>a<p>b</code>c<div><code>d<div>e</div>f</code></div>", "`a`\n\nbc\n\n```\nd\ne\nf\n```"),
        ("<ol start=3><li>a<li>b<ol><li>c</ol></ol>", "3. a\n4. b\n   1. c"),
        ("<ol><li>a<li value=7>b<li>c</ol><ol start=x><li>d<li value>e", "1. a\n7. b\n8. c\n\n1. d\n2. e"),
        ("<ol reversed><li>a<li>b</ol><ol reversed start=2><li>d<li>e<li>f<li>g", "2. a\n1. b\n\n2. d\n1. e\n0. f\n0. g"),
        ("<ol start=999999999999><li>a</ol><ol start=-4><li>b</ol>", "1. a\n\n0. b"),
        ("<dl><dt>a<dd>b<p>c</p><dd>d<dt>e<dt>f<dd><ul><li>g<li>h</ul></dl>", "a\n: b\n\n  c\n: d\n\ne\nf\n: - g\n  - h"),
        ("<dl><dt>a<dd>b<dl><dt>c<dd>d<p>e</dl></dl>", "a\n: b\n\n  c\n  : d\n\n  e"),
        ("<dl><dd>a</dl><p>: b", "a\n\n\\: b"),
        ("<table><tr><th>A<th>B<th>C<tr><td rowspan=2>1<td>2<td>3<tr><td>4<td>5<tr><td colspan=2>6<td>7</table>",
         "| A | B | C |\n| --- | --- | --- |\n| 1 | 2 | 3 |\n|  | 4 | 5 |\n| 6 |  | 7 |"),
        ("<table><thead><tr><th rowspan=2>A<th colspan=2>B<tr><th>C<th>D</thead><tbody><tr><td>1<td>2<td>3</table>",
         "| A | B |  |\n| --- | --- | --- |\n|  | C | D |\n| 1 | 2 | 3 |"),
        ("<table><tr><td><code>a|b</code><td>x<tr><td>1<td>2</table>", "| `a\\|b` | x |\n| --- | --- |\n| 1 | 2 |"),
        ("<table><tr><th>O<th>M<tr><td>&gt;<td>more<tr><td><code>|</code><td>or<tr><td>&#8203;<td>none</table>",
         "| O | M |\n| --- | --- |\n| > | more |\n| `\\|` | or |\n|  | none |"),
        ("<ul><li>+<li>a<li>|<li><code>|</code></ul>", "- \\+\n- a\n- `|`"),
        ("<p># no heading<p>- no item", "\\# no heading\n\n\\- no item"),
        ("<p>1. no item<p>&gt; no quotation", "1\\. no item\n\n\\> no quotation"),
        ("<p>a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("", ""),
    ],
)  # fmt: skip
def test_markdown(html: str, expected: str) -> None:
    assert written(html) == expected


_MATHML = "<math{}><mi>E</mi><mo>=</mo><mn>2</mn>{}</math>"
_ANNOTATION = "<semantics><annotation encoding='{}'>{}</annotation></semantics>"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (_MATHML.format(" alttext='{\\displaystyle E=mc^{2}}'", ""), "$E=mc^{2}$"),
        (_MATHML.format(" alttext='{\\displaystyle a}+{b}'", ""), "${\\displaystyle a}+{b}$"),
        (_MATHML.format(" display=block alttext=E", ""), "$$E$$"),
        (_MATHML.format("", _ANNOTATION.format("application/x-tex", "x &lt; 3")), "$x < 3$"),
        (_MATHML.format("", _ANNOTATION.format("text/plain", "no")), "E=2"),
        (_MATHML.format(" alttext=''", ""), "E=2"),
        ("<script type='math/tex'>x_1</script>", "$x_1$"),
        ("<script type='math/tex; mode=display'>x_1</script>", "$$x_1$$"),
        ("<script type='text/javascript'>x_1</script>", ""),
        ("<span class=katex><span class=katex-mathml>" + _MATHML.format("", _ANNOTATION.format("application/x-tex", "x^2"))
         + "</span><span class=katex-html aria-hidden=true><span><span>x</span>2</span></span></span>", "$x^2$"),
        ("<span class=katex-html>x2</span>", "x2"),  # drawn alone
    ],
)  # fmt: skip
def test_formulas(html: str, expected: str) -> None:
    assert written(f"<p>It is {html} then.") == " ".join(f"It is {expected} then.".split())
    plain_text = extract_text(f"<p>It is {html} then.")
    assert plain_text in ("", written(f"<p>It is {html} then.").replace("$", ""))


def test_a_formula_alone_is_a_block_of_what_holds_it() -> None:
    html = "<p>a<div><span style='display:none'>" + _MATHML.format(" display=block alttext=E=1", "") + "</span></div><p>cost $5"
    assert written(html) == "a\n\n$$E=1$$\n\ncost $5"
    assert written("<p>$5 is <math alttext=x></math>") == "\\$5 is $x$"
    tables = scan(np.frombuffer(html.encode(), np.uint8))
    assert tables.elements[tables.blocks[1, at.B_ELEMENT], at.E_NAME] == NUMBER["div"]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ruby>\u6f22<rp>(</rp><rt>kan</rt><rp>)</rp>\u5b57<rt>ji</rt></ruby>\u3067\u3059", "\u6f22\u5b57\u3067\u3059"),
        ("<ruby>\u6f22<rt>kan<rb>\u5b57<rt>ji</ruby>\u3067", "\u6f22\u5b57\u3067"),
        ("<ruby>\u6f22<rp>(<rt>kan<rp>)</ruby> \u3067", "\u6f22 \u3067"),
        ("<ruby><rb>\u6f22<rb>\u5b57<rtc><rt>kan<rt>ji</rtc></ruby>", "\u6f22\u5b57"),
        ("a<rt>b</rt>", "a"),
    ],
)
def test_readings_are_left_out(html: str, text: str) -> None:
    assert written(f"<p>{html}") == text


def test_what_cells_span_is_bounded() -> None:
    html = "<table>" + ("<tr>" + "<td rowspan=60000 colspan=60000>x" * 50) * 60 + "</table>"
    assert len(written(html)) < 4 * len(html)
    deep = "<table>" + "<tr><td rowspan=64>a<td>b" * 3000 + "</table>"
    assert len(written(deep)) < 4 * len(deep)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<table><tr><th>A<th>B<tr><td>1<br>x<td>2</table>", "A\tB\n1 x\t2"),
        ("<table><caption>C<tr><td>1<td>2<tr><td>3<td>4</table>a", "C\n1\t2\n3\t4\na"),
        ("<table><tr><td><h2>A</h2>a<td>b<tr><td>c<td>d</table>", "A\na\nb\nc\nd"),  # places things
        ("<table><tr><td>a<td>b</table>", "a\nb"),
        ("<table><tr><td>a<td><table><tr><td>1<td>2<tr><td>3<td>4</table><tr><td>c<td>d</table>", "a\n1\t2\n3\t4\nc\nd"),
        ("<table><tr><td>a<br>b<br>c<br>d<br>e<br>f<br>g<td>h<tr><td>i<td>j</table>", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj"),  # a list
        ("<p>a<p>\ufeff<p>\u200b\ufeff<p>b\ufeff", "a\nb"),
    ],
)  # fmt: skip
def test_plain_text(html: str, text: str) -> None:
    assert extract(np.frombuffer(html.encode(), np.uint8), main=False).text == text


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
        ("The bridge", "</header><h1>The<br>bridge <button>Copy</button></h1><header>", "The bridge"),
    ],
)
def test_markdown_has_the_page_s_heading_and_plain_text_has_not(title: str, before: str, heading: str) -> None:
    page = HEAD.format(title) + f"<header>{before}</header>" + TEXT
    text = extract_text(page)
    assert text == f"{SENTENCES}\n{SENTENCES}"
    assert extract_text(page, format="markdown") == f"# {heading}\n\n" * bool(heading) + text.replace("\n", "\n\n")


@pytest.mark.parametrize(
    ("title", "before", "inside", "heading", "told"),
    [
        ("Paths - The Book", "<h1>The Book</h1>", "<h1><a href=#p>Paths</a></h1>", "Paths", True),  # mdBook
        ("Vec in std::vec - Rust", "", "<h1>Struct <span>Vec</span> <button>Copy item path</button></h1>", "Struct Vec", True),
        ("The Book", "<h1>The Book</h1>", "<h1>Paths</h1>", "Paths", False),
        ("", "", "<h1>Paths</h1>", "Paths", False),
        ("mod_cgi - Server", "", "<h1>Module mod_cgi</h1>", "Module mod_cgi", True),
        ("The bridge", "<h1>The bridge</h1>", "", "The bridge", True),
    ],
)
def test_the_heading_in_the_main_part_is_the_page_s(title: str, before: str, inside: str, heading: str, *, told: bool) -> None:
    """Plain text has it where <title> says nothing of it; by any element that is the main part."""
    for main, end in (("<main>", "</main>"), ("<article>", "</article>"), ("<div role=main>", "</div>")):
        page = f"{HEAD.format(title)}{before}{main}{inside}<p>{SENTENCES}</p><p>{SENTENCES}</p>{end}"
        text = f"{SENTENCES}\n{SENTENCES}"
        assert extract_text(page, format="markdown") == f"# {heading}\n\n" + text.replace("\n", "\n\n")
        assert extract_text(page) == (text if told else f"{heading}\n{text}")


def test_a_site_s_name_is_no_heading_where_another_says_the_title() -> None:
    page = HEAD.format("To panic - The Book") + "<h1>The Book</h1>" + TEXT.replace("<main>", "<main><h2>To panic</h2>")
    assert extract_text(page, format="markdown").startswith("## To panic\n\n")


def test_a_page_that_is_a_heading_alone_keeps_it() -> None:
    tables = scan(np.frombuffer(b"<main><h1>The bridge</h1>", np.uint8))
    kept = np.ones(1, np.bool_)
    drop_heading(tables, "The bridge", kept)
    assert kept.all()


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
