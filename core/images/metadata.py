"""The parts of an image file that are not pixels, a bounded number of bytes, found by walking over what holds the rest.

JPEG's segments (ITU-T T.81), PNG's chunks (W3C PNG), WebP's (RFC 9649); of other formats the ends, where their boxes are.
"""

from __future__ import annotations

from typing import Final

#: At most so many bytes come out.
MOST: Final = 1 << 20
#: Of a format that is not walked over so many bytes from each end.
_ENDS: Final = 1 << 17
_PIXELS: Final = {b"IDAT", b"fdAT", b"VP8 ", b"VP8L", b"ALPH", b"ANMF"}


def metadata(data: bytes) -> bytes:
    """What a file holds beside its pixels, one part behind the other with their names; whatever bytes come in."""
    if data.startswith(b"\xff\xd8"):
        return _segments(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _chunks(data, 8, "big", 4)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _chunks(data, 12, "little", 0)
    return data if len(data) <= 2 * _ENDS else data[:_ENDS] + data[-_ENDS:]


def _segments(data: bytes) -> bytes:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[: min(at, MOST)]


def _chunks(data: bytes, at: int, order: str, check: int) -> bytes:
    """Of chunks with a length, a name and `check` bytes behind (PNG), or a name and a length, made even (RIFF)."""
    parts: list[bytes] = []
    size = 0
    while at + 8 <= len(data) and size < MOST:
        if order == "big":
            length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        else:
            length, name = int.from_bytes(data[at + 4 : at + 8], "little"), data[at : at + 4]
        if name not in _PIXELS:
            parts.append(name + data[at + 8 : at + 8 + min(length, MOST - size)])
            size += len(parts[-1])
        at += 8 + length + check + (length & 1 if order == "little" else 0)
    return b"".join(parts)[:MOST]
