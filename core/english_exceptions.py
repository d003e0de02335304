"""spaCy's English exceptions (don't, e.g., :-) and so on) as a table for kernels: found, split into tokens, merged again.

The exceptions are those of spaCy 3.8 (lang/en/tokenizer_exceptions.py), the merging is that of spacy/tokenizer.pyx.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Bytes, Int, Truth
from core.kernels import helper
from core.words import Spans, hash_span

Exceptions = npt.NDArray[np.uint64]

#: EXCEPTIONS in the explicit signatures of kernels.
EXCEPTIONS_TYPE = types.Array(types.uint64, 2, "C", readonly=True)

# What is split off behind a digit: UNITS and CURRENCY of spacy/lang/char_classes.py.
_AFTER_DIGIT = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa "
    "mbar mb MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч "
    "кПа Па мбар Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ тбكم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ كم غرام جرام جم كغ ملغ "
    "كوب اكواب $ £ € ¥ ฿ US$ C$ A$ ₽ ﷼ ₴ ₠ ₡ ₢ ₣ ₤ ₥ ₦ ₧ ₨ ₩ ₪ ₫ ₭ ₮ ₯ ₰ ₱ ₲ ₳ ₵ ₶ ₷ ₸ ₹ ₺ ₻ ₼ ₾ ₿"
)
_LONGEST = 48  # bytes of the longest exception; a mask of token ends needs one bit a byte
_SLOTS = 8192
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)  # odd
_EXCEPTION, _UNIT = np.uint64(0), np.uint64(1 << 63)  # the kinds of key


def _ends(tokens: str) -> int:
    """A bit at each byte offset where one of the tokens (joined by spaces) ends."""
    mask, at = 0, 0
    for token in tokens.split(" "):
        at += len(token.encode())
        mask |= 1 << at
    return mask


@helper
def _place(data: Bytes, start: Int, end: Int) -> tuple[Int, Int, np.uint64]:
    """The row, column and bit that are set if an exception has this length, first two bytes and last two."""
    size = end - start
    second = start + (size > 1)
    h = np.uint64(data[start]) | np.uint64(data[second]) << np.uint64(8) | np.uint64(data[end - 1]) << np.uint64(16)
    h |= np.uint64(data[end - 1 - (size > 1)]) << np.uint64(24) | np.uint64(size) << np.uint64(32)
    h = (h * _MULTIPLIER) >> np.uint64(49)
    place = np.int64(h)
    return _SLOTS + 256 + (place & 255), 1 + ((place >> 8) & 1), np.uint64(1) << np.uint64(place >> 9)


@helper
def _key(data: Bytes, start: Int, end: Int, kind: np.uint64) -> np.uint64:
    return hash_span(data, start, end) ^ kind | np.uint64(1)


@njit(
    types.void(types.Array(types.uint8, 1, "C"), types.uint64, types.uint64, types.uint64, types.uint64[:, ::1]),
    error_model="numpy", cache=True, nogil=True,
)  # fmt: skip
def _put(text: Bytes, kind: np.uint64, tokens: np.uint64, split: np.uint64, table: Exceptions) -> None:
    """Puts one key into the table that `_load` makes."""
    size = len(text)
    key = _key(text, 0, size, kind)
    slot = np.int64(key & np.uint64(_SLOTS - 1))
    while table[slot, 0] != 0:
        slot = (slot + 1) & (_SLOTS - 1)
    table[slot, 0], table[slot, 1], table[slot, 2] = key, tokens, split
    first, last, length = np.int64(text[0]), np.int64(text[size - 1]), np.uint64(1) << np.uint64(size)
    if kind == _UNIT:
        table[_SLOTS + last, 2] |= length
        return
    table[_SLOTS + first, 0] |= length
    table[_SLOTS + last, 1] |= length
    row, column, bit = _place(text, 0, size)
    table[row, column] |= bit
    if split:
        table[_SLOTS + 256 + first, 0] |= length


def _load() -> Exceptions:
    """Rows (key, ends of the tokens, ends of the tokens that affix rules alone make or 0), by open addressing.

    Behind them, a row a byte: lengths (as bits) of exceptions that start with it, of those that end with it, of units
    that end with it; then a row a byte with lengths of exceptions that start with it and that affix rules would split,
    and in the two columns left the 32,768 bits of `_place`. All but one in a hundred words are told from exceptions by
    that.
    """
    table = np.zeros((_SLOTS + 512, 3), np.uint64)
    for unit in _AFTER_DIGIT.split(" "):
        _put(np.array(bytearray(unit.encode())), _UNIT, np.uint64(1), np.uint64(0), table)
    path = Path(__file__).parent / "data" / "english_exceptions.tsv"
    for line in path.read_text("utf-8").splitlines()[2:]:
        text, tokens, *split = line.split("\t")
        merged = _ends(split[0]) if split and " " in split[0] else 0
        _put(np.array(bytearray(text.encode())), _EXCEPTION, np.uint64(_ends(tokens)), np.uint64(merged), table)
    table.setflags(write=False)
    return table


@helper
def _find(data: Bytes, start: Int, end: Int, kind: np.uint64, exceptions: Exceptions) -> Int:
    """The row of the key that is `data[start:end]`, -1 if there is none."""
    key = _key(data, start, end, kind)
    slot = np.int64(key & np.uint64(_SLOTS - 1))
    while exceptions[slot, 0] != 0:
        if exceptions[slot, 0] == key:
            return slot
        slot = (slot + 1) & (_SLOTS - 1)
    return -1


@helper
def may_end_with_unit(last: Int, exceptions: Exceptions) -> Truth:
    """Whether a unit or currency ends with this byte."""
    return exceptions[_SLOTS + np.int64(last), 2] != 0


@helper
def is_unit(data: Bytes, start: Int, end: Int, exceptions: Exceptions) -> Truth:
    """Whether `data[start:end]` is a unit or currency, which is split off behind a digit."""
    return _find(data, start, end, _UNIT, exceptions) >= 0


@helper
def find_exception(data: Bytes, start: Int, end: Int, exceptions: Exceptions) -> Int:
    """The row of the exception that is `data[start:end]`, -1 if there is none."""
    size = end - start
    if size > _LONGEST or size <= 0:
        return -1
    lengths = exceptions[_SLOTS + np.int64(data[start]), 0] & exceptions[_SLOTS + np.int64(data[end - 1]), 1]
    if not (lengths >> np.uint64(size)) & np.uint64(1):
        return -1
    row, column, bit = _place(data, start, end)
    return _find(data, start, end, _EXCEPTION, exceptions) if exceptions[row, column] & bit else -1


@helper
def split_exception(a: Int, ends_mask: np.uint64, starts: Spans, ends: Spans, n: Int) -> Int:
    """Appends the tokens of an exception that starts at byte `a`."""
    at = 0
    while ends_mask >> np.uint64(at + 1):
        start = at
        at += 1
        while not (ends_mask >> np.uint64(at)) & np.uint64(1):
            at += 1
        starts[n] = a + start
        ends[n] = a + at
        n += 1
    return n


@helper
def _mergeable(data: Bytes, i: Int, n: Int, exceptions: Exceptions, starts: Spans, ends: Spans) -> tuple[Int, Int]:
    """The most tokens from `i` on that make an exception (0 if none do), and its row. Marks of signs are overlooked."""
    start = max(np.int64(starts[i]), -1 - np.int64(starts[i]))
    lengths = exceptions[_SLOTS + 256 + np.int64(data[start]), 0]
    mask = np.uint64(0)
    best, row = 0, -1
    for k in range(i, n):
        end = abs(np.int64(ends[k]))
        if end - start > _LONGEST or not lengths >> np.uint64(end - start):
            break
        mask |= np.uint64(1) << np.uint64(end - start)
        if k > i:
            found = find_exception(data, start, end, exceptions)
            if found >= 0 and exceptions[found, 2] == mask:
                best, row = k - i + 1, found
    return best, row


@helper
def merge_exceptions(data: Bytes, first: Int, n: Int, exceptions: Exceptions, starts: Spans, ends: Spans) -> Int:
    """Tokens from `first` on that together are an exception become its tokens: hello : ) → hello :).

    As in spaCy, exceptions of more tokens go first, then those further left; one that overlaps another at either end
    is left as it is, and blocks what it overlaps all the same. `ends` < 0 marks what is blocked, `starts` < 0 a merger.
    """
    longest = 0
    for i in range(first, n - 1):
        longest = max(longest, _mergeable(data, i, n, exceptions, starts, ends)[0])
    if longest == 0:
        return n
    for length in range(longest, 1, -1):
        for i in range(first, n - length + 1):
            if _mergeable(data, i, n, exceptions, starts, ends)[0] == length:
                if ends[i] > 0 and ends[i + length - 1] > 0:
                    starts[i] = -1 - starts[i]
                for k in range(i, i + length):
                    ends[k] = -abs(ends[k])
    moved = len(starts) - n  # to the arrays' far end, as an exception may have more tokens than affix rules make
    for i in range(n - 1, first - 1, -1):
        starts[moved + i] = starts[i]
        ends[moved + i] = ends[i]
    i, n = moved + first, len(starts)
    out = first
    while i < n:
        if starts[i] < 0:
            count, row = _mergeable(data, i, n, exceptions, starts, ends)
            out = split_exception(-1 - starts[i], exceptions[row, 1], starts, ends, out)
            i += count
        else:
            starts[out], ends[out] = starts[i], abs(ends[i])
            out += 1
            i += 1
    return out


#: The exceptions and units, uint64 of shape (slots, 3), read-only.
EXCEPTIONS: Exceptions = _load()
