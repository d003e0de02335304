"""Where a page that is too long is cut."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.cut import cut, cut_utf8


@pytest.mark.parametrize(
    ("html", "most", "kept"),
    [
        ("<p>one</p><p>two</p>", 99, "<p>one</p><p>two</p>"),
        ("<p>one</p><p>two</p>", 20, "<p>one</p><p>two</p>"),
        ("<p>one</p><p>two</p>", 19, "<p>one</p><p>two"),
        ("<p>one</p><p>two</p>", 17, "<p>one</p><p>two"),  # what follows the last `<` is past the end
        ("<p>one</p><p>two</p>", 14, "<p>one</p><p>t"),
        ("<p>one</p><p>two</p>", 12, "<p>one</p>"),
        ("<p>one<!-- no -->two", 12, "<p>one"),
        ("<p>one<a title='x < y'>two", 20, "<p>one"),
        ("<p>if a < b then c", 15, "<p>if a < b the"),
        ("<p>if a < b then c", 9, "<p>if a <"),
        ("<p>\u00e9\u00e9\u00e9<a>", 7, "<p>\u00e9\u00e9\u00e9"),
        ("<p>\u00e9\u00e9\u00e9<a>", 5, "<p>\u00e9\u00e9"),
    ],
)
def test_pages_are_cut_before_a_tag_that_is_not_whole(html: str, most: int, kept: str) -> None:
    assert cut(html, most) == kept
    assert cut_utf8(np.frombuffer(html.encode(), np.uint8), most).tobytes().decode() == kept


@pytest.mark.parametrize("begins", ["<pre>if a < b then\n", "<p class='", "<"])
def test_text_that_looks_like_a_tag_costs_no_page(begins: str) -> None:
    html = begins + "word " * 50_000
    assert cut(html, 200_000) == html[:200_000]
    assert len(cut_utf8(np.frombuffer(html.encode(), np.uint8), 200_000)) == 200_000
    tag = html[:150_000] + "<b " + html[150_000:]
    assert cut(tag, 200_000) == html[:150_000]
    assert cut("<" * 300_000, 200_000) == "<" * 200_000
