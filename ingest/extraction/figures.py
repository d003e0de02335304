"""Captions of images: those of <figure>, and of the boxes that pages make of <div> and <table> with classes such as `figure`,
`thumb` and `caption` (DocBook, MediaWiki, WordPress, Sphinx), inside the box or right beside the image.

OBELICS loses images in <figure> with their captions (Laurençon et al. 2023; huggingface/OBELICS, extraction/).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.layout import Tables

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: Words of a class or id that make an element a box of an image and its caption; a whole of several words is a word too.
_BOXES = "figure fig thumb thumbinner mediaobject gallerybox illustration photo picture imageblock"
#: Words that make a text a caption; a `title` is one only in a box that is called a figure.
_CAPTIONS = "caption figcaption thumbcaption gallerytext captiontext imagecaption"
_FIGURES, _TITLES = "figure fig", "title"
#: A box by its class, and a caption beside an image, speaks of at most so many images; a <figure> of so many.
MOST_IMAGES, MOST_IN_FIGURE = 12, 64
#: Blocks of a caption, and of a legend, that are read.
MOST_BLOCKS = 64
#: Boxes around an image that are looked at.
MOST_BOXES = 4


def _hashes(words: str) -> npt.NDArray[np.uint32]:
    return np.array([el.name_hash(word) for word in words.split()], np.uint32)


_BOX_HASHES, _CAPTION_HASHES = _hashes(_BOXES), _hashes(_CAPTIONS)
_FIGURE_HASHES, _TITLE_HASHES = _hashes(_FIGURES), _hashes(_TITLES)


class Caption(NamedTuple):
    """What is said of an image, as numbers of blocks, at most MOST_BLOCKS of each: its caption, which is a figure's title where
    there is one; and the legend, what the boxes around it say besides. Images of which the same is said share one."""

    caption: tuple[int, ...]
    legend: tuple[int, ...]


class _Said(NamedTuple):
    """What one box says."""

    caption: list[int]
    legend: list[int]
    titled: bool


def find_captions(tables: Tables) -> dict[int, Caption]:
    """The captions of a scanned page's images, by row of `images`."""
    s = tables.state
    n = int(s[at.N_ELEMENTS])
    rows = min(int(s[at.IMAGE_ROWS]), len(tables.images))
    if rows == 0:
        return {}
    elements = tables.elements[:n]
    names = elements[:, at.E_NAME]
    boxes = (names == el.NUMBER["figure"]) | _with_words(tables, n, _BOX_HASHES)
    captions = (names == el.NUMBER["figcaption"]) | _with_words(tables, n, _CAPTION_HASHES)
    if not (boxes.any() or captions.any()):
        return {}
    levels = _levels(elements[:, at.E_DEPTH])
    parents = elements[:, at.E_PARENT].astype(np.int64)
    images = tables.images[:rows]
    holding = _holding(parents, images[:, at.I_ELEMENT].astype(np.int64), n)
    boxes |= captions & holding  # `wp-caption` is around both
    captions &= ~holding
    box = _nearest(boxes, parents, levels)
    in_figure = (names == el.NUMBER["figure"]) | _with_words(tables, n, _FIGURE_HASHES)
    titles = _with_words(tables, n, _TITLE_HASHES) & ~holding & in_figure[box] & (box > 0)
    box_of_parent = box[np.maximum(parents, 0)]
    said = _nearest(captions | titles, parents, levels)
    blocks = tables.blocks[: int(s[at.N_BLOCKS])]
    of_blocks = said[blocks[:, at.B_ELEMENT]]
    titled = set(box_of_parent[np.flatnonzero(titles)].tolist())
    by_box: dict[int, _Said] = {}
    beside: dict[int, list[int]] = {}
    for i in np.flatnonzero(of_blocks).tolist():
        top = int(of_blocks[i])
        where = int(box_of_parent[top])
        if not where:
            beside.setdefault(top, []).append(i)
            continue
        own = by_box.setdefault(where, _Said([], [], where in titled))
        part = own.legend if own.titled and not titles[top] else own.caption
        if len(part) < MOST_BLOCKS:
            part.append(i)
    found = _in_boxes(images, names, box, box_of_parent, by_box)
    starts = np.ascontiguousarray(blocks[:, at.B_START])
    _beside(np.searchsorted(starts, images[:, at.I_TEXT]), beside, found)
    return found


