"""Tags of a page that may say what may be done with it: a search over its bytes that builds no tree.

Where tags begin and end follows the tokenizer of html.spec.whatwg.org (§13.2.5); comments, scripts and styles are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import BYTES_TYPE, Bytes, Int, Truth
from core.kernels import helper
from ingest.extraction.characters import is_space
from ingest.extraction.tags import comment_end, skip_content

META, LINK, ANCHOR, RAW = 1, 2, 3, 4
#: Tags of a page that are looked at, and bytes of each; what a hostile page has beyond says nothing.
MAX_TAGS, MAX_TAG = 64, 1 << 14

Places = npt.NDArray[np.int32]


def make_needles(words: Iterable[str]) -> tuple[Bytes, Places]:
    """Words, in small letters and sorted, as bytes and where each begins (and the last ends), for `find_tags`."""
    listed = sorted({word.lower().encode() for word in words})
    data = np.frombuffer(b"".join(listed), np.uint8)
    bounds = np.cumsum([0, *(len(word) for word in listed)]).astype(np.int32)
    bounds.setflags(write=False)
    return data, bounds


@helper
def _small(b: Int) -> Int:
    return b | 32 if 65 <= b <= 90 else b


@helper
def _element(data: Bytes, i: Int, n: Int) -> tuple[Int, Int]:
    """Which element's name begins at `i`: META, LINK, ANCHOR (a and area), RAW (its content is no markup), else 0; its length."""
    j = i
    while j < n and j - i < 12 and 97 <= _small(np.int64(data[j])) <= 122:
        j += 1
    length = j - i
    if j < n and not (is_space(data[j]) or data[j] == 47 or data[j] == 62):
        return 0, length
    for name, kind in (
        (b"meta", META), (b"link", LINK), (b"a", ANCHOR), (b"area", ANCHOR), (b"script", RAW), (b"style", RAW),
        (b"textarea", RAW), (b"title", RAW), (b"xmp", RAW),
    ):  # fmt: skip
        if len(name) == length:
            k = 0
            while k < length and _small(np.int64(data[i + k])) == name[k]:
                k += 1
            if k == length:
                return kind, length
    return 0, length


@helper
def _tag_end(data: Bytes, i: Int, n: Int) -> Int:
    """After the > of the tag whose attributes begin at `i`; quotes count where a value begins."""
    while i < n and data[i] != 62:
        if data[i] != 61:
            i += 1
            continue
        i += 1
        while i < n and is_space(data[i]):
            i += 1
        if i < n and (data[i] == 34 or data[i] == 39):
            quote = data[i]
            i += 1
            while i < n and data[i] != quote:
                i += 1
            i += 1
    return min(i + 1, n)


@helper
def _has(data: Bytes, i: Int, end: Int, needles: Bytes, bounds: Places) -> Truth:
    """Whether one of the needles stands between `i` and `end`, in whatever case."""
    while i < end:
        b = _small(np.int64(data[i]))
        for word in range(len(bounds) - 1):
            first, stop = np.int64(bounds[word]), np.int64(bounds[word + 1])
            if b != needles[first] or i + stop - first > end:
                continue
            k = first + 1
            while k < stop and _small(np.int64(data[i + k - first])) == needles[k]:
                k += 1
            if k == stop:
                return True
        i += 1
    return False


_PLACES = types.Array(types.int32, 1, "C", readonly=True)


@njit(
    types.int64(BYTES_TYPE, BYTES_TYPE, _PLACES, BYTES_TYPE, _PLACES, types.int32[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def find_tags(
    data: Bytes, metas: Bytes, meta_bounds: Places, links: Bytes, link_bounds: Places, tags: npt.NDArray[np.int32]
) -> Int:
    """Fills `tags` (MAX_TAGS, 3) with the kind, start and end of the tags that hold a needle of theirs; how many."""
    n = len(data)
    found = 0
    i = 0
    while i < n and found < len(tags):
        if data[i] != 60:
            i += 1
            continue
        if i + 1 < n and (data[i + 1] == 33 or data[i + 1] == 63):
            i = comment_end(data, i)
            continue
        kind, length = _element(data, i + 1, n)
        if kind == 0:
            named = i + 1 < n and (data[i + 1] == 47 or 97 <= _small(np.int64(data[i + 1])) <= 122)
            i = _tag_end(data, i + 1 + length, n) if named else i + 1
            continue
        end = _tag_end(data, i + 1 + length, n)
        if kind == RAW:
            _, i = skip_content(data, end, i + 1, length)
            continue
        stop = min(end, i + MAX_TAG)
        if _has(data, i, stop, metas, meta_bounds) if kind == META else _has(data, i, stop, links, link_bounds):
            tags[found, 0] = kind
            tags[found, 1] = i
            tags[found, 2] = stop
            found += 1
        i = end
    return found
