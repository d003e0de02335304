"""What a page's head says of its text, the words of its titles and descriptions, and the image that it is shared with.

They are read of <title>, and of <meta> whose name or property ends in "title" or "description" (html.spec.whatwg.org
§4.2.5; ogp.me; developer.x.com, cards).
"""

from __future__ import annotations

import numpy as np

from core.characters import Bytes, Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.characters import LETTER, is_letter, kind_of
from ingest.extraction.layout import Tables
from ingest.extraction.names import FNV_OFFSET, add_byte, name_hash

_SHARED_1, _SHARED_2, _SHARED_3, _SHARED_4, _SHARED_5 = (
    name_hash(name) for name in ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")
)


@helper
def add_hints(data: Bytes, i: Int, end: Int, which: Int, t: Tables) -> None:
    """Adds the words of `data[i:end]`, lower case, to the row `which` of the hints, up to MAX_HINTS."""
    s = t.state
    count = s[at.N_TITLE + which]
    word, length = FNV_OFFSET, 0
    while i <= end and count < at.MAX_HINTS:
        c = np.int64(data[i]) if i < end else np.int64(32)
        width = np.int64(1)
        letter = is_letter(c)
        if c > 127:
            kind, width = kind_of(data, i)
            letter = kind == LETTER
        if letter:
            for k in range(i, min(i + width, end)):
                c = np.int64(data[k])
                word = add_byte(word, c | 32 if 65 <= c <= 90 else c)
            length += 1
        elif length > 0:
            t.hints[which, count] = word
            count += 1
            word, length = FNV_OFFSET, 0
        i += width
    s[at.N_TITLE + which] = count


@helper
def note_meta(data: Bytes, attribute: Int, i: Int, end: Int, t: Tables) -> None:
    """Notes what a <meta> is about, or where its content stands."""
    s = t.state
    if attribute == el.CONTENT:
        s[at.META_START], s[at.META_END] = i, end
    elif _ends_with_description(data, i, end):
        s[at.META_KIND] = at.DESCRIPTION_HINT + 1
    elif end - i >= 5 and data[end - 1] == 101 and data[end - 2] == 108 and data[end - 3] == 116 and data[end - 4] == 105:
        s[at.META_KIND] = at.TITLE_HINT + 1
    elif _is_shared_image(data, i, end):
        s[at.META_KIND] = at.SHARED_IMAGE + 1


@helper
def _is_shared_image(data: Bytes, i: Int, end: Int) -> Truth:
    """Whether `data[i:end]` is "og:image", "og:image:url", "og:image:secure_url", "twitter:image" or "twitter:image:src"."""
    if not 8 <= end - i <= 19:
        return False
    value = FNV_OFFSET
    for k in range(i, end):
        c = np.int64(data[k])
        value = add_byte(value, c | 32 if 65 <= c <= 90 else c)
    return value == _SHARED_1 or value == _SHARED_2 or value == _SHARED_3 or value == _SHARED_4 or value == _SHARED_5


@helper
def _ends_with_description(data: Bytes, i: Int, end: Int) -> bool:
    """Whether `data[i:end]` ends with "description", or "Description"."""
    if end - i < 11:
        return False
    i = end - 11
    return (
        (data[i] | 32) == 100 and data[i + 1] == 101 and data[i + 2] == 115 and data[i + 3] == 99 and data[i + 4] == 114
        and data[i + 5] == 105 and data[i + 6] == 112 and data[i + 7] == 116
    )  # fmt: skip


@helper
def add_meta(data: Bytes, t: Tables) -> None:
    """Takes the words of the <meta> that was read last, and forgets it."""
    s = t.state
    if s[at.META_KIND] == at.SHARED_IMAGE + 1:
        if s[at.SHARED_END] == s[at.SHARED_START]:
            s[at.SHARED_START], s[at.SHARED_END] = s[at.META_START], s[at.META_END]
    elif s[at.META_KIND] > 0:
        add_hints(data, s[at.META_START], s[at.META_END], s[at.META_KIND] - 1, t)
    s[at.META_KIND] = s[at.META_START] = s[at.META_END] = 0
