"""JPEG: what its header says, and its pixels at the smallest scale that is large enough.

ITU-T T.81 for the markers, ICC.1:2022 annex B.4 for profiles. The pixels come from
libjpeg-turbo by way of simplejpeg (github.com/jfolz/simplejpeg): of each 8 × 8 block it computes only what a scale needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import simplejpeg
from numba import njit, types

from core.images.errors import ImageError
from core.images.orientation import exif_orientation

Pixels = npt.NDArray[np.uint8]

_SOI, _EOI, _SOS, _APP1, _APP2 = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2
#: Frames of 8-bit Huffman or arithmetic coding: baseline, extended, progressive. The others are lossless or hierarchical.
_FRAMES: Final = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_ALL_FRAMES: Final = (*_FRAMES, 0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF)
_ICC_NAME: Final = b"ICC_PROFILE\0"
#: What libjpeg complains of in images that are whole nevertheless (libjpeg-turbo, jerror.h). After all else it gives what it
#: has, which may be grey, or what was in memory before.
_HARMLESS: Final = (
    "unknown adobe color transform", "unknown jfif revision", "thumbnail image size", "inconsistent progression sequence",
    "invalid sos parameters for sequential", "bad icc marker",
)  # fmt: skip
#: Segments before the first scan: of 64 kB each, as profiles and metadata come in, some 1,000 are the largest file that is read.
_MOST_SEGMENTS: Final = 1 << 14
#: Eighths for which libjpeg-turbo has vector code: 3/8 takes longer than 4/8, and 5/8 to 7/8 longer than all of it.
_SCALES: Final = (1, 2, 4)
_FILL: Final = re.compile(rb"\xff*+")
_EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


@dataclass(frozen=True)
class Header:
    """What the segments before the first scan say: size in pixels as stored, channels (1, 3 or 4), EXIF orientation, the
    ICC profile (empty if there is none)."""

    width: int
    height: int
    channels: int
    orientation: int
    profile: bytes
    scan: int  # where the first scan begins


def read_header(data: bytes, max_profile: int) -> Header:
    """The header of a JPEG; a profile longer than `max_profile` bytes reads as none.

    Raises ImageError: `truncated`, `damaged`, `unsupported_mode` (12 bits, lossless, hierarchical, two channels).
    """
    frame: tuple[int, int, int] | None = None
    orientation = 1
    profile: dict[int, bytes] = {}
    for marker, start, end in _segments(data):
        if marker in _ALL_FRAMES and frame is None:
            frame = _frame(data, marker, start, end)
        elif marker == _APP1 and orientation == 1 and data.startswith(b"Exif\0\0", start):
            orientation = exif_orientation(data[start:end])
        elif marker == _APP2 and end - start > 14 and data.startswith(_ICC_NAME, start):
            profile[data[start + 12]] = data[start + 14 : end]
        elif marker == _SOS:
            if frame is None:
                raise ImageError("damaged", "a scan without a frame")
            joined = b"".join(profile[i] for i in sorted(profile))
            return Header(*frame, orientation, joined if len(joined) <= max_profile else b"", start)
    raise ImageError("truncated", "no scan")


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """(marker, start, end) of each segment's content up to the first scan; without one if the file ends before it."""
    found: list[tuple[int, int, int]] = []
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at = data.find(b"\xff", at)  # libjpeg skips such bytes, too
            if at < 0:
                break
            continue
        marker = data[at + 1]
        if marker == 0xFF:
            at = _FILL.match(data, at).end() - 1  # pyright: ignore[reportOptionalMemberAccess] - it matches nothing, too
            continue
        if marker in (0x00, 0x01, _SOI) or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        if marker == _EOI:
            raise ImageError("damaged", "the image ends before it begins")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            raise ImageError("damaged", f"a segment of {length} bytes")
        if len(found) == _MOST_SEGMENTS:
            raise ImageError("damaged", f"more than {_MOST_SEGMENTS:,} segments")
        found.append((marker, at + 4, min(at + 2 + length, len(data))))
        if marker == _SOS:
            break
        at += 2 + length
    return found


def _frame(data: bytes, marker: int, start: int, end: int) -> tuple[int, int, int]:
    if end - start < 6:
        raise ImageError("truncated", "no frame")
    precision, channels = data[start], data[start + 5]
    if marker not in _FRAMES or precision != 8 or channels not in (1, 3, 4):
        raise ImageError("unsupported_mode", f"JPEG of type {marker - 0xC0}, {precision} bits, {channels} channels")
    height, width = int.from_bytes(data[start + 1 : start + 3], "big"), int.from_bytes(data[start + 3 : start + 5], "big")
    return width, height, channels


def decode_jpeg(data: bytes, header: Header, *, at_least: tuple[int, int] | None, max_scans: int) -> tuple[Pixels, int, str]:
    """The pixels, uint8 (h, w, 1, 3 or 4), their scale in eighths, and what the decoder complained of and went on.

    Four channels are those of CMYK, 255 for no ink, as Adobe writes them and everyone reads them. With `at_least` (width,
    height; as stored, not as oriented) the image comes at the smallest of the scales 1/8, 1/4, 1/2 that leaves as much on
    both sides, or whole. Raises ImageError: `truncated`, `damaged`, `too_many_scans`.
    """
    scans = _markers(np.frombuffer(data, np.uint8), max(0, header.scan - 4), _SOS)
    if scans > max_scans:
        raise ImageError("too_many_scans", f"{scans} scans")
    scale = _scale(header, at_least) if at_least else 8
    try:
        return _decode(data, header, scale, strict=True), scale, ""
    except ValueError as error:
        warning = str(error)
    if not _is_harmless(warning, data, header.scan):
        complete = data.find(b"\xff\xd9", header.scan) >= 0
        raise ImageError("truncated" if "premature" in warning.lower() and not complete else "damaged", warning)
    try:
        return _decode(data, header, scale, strict=False), scale, warning
    except ValueError as error:
        raise ImageError("damaged", str(error)) from None


@njit(
    types.int64(types.Array(types.uint8, 1, "C", readonly=True), types.int64, types.uint8), cache=True, nogil=True,
    error_model="numpy",
)  # fmt: skip
def _markers(data: npt.NDArray[np.uint8], start: int, marker: int) -> int:
    """How often a marker stands in the file from `start` on; bytes.count takes ten times as long."""
    found = 0
    for i in range(start, len(data) - 1):
        found += (data[i] == 0xFF) & (data[i + 1] == marker)
    return found


def _is_harmless(warning: str, data: bytes, scan: int) -> bool:
    """Also bytes between image and end that are all alike: some cameras fill up with them. Others are of spoiled codes."""
    if found := _EXTRANEOUS.search(warning):
        end = data.find(b"\xff\xd9", scan)
        return len(set(data[max(0, end - int(found[1])) : end])) == 1
    return any(word in warning.lower() for word in _HARMLESS)


def _scale(header: Header, at_least: tuple[int, int]) -> int:
    width, height = at_least
    return next((k for k in _SCALES if header.width * k >= 8 * width and header.height * k >= 8 * height), 8)


def _decode(data: bytes, header: Header, scale: int, strict: bool) -> Pixels:
    space = {1: "GRAY", 3: "RGB", 4: "CMYK"}[header.channels]
    width, height = (-(-side * scale // 8) for side in (header.width, header.height))
    pixels = simplejpeg.decode_jpeg(data, space, min_width=width, min_height=height, strict=strict)
    if pixels.shape[:2] != (height, width):
        raise ValueError(f"{pixels.shape[1]} × {pixels.shape[0]} pixels were decoded, not {width} × {height}")
    return pixels
