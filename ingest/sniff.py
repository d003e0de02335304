"""What a body is, by its first bytes and its declared type: HTML, an image, or neither.

After the WHATWG MIME Sniffing Standard (mimesniff.spec.whatwg.org), bent towards bytes where crawls show that
servers lie: pages sent as text/plain or octet-stream, images as another image's type.
"""

from __future__ import annotations

import re

#: How much of a body is looked at (the standard's resource header is 1,445 bytes; comments before <html> run longer).
PREFIX = 4096

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"\x00\x00\x02\x00", "image/x-icon"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\xff\x0a", "image/jxl"),
    (b"\x00\x00\x00\x0cJXL ", "image/jxl"),
    (b"\x00\x00\x00\x0cjP  ", "image/jp2"),
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"BZh", "application/x-bzip2"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OTTO", "font/otf"),
    (b"\x00\x01\x00\x00", "font/ttf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\x00", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"FLV\x01", "video/x-flv"),
    (b"FWS", "application/x-shockwave-flash"),
    (b"CWS", "application/x-shockwave-flash"),
    (b"\x00asm", "application/wasm"),
    (b"\x7fELF", "application/octet-stream"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
#: Short magics that are also plain words: they count only where no text type is declared.
_WEAK = (b"BM", b"ID3", b"FWS", b"CWS", b"BZh", b"\x00\x01\x00\x00")
_FIRST = frozenset(magic[0] for magic, _ in _MAGIC) | {ord("R")}

_HTML = re.compile(
    rb"<(?:!doctype[ \t\r\n\f]+html|html|head|body|title|meta|script|iframe|h[1-6]|div|font|table|a|style|b|br|p|ul|"
    rb"center|frameset|link|span|form|img)(?=[ \t\r\n\f/>])|<!--",
    re.IGNORECASE,
)
_PAGE = re.compile(rb"<(?:!doctype[ \t\r\n\f]+html|html|head|body)(?=[ \t\r\n\f/>])", re.IGNORECASE)
_PROLOGUE = re.compile(rb"(?:\s|<!--.*?-->|<\?.*?\?>)*", re.DOTALL)
_FEED = re.compile(rb"<(?:rss|feed|rdf:rdf|urlset|sitemapindex|opml|soap:envelope)(?=[ \t\r\n\f/>:])", re.IGNORECASE)
_SVG = re.compile(rb"<(?:!doctype[ \t\r\n\f]+)?svg[\s:>]", re.IGNORECASE)

HTML_TYPES = frozenset(("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"))
_UNKNOWN = frozenset(("", "unknown/unknown", "application/unknown", "*/*", "application/octet-stream"))
_XML_TYPES = frozenset(("text/xml", "application/xml"))


def magic_type(head: bytes, *, text_declared: bool = False) -> str:
    """The type that the first bytes give away; empty if they do not."""
    if not head or head[0] not in _FIRST:
        return _boxed(head)
    for magic, name in _MAGIC:
        if head.startswith(magic) and not (text_declared and magic in _WEAK):
            return name
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/avi", b"WAVE": "audio/wave"}.get(head[8:12], "")
    return _boxed(head)


def _boxed(head: bytes) -> str:
    """ISO base media files, whose magic stands at byte 4."""
    if head[4:8] != b"ftyp":
        return ""
    brand = head[8:12]
    return {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"mif1": "image/heif"}.get(
        brand, "video/mp4"
    )


def content_type(declared: str, body: bytes) -> str:
    """The media type of a body: by its bytes where they are sure, else as declared.

    `text/html` and `application/xhtml+xml` are pages; what starts with `image/` is an image; all else is neither.
    `declared` is a media type in lower case without parameters, or empty.
    """
    head = body[:PREFIX]
    if head[:3] == b"\xef\xbb\xbf":
        head = head[3:]
    elif head[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(head) > 3 and (head[0] == 0) != (head[1] == 0)):
        wide = head.replace(b"\x00", b"")
        head = wide.lstrip(b"\xff\xfe") if b"<" in wide[:256] else head
    textual = declared.startswith("text/") or declared in HTML_TYPES
    found = magic_type(head, text_declared=textual)
    if found:
        return found
    prologue = _PROLOGUE.match(head)
    rest = head[prologue.end() if prologue else 0 :]
    if declared in HTML_TYPES:
        if _FEED.match(rest) and not _PAGE.search(head):
            return "application/xml"
        return "application/json" if _is_json(body) else declared
    if declared in _UNKNOWN:
        if _SVG.match(rest):
            return "image/svg+xml"
        if _HTML.match(rest) or (not declared and _PAGE.search(head)):
            return "text/html"
        return declared
    if declared in _XML_TYPES:
        return "application/xhtml+xml" if _PAGE.match(rest) else declared
    if (declared == "text/plain" or declared.startswith("image/") or "/" not in declared) and _PAGE.match(rest):
        return "text/html"
    return declared


def _is_json(body: bytes) -> bool:
    bare = body[:256].lstrip()
    if bare[:1] not in (b"{", b"["):
        return False
    return body[-256:].rstrip()[-1:] in (b"}", b"]") and bare[1:].lstrip()[:1] in (b'"', b"{", b"[")
