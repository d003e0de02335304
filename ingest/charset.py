"""The text of a body: BOM, then valid UTF-8, then what HTTP header and meta say if the bytes bear it out, then the bytes.

The order of evidence is that of encoding sniffing in html.spec.whatwg.org §13.2.3.2, with one lie in mind: what is
valid UTF-8 is UTF-8, whatever is declared, and a declaration is believed only as far as its text makes sense.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from ingest.detection import SAMPLE, UTF8, Fit, best_fit, fit, sample_of
from ingest.encodings import decode_as, encoding_name

PRESCAN = 8192
#: Bits a byte over 0x7F under which a declared encoding is taken without a contest: right readings of the
#: Declaration of Human Rights stay under them but for short texts, wrong ones over.
_PLAIN_LATIN, _PLAIN_OTHER = 9.5, 5.0
_LATIN = frozenset(
    ("windows-1252", "iso-8859-1", "iso-8859-15", "windows-1250", "iso-8859-2", "windows-1254", "iso-8859-9")
)
_HINTS = {"no": "nb", "nn": "nb", "hr": "sh", "bs": "sh", "iw": "he"}

_META = re.compile(rb"<meta[\s/][^>]{0,2048}>?", re.I)
_META_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([^\s\"'/>;]{1,40})", re.I)
_XML = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"']{1,40})", re.I)
_HIGH = re.compile(rb"[\x80-\xff]")
_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.S)
_LANG = re.compile(rb"<html[^>]{0,1024}?\slang\s*=\s*[\"']?([a-zA-Z]{2,3})\b", re.I)

Source = Literal["bom", "ascii", "utf-8", "header", "meta", "detected"]
_HEADER: Source = "header"
_META_SOURCE: Source = "meta"


@dataclass(slots=True)
class Decoded:
    """`content`: the text as UTF-8; `charset`: what it was read as; `source`: what settled that.

    `detail` says where a declaration was overruled, empty if none was.
    """

    content: bytes
    charset: str
    source: Source
    detail: str = ""

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")


def decode(body: bytes, header: str = "", *, url: str = "", html: bool = True) -> Decoded:
    """The text of `body`, whose HTTP header names the charset `header` (empty: none). Never raises.

    `html`: look for a charset in the first bytes too, and leave markup out of what is judged. `url` is not used
    yet by any rule; it is there so that detection may.
    """
    marked = _marked(body)
    if marked is not None:
        return marked
    named = encoding_name(header)
    if body.isascii():
        return _ascii(body, named, html)
    if _is_utf8(body):
        return _said(Decoded(body, "utf-8", "utf-8"), header, [named])
    declared = [named, encoding_name(meta_charset(body)) if html else ""]
    found = _wide(body, declared) or _mostly_utf8(body, "utf-8" in declared)
    if found is None:
        found = _legacy(body, [name for name in declared if name and not name.startswith("utf-16")], html)
    return _said(found, header, declared)


def _is_utf8(body: bytes) -> bool:
    """Whether `body` is valid UTF-8, as Arrow tells without making a text of it."""
    offsets = np.array([0, len(body)], np.int32)
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(body)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def meta_charset(body: bytes) -> str:
    """The charset that the first bytes of a page name, in a meta element or an XML declaration; empty if none."""
    head = body[:PRESCAN]
    if b"harset" in head or b"HARSET" in head:
        if b"<!--" in head:
            head = _COMMENT.sub(b" ", head)
        for tag in _META.finditer(head):
            text = tag.group(0)
            lower = text.lower()
            if b"content" in lower and b"http-equiv" not in lower:
                continue
            match = _META_CHARSET.search(text)
            if match:
                name = match.group(1).decode("latin-1")
                return "utf-8" if name.lower().startswith("utf-16") else name
    match = _XML.match(head)
    return match.group(1).decode("latin-1") if match else ""


def _marked(body: bytes) -> Decoded | None:
    """By a byte order mark."""
    if body[:3] == b"\xef\xbb\xbf":
        rest = body[3:]
        try:
            rest.decode("utf-8")
            return Decoded(rest, "utf-8", "bom")
        except UnicodeDecodeError:
            return _mostly_utf8(rest, True)
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        name = "utf-16le" if body[0] == 0xFF else "utf-16be"
        text = decode_as(body[2:], name)
        if text.count("\ufffd") * 20 <= len(text) + 20:
            return Decoded(text.encode("utf-8", "replace"), name, "bom")
    return None


def _ascii(body: bytes, named: str, html: bool) -> Decoded:
    if b"\x1b" in body and (b"\x1b$" in body or b"\x1b(" in body):
        text = decode_as(body, "iso-2022-jp")
        if text.count("\ufffd") * 20 <= len(text) - body.count(b"\x1b"):
            return Decoded(text.encode("utf-8", "replace"), "iso-2022-jp", "detected")
    wide = _wide(body, [named])
    if wide is not None:
        return wide
    name, source = named, _HEADER
    if not _is_ascii_like(name) and html:
        name, source = encoding_name(meta_charset(body)), _META_SOURCE
    return Decoded(body, name, source) if _is_ascii_like(name) else Decoded(body, "utf-8", "ascii")


def _is_ascii_like(name: str) -> bool:
    return bool(name) and not name.startswith(("utf-16", "iso-2022"))


def _wide(body: bytes, declared: list[str]) -> Decoded | None:
    """UTF-16 without a mark: where markup or text is mostly ASCII, every other byte is zero."""
    head = body[:2048]
    if head.count(0) * 8 < len(head) and not any(d.startswith("utf-16") for d in declared):
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 < len(head) // 2 or min(even, odd) * 8 > max(even, odd):
        return None
    name = "utf-16be" if even > odd else "utf-16le"
    text = decode_as(body, name)
    if text.count("\ufffd") * 20 > len(text):
        return None
    return Decoded(text.encode("utf-8", "replace"), name, "detected")


def _mostly_utf8(body: bytes, declared: bool) -> Decoded | None:
    """UTF-8 with broken bytes in it: whole sequences outnumber what is broken."""
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = len(text) - len(text.encode("ascii", "ignore")) - broken
    if whole <= (broken if declared else 2 * broken):
        return None
    return Decoded(text.encode("utf-8"), "utf-8", "utf-8", f"{broken:,} broken sequences in UTF-8")


def _legacy(body: bytes, declared: list[str], html: bool) -> Decoded:
    sample = sample_of(body) if html else b""
    if sample.isascii():  # what is not ASCII is all in the markup
        first = _HIGH.search(body)
        sample = body[max(0, first.start() - 64) :][:SAMPLE] if first else body[:SAMPLE]
    high = _high_bytes(sample)
    hint = _hint(body)
    for place, name in enumerate(declared):
        if name != UTF8 and name not in declared[:place]:
            found = fit(sample, name)
            limit = _PLAIN_LATIN if name in _LATIN else _PLAIN_OTHER
            if found.malformed * 200 <= high and found.bits <= limit * high:
                return _decoded(body, found, declared)
    return _decoded(body, best_fit(sample, declared, hint), declared)


def _decoded(body: bytes, found: Fit, declared: Iterable[str]) -> Decoded:
    """Named as declared where that reads the same."""
    text = decode_as(body, found.encoding)
    name = found.encoding
    if name == UTF8:
        return Decoded(text.encode("utf-8", "replace"), UTF8, "header", f"{found.malformed:,} broken sequences in UTF-8")
    source: Source = "detected"
    for place, other in enumerate(declared):
        if other == name or decode_as(body, other) == text:
            name, source = other, "meta" if place else "header"
            break
    if name in ("iso-8859-1", "iso-8859-9") and any(0x80 <= b < 0xA0 for b in set(body)):
        name = "windows-1252" if name == "iso-8859-1" else "windows-1254"
    return Decoded(text.encode("utf-8", "replace"), name, source)


def _high_bytes(data: bytes) -> int:
    return len(data) - len(data.decode("ascii", "ignore"))


def _hint(body: bytes) -> str:
    match = _LANG.search(body, 0, PRESCAN)
    language = match.group(1).decode().lower() if match else ""
    return _HINTS.get(language, language)


def _said(decoded: Decoded, header: str, declared: list[str]) -> Decoded:
    """With a note where the header or the page says otherwise."""
    said = next((name for name in declared if name), "")
    if said and said != decoded.charset and not decoded.detail:
        where = "the header says" if declared[0] else "the page says"
        decoded.detail = f"{where} {said}, the bytes are {decoded.charset}"
    elif header and not declared[0] and not decoded.detail:
        decoded.detail = f"the header says {header[:40]!r}, which is no known encoding"
    return decoded
