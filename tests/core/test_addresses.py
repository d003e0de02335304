"""Canonical URLs: copies of a page agree, different pages do not."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.addresses import LONGEST_URL, canonical_url, url_host

PAGE = "https://docs.example.org/2.10/de/page.html?a=1&b=2"


@pytest.mark.parametrize(
    "url",
    [
        "http://docs.example.org/2.10/de/page.html?a=1&b=2",
        "HTTPS://WWW.Docs.Example.org/2.10/de/page.html?a=1&b=2",
        "https://www3.docs.example.org/2.10/de/page.html?a=1&b=2",
        "https://docs.example.org:443/2.10/de/page.html?a=1&b=2#top",
        "http://docs.example.org:80/2.10/de/page.html?b=2&a=1",
        "https://reader:secret@docs.example.org./2.10/de/page.html?a=1&b=2",
        "https://docs.example.org//2.10/./x/../de/page.html?a=1&b=2&",
        "https://docs.example.org/2.10/de/page.html/?a=1&b=2",
        "https://docs.example.org/2%2e10/%64e/page.html?a=%31&b=2",
        "https://docs.example.org/2.10/de/page.html;jsessionid=814ca75d64811c3d?a=1&b=2",
        "https://docs.example.org/(S(4hqa0555fwsecu455xqckv45))/2.10/de/page.html?a=1&b=2",
        "https://docs.example.org/2.10/de/page.html?PHPSESSID=0123456789abcdef&a=1&b=2",
        "https://docs.example.org/2.10/de/page.html?sid=9682993c8daa2c5497996114facdc805&a=1&b=2",
        "https://docs.example.org/2.10/de/page.html?a=1&utm_source=x&b=2&utm_Campaign=y&fbclid=z&gclid=1",
        " https://docs.example.org/2.10/de/page.html?a=1&b=2\n",
    ],
)
def test_spellings_of_one_page_agree(url: str) -> None:
    assert canonical_url(url) == PAGE


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.example.org/2.10/de/Page.html?a=1&b=2",
        "https://docs.example.org/2.10/de/page.html",
        "https://docs.example.org/2.10/de/page.html?a=2&b=1",
        "https://docs.example.org/2.10/de/page.html?a=1&b=2&page=2",
        "https://docs.example.org/2.10/de/page.html?a=1&b=2&sid=7",
        "https://docs.example.org/2.10/de/page.html?a=1&b=2&ref=nav",
        "https://docs.example.org:8080/2.10/de/page.html?a=1&b=2",
        "https://m.docs.example.org/2.10/de/page.html?a=1&b=2",
        "https://docs.example.org/2.10/de%2Fpage.html?a=1&b=2",
        "https://docs.example.org/2.10/de/page.html?a=1%26b=2",
    ],
)
def test_other_pages_differ(url: str) -> None:
    assert canonical_url(url) != PAGE


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://bücher.example/straße?q=ü", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%BC"),
        ("http://xn--bcher-kva.example/stra%c3%9fe?q=%c3%bc", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%BC"),
        ("http://example.org", "https://example.org/"),
        ("http://www.example/", "https://www.example/"),
        ("http://wwwx.www.example.org/", "https://wwwx.www.example.org/"),
        ("http://[2001:DB8::1]:80/a", "https://[2001:db8::1]/a"),
        ("http://example.org/a b|c", "https://example.org/a%20b%7Cc"),
        ("http://example.org/100%", "https://example.org/100%"),
        ("http://example.org/../../a", "https://example.org/a"),
        ("http://example.org/?", "https://example.org/"),
        ("urn:isbn:0451450523", "urn:isbn:0451450523"),
        ("http://[::1", "http://[::1"),
        ("http://example.org:99999/", "http://example.org:99999/"),
        ("/a/../b", "/a/../b"),
        ("", ""),
    ],
)
def test_forms(url: str, wanted: str) -> None:
    assert canonical_url(url) == wanted


@settings(deadline=None, max_examples=100)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text("/;.%?&=#:@[]()aSjsessionid25eE2f0u_ ", max_size=60).map("http://www.example.org/".__add__),
        st.from_regex(r"https?://[a-zäß.:@\[\]%0-9]{1,20}/[!-~]{0,30}", fullmatch=True),
    )
)
@example("http://a/;jsession;jsessionid=id=1")
@example("http://a/%252e%252E/b")
@example("http://www.www.www.example.org/")
def test_a_canonical_url_is_its_own(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


def test_long_urls_are_left_alone() -> None:
    url = "http://EXAMPLE.org/" + "a" * LONGEST_URL
    assert canonical_url(url) == url
    assert url_host(url) == ""


def test_hosts() -> None:
    assert url_host("http://WWW.Bücher.example:8080/a") == "xn--bcher-kva.example"
    assert [url_host(u) for u in (None, "", "mailto:a@b", "http://[::1", "x")] == ["", "", "", "", ""]
