"""GIF without what is not its first frame: comments and other extensions, which Pillow reads at the square of their length.

GIF89a (CompuServe, 1990), sections 17 to 26.
"""

from __future__ import annotations

from typing import Final

from core.images.errors import ImageError

_EXTENSION, _IMAGE, _TRAILER, _CONTROL = 0x21, 0x2C, 0x3B, 0xF9
#: Blocks of at most 255 bytes that are gone through: those of 64 MB of pixels, twice.
_MOST_BLOCKS: Final = 1 << 19


def first_frame(data: bytes) -> tuple[bytes, bool]:
    """A GIF of the first frame alone, and whether there are more of them. What is cut short comes as far as it goes.

    Raises ImageError: `truncated` where no frame begins, `damaged` for what is no block or far too many of them.
    """
    at = 13 + _table(data, 10)
    kept, control = [data[:at]], b""
    left = _MOST_BLOCKS
    while at < len(data) and left > 0:
        left -= 1
        kind = data[at]
        if kind == _EXTENSION:
            end, left = _behind(data, at + 2, left)
            if data[at + 1 : at + 2] == bytes([_CONTROL]):
                control = data[at:end]
        elif kind == _IMAGE:
            if len(kept) > 1:
                return b"".join((*kept, b";")), True
            end, left = _behind(data, at + 11 + _table(data, at + 9), left)
            kept += [control, data[at:end]]
        elif kind == _TRAILER or len(kept) > 1:
            break
        else:
            end = at + 1  # as Pillow, which skips what it does not know
        at = end
    if left <= 0:
        raise ImageError("damaged", f"GIF of more than {_MOST_BLOCKS:,} blocks")
    if len(kept) == 1:
        raise ImageError("truncated", "GIF without a frame")
    return b"".join((*kept, b";" if at < len(data) else b"")), False


def _table(data: bytes, at: int) -> int:
    """Bytes of the colour table that the flags at a place tell of."""
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _behind(data: bytes, at: int, left: int) -> tuple[int, int]:
    """Where a run of blocks ends, and how many may still be gone through."""
    while at < len(data) and data[at] and left > 0:
        at += 1 + data[at]
        left -= 1
    return min(at + 1, len(data)), left