def _in_boxes(
    images: npt.NDArray[np.int32], names: npt.NDArray[np.int32], box: I64, box_of_parent: I64, by_box: dict[int, _Said]
) -> dict[int, Caption]:  # fmt: skip
    """By image what the boxes around it say: the caption of the nearest with a title, else of the nearest; the rest is legend."""
    members: dict[int, list[int]] = {}
    for row, element in enumerate(images[:, at.I_ELEMENT].tolist()):
        where = int(box[element])
        for _ in range(MOST_BOXES):
            if where in by_box:
                members.setdefault(where, []).append(row)
            where = int(box_of_parent[where])
            if not where:
                break
    around: dict[int, tuple[int, ...]] = {}
    figure = el.NUMBER["figure"]
    for where in sorted(members, reverse=True):  # the nearest box first
        inside = members[where]
        shown = sum(1 for row in inside if names[images[row, at.I_ELEMENT]] == el.IMG)
        if shown <= (MOST_IN_FIGURE if names[where] == figure else MOST_IMAGES):
            for row in inside:
                around[row] = *around.get(row, ()), where
    joined = {boxes: _joined([by_box[where] for where in boxes]) for boxes in set(around.values())}
    return {row: joined[boxes] for row, boxes in around.items()}


def _joined(said: list[_Said]) -> Caption:
    main = next((each for each in said if each.titled), said[0])
    legend = [i for each in said for i in (each.caption if each is not main else []) + each.legend]
    return Caption(tuple(main.caption), tuple(legend[:MOST_BLOCKS]))


def _beside(places: I64, orphans: dict[int, list[int]], found: dict[int, Caption]) -> None:
    """A caption outside all boxes is that of the images right before it, or else right after it, with no text between; `places`
    are the blocks before each image."""
    for blocks in orphans.values():
        for place in (blocks[0], blocks[-1] + 1):
            low, high = np.searchsorted(places, [place, place + 1])
            images = [row for row in range(int(low), int(high)) if row not in found]
            if images:
                if len(images) <= MOST_IMAGES:
                    found |= dict.fromkeys(images, Caption(tuple(blocks[:MOST_BLOCKS]), ()))
                break


def _with_words(tables: Tables, n: int, hashes: npt.NDArray[np.uint32]) -> Bools:
    """The elements one of whose class words is among `hashes`."""
    count = int(tables.state[at.N_NAMES])
    places = np.flatnonzero(np.isin(tables.names[:count], hashes))
    marked = np.zeros(n, bool)
    marked[np.searchsorted(tables.elements[:n, at.E_WORDS], places, side="right") - 1] = True
    marked[0] = False
    return marked


def _levels(depth: npt.NDArray[np.int32]) -> list[I64]:
    """The elements by depth, the outermost first."""
    order = np.argsort(depth, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(depth[order])) + 1)


def _nearest(marked: Bools, parents: I64, levels: list[I64]) -> I64:
    """The nearest marked element around each, itself included; 0 if there is none."""
    found = np.zeros(len(marked), np.int64)
    for level in levels:
        found[level] = np.where(marked[level], level, found[np.maximum(parents[level], 0)])
    found[0] = 0
    return found


def _holding(parents: I64, elements: I64, n: int) -> Bools:
    """The elements around any of `elements`, those included."""
    holding = np.zeros(n, bool)
    for element in elements.tolist():
        e = element
        while e > 0 and not holding[e]:
            holding[e] = True
            e = int(parents[e])
    return holding
