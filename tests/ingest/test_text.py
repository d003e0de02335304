"""Main text of pages, and pages that were made to hurt a parser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.cleaning import clean
from ingest.html import MAX_DEPTH, tamed
from ingest.taming import tame
from ingest.text import Text

ARTICLE = "<p>" + "A sentence of the article that is long enough to count. " * 8 + "</p>"
PAGE = f"""<!DOCTYPE html><html><head><title> The  title
 </title><style>p {{}}</style></head><body><nav><a href="/">Home</a> <a href="/a">About</a></nav>
<main><h1>A heading</h1>{ARTICLE}<ul><li>one</li><li>two</li></ul><img alt="alt text" src="x.png">{ARTICLE}</main>
<footer>Copyright</footer><script>if (a<b) {{ document.write("<div><div><div>") }}</script></body></html>"""


def texts(*contents: str | None, form: str = "html", scorer: Text | None = None) -> list[dict[str, Any]]:
    scorer = scorer or Text()
    batch = pa.RecordBatch.from_pydict(
        {"page.content": pa.array(contents, pa.string()), "page.form": [form] * len(contents), "page.url": [None] * len(contents)}
    )
    result = scorer.score(batch)
    assert result.schema == scorer.schema
    return result.to_pylist()


def test_a_page() -> None:
    (row,) = texts(PAGE)
    assert row["title"] == "The title"
    assert 0.5 < row["confidence"] <= 1
    text = row["text"] or ""
    assert text.removeprefix("A heading\n").startswith("A sentence")
    for other in ("Home", "Copyright", "alt text", "document", "•"):
        assert other not in text
    assert all(line == line.rstrip() for line in text.split("\n"))
    (whole,) = texts(PAGE, scorer=Text(main=False))
    assert "Home" in (whole["text"] or "")


def test_nulls_and_empty_pages() -> None:
    none, *empty = texts(None, "", "  ")
    assert set(none.values()) == {None}
    assert [(row["title"], row["text"]) for row in empty] == [("", "")] * 2


def test_texts_pass_through_but_for_what_no_text_holds() -> None:
    (row,) = texts("one <b>\x00\r\n\r\n\r\n\r\ntwo  \n three", form="text")
    assert (row["title"], row["text"], row["confidence"]) == ("", "one <b>\n\ntwo\n three", None)


def test_long_pages_are_cut_at_a_tag() -> None:
    html = "<p>" + "word " * 300 + "</p><p class='" + "x" * 1000 + "'>after</p>"
    assert tamed(html, 2000) == "<p>" + "word " * 300 + "</p>"
    (row,) = texts(html, scorer=Text(main=False, max_html=2000))
    assert (row["text"] or "").endswith("word")


@pytest.mark.parametrize("engine", ["web2shards", "web2shards-fast", "resiliparse"])
def test_a_page_that_was_cut_says_so(engine: Any) -> None:
    html = "<p>" + "\u00e9" * 1021  # 1,024 characters, and more bytes
    scorer = Text(engine=engine, max_html=1024)
    rows = texts(html, html + "e", html[:-1] + "\x00e", None, scorer=scorer)
    assert [row["cut"] for row in rows] == [False, True, True, None]
    assert [len(row["text"] or "") for row in rows[:2]] == [1021, 1021]
    (row,) = texts(html + "e", form="text", scorer=scorer)
    assert (row["cut"], row["characters"]) == (False, 1025)


def test_parameters_are_checked() -> None:
    with pytest.raises(ValueError, match="max_html"):
        Text(max_html=5)
    with pytest.raises(ValueError, match="engine"):
        Text(engine="lynx")  # type: ignore[arg-type]
    assert Text() == Text(engine="web2shards")


BOMBS = {
    "divs": "<div>" * 800_000 + "end",
    "divs closed": "<div>" * 300_000 + "end" + "</div>" * 300_000,
    "other end tags": "<div></x>" * 300_000 + "end",
    "comments between": "<!--><div>" * 300_000 + "end",
    "lone brackets": "<" * 3_000_000 + " end",
    "attributes": "<p " + " ".join(f"a{i}=1" for i in range(100_000)) + ">end",
    "one attribute": "<p a='" + "x" * 3_000_000 + "'>end",
    "formatting": "<p>" + "".join(f"<b a{i}>" for i in range(300)) + "</p>" + "<p>x</p>" * 30_000 + "end",
    "foreign style": "<svg><style>" + "<g>" * 500_000 + "end",
    "tables": "<table><tr><td>" * 100_000 + "end",
    "entities": "&" * 3_000_000 + " end",
    "templates": "<template>" * 300_000 + "end",
    "siblings": "<i>x</i>" * 300_000 + "end",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_survive(name: str) -> None:
    html = tamed(BOMBS[name], 4 << 20)
    assert html.endswith("end")
    assert len(texts(BOMBS[name], scorer=Text(engine="resiliparse"))) == 1  # without taming it takes minutes, or hours
    assert len(texts(BOMBS[name])) == 1


def depth_of(html: str) -> int:
    from html.parser import HTMLParser

    class Depth(HTMLParser):
        now = deepest = 0

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.now += 1
            self.deepest = max(self.deepest, self.now)

        def handle_endtag(self, tag: str) -> None:
            self.now -= 1

    parser = Depth()
    parser.feed(html)
    return parser.deepest


def test_depth_is_limited_and_the_text_stays() -> None:
    html = "".join(f"<div>{i} " for i in range(1000)) + "</div>" * 1000 + "<p>after</p>"
    small = tamed(html, 1 << 30)
    assert depth_of(small) == MAX_DEPTH
    assert all(f"{i} " in small for i in range(1000))
    assert small.endswith("</div>" * MAX_DEPTH + "<p>after</p>")


ORDINARY = (
    PAGE,
    "<p>a<p>b<p>c" * 2000,
    "<ul>" + "<li>x" * 2000 + "</ul>",
    "<table>" + "<tr><td>a<td>b" * 2000 + "</table>",
    "<dl>" + "<dt>a<dd>b" * 2000 + "</dl>",
    "<a name=x />text" * 2000,
    "<br><hr><img src=a><input>" * 2000,
    "<script>" + "if (a<b) x();" * 2000 + "</script><p>x",
    "<!-- " + "<div>" * 2000 + " --><p>x</p>",
    "<select>" + "<option>x" * 2000 + "</select>",
    "<p title='a > b <c' data-x=\"<div>\">text</p>" * 500,
)


@pytest.mark.parametrize("html", ORDINARY, ids=range(len(ORDINARY)))
def test_ordinary_pages_are_left_as_they_are(html: str) -> None:
    assert tamed(html, 1 << 30) is html


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            [
                "<div>",
                "</div>",
                "<p>",
                "<b>",
                "</b>",
                "<a x=1 y='2'>",
                "<!--",
                "-->",
                "<script>",
                "</script>",
                "<svg>",
                "</",
                "<",
                ">",
                "'",
                '"',
                "=",
                "text ",
                "ü",
                "<br/>",
                "\x00",
                "<td>",
                "<table>",
            ]
        ),
        max_size=60,
    )
)
def test_taming_only_leaves_markup_out(pieces: list[str]) -> None:
    html = "".join(pieces)
    raw = np.frombuffer(html.encode(), np.uint8)
    out = np.empty(len(raw), np.uint8)
    assert bytes(out[: tame(raw, out, 256, 256, 16)]).decode() == html
    small = bytes(out[: tame(raw, out, 2, 1, 1)])
    rest = iter(html.encode())
    assert all(byte in rest for byte in small)  # a subsequence
    assert texts(html)


def _cleaned(text: str) -> str:
    """What `clean` does, line by line."""
    text = text.replace("\x00", "").encode("utf-8", "ignore").decode().replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(line for i, line in enumerate(lines) if line or (i and lines[i - 1])).strip("\n")


_TEXTS = st.text() | st.text("a é\t\n\r\x00\x0b\x85\u2028\u3000\ud800", max_size=40)


@pytest.mark.parametrize("comment", ["<!-->", "<!--->", "<!-- --!>", "<!---!>-->", "<!x>", "<?x>", "</ x>"])
def test_comments_end_where_a_parser_ends_them(comment: str) -> None:
    """Past the limit a start tag is left out, but not one in a comment; `<!---!>` ends none (html.spec.whatwg.org §13.2.5.44)."""
    html = f"<i>a{comment.replace('!>-->', '!><i>-->')}<i>b".encode()
    out = np.empty(len(html), np.uint8)
    assert bytes(out[: tame(np.frombuffer(html, np.uint8), out, 256, 256, 1)]).endswith(html[4:-4] + b"b")


@settings(deadline=None, max_examples=100)
@given(st.lists(st.none() | _TEXTS, max_size=5))
def test_a_column_is_cleaned_as_each_of_its_texts(texts: list[str | None]) -> None:
    cleaned = clean(texts)
    cleaned.validate(full=True)
    assert cleaned.to_pylist() == [None if text is None else _cleaned(text) for text in texts]


@settings(deadline=None, max_examples=100)
@given(_TEXTS)
def test_cleaning_is_done_once(text: str) -> None:
    once = clean([text])[0].as_py()
    assert clean([once])[0].as_py() == once
    assert "\x00" not in once
    assert "\n\n\n" not in once


@pytest.mark.parametrize("engine", ["web2shards", "resiliparse"])
def test_a_caption_of_a_file_s_name_is_no_html(engine: Any) -> None:
    (row,) = texts("a <b> cat &amp; " + "x" * 2000, form="file_name", scorer=Text(engine=engine, max_html=1024))
    assert (row["text"], row["confidence"], row["cut"]) == ("a <b> cat &amp; " + "x" * 2000, None, False)
