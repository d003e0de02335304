"""A table of data as GitHub's Markdown (github.github.com/gfm, §4.10): cells stand in their columns, whatever others span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from ingest.extraction import names as el
from ingest.extraction.inline import Attributes

#: A cell spans so many rows and columns at most; and the cells of a table as many places beside their own, for each of them.
_MOST, _SHARE = 64, 4

_GROUPS = (el.TABLE, el.THEAD, el.NUMBER["tbody"], el.TFOOT)
#: By row, by cell: its texts.
Rows = Mapping[int, Mapping[int, Sequence[str]]]


def grid(rows: Rows, names: Sequence[int], parents: Sequence[int], attributes: Attributes) -> str:
    """The lines of a table whose kept cells `rows` has; `names` and `parents` of all elements tell the others."""
    places, lengths = _places(rows, names, parents, attributes)
    width = max(place for row in places.values() for place in row.values()) + 1
    lines: list[str] = []
    for row, cells in rows.items():
        own = max(lengths[row], max(places[row].values()) + 1)
        line = [""] * (min(own, width) if lines else width)  # rows as long as the longest would be rows times columns
        for cell, texts in cells.items():
            line[places[row][cell]] = " ".join(texts)
        lines.append("| " + " | ".join(line) + " |")
        if len(lines) == 1:
            lines.append("|" + " --- |" * width)
    return "\n".join(lines)


def _places(
    rows: Rows, names: Sequence[int], parents: Sequence[int], attributes: Attributes
) -> tuple[dict[int, dict[int, int]], dict[int, int]]:
    """Of each cell that is kept, by row, its column: empty cells and those left out keep theirs; and how many columns each row
    has."""
    places: dict[int, dict[int, int]] = {row: {} for row in rows}
    lengths = dict.fromkeys(rows, 0)
    first, last, end = min(rows), max(rows), max(cell for cells in rows.values() for cell in cells) + 1
    while end < len(parents) and parents[end] >= last:
        end += 1
    above: dict[int, int] = {}  # by column, how many rows a cell from above has left there
    current, column, budget = 0, 0, _SHARE * (end - first)
    for e in range(first, end):
        row = parents[e]
        if names[e] == el.TR and names[row] in _GROUPS:
            above = {place: left - 1 for place, left in above.items() if left > 1}
            current, column = e, 0
            continue
        if row != current or names[e] not in (el.TD, el.TH):
            continue
        column = next(k for k in count(column) if k not in above)
        wide = min(max(attributes.number(e, el.COLSPAN) or 1, 1), _MOST)
        high = min(max(attributes.number(e, el.ROWSPAN) or 1, 1), _MOST)
        budget -= wide * high - 1
        if budget < 0:
            wide = high = 1
        if high > 1:
            above |= dict.fromkeys(range(column, column + wide), high)
        if row in rows:
            if e in rows[row]:
                places[row][e] = column
            lengths[row] = column + wide
        column += wide
    for row, cells in rows.items():  # a cell that does not stand in its row directly
        for cell in cells:
            places[row].setdefault(cell, max(places[row].values(), default=-1) + 1)
    return places, lengths
