"""The kept blocks of a page as Markdown: headings, lists, tables, quotations, formulas and code; links are left as their text.

CommonMark (spec.commonmark.org 0.31), GitHub's tables and formulas (github.github.com/gfm), and definitions as PHP Markdown Extra
has them: `: ` after the line of the term. A table that only places things on the page is written as what stands in it. A <br> is
the end of a line without a mark, since rules on lines ask how they end.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from core.characters import Bytes
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.cells import C_TABLE, find_cells
from ingest.extraction.grid import grid
from ingest.extraction.inline import Attributes, Lines
from ingest.extraction.layout import Tables
from ingest.extraction.pages import level_of
from ingest.extraction.signs import P_BROKEN, P_ELEMENT

#: Marks of list items and quotations that a line begins with at most, as it would grow with the depth of the page.
_MOST_MARKS = 8
#: What Markdown is made of, and how many of them around a block count.
_LISTS = (el.UL, el.OL, el.MENU, el.DL)
_HOLDERS = frozenset(
    (el.LI, el.DT, el.DD, el.PRE, el.CODED, el.TABLE, el.NUMBER["blockquote"], *range(el.H1, el.H6 + 1))
)
_DEEPEST = 48
#: The largest number of an item (CommonMark, §5.2).
_LAST = 999_999_999
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
        self.lines = Lines(tables, pieces)
        self.attributes = Attributes(page, tables)
        self.pieces: list[list[int]] = pieces.tolist()
        self.cells: list[list[int]] = find_cells(tables, pieces).tolist()
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
        self.begun: dict[int, str] = {}  # list items whose mark is written, with it
        self.counts: Counter[int] | None = None
        self.numbers: dict[int, int] = {}  # by list, the number of its next item

    def chain(self, i: int) -> list[int]:
        """Of the elements that a block stands in those that its Markdown follows from, from itself out."""
        e, found = self.around[self.pieces[i][P_ELEMENT]], list[int]()
        while e > 0 and len(found) < _DEEPEST:
            found.append(e)
            e = self.around[self.parents[e]]
        return found

    def write(self) -> str:
        chains = [self.chain(i) for i in range(len(self.pieces))]
        codes = self.codes(chains)
        k = 0
        while k < len(chains):
            chain, of = chains[k], self.cells[k][C_TABLE]
            whole = 0 if of else next((e for e in reversed(chain) if e in codes), 0)
            end = k + 1
            while end < len(chains) and (
                self.cells[end][C_TABLE] == of if of
                else whole in chains[end] if whole
                else self.pieces[end][P_BROKEN] and chains[end] == chain and not self.cells[end][C_TABLE]
            ):  # fmt: skip
                end += 1
            if of:
                self.add(self.table(range(k, end)), chain[chain.index(of) + 1 :] if of in chain else chain)
            elif whole:
                code = "\n".join(self.lines.text(j) for j in range(k, end))
                self.add(_fenced(code, codes[whole]), chain[chain.index(whole) + 1 :])
            else:
                self.add(self.paragraph(range(k, end), chain), chain)
            k = end
        return "\n".join(self.out)

    def codes(self, chains: list[list[int]]) -> dict[int, str]:
        """The elements that are written as code, with its language: <pre>, and <code> of several lines."""
        lines = Counter(e for chain in chains for e in chain if self.names[e] == el.CODED)
        found = dict.fromkeys((e for chain in chains for e in chain if self.names[e] == el.PRE or lines[e] > 1), "")
        if found:
            classes = {e: value for (e, attribute), value in self.attributes.values.items() if attribute == el.CLASS}
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

    def paragraph(self, kept: range, chain: list[int]) -> str:
        level = next((level for e in chain if (level := level_of(self.names[e])) > 0), 0)
        if level:
            return f"{'#' * level} {' '.join(self.lines.line(i, escape=False) for i in kept)}"
        return "\n".join(self.lines.line(i, escape=True) for i in kept)

    def table(self, kept: range) -> str:
        rows: dict[int, dict[int, list[str]]] = {}
        before: list[str] = []
        for i in kept:
            _, row, cell = self.cells[i]
            if row:
                rows.setdefault(row, {}).setdefault(cell, []).append(self.lines.line(i, escape=False).replace("|", "\\|"))
            else:
                before.append(self.lines.line(i, escape=True))
        return "\n".join([*(line for text in before for line in (text, "")), grid(rows, self.names, self.parents, self.attributes)])

    def number(self, item: int, of: int) -> int:
        """The number of an item that is written next in its list."""
        numbers, backwards = self.attributes, (of, el.REVERSED) in self.attributes.values
        if of not in self.numbers:
            first = numbers.number(of, el.START)
            if first is None:
                first = self.items()[of] if backwards else 1
            self.numbers[of] = first
        value = numbers.number(item, el.VALUE)
        value = self.numbers[of] if value is None else value
        self.numbers[of] = value + (-1 if backwards else 1)
        return min(max(value, 0), _LAST)

    def items(self) -> Counter[int]:
        """By list, how many items it has."""
        if self.counts is None:
            self.counts = Counter(self.lists[e] for e, name in enumerate(self.names) if name == el.LI)
        return self.counts

    def mark(self, item: int) -> str:
        """What the text of an item begins with: that of a definition follows a term."""
        of = self.lists[item]
        if self.names[item] == el.LI:
            return f"{self.number(item, of)}. " if of and self.names[of] == el.OL else "- "
        return ": " if of and any(self.lists[e] == of for e in self.last) else ""

    def add(self, text: str, chain: list[int]) -> None:
        """Adds a text, with the marks of the list items and quotations of its chain."""
        prefix, first, holders = "", "", list[int]()
        for e in reversed(chain):
            if len(holders) == _MOST_MARKS:
                break
            if self.names[e] == el.NUMBER["blockquote"]:
                prefix, first = prefix + "> ", first + "> "
            elif self.names[e] == el.LI or self.names[e] == el.DD:
                new = e not in self.begun
                mark = self.mark(e) if new else self.begun[e]
                self.begun[e] = mark
                # A definition in another is no further in: four spaces begin code to those who know no definitions.
                inner = self.names[e] == el.DD and any(self.names[x] == el.DD for x in holders)
                blank = "" if inner else " " * len(mark)
                prefix, first = prefix + blank, first + (mark if new else blank)
            elif self.names[e] != el.DT:
                continue
            holders.append(e)
        lines = text.split("\n")
        joined = bool(holders and self.last) and self.lists[holders[0]] == self.lists[self.last[0]]
        terms = joined and holders[-1] != self.last[-1] and self.names[holders[-1]] == self.names[self.last[-1]] == el.DT
        if self.out and not (joined and (first != prefix or terms)):
            self.out.append(prefix.rstrip() if prefix.strip() and joined else "")
        self.out.append((first + lines[0]).rstrip())
        self.out.extend((prefix + line).rstrip() for line in lines[1:])
        self.last = tuple(holders)


def _fenced(code: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    return f"{'`' * (longest + 1)}{language}\n{code}\n{'`' * (longest + 1)}"


def markdown(page: Bytes, tables: Tables, pieces: npt.NDArray[np.int32]) -> str:
    """What is written of a scanned page (signs.pieces) as Markdown; `page`, its bytes, names the languages of code."""
    return _Writer(page, tables, pieces).write()
