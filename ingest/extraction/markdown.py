"""The kept blocks of a page as Markdown: headings, lists, tables, quotations and code; links are left as their text.

CommonMark (spec.commonmark.org 0.31) and GitHub's tables (github.github.com/gfm). A table that only places things on the
page is written as what stands in it.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from core.characters import Bytes
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.layout import Tables
from ingest.extraction.pages import level_of
from ingest.extraction.signs import P_ELEMENT, P_END, P_START, P_WORDS
from ingest.references import unescape

#: What would begin a heading, a list, a quotation, a rule or code at the beginning of a line.
_MARKUP = re.compile(r"^(?=#{1,6}(?:\s|$)|[-+*](?:\s|$)|>|```|~~~|(?:[-*_]\s*){3,}$|=+$)", re.MULTILINE)
_NUMBER = re.compile(r"^(\d{1,9})([.)])(?=\s|$)", re.MULTILINE)
#: A table is one of data if it has as many rows and columns, and no cell of more words.
_ROWS, _COLUMNS, _CELL_WORDS = 2, 2, 60
#: Marks of list items and quotations that a line begins with at most, as it would grow with the depth of the page.
_MOST_MARKS = 8
#: What Markdown is made of, and how many of them around a block count.
_LISTS = (el.UL, el.OL, el.MENU)
_HOLDERS = frozenset(
    (el.LI, el.PRE, el.CODED, el.TABLE, el.TR, el.TD, el.TH, el.NUMBER["blockquote"], *range(el.H1, el.H6 + 1))
)
_DEEPEST = 48
#: How classes name the language of code, on <pre> and <code> and on a box around: highlight.js and Prism, Prettify, GitHub, Sphinx,
#: SyntaxHighlighter, Pandoc. `lang-` on a box may be that of the text.
_LANGUAGE = r"(?:{}|highlight-source|highlight)-|brush:\s*"
_OF_CODE = re.compile(rf"(?<![\w-])(?:{_LANGUAGE.format('language|lang')}|sourceCode\s+)([a-zA-Z][\w+#.-]{{0,29}})")
_OF_BOX = re.compile(rf"(?<![\w-])(?:{_LANGUAGE.format('language')})([a-zA-Z][\w+#.-]{{0,29}})")
#: What stands there and is none; and how far above <pre> a box is looked for.
_NO_LANGUAGE = frozenset("none default null undefined auto nohighlight source text-html wrapper box container block".split())  # noqa: SIM905
_BOXES = 3


class _Writer:
    """Writes the blocks of a page one after the other."""

    def __init__(self, page: Bytes, tables: Tables, pieces: npt.NDArray[np.int32]) -> None:
        self.page = page
        self.tables = tables
        self.pieces: list[list[int]] = pieces.tolist()
        self.names: list[int] = tables.elements[: int(tables.state[at.N_ELEMENTS]), at.E_NAME].tolist()
        self.parents: list[int] = tables.elements[: len(self.names), at.E_PARENT].tolist()
        self.around: list[int] = [0] * len(self.names)  # the nearest of _HOLDERS that an element stands in, itself included
        self.lists: list[int] = [0] * len(self.names)  # the nearest list
        for e in range(1, len(self.names)):
            name, parent = self.names[e], self.parents[e]
            self.around[e] = e if name in _HOLDERS else self.around[parent]
            self.lists[e] = e if name in _LISTS else self.lists[parent]
        self.out: list[str] = []
        self.last: tuple[int, ...] = ()  # what the last block stood in that joins blocks: list items, quotations, code
        self.begun: set[int] = set()  # list items whose mark is written
        self.numbers: dict[int, int] = {}  # by list, how many of its items are written

    def text(self, i: int) -> str:
        row = self.pieces[i]
        return unescape(self.tables.text[row[P_START] : row[P_END]].tobytes().decode("utf-8", "replace"))

    def chain(self, i: int) -> list[int]:
        """Of the elements that a block stands in those that its Markdown follows from, from itself out."""
        e, found = self.around[self.pieces[i][P_ELEMENT]], list[int]()
        while e > 0 and len(found) < _DEEPEST:
            found.append(e)
            e = self.around[self.parents[e]]
        return found

    def write(self) -> str:
        chains = [self.chain(i) for i in range(len(self.pieces))]
        data = self.data_tables(chains)
        codes = self.codes(chains)
        k = 0
        while k < len(chains):
            chain = chains[k]
            of = next((e for e in chain if e in data), 0)
            whole = of or next((e for e in reversed(chain) if e in codes), 0)
            end = k + 1
            while whole and end < len(chains) and whole in chains[end]:
                end += 1
            if of:
                self.add(self.table(of, range(k, end), chains), chain[chain.index(of) + 1 :])
            elif whole:
                code = "\n".join(self.text(j) for j in range(k, end))
                self.add(_fenced(code, codes[whole]), chain[chain.index(whole) + 1 :])
            else:
                self.add(self.paragraph(k, chain), chain)
            k = end
        return "\n".join(self.out)

    def codes(self, chains: list[list[int]]) -> dict[int, str]:
        """The elements that are written as code, with its language: <pre>, and <code> of several lines."""
        lines = Counter(e for chain in chains for e in chain if self.names[e] == el.CODED)
        found = dict.fromkeys((e for chain in chains for e in chain if self.names[e] == el.PRE or lines[e] > 1), "")
        if found:
            rows = self.tables.codes[: int(self.tables.state[at.N_CODES])]
            classes = {e: self.page[start:end].tobytes().decode("utf-8", "replace") for e, start, end in rows.tolist()}
            first: dict[int, int] = {}  # <code> with a class, by what it stands in
            for e in classes:
                if self.names[e] == el.CODED:
                    first.setdefault(self.around[self.parents[e]], e)
            for e in found:
                found[e] = self.language(e, first.get(e, e), classes)
        return found

    def language(self, code: int, inner: int, classes: dict[int, str]) -> str:
        """The language of code, by the class of its element, of a <code> in it, or of a box around; empty if none says it."""
        near = [(code, _OF_CODE), (inner, _OF_CODE)]
        for _ in range(_BOXES):
            code = self.parents[code]
            if code <= 0:
                break
            near.append((code, _OF_BOX))
        for e, pattern in near:
            found = pattern.search(classes.get(e, ""))
            if found is not None and (name := found[1].lower().rstrip(".-")) not in _NO_LANGUAGE:
                return name
        return ""

    def paragraph(self, i: int, chain: list[int]) -> str:
        text = " ".join(self.text(i).split())
        level = next((level for e in chain if (level := level_of(self.names[e])) > 0), 0)
        return f"{'#' * level} {text}" if level else _escaped(text)

    def add(self, text: str, chain: list[int]) -> None:
        """Adds a text, with the marks of the list items and quotations of its chain."""
        prefix, first, holders = "", "", list[int]()
        for e in reversed(chain):
            if len(holders) == _MOST_MARKS:
                break
            if self.names[e] == el.NUMBER["blockquote"]:
                prefix, first = prefix + "> ", first + "> "
            elif self.names[e] == el.LI:
                mark, of = "- ", self.lists[e]
                if of and self.names[of] == el.OL:
                    if e not in self.begun:
                        self.numbers[of] = self.numbers.get(of, 0) + 1
                    mark = f"{self.numbers[of]}. "
                first = prefix + (mark if e not in self.begun else " " * len(mark))
                prefix += " " * len(mark)
                self.begun.add(e)
            else:
                continue
            holders.append(e)
        lines = text.split("\n")
        joined = bool(holders and self.last) and self.lists[holders[0]] == self.lists[self.last[0]]
        if self.out and not (joined and first != prefix):
            self.out.append(prefix.rstrip() if prefix.strip() and joined else "")
        self.out.append((first + lines[0]).rstrip())
        self.out.extend((prefix + line).rstrip() for line in lines[1:])
        self.last = tuple(holders)

    def data_tables(self, chains: list[list[int]]) -> set[int]:
        """The innermost tables that hold data in rows and columns."""
        rows: dict[int, dict[int, set[int]]] = {}
        spoiled: set[int] = set()
        for i, chain in enumerate(chains):
            found = [e for e in chain if self.names[e] == el.TABLE]
            spoiled.update(found[1:])
            if found:
                inside = chain[: chain.index(found[0])]
                cell = next((e for e in reversed(inside) if self.names[e] in (el.TD, el.TH)), 0)
                row = next((e for e in reversed(inside) if self.names[e] == el.TR), 0)
                names = {self.names[e] for e in inside}
                if (el.LI in names or el.PRE in names or any(level_of(name) for name in names)
                        or self.pieces[i][P_WORDS] > _CELL_WORDS):  # fmt: skip
                    spoiled.add(found[0])
                if cell and row:
                    rows.setdefault(found[0], {}).setdefault(row, set()).add(cell)
        return {
            table for table, cells in rows.items()
            if table not in spoiled and len(cells) >= _ROWS and max(map(len, cells.values())) >= _COLUMNS
        }  # fmt: skip

    def table(self, table: int, kept: range, chains: list[list[int]]) -> str:
        rows: dict[int, dict[int, list[str]]] = {}
        before: list[str] = []
        for i in kept:
            inside = chains[i][: chains[i].index(table)]
            cell = next((e for e in reversed(inside) if self.names[e] in (el.TD, el.TH)), 0)
            row = next((e for e in reversed(inside) if self.names[e] == el.TR), 0)
            text = " ".join(self.text(i).split())
            if cell and row:
                rows.setdefault(row, {}).setdefault(cell, []).append(text.replace("|", "\\|"))
            else:
                before.append(_escaped(text))
        places, counts = self.columns(rows)
        width = max(place for row in places.values() for place in row.values()) + 1
        lines: list[str] = []
        for row, cells in rows.items():
            own = max(counts[row], max(places[row].values()) + 1)
            line = [""] * (min(own, width) if lines else width)  # rows as long as the longest would be rows times columns
            for cell, texts in cells.items():
                line[places[row][cell]] = " ".join(texts)
            lines.append("| " + " | ".join(line) + " |")
            if len(lines) == 1:
                lines.append("|" + " --- |" * width)
        return "\n".join([*(line for text in before for line in (text, "")), *lines])

    def columns(self, rows: dict[int, dict[int, list[str]]]) -> tuple[dict[int, dict[int, int]], dict[int, int]]:
        """Of each cell that is kept, by row, its place among the row's cells: empty cells and those left out keep theirs; and
        how many cells each row has."""
        places: dict[int, dict[int, int]] = {row: {} for row in rows}
        counts = dict.fromkeys(rows, 0)
        last, end = max(rows), max(cell for cells in rows.values() for cell in cells) + 1
        while end < len(self.parents) and self.parents[end] >= last:
            end += 1
        for e in range(min(rows), end):
            row = self.parents[e]
            if row in counts and self.names[e] in (el.TD, el.TH):
                if e in rows[row]:
                    places[row][e] = counts[row]
                counts[row] += 1
        for row, cells in rows.items():  # a cell that does not stand in its row directly
            for cell in cells:
                places[row].setdefault(cell, len(places[row]))
        return places, counts


def _escaped(text: str) -> str:
    return _NUMBER.sub(r"\1\\\2", _MARKUP.sub(r"\\", text))


def _fenced(code: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    return f"{'`' * (longest + 1)}{language}\n{code}\n{'`' * (longest + 1)}"


def markdown(page: Bytes, tables: Tables, pieces: npt.NDArray[np.int32]) -> str:
    """What is written of a scanned page (signs.pieces) as Markdown; `page`, its bytes, names the languages of code."""
    return _Writer(page, tables, pieces).write()
