"""What kind of file some bytes are, told by how they begin and by nothing else: a server's word is not believed.

After the WHATWG's MIME Sniffing standard, section 6.1, with AVIF's brands (AV1 Image File Format, section 6) and TIFF.
"""

from __future__ import annotations

from typing import Final

from core.images.errors import ImageError

#: Formats that are decoded.
FORMATS: Final = ("jpeg", "png", "webp", "gif", "avif", "bmp", "tiff")
#: How files of formats begin that are known and not decoded.
_OTHERS: Final = {
    b"\x00\x00\x01\x00": "ico",
    b"\x00\x00\x02\x00": "cur",
    b"8BPS": "psd",
    b"%!PS": "eps",
    b"%PDF": "pdf",
    b"\xff\x0a": "jpeg xl",
    b"\x00\x00\x00\x0cJXL ": "jpeg xl",
    b"\x00\x00\x00\x0cjP  ": "jpeg 2000",
    b"\xff\x4f\xff\x51": "jpeg 2000",
    b"\xd7\xcd\xc6\x9a": "wmf",
    b"II\xbc": "jpeg xr",
    b"#?RADIANCE": "hdr",
    b"v/1\x01": "exr",
}
_HEIF: Final = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_LOOKED_AT: Final = 4096


def sniff(data: bytes) -> str:
    """The format of an image, one of `FORMATS`.

    Raises ImageError: `empty`, `svg`, `unsupported_format` for images of other formats, `not_an_image` for what is none.
    """
    if not data:
        raise ImageError("empty")
    head = data[:_LOOKED_AT]
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return "tiff"
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    for start, name in _OTHERS.items():
        if head.startswith(start):
            raise ImageError("unsupported_format", name)
    if head.startswith(b"BM") and len(head) > 18 and head[14:18] in _BITMAP_HEADERS:
        return "bmp"
    lower = head.lower()
    if b"<svg" in lower and b"<html" not in lower and b"<!doctype html" not in lower:
        raise ImageError("svg")
    raise ImageError("not_an_image", repr(head[:16]))


#: Sizes of the headers that follow a bitmap's first 14 bytes: versions 1, 2, 3, 4 and 5, and those of OS/2.
_BITMAP_HEADERS: Final = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _by_brand(head: bytes) -> str:
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    if b"avif" in brands or b"avis" in brands:
        return "avif"
    if any(brand in _HEIF for brand in brands):
        raise ImageError("unsupported_format", "heic")
    raise ImageError("not_an_image", "a video or another file of boxes")
