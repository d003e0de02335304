"""The images of a page: where they are, and the texts that speak of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.extraction import extract_images
from ingest.extraction.images import AROUND
from tests.ingest.extraction.test_extract import LARGE

PAGE = """<title>A page</title><p>Before it all.</p><figure><a href=x><img src="/a b.jpg" alt="A  bridge &amp; a river"
title='Old'></a><figcaption>The <b>bridge</b><br>in 1950</figcaption></figure><p>After <img src=//cdn.example/c.png alt=""> it.</p>
<figure><img src=d.gif></figure><script>'<img src=no.png>'</script>"""


def test_images_with_their_texts() -> None:
    first, second, third = extract_images(PAGE, "https://site.example/news/page.html")
    url = "https://site.example/a%20b.jpg"
    assert first == (0, url, "A bridge & a river", "The bridge in 1950", "Old", "Before it all.", "After it.")
    assert second[:5] == (1, "https://cdn.example/c.png", "", "", "")
    assert second.before == "Before it all. The bridge in 1950 After"
    assert second.after == "it."
    assert third[:5] == (2, "https://site.example/news/d.gif", "", "", "")
    assert third.after == ""


@pytest.mark.parametrize(
    ("tag", "url"),
    [
        ("<img src='data:image/gif;base64,R0' data-src=/real.jpg>", "http://h.example/real.jpg"),
        ("<img src=/small.jpg srcset='/a.jpg 1x, /b.jpg 2x'>", "http://h.example/small.jpg"),
        ("<img srcset='/a.jpg 1x, /b.jpg 2x'>", "http://h.example/b.jpg"),
        ("<base href='/down/'><img src=a.jpg>", "http://h.example/down/a.jpg"),
        ("<img src=a.jpg src=b.jpg>", "http://h.example/a.jpg"),
        ("<img src='http://[bad/a.jpg'>", None),
        ("<img src='javascript:x()'>", None),
        ("<img src='data:image/gif;base64,R0'>", None),
        ("<img alt=x>", None),
        ("<img src=" + "a" * 3000 + ">", None),
        ("<noscript><img src=a.jpg></noscript>", None),
    ],
)
def test_addresses(tag: str, url: str | None) -> None:
    assert [image.url for image in extract_images(tag, "http://h.example/")] == ([] if url is None else [url])


def test_without_the_pages_address_those_of_images_stay_as_they_are() -> None:
    assert [image.url for image in extract_images("<img src=../a.png>")] == ["../a.png"]


def test_text_around_is_short_and_near() -> None:
    (image,) = extract_images("<p>" + "far " * 200 + "<p>near<img src=a>" + "<p>next" * 5)
    assert len(image.before) <= AROUND
    assert image.before.endswith("far near")
    assert image.after == "next next next next"


@pytest.mark.parametrize("word", ["far ", "\u30fc\u30fc\u30fc ", "&amp; "])
def test_text_around_is_next_to_the_image_however_long_the_block(word: str) -> None:
    (image,) = extract_images(f"<p>{word * 20_000}here<img src=a>there{word * 20_000}")
    text = word.replace("&amp;", "&")
    assert image.before == (text * 200 + "here")[-AROUND:].strip()
    assert image.after == ("there" + text * 200)[:AROUND].strip()
    (image,) = extract_images(f"<p>{word * 20_000}here</p><img src=a><p>there{word * 20_000}")
    assert image.before == (text * 200 + "here")[-AROUND:].strip()
    assert image.after == ("there" + text * 200)[:AROUND].strip()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(["<img", " src=a", " alt='", "'", ">", "<figure>", "<figcaption>", "</figure>", "x ", "&amp;"])))
def test_any_page(pieces: list[str]) -> None:
    for image in extract_images("".join(pieces), "http://h.example/"):
        assert image.url


@pytest.mark.parametrize("name", LARGE)
def test_large_pages(name: str) -> None:
    extract_images(LARGE[name]())


def test_many_images() -> None:
    assert len(extract_images("<img src=a>" * 50_000)) == 1 << 15
    data = "<img src=a><figure>" * 20_000 + "<figcaption>x"
    assert len(extract_images(data)) == 20_000
    assert np.isfinite(len(extract_images("<img/" * 100_000)))
