"""The images that a page shows, with the texts that speak of them: alternative text, title, figure caption, text around.

They are found by the scanner's one pass. That alt texts and captions describe images is what image–text sets are made of
(Sharma et al., Conceptual Captions, ACL 2018; Laurençon et al., OBELICS, NeurIPS 2023).
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urljoin

import numpy as np
import numpy.typing as npt

from core.characters import Bytes
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.layout import Tables
from ingest.references import unescape

#: Characters of the text before and after an image, and of any other text of it; longer addresses are left out.
AROUND, LONGEST_TEXT, LONGEST_URL = 200, 4096, 2083
#: Blocks that are looked at for them, and bytes of each: a character may be a reference of ten bytes.
_BLOCKS_AROUND, _BYTES_AROUND = 4, 16 * AROUND
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")


class ImageReference(NamedTuple):
    """An image as a page shows it. `url`: absolute if the page's address is known; `position`: its place among the page's images,
    from 0; texts are empty where there are none; `before`, `after`: up to AROUND characters of the nearest blocks."""

    position: int
    url: str
    alt: str
    figcaption: str
    title: str
    before: str
    after: str


def references(data: Bytes, tables: Tables, url: str = "") -> list[ImageReference]:
    """The images of a scanned page in their order; one whose bytes stand in the page, or that has no address, is left out."""
    s = tables.state
    base = _attribute(data, s[at.BASE_START], s[at.BASE_END])
    base = _joined(url, base) if base else url
    figures, captions = _captions(tables)
    starts = np.ascontiguousarray(tables.blocks[: int(s[at.N_BLOCKS]), at.B_START])
    found: list[ImageReference] = []
    for position, row in enumerate(tables.images[: min(int(s[at.IMAGES]), len(tables.images))]):
        address = _address(data, row)
        element = int(row[at.I_ELEMENT])
        if not address or element < 0:
            continue
        address = _joined(base, address)
        if not address or len(address) > LONGEST_URL:
            continue
        figure = int(figures[element])
        text = int(row[at.I_TEXT])
        place = int(np.searchsorted(starts, text))
        inside = place > 0 and text < tables.blocks[place - 1, at.B_END]
        found.append(
            ImageReference(
                position, address, _field(data, row, at.I_ALT), captions.get(figure, "") if figure else "",
                _field(data, row, at.I_TITLE), _around(tables, place - 1, -1, text, figures, figure),
                _around(tables, place - inside, 1, text, figures, figure),
            )
        )  # fmt: skip
    return found


def _attribute(data: Bytes, start: np.integer, end: np.integer) -> str:
    """An attribute's value, white space as single spaces."""
    raw = data[int(start) : min(int(end), int(start) + 4 * LONGEST_TEXT)].tobytes().decode("utf-8", "replace")
    return " ".join(unescape(raw).replace("\x00", "").split())[:LONGEST_TEXT]


def _field(data: Bytes, row: npt.NDArray[np.int32], column: int) -> str:
    return _attribute(data, row[column], row[column + 1])


def _address(data: Bytes, row: npt.NDArray[np.int32]) -> str:
    """Where the image is: what scripts put in place if there is such, else `src`, else the last of its list."""
    for column in (at.I_LAZY, at.I_SRC):
        address = _field(data, row, column)
        if address and not address.startswith("data:"):
            return address
    several = _field(data, row, at.I_SRCSET).split(", ")
    address = several[-1].split(" ")[0]
    return "" if address.startswith("data:") else address


def _joined(base: str, address: str) -> str:
    """The absolute address; empty if it is none that can be fetched."""
    try:
        whole = urljoin(base, address.replace(" ", "%20"))
    except ValueError:
        return ""
    scheme = _SCHEME.match(whole)
    return whole if scheme is None or scheme[1].lower() in ("http", "https") else ""


def _captions(tables: Tables) -> tuple[npt.NDArray[np.int32], dict[int, str]]:
    """By element the figure that it stands in (0: none), itself included; by figure its caption."""
    s = tables.state
    n = int(s[at.N_ELEMENTS])
    figure = np.zeros(n, np.int32)
    caption = np.zeros(n, np.bool_)
    figure_name, caption_name = el.NUMBER["figure"], el.NUMBER["figcaption"]
    elements = tables.elements[:n]
    if not (elements[:, at.E_NAME] == figure_name).any():
        return figure, {}
    names, parents = elements[:, at.E_NAME].tolist(), elements[:, at.E_PARENT].tolist()
    for e in range(1, n):
        figure[e] = e if names[e] == figure_name else figure[parents[e]]
        caption[e] = names[e] == caption_name or (caption[parents[e]] and names[e] != figure_name)
    texts: dict[int, list[str]] = {}
    for i in range(int(s[at.N_BLOCKS])):
        e = int(tables.blocks[i, at.B_ELEMENT])
        if caption[e] and figure[e]:
            texts.setdefault(int(figure[e]), []).append(block_text(tables, i))
    return figure, {e: " ".join(parts)[:LONGEST_TEXT] for e, parts in texts.items()}


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


def _around(tables: Tables, i: int, step: int, place: int, figures: npt.NDArray[np.int32], figure: int) -> str:
    """Text of the blocks from `i` on, before or after `place`, but of the figure itself."""
    parts: list[str] = []
    size = 0
    for _ in range(_BLOCKS_AROUND):
        if not 0 <= i < int(tables.state[at.N_BLOCKS]) or size >= AROUND:
            break
        if not figure or figures[int(tables.blocks[i, at.B_ELEMENT])] != figure:
            text = _near(tables, i, step, place)
            size += len(text) + 1
            parts.append(text)
        i += step
    if step < 0:
        return " ".join(reversed(parts))[-AROUND:].strip()
    return " ".join(parts)[:AROUND].strip()


__all__ = ["AROUND", "ImageReference", "block_text", "references"]
