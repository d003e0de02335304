"""Bottom-k samples: the records with the smallest keys, the same ones for any order and any split of the rows.

The method is Cohen and Kaplan's bottom-k sketch (PODC 2007) with keys that are uniform hashes of ids, so that
a sample is a uniform one without replacement. Text is made fit to be shown here, once, for every later use.
"""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import insort
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
Payload = dict[str, Any]

SNIPPET = 300
LONGEST_URL = 500
LONGEST_MESSAGE = 500
#: Values longer than this are cut, so that a hostile one costs no memory.
LONGEST_VALUE = 200

#: Embeddings, overrides and isolates: they could turn the direction of what stands around the text.
BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
#: Controls and line separators that are no line feed are shown as one space or as the replacement character.
CONTROLS: dict[int, str] = {
    **dict.fromkeys([*range(32), *range(127, 160), *range(55296, 57344)], "�"),
    **dict.fromkeys([0x09, 0x0B, 0x0C, 0x0D, 0x85], " "),
    0x0A: "\n",
    0x2028: "\n",
    0x2029: "\n",
}
UNSEEN = {**BIDI, **CONTROLS}
JOINER = "\N{ZERO WIDTH JOINER}"
#: How many marks one letter may carry before the rest is dropped; Vietnamese, Hebrew and Thai need three or four.
MARKS = 6
#: Marks are neither letters nor space: only where so many others stand in a row are they looked at.
MAY_BE_HEAP = re.compile(rf"[^\w\s\x00-\u02ff]{{{MARKS + 1}}}")


def legible(text: str, limit: int) -> str:
    """At most `limit` characters of a text, cut between letters, without controls; an ellipsis where it was cut."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return " ".join(text.split())
    head = text[: limit + 1]
    if not head.replace("\n", "").isprintable():
        head = head.translate(UNSEEN)
    if not head.isascii() and MAY_BE_HEAP.search(head):
        head = _heaps().sub(r"\1", head)
    lines = (" ".join(line.split()) for line in head.split("\n"))
    shown = "\n".join(line for line in lines if line)
    if len(text) <= limit and len(shown) <= limit:
        return shown
    end = min(limit, len(shown))
    while 0 < end < len(shown) and _continues(shown, end):
        end -= 1
    return shown[: end or limit].rstrip() + "…"


def _continues(text: str, at: int) -> bool:
    """Whether a cut before `text[at]` would part a letter from its marks, or an emoji from its joiner."""
    letter = text[at]
    return unicodedata.category(letter) in ("Mn", "Me", "Mc") or JOINER in (letter, text[at - 1])


@cache
def _heaps() -> re.Pattern[str]:
    """More than MARKS combining marks in a row; their ranges are read off the Unicode database, once."""
    marks = [code for code in range(0x300, 0x1F000) if unicodedata.category(chr(code)) in ("Mn", "Me")]
    starts = [code for code in marks if unicodedata.category(chr(code - 1)) not in ("Mn", "Me")]
    ends = [code for code in marks if unicodedata.category(chr(code + 1)) not in ("Mn", "Me")]
    ranges = "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))
    return re.compile(f"([{ranges}]{{{MARKS}}})[{ranges}]+")


class Bottom:
    """The k payloads with the smallest (key, id). Payloads are JSON values; `id` is hex."""

    def __init__(self, k: int) -> None:
        self.k = k
        #: (key, id, payload as JSON): the whole entry decides an order, so that ties do not depend on chance.
        self.entries: list[tuple[int, str, str]] = []

    def candidates(self, keys: U64, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those of `rows` (indices into `keys`) whose keys could enter; ties are let in."""
        chosen = keys[rows]
        if len(self.entries) >= self.k:
            low = chosen <= np.uint64(self.entries[-1][0])
            rows, chosen = rows[low], chosen[low]
        if len(rows) > self.k:
            bound = np.partition(chosen, self.k - 1)[self.k - 1]
            rows = rows[chosen <= bound]
        return rows

    def add(self, key: int, id: str, payload: Payload) -> None:
        if len(self.entries) < self.k or (key, id) <= self.entries[-1][:2]:
            self._insert((key, id, json.dumps(payload, sort_keys=True, ensure_ascii=False, allow_nan=False)))

    def _insert(self, entry: tuple[int, str, str]) -> None:
        if len(self.entries) >= self.k and entry >= self.entries[-1]:
            return
        insort(self.entries, entry)
        del self.entries[self.k :]

    def merge(self, other: Bottom) -> None:
        if self.k != other.k:
            raise ValueError("samples of another size cannot be merged")
        for entry in other.entries:
            self._insert(entry)

    def payloads(self) -> list[Payload]:
        """In the order of their keys, each with its id."""
        return [{"id": id, **json.loads(payload)} for _, id, payload in self.entries]

    def to_json(self) -> dict[str, Any]:
        return {"k": self.k, "entries": [list(entry) for entry in self.entries]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Bottom:
        self = cls(value["k"])
        for key, id, payload in value["entries"]:
            self._insert((key, id, payload))
        return self


def plain(value: object) -> object:
    """A column's value as JSON can hold it: numbers that are not finite become words, long text is cut."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    return legible(value if isinstance(value, str) else repr(value), LONGEST_VALUE)
