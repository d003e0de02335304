"""The text of a block in Markdown: code between backticks, formulas between dollars (as GitHub and Pandoc have them), the rest with
what would begin other markup escaped; and the attributes that Markdown is made of.
"""

from __future__ import annotations

import re
from bisect import bisect_left

import numpy as np
import numpy.typing as npt

from core.characters import Bytes
from ingest.extraction import layout as at
from ingest.extraction.layout import Tables
from ingest.extraction.signs import P_END, P_START
from ingest.references import unescape

#: What would begin a heading, a list, a quotation, a definition, a rule or code at the beginning of a line.
_MARKUP = re.compile(r"^(?=#{1,6}(?:\s|$)|[-+*:](?:\s|$)|>|```|~~~|(?:[-*_]\s*){3,}$|=+$)", re.MULTILINE)
_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)", re.MULTILINE)
_SPACE = re.compile(r"\s+")
_TICKS = re.compile(r"`+")
#: Text in <code> or <tt> of more bytes is prose in that type.
_LONGEST_CODE = 400
#: Numbers of lists and of what a cell spans have so many digits at most (CommonMark, §5.2).
_DIGITS = re.compile(r"\s*(-?\d{1,9})(?!\d)")


def escaped(text: str) -> str:
    """Lines that are no markup."""
    return _NUMBER.sub(r"\1\\\2", _MARKUP.sub(r"\\", text))


def code(text: str) -> str:
    """Code within a line (CommonMark 0.31, §6.1)."""
    runs = {len(run) for run in _TICKS.findall(text)}
    ticks = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    space = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{ticks}{space}{text}{space}{ticks}"


class Lines:
    """The texts of a scanned page's pieces."""

    def __init__(self, tables: Tables, pieces: npt.NDArray[np.int32]) -> None:
        self.raw = tables.text
        self.places: list[tuple[int, int]] = [(row[P_START], row[P_END]) for row in pieces.tolist()]
        self.spans: list[list[int]] = tables.spans[: int(tables.state[at.N_SPANS])].tolist()
        self.ends = [end for _, _, end in self.spans]

    def _decoded(self, start: int, end: int) -> str:
        return unescape(self.raw[start:end].tobytes().decode("utf-8", "replace"))

    def text(self, i: int) -> str:
        """As it stands, without marks."""
        return self._decoded(*self.places[i])

    def line(self, i: int, *, escape: bool) -> str:
        """On one line, with its marks; with `escape`, what would be others at its beginning is escaped."""
        at_, end = self.places[i]
        k, parts = bisect_left(self.ends, at_ + 1), list[str]()
        prose = True  # at the beginning
        while k < len(self.spans) and self.spans[k][1] < end:
            kind, start, stop = self.spans[k]
            k += 1
            start, stop = max(start, at_), min(stop, end)
            text = " ".join(self._decoded(start, stop).split())
            if not text or (kind == at.SPAN_CODE and stop - start > _LONGEST_CODE):
                continue
            before = _SPACE.sub(" ", self._decoded(at_, start))
            prose &= bool(parts) or bool(before.strip())
            spaced = self._decoded(start, stop)
            parts += [before, " " * spaced[0].isspace(), _marked(kind, text), " " * spaced[-1].isspace()]
            at_ = stop
        parts.append(_SPACE.sub(" ", self._decoded(at_, end)))
        if len(parts) > 1 and any("$" in part for part in parts[2::4] if part[0] == "$"):
            parts[::4] = [part.replace("$", "\\$") for part in parts[::4]]
        text = _SPACE.sub(" ", "".join(parts)).strip() if len(parts) == 1 else "".join(parts).strip()
        return escaped(text) if escape and prose else text


def _marked(kind: int, text: str) -> str:
    if kind == at.SPAN_CODE:
        return code(text)
    dollars = "$$" if kind == at.SPAN_DISPLAY else "$"
    return f"{dollars}{text}{dollars}"


class Attributes:
    """The values of attributes by element: what a page says of its lists, cells and code."""

    def __init__(self, page: Bytes, tables: Tables) -> None:
        self.values: dict[tuple[int, int], str] = {}
        for e, start, end, attribute in tables.notes[: int(tables.state[at.N_NOTES])].tolist():
            self.values.setdefault((e, attribute), page[start:end].tobytes().decode("utf-8", "replace"))

    def number(self, e: int, attribute: int) -> int | None:
        """The whole number that an attribute begins with, of nine digits at most; None if it has none."""
        found = _DIGITS.match(self.values.get((e, attribute), ""))
        return int(found[1]) if found else None
