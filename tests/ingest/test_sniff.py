"""The type of a body: by its bytes where they are sure, else as declared."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.sniff import content_type

PAGE = b"<!DOCTYPE html>\n<html><head></head><body>text</body></html>"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.mark.parametrize(
    ("declared", "body", "wanted"),
    [
        ("text/html", PAGE, "text/html"),
        ("text/html", b"just text", "text/html"),
        ("text/html", b"", "text/html"),
        ("text/html", PNG, "image/png"),
        ("text/html", b"%PDF-1.4", "application/pdf"),
        ("text/html", b'{"a": [1, 2]}', "application/json"),
        ("text/html", b"[Home] welcome", "text/html"),
        ("text/html", b'<?xml version="1.0"?><rss version="2.0"></rss>', "application/xml"),
        ("text/html", b"BM is a word, ID3 too", "text/html"),
        ("text/html", b"\x00\x00<html>\x00", "text/html"),
        ("application/xhtml+xml", b'<?xml version="1.0"?><html xmlns="x">', "application/xhtml+xml"),
        ("text/plain", PAGE, "text/html"),
        ("text/plain", b"\xef\xbb\xbf \n<!-- c --><HTML>", "text/html"),
        ("text/plain", b"<p>is how a paragraph starts", "text/plain"),
        ("text/plain", b"Use <html> to begin", "text/plain"),
        ("", PAGE, "text/html"),
        ("", b"<p>hello", "text/html"),
        ("", b"words <html>", "text/html"),
        ("", b"words", ""),
        ("application/octet-stream", PNG, "image/png"),
        ("application/octet-stream", PAGE, "text/html"),
        ("application/octet-stream", b"PK\x03\x04<html>", "application/zip"),
        ("application/octet-stream", b"<svg xmlns='x'>", "image/svg+xml"),
        ("image/jpeg", PNG, "image/png"),
        ("image/jpeg", PAGE, "text/html"),
        ("image/jpeg", b"\x00broken", "image/jpeg"),
        ("image/png", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        ("image/png", b"\x00\x00\x00\x1cftypavif", "image/avif"),
        ("application/xml", b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>', "application/xhtml+xml"),
        ("application/xml", b"<book/>", "application/xml"),
        ("text/css", PAGE, "text/css"),
        ("font/woff2", b"wOF2", "font/woff2"),
        ("text/html", "<html>".encode("utf-16"), "text/html"),
        ("text/plain", "<html>".encode("utf-16-le"), "text/html"),
    ],
)
def test_types(declared: str, body: bytes, wanted: str) -> None:
    assert content_type(declared, body) == wanted


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(["", "text/html", "text/plain", "image/png", "application/xml", "x/y"]), st.binary(max_size=200))
def test_nothing_raises(declared: str, body: bytes) -> None:
    assert isinstance(content_type(declared, body), str)
    assert isinstance(content_type(declared, b"<!--" * 2000 + body), str)
