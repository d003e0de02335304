"""The images of a page: where they are, and the texts that speak of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.extraction import extract_images, extract_text
from ingest.extraction.figures import MOST_BOXES
from ingest.extraction.images import AROUND, IMG, LONGEST_TEXT, SHARED
from ingest.extraction.layout import Tables
from ingest.image_addresses import ImageOptions
from ingest.srcset import parse_srcset
from tests.ingest.extraction.test_extract import LARGE

PAGE = """<title>A page</title><p>Before it all.</p><figure><a href=x><img src="/a b.jpg" alt="A  bridge &amp; a river"
title='Old'></a><figcaption>The <b>bridge</b><br>in 1950</figcaption></figure><p>After <img src=//cdn.example/c.png alt=""> it.</p>
<figure><img src=d.gif></figure><script>'<img src=no.png>'</script>"""


def test_images_with_their_texts() -> None:
    first, second, third = extract_images(PAGE, "https://site.example/news/page.html")
    assert first[:4] == (0, IMG, "https://site.example/a%20b.jpg", "")
    assert first[4:8] == ("A bridge & a river", "The bridge in 1950", "", "Old")
    assert (first.before, first.after) == ("Before it all.", "After it.")
    assert (second.position, second.url, second.alt, second.figcaption) == (1, "https://cdn.example/c.png", "", "")
    assert second.before == "Before it all. The bridge in 1950 After"
    assert second.after == "it."
    assert (third.position, third.url) == (2, "https://site.example/news/d.gif")
    assert third.after == ""


@pytest.mark.parametrize(
    ("tag", "url", "reason"),
    [
        ("<img src='data:image/gif;base64,R0' data-src=/real.jpg>", "http://h.example/real.jpg", ""),
        ("<img src=/small.jpg srcset='/a.jpg 1x, /b.jpg 2x'>", "http://h.example/b.jpg", ""),
        ("<img src=/s.jpg srcset='/a.jpg 640w, /b.jpg 5000w, /c.jpg 1280w'>", "http://h.example/c.jpg", ""),
        ("<img src=/s.jpg srcset='/b.jpg 5000w'>", "http://h.example/b.jpg", ""),
        ("<img src=/s.jpg srcset='/a.jpg'>", "http://h.example/s.jpg", ""),
        ("<img src=/s.jpg data-srcset='/a,b.jpg 300w, /c.jpg 200w'>", "http://h.example/a,b.jpg", ""),
        ("<picture><source srcset='/a.avif 900w'><source media='(width < 9px)' srcset='/cut.jpg 999w'><img src=/s.jpg></picture>",
         "http://h.example/a.avif", ""),
        ("<picture><source srcset=/a.webp><img src=/s.jpg></picture>", "http://h.example/s.jpg", ""),
        ("<picture><source srcset=/a.webp><img alt=x></picture>", "http://h.example/a.webp", ""),
        ("<video><source src=/film.mp4></video><img src=/s.jpg>", "http://h.example/s.jpg", ""),
        ("<base href='/down/'><img src=a.jpg>", "http://h.example/down/a.jpg", ""),
        ("<img src=a.jpg src=b.jpg>", "http://h.example/a.jpg", ""),
        ("<img src='../x/./../é ü.jpg#top'>", "http://h.example/é%20ü.jpg", ""),
        ("<img src='a.svg?v=2'>", "http://h.example/a.svg?v=2", "svg"),
        ("<img src='http://[bad/a.jpg'>", "http://[bad/a.jpg", "bad_address"),
        ("<img src='javascript:x()'>", "javascript:x()", "scheme"),
        ("<img src='data:image/gif;base64,R0'>", "data:", "inline"),
        ("<img src=" + "a" * 3000 + ">", "a" * 2083, "address_too_long"),
        ("<meta property=og:image content=/og.jpg><p>x", "http://h.example/og.jpg", ""),
        ("<meta content=/og.jpg name=twitter:image>", "http://h.example/og.jpg", ""),
        ("<meta property=og:image content=/og.jpg><img src=og.jpg>", "http://h.example/og.jpg", ""),
        ("<meta property=og:image:width content=200>", None, ""),
        ("<img alt=x>", None, ""),
        ("<img src=''>", None, ""),
        ("<noscript><img src=a.jpg></noscript>", None, ""),
    ],
)
def test_addresses(tag: str, url: str | None, reason: str) -> None:
    found = [(image.url, image.reason) for image in extract_images(tag, "http://h.example/")]
    assert found == ([] if url is None else [(url, reason)])


def test_what_is_taken_is_a_choice() -> None:
    page = "<meta property=og:image content=/og.jpg><img src=a.svg><img srcset='s.jpg 200w, l.jpg 800w'>"
    urls = [(image.url, image.kind, image.reason) for image in extract_images(page, "http://h.example/", ImageOptions(side=500))]
    assert urls == [
        ("http://h.example/a.svg", IMG, "svg"), ("http://h.example/s.jpg", IMG, ""), ("http://h.example/og.jpg", SHARED, "")
    ]  # fmt: skip
    taken = extract_images(page, "http://h.example/", ImageOptions(svg=True, shared=False))
    assert [(image.url, image.reason) for image in taken] == [("http://h.example/a.svg", ""), ("http://h.example/l.jpg", "")]
    with pytest.raises(ValueError, match="side"):
        ImageOptions(side=0)


@pytest.mark.parametrize(
    ("page", "captions"),
    [
        ("<figure><picture><img src=a></picture><figcaption>Of <b>it</b></figcaption></figure><img src=b>", ["Of it", ""]),
        ("<figure><figcaption>First</figcaption><img src=a></figure>", ["First"]),
        ("<figure><figure><img src=a><figcaption>Own</figcaption></figure><figure><img src=b></figure>"
         "<figcaption>All</figcaption></figure>", ["Own", "All"]),
        ("<div class='wp-caption'><a><img src=a></a><p class='wp-caption-text'>Said</p></div>", ["Said"]),
        ("<div class=thumbinner><img src=a><div class=thumbcaption>Wiki</div></div><p>text", ["Wiki"]),
        ("<div class=figure><p class=title>Figure 1. It</p><div class='figure-contents'><div class=mediaobject><img src=a>"
         "<div class=caption><p>Part</p></div></div></div></div>", ["Figure 1. It"]),
        ("<table><tr><td><img src=a></td></tr></table><p class=caption>Below</p><img src=b>", ["Below", ""]),
        ("<p class=caption>Above</p><div><img src=a></div><p>text<img src=b>", ["Above", ""]),
        ("<img src=a><p>text</p><p class=caption>Of nothing</p><p>more<img src=b>", ["", ""]),
        ("<div class=title>A page</div><img src=a>", [""]),
        ("<p class=photo>" + "<img src=a>" * 13 + "<span class=caption>too many</span>", [""] * 13),
    ],
)  # fmt: skip
def test_captions(page: str, captions: list[str]) -> None:
    assert [image.figcaption for image in extract_images(page)] == captions


def test_what_else_a_box_says_is_a_legend() -> None:
    (image,) = extract_images(
        "<div class=figure><p class=title>Figure 1</p><div class=mediaobject><img src=a><div class=caption>Part</div></div></div>"
    )
    assert (image.figcaption, image.legend) == ("Figure 1", "Part")
    inner, outer = extract_images(
        "<figure><figure><img src=a><figcaption>Own</figcaption></figure><img src=b><figcaption>All</figcaption></figure>"
    )
    assert (inner.figcaption, inner.legend) == ("Own", "All")
    assert (outer.figcaption, outer.legend) == ("All", "")


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


def work(page: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Characters of captions that are read for a page's images."""
    from ingest.extraction import images

    read = 0
    block_text = images.block_text

    def counted(tables: Tables, i: int) -> str:
        nonlocal read
        text = block_text(tables, i)
        read += len(text)
        return text

    with monkeypatch.context() as patch:
        patch.setattr(images, "block_text", counted)
        extract_images(page)
    return read


