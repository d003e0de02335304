"""Code is kept where the prose around it is."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.extraction import layout as at
from ingest.extraction.examples import keep_code
from ingest.extraction.scan import scan

PROSE = "Some prose of the page"


def kept(html: str, least: float = 0.2) -> list[str]:
    """What is kept of a page of which blocks that say `drop` were dropped, with the probability `least`; `never` has 0."""
    tables = scan(np.frombuffer(html.encode(), np.uint8))
    blocks = tables.blocks[: int(tables.state[at.N_BLOCKS])]
    texts = [tables.text[b[at.B_START] : b[at.B_END]].tobytes().decode() for b in blocks]
    marked = np.array(["drop" not in text and "never" not in text for text in texts], np.bool_)
    probability = np.array([0 if "never" in text else least for text in texts], np.float32)
    keep_code(tables, probability, marked)
    return [text for text, keep in zip(texts, marked, strict=True) if keep]


@pytest.mark.parametrize(
    "html",
    [
        f"<p>{PROSE}<pre>drop(code)</pre>",
        f"<pre>drop(code)</pre><p>{PROSE}",  # a signature
        f"<p>{PROSE}<h3>Example</h3><pre>drop(code)</pre>",
        f"<p>{PROSE}<h3>Example</h3><div><div><pre><code>drop(code)</code></pre></div></div>",
        f"<p>drop this prose here<pre>drop(code)</pre><p>{PROSE}",
        f"<ul><li>{PROSE}<pre>drop(code)</pre></ul>",
        f"<dl><dt>name<dd>{PROSE}<pre>drop(code)</pre></dl>",
        f"<p>{PROSE}<pre>drop(code)</pre><pre>drop(code)</pre><p>drop this prose here",
        f"<p>{PROSE}<table><tr><td><pre>1</pre><td><pre>drop(code)</pre></table>",
    ],
)
def test_code_goes_with_the_prose_beside_it(html: str) -> None:
    found = kept(html)
    assert found.count("drop(code)") == html.count("drop(code)")
    assert "drop this prose here" not in found


@pytest.mark.parametrize(
    "html",
    [
        "<p>drop this prose here<pre>drop</pre>",
        "<pre>drop</pre>",
        f"<p>{PROSE}<div><p>drop this prose here<pre>drop</pre></div>",  # its own box has other prose, and ends the page
        f"<p>{PROSE}<pre>never</pre>",
        "<p><a href=/>Some links of the page</a><pre>drop</pre>",
        "<h2>Some heading of the page</h2><pre>drop</pre>",
    ],
)
def test_other_code_stays_dropped(html: str) -> None:
    assert not any("drop" in text or "never" in text for text in kept(html))


def test_a_box_with_code_between_kept_prose_is_kept_whole() -> None:
    box = "<div class=handler><h4>drop a name</h4><pre>drop()</pre><p>drop what it does<p><a href=/>drop a link</a><p>never</div>"
    found = kept(f"<p>{PROSE}{box}{box}<p>{PROSE}")
    assert found == [PROSE, *["drop a name", "drop()", "drop what it does"] * 2, PROSE]
    assert kept(f"<p>{PROSE}{box}") == [PROSE]
    assert kept(f"{box}<p>{PROSE}") == [PROSE]
    without = box.replace("pre>", "div>")
    assert kept(f"<p>{PROSE}{without}<p>{PROSE}") == [PROSE, PROSE]


def test_a_pre_is_not_torn() -> None:
    assert kept("<p>drop this prose here<pre>one line of code<br>drop<br>and one</pre>") == ["one line of code", "drop", "and one"]
    assert kept("<p>drop this prose here<pre>one<br>drop two of three</pre>") == ["one"]


def test_pages_without_code_are_left_alone() -> None:
    assert kept(f"<p>{PROSE}<p>drop<code>drop</code><p>{PROSE}") == [PROSE, PROSE]
    assert kept("") == []
