"""The images that a page shows, with the texts that speak of them: alternative text, title, figure caption, text around.

They are found by the scanner's one pass. That alt texts and captions describe images is what image–text sets are made of
(Sharma et al., Conceptual Captions, ACL 2018; Laurençon et al., OBELICS, NeurIPS 2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.characters import Bytes
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.figures import Caption, find_captions
from ingest.extraction.layout import Tables
from ingest.image_addresses import ImageOptions, base_of, resolve
from ingest.references import unescape
from ingest.srcset import Candidate, largest, parse_srcset

#: Characters of the text before and after an image, and of any other text of it.
AROUND, LONGEST_TEXT = 200, 4096
#: Blocks that are looked at for them, and bytes of each: a character may be a reference of ten bytes.
_BLOCKS_AROUND, _BYTES_AROUND = 4, 16 * AROUND
#: Bytes that are read of an address, and of a list of addresses.
_LONGEST_ADDRESS, _LONGEST_LIST = 4096, 1 << 15
#: <source> elements of a <picture> that are read.
MOST_SOURCES = 64

IMG, SHARED = "img", "shared"
_NOTHING = Caption((), ())


class ImageReference(NamedTuple):
    """An image as a page shows it.

    `position`: its place among the page's images, from 0. `kind`: `img`, of `<img>` and `<picture>`; `shared`, the image that
    stands for the page elsewhere (og:image). `url`: absolute if the page's address is known. `reason`: why it is not to be
    fetched (`ingest.image_addresses`), empty if it is. `figcaption`: of its figure, or of a box that is one by its class; `legend`:
    what else is said there. Texts are empty where there are none; `before`, `after`: up to AROUND
    characters of the nearest blocks.
    """

    position: int
    kind: str
    url: str
    reason: str
    alt: str
    figcaption: str
    legend: str
    title: str
    before: str
    after: str


def references(data: Bytes, tables: Tables, url: str = "", options: ImageOptions | None = None) -> list[ImageReference]:
    """The images of a scanned page in their order, then the one that it is shared with if the page shows it nowhere. What has no
    address is left out."""
    options = options or ImageOptions()
    s = tables.state
    base = base_of(url, _attribute(data, s[at.BASE_START], s[at.BASE_END], _LONGEST_ADDRESS))
    captions = find_captions(tables)
    starts = np.ascontiguousarray(tables.blocks[: int(s[at.N_BLOCKS]), at.B_START])
    found: list[ImageReference] = []
    said_of: dict[Caption, tuple[str, str]] = {}
    position = -1
    for number, row, sources in _shown(tables):
        position += 1
        address = _address(data, row, sources, options.side)
        where, reason = resolve(base, address, options)
        if not where:
            continue
        said = captions.get(number, _NOTHING)
        if said not in said_of:
            said_of[said] = _blocks(tables, said.caption), _blocks(tables, said.legend)
        own = said.caption + said.legend
        text = int(row[at.I_TEXT])
        place = int(np.searchsorted(starts, text))
        inside = place > 0 and text < tables.blocks[place - 1, at.B_END]
        found.append(
            ImageReference(
                position, IMG, where, reason, _text(data, row, at.I_ALT),
                *said_of[said], _text(data, row, at.I_TITLE),
                _around(tables, place - 1, -1, text, own), _around(tables, place - inside, 1, text, own),
            )
        )  # fmt: skip
    shared = _attribute(data, s[at.SHARED_START], s[at.SHARED_END], _LONGEST_ADDRESS)
    where, reason = resolve(base, shared, options)
    if options.shared and where and all(where != reference.url for reference in found):
        found.append(ImageReference(position + 1, SHARED, where, reason, "", "", "", "", "", ""))
    return found


def _shown(tables: Tables) -> Iterator[tuple[int, npt.NDArray[np.int32], list[npt.NDArray[np.int32]]]]:
    """The rows of <img> with their numbers, and the <source> elements before them in their <picture>, of which the first image is
    that (html.spec.whatwg.org §4.8.1)."""
    sources: list[npt.NDArray[np.int32]] = []
    rows = min(int(tables.state[at.IMAGE_ROWS]), len(tables.images))
    names, parents = tables.elements[:, at.E_NAME], tables.elements[:, at.E_PARENT]
    picture = -1
    for number, row in enumerate(tables.images[:rows]):
        element = int(row[at.I_ELEMENT])
        parent = int(parents[element])
        if parent != picture:
            sources = []
            picture = parent
        if names[element] == el.SOURCE:
            if names[parent] == _PICTURE and len(sources) < MOST_SOURCES:
                sources.append(row)
        else:
            yield number, row, sources
            sources = []


_PICTURE = el.NUMBER["picture"]


def _attribute(data: Bytes, start: np.integer, end: np.integer, longest: int = LONGEST_TEXT) -> str:
    """An attribute's value, white space as single spaces."""
    raw = data[int(start) : min(int(end), int(start) + 4 * longest)].tobytes().decode("utf-8", "replace")
    return " ".join(unescape(raw).replace("\x00", "").split())[:longest]


