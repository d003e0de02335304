"""How much of a page is read: its first characters, without a last tag that would not be whole."""

from __future__ import annotations

import re

import numpy as np

from core.characters import Bytes

#: Characters of HTML that are read unless a recipe says otherwise.
MAX_HTML = 4 << 20
#: A tag that is not whole began no further back; and how tags begin: any other `<` is text.
_LONGEST_TAG = 1 << 16
_TAG = re.compile("<[a-zA-Z/!]")


def check_max_html(characters: int) -> None:
    """ValueError if no page should be cut there."""
    if not 1 << 10 <= characters <= 1 << 28:
        raise ValueError("max_html must be between 1,024 and 268,435,456 characters")


def cut(html: str, max_characters: int) -> str:
    """`html` cut at `max_characters`, or up to 65,536 characters before where a tag begins that would not be whole."""
    if len(html) <= max_characters:
        return html
    start = max(max_characters - _LONGEST_TAG, 0)
    start = max(html.rfind(">", start, max_characters) + 1, start)
    return html[: max((tag.start() for tag in _TAG.finditer(html, start, max_characters + 1)), default=max_characters)]


def cut_utf8(raw: Bytes, max_characters: int) -> Bytes:
    """The same of a page's bytes in UTF-8, as uint8 of shape (n,)."""
    if len(raw) <= max_characters:
        return raw
    return np.frombuffer(cut(raw.tobytes().decode("utf-8", "replace"), max_characters).encode(), np.uint8)
