"""Which addresses and URLs are refused before anything is sent."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from ingest.fetching import FetchSettings
from ingest.fetching.addresses import may_connect
from ingest.fetching.urls import Refused, target_of

CLOSED = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "168.63.129.16",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2001:2::1",
    "2001:10::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
    "5f00::1", "4000::1", "fe80::1%eth0", "2606:4700::1111%eth0",
]  # fmt: skip
OPEN = [
    "8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "223.255.255.255", "2606:4700::1111",
    "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
]  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not may_connect(address, ())


@pytest.mark.parametrize("address", OPEN)
def test_what_is_public_is_not(address: str) -> None:
    assert may_connect(address, ())


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4.5", "[::1]", "1.2.3.4/32"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not may_connect(text, ())


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_nothing_is_open_that_python_calls_closed(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast or address.is_reserved:
        assert not may_connect(str(address), ())
    assert may_connect(str(address), ()) == may_connect(f"::ffff:{address}", ())


def test_a_setting_opens_networks_in_all_their_forms() -> None:
    opened = FetchSettings(open_networks=("10.1.0.0/16", "fd00:1::/32")).networks
    assert may_connect("10.1.2.3", opened)
    assert may_connect("::ffff:10.1.2.3", opened)
    assert may_connect("fd00:1::5", opened)
    assert not may_connect("10.2.0.1", opened)
    assert not may_connect("fd00:2::5", opened)
    assert not may_connect("::1", opened)


REFUSED = {
    "http://127.0.0.1/": "address_refused",
    "http://2130706433/": "address_refused",
    "http://0x7f000001/": "address_refused",
    "http://0x7f.1/": "address_refused",
    "http://017700000001/": "address_refused",
    "http://0177.0.0.1/": "address_refused",
    "http://127.1/": "address_refused",
    "http://127.0.0.1./": "address_refused",
    "http://127.0.0.01/": "address_refused",
    "http://8.8.8.0x8/": "address_refused",
    "http://134744072/": "address_refused",  # 8.8.8.8, in a notation that nobody writes
    "http://999.1.1.1/": "address_refused",
    "http://１２７.0.0.1/": "address_refused",
    "http://127。0。0。1/": "address_refused",
    "http://①②⑦.⓪.⓪.①/": "address_refused",
    "http://%31%32%37.0.0.1/": "address_refused",
    "http://[::1]/": "address_refused",
    "http://[::ffff:127.0.0.1]/": "address_refused",
    "http://[::ffff:7f00:1]/": "address_refused",
    "http://[fe80::1%25eth0]/": "address_refused",
    "http://example.org:22/": "port_refused",
    "http://example.org:6379/": "port_refused",
    "https://example.org:25/": "port_refused",
    "http://user:word@example.org/": "credentials_refused",
    "http://user@example.org/": "credentials_refused",
    "http://@example.org/": "credentials_refused",
    "http://example.org@127.0.0.1/": "credentials_refused",
    "ftp://example.org/": "scheme_refused",
    "file:///etc/passwd": "scheme_refused",
    "gopher://127.0.0.1:6379/_x": "scheme_refused",
    "data:image/png;base64,AAAA": "scheme_refused",
    "javascript:alert(1)": "scheme_refused",
    "": "invalid_url",
    "example.org/a.png": "invalid_url",
    "//example.org/a.png": "invalid_url",
    "/a.png": "invalid_url",
    "http:a.png": "invalid_url",
    "http:/a.png": "invalid_url",
    "http:///a.png": "invalid_url",
    "http://": "invalid_url",
    "http://exa mple.org/": "invalid_url",
    "http://example.org\\@127.0.0.1/": "invalid_url",
    "http://example.org\n.evil.example/": "invalid_url",
    "http://a..b/": "invalid_url",
    "http://-a.example/": "invalid_url",
    "http://[::1": "invalid_url",
    "http://[]@": "invalid_url",
    "http://[v1.x]/": "invalid_url",
    "http://example.org:99999/": "invalid_url",
    "http://example.org:0/": "invalid_url",
    "http://example.org:x/": "invalid_url",
    "http://" + "a" * 64 + ".example/": "invalid_url",
    "http://" + "a." * 200 + "example/": "invalid_url",
    "http://example.org/" + "a" * 9000: "invalid_url",
}


@pytest.mark.parametrize("url", REFUSED, ids=lambda url: url[:40])
def test_a_url_is_refused_for_a_reason(url: str) -> None:
    with pytest.raises(Refused) as caught:
        target_of(url, FetchSettings())
    assert caught.value.status == REFUSED[url]
    assert caught.value.detail


@pytest.mark.parametrize(
    ("url", "host", "asked"),
    [
        ("HTTP://Example.ORG/A.png#top", "example.org", "http://example.org/A.png"),
        (" https://example.org./a b.png?q=ü ", "example.org", "https://example.org/a%20b.png?q=%C3%BC"),
        ("http://bücher.example/%C3%BC?a=1+2%2B", "xn--bcher-kva.example", "http://xn--bcher-kva.example/%C3%BC?a=1+2%2B"),
        ("http://my_bucket.example:8080/x", "my_bucket.example", "http://my_bucket.example:8080/x"),
        ("http://8.8.8.8/x", "8.8.8.8", "http://8.8.8.8/x"),
        ("http://[2606:4700::1111]/x", "2606:4700::1111", "http://[2606:4700::1111]/x"),
    ],
)
def test_a_url_is_brought_into_the_form_in_which_it_is_asked_for(url: str, host: str, asked: str) -> None:
    target = target_of(url, FetchSettings())
    assert (target.host, str(target.url)) == (host, asked)


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("/b.png", "https://example.org/b.png"),
        ("b.png?x", "https://example.org/a/b.png?x"),
        ("//other.example/c", "https://other.example/c"),
        ("http://other.example/c#d", "http://other.example/c"),
        ("//127.0.0.1/", "address_refused"),
        ("//u:p@other.example/", "credentials_refused"),
        ("//other.example:22/", "port_refused"),
        ("file:///etc/passwd", "scheme_refused"),
    ],
)
def test_a_redirect_is_judged_like_a_url(location: str, found: str) -> None:
    try:
        result = str(target_of(location, FetchSettings(), URL("https://example.org/a/a.png")).url)
    except Refused as refused:
        result = refused.status
    assert result == found


@given(st.one_of(st.text(max_size=60), st.text("htp:/[]@.%\\0127x#?", max_size=40).map(lambda rest: "http://" + rest)))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_target_or_refused(text: str) -> None:
    target = None
    status = ""
    try:
        target = target_of(text, FetchSettings())
    except Refused as refused:
        status = refused.status
    if target is None:
        assert status in {"invalid_url", "scheme_refused", "port_refused", "credentials_refused", "address_refused"}
    else:
        assert target.host == target.url.raw_host
        assert target.url.scheme in ("http", "https")
        assert target.literal == (":" in target.host or target.host.replace(".", "").isdigit())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_bytes", 0), ("concurrency", 0), ("connect_seconds", -1.0), ("total_seconds", float("nan")), ("ports", (0,)),
        ("deadline_seconds", float("inf")), ("open_networks", ("10.0.0.1/8",)), ("schemes", ("ftp",)), ("user_agent", ""),
        ("user_agent", "bot\r\nX: y"), ("robots_agent", "my bot"), ("retry_statuses", (42,)), ("retries", -1),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        FetchSettings(**{field: value})