def _text(data: Bytes, row: npt.NDArray[np.int32], column: int) -> str:
    return _attribute(data, row[column], row[column + 1]) if row[column + 1] > row[column] else ""


def _address(data: Bytes, row: npt.NDArray[np.int32], sources: list[npt.NDArray[np.int32]], side: int) -> str:
    """Where the image is: the largest of all that is named for it, but for what is cut for other screens (<source media>); what
    scripts put in place before what they replace, which is a placeholder."""
    candidates: list[Candidate] = []
    for source in (row, *(source for source in sources if source[at.I_MEDIA + 1] == source[at.I_MEDIA])):
        if source[at.I_SRCSET + 1] > source[at.I_SRCSET]:
            several = _attribute(data, source[at.I_SRCSET], source[at.I_SRCSET + 1], _LONGEST_LIST)
            candidates += [each for each in parse_srcset(several) if not each.url.startswith("data:")]
    if any(each.width or each.density > 1 for each in candidates):
        return largest(candidates, side)
    placeholder = ""
    for column in (at.I_LAZY, at.I_SRC):
        address = _attribute(data, row[column], row[column + 1], _LONGEST_ADDRESS) if row[column + 1] > row[column] else ""
        if address[:5].lower() == "data:":
            placeholder = placeholder or address
        elif address:
            return address
    return largest(candidates, side) or placeholder


def _blocks(tables: Tables, blocks: Sequence[int]) -> str:
    parts: list[str] = []
    size = 0
    for i in blocks:
        parts.append(block_text(tables, i))
        size += len(parts[-1]) + 1
        if size > LONGEST_TEXT:
            break
    return " ".join(parts)[:LONGEST_TEXT]


def block_text(tables: Tables, i: int) -> str:
    """The text of a block in one line, references resolved."""
    start, end = int(tables.blocks[i, at.B_START]), int(tables.blocks[i, at.B_END])
    return _line(tables, start, min(end, start + 4 * LONGEST_TEXT))


def _line(tables: Tables, start: int, end: int) -> str:
    return " ".join(unescape(tables.text[start:end].tobytes().decode("utf-8", "replace")).split())


def _near(tables: Tables, i: int, step: int, place: int) -> str:
    """The part of a block that is next to `place` bytes of text, on the side of `step`; no whole character is cut."""
    start, end = int(tables.blocks[i, at.B_START]), int(tables.blocks[i, at.B_END])
    if step < 0:
        end = min(end, place)
        if end - start > _BYTES_AROUND:
            start = end - _BYTES_AROUND
            while start < end and tables.text[start] & 0xC0 == 0x80:
                start += 1
    else:
        start = max(start, place)
        if end - start > _BYTES_AROUND:
            end = start + _BYTES_AROUND
            while start < end and tables.text[end] & 0xC0 == 0x80:
                end -= 1
    return _line(tables, start, end)


def _around(tables: Tables, i: int, step: int, place: int, own: Sequence[int]) -> str:
    """Text of the blocks from `i` on, before or after `place`, but of the image's own caption."""
    parts: list[str] = []
    size = 0
    for _ in range(_BLOCKS_AROUND):
        if not 0 <= i < int(tables.state[at.N_BLOCKS]) or size >= AROUND:
            break
        if i not in own:
            text = _near(tables, i, step, place)
            size += len(text) + 1
            parts.append(text)
        i += step
    if step < 0:
        return " ".join(reversed(parts))[-AROUND:].strip()
    return " ".join(parts)[:AROUND].strip()


__all__ = ["AROUND", "IMG", "SHARED", "ImageReference", "block_text", "references"]