@pytest.mark.parametrize("box", ["figure", "div class=figure"])
def test_captions_are_read_once_however_many_images_share_them(box: str, monkeypatch: pytest.MonkeyPatch) -> None:
    captions = "".join(f"<figcaption>{'caption ' * 20}{i}</figcaption>" for i in range(2000))
    few, many = (f"<{box}>{'<img src=a>' * n}{captions}</{box.split()[0]}>" for n in (2, 10))
    assert 0 < work(few, monkeypatch) == work(many, monkeypatch) < 2 * LONGEST_TEXT
    assert work(f"<{box}>{'<img src=a>' * 2000}{captions}</{box.split()[0]}>", monkeypatch) == 0


def test_captions_of_nested_boxes_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    nested = "<figure><img src=a>" * 200 + "".join(f"<figcaption>{'caption ' * 20}{i}</figcaption></figure>" for i in range(200))
    assert work(nested, monkeypatch) < 200 * MOST_BOXES * 200


def test_sources_are_of_the_first_image_and_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.extraction import images

    lists: list[str] = []
    monkeypatch.setattr(images, "parse_srcset", lambda value: lists.append(value) or parse_srcset(value))
    sources = "".join(f"<source srcset='/{i}.webp {i + 1}w'>" for i in range(1000))
    found = extract_images(f"<picture>{sources}{'<img src=a.jpg>' * 1000}</picture>")
    assert len(lists) == images.MOST_SOURCES
    assert [image.url for image in found[:2]] == [f"/{images.MOST_SOURCES - 1}.webp", "a.jpg"]


def test_a_page_is_read_as_far_as_its_text() -> None:
    page = "<p>text</p>" * 100 + "<img src=a.jpg><p>more</p><img src=b.jpg>"
    assert [image.url for image in extract_images(page, "", ImageOptions(max_html=1130))] == ["a.jpg"]
    with pytest.raises(ValueError, match="max_html"):
        ImageOptions(max_html=100)


@pytest.mark.parametrize("html", [b"<p>", bytearray(b"<p>"), memoryview(b"<p>"), None, 3])
@pytest.mark.parametrize("function", [extract_text, extract_images])
def test_what_is_no_text_is_refused_and_bytes_with_how_to_decode_them(function: Callable[[Any], object], html: object) -> None:
    with pytest.raises(TypeError, match=r"html: a str, not.*charset\.decode" if html not in (None, 3) else "html: a str, not"):
        function(html)
