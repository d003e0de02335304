"""Words as spaCy's English tokenizer splits them: prefixes, suffixes, infixes, URLs and exceptions, as a kernel.

The rules are those of spaCy 3.8 (spacy/tokenizer.pyx, lang/punctuation.py, lang/en), which datatrove counts words with.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import (
    AFFIX_ALPHA,
    AFFIX_BEFORE_STOP,
    AFFIX_ICON,
    AFFIX_LOWER,
    AFFIX_PREFIX,
    AFFIX_QUOTE,
    AFFIX_SUFFIX,
    AFFIX_UPPER,
    ALNUM,
    SPACE,
    UNSPACED,
    Bytes,
    Classes,
    before,
    decode,
)
from core.unspaced import split_unspaced
from core.url_tokens import is_url
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
).split()
_LONGEST_AFTER_DIGIT = 16  # bytes
_LONGEST = 48  # bytes of the longest exception; a mask of token ends needs one bit a byte
_SLOTS = 8192
_EXCEPTION, _UNIT = np.uint64(0), np.uint64(1 << 63)  # the kinds of key


def _ends(tokens: str) -> int:
    """A bit at each byte offset where one of the tokens (joined by spaces) ends."""
    mask, at = 0, 0
    for token in tokens.split(" "):
        at += len(token.encode())
        mask |= 1 << at
    return mask


def _load() -> Exceptions:
    """Rows (key, ends of the tokens, ends of the tokens that affix rules alone make or 0), by open addressing.

    Behind them, a row a byte: lengths (as bits) of exceptions that start with it, of those that end with it, of units
    that end with it; then a row a byte with lengths of exceptions that start with it and that affix rules would split.
    Most words are told from exceptions by that.
    """
    table = np.zeros((_SLOTS + 512, 3), np.uint64)
    rows = [(unit, _UNIT, 1, 0) for unit in _AFTER_DIGIT]
    path = Path(__file__).parent / "data" / "english_exceptions.tsv"
    for line in path.read_text("utf-8").splitlines()[2:]:
        text, tokens, *split = line.split("\t")
        unmerged = _ends(split[0]) if split and " " in split[0] else 0
        rows.append((text, _EXCEPTION, _ends(tokens), unmerged))
    for text, kind, tokens, split in rows:
        raw = np.frombuffer(text.encode(), np.uint8)
        key = _key(raw, 0, len(raw), kind)
        slot = int(key) % _SLOTS
        while table[slot, 0]:
            slot = (slot + 1) % _SLOTS
        table[slot] = (key, tokens, split)
        length = np.uint64(1 << len(raw))
        if kind == _UNIT:
            table[_SLOTS + int(raw[-1]), 2] |= length
        else:
            table[_SLOTS + int(raw[0]), 0] |= length
            table[_SLOTS + int(raw[-1]), 1] |= length
            if split:
                table[_SLOTS + 256 + int(raw[0]), 0] |= length
    table.setflags(write=False)
    return table


@njit(error_model="numpy")
def _key(data: Bytes, start: int, end: int, kind: np.uint64) -> np.uint64:
    return hash_span(data, start, end) ^ kind | np.uint64(1)


@njit(error_model="numpy")
def _find(data: Bytes, start: int, end: int, kind: np.uint64, exceptions: Exceptions) -> int:
    """The row of the key that is `data[start:end]`, -1 if there is none."""
    key = _key(data, start, end, kind)
    slot = np.int64(key & np.uint64(_SLOTS - 1))
    while exceptions[slot, 0] != 0:
        if exceptions[slot, 0] == key:
            return slot
        slot = (slot + 1) & (_SLOTS - 1)
    return -1


@njit(error_model="numpy")
def _find_exception(data: Bytes, start: int, end: int, exceptions: Exceptions) -> int:
    """The row of the exception that is `data[start:end]`, -1 if there is none."""
    size = end - start
    if size > _LONGEST or size <= 0:
        return -1
    lengths = exceptions[_SLOTS + np.int64(data[start]), 0] & exceptions[_SLOTS + np.int64(data[end - 1]), 1]
    if not (lengths >> np.uint64(size)) & np.uint64(1):
        return -1
    return _find(data, start, end, _EXCEPTION, exceptions)


@njit(error_model="numpy")
def _may_have_prefix(data: Bytes, a: int, b: int, classes: Classes) -> bool:
    """False for what starts like a word; A$, C$ and US$ are prefixes too."""
    cp, _ = decode(data, a)
    return not classes[cp] & ALNUM or (a + 1 < b and data[a + 1] == 0x24) or (a + 2 < b and data[a + 2] == 0x24)


@njit(error_model="numpy")
def _may_have_suffix(data: Bytes, a: int, b: int, digits: bool) -> bool:
    """False for what ends like a word; 's is a suffix, and so are units behind digits."""
    if a >= b:
        return False
    last = data[b - 1]
    if 0x61 <= last <= 0x7A or 0x41 <= last <= 0x5A:
        return digits or last | 0x20 == 0x73
    return not _digit(last)


@njit(error_model="numpy")
def _digit(b: int) -> bool:
    return 48 <= b <= 57


@njit(error_model="numpy")
def _prefix(data: Bytes, a: int, b: int, classes: Classes) -> int:
    """Bytes of the prefix to split from `data[a:b]`, 0 if there is none."""
    cp, width = decode(data, a)
    if classes[cp] & AFFIX_PREFIX:
        if cp == 0x2B and a + 1 < b and _digit(data[a + 1]):
            return 0
        return width
    if cp == 0x2E:
        i = a + 1
        while i < b and data[i] == 0x2E:
            i += 1
        return i - a if i - a > 1 else 0
    if (cp == 0x43 or cp == 0x41) and a + 1 < b and data[a + 1] == 0x24:  # C$ A$
        return 2
    if cp == 0x55 and a + 2 < b and data[a + 1] == 0x53 and data[a + 2] == 0x24:  # US$
        return 3
    return 0


@njit(error_model="numpy")
def _suffix(data: Bytes, a: int, b: int, classes: Classes, exceptions: Exceptions) -> int:
    """Bytes of the longest suffix to split from `data[a:b]`, 0 if there is none."""
    if a >= b:
        return 0
    j = before(data, b)
    cp, width = decode(data, j)
    if cp == 0x2E:
        i = j
        while i > a and data[i - 1] == 0x2E:
            i -= 1
        if b - i > 1:
            return b - i
        return 1 if _stop_is_suffix(data, a, j, classes) else 0
    if (cp == 0x73 or cp == 0x53) and j > a:
        k = before(data, j)
        quote, _ = decode(data, k)
        if quote == 0x27 or quote == 0x2019:
            return b - k
    if cp == 0x2026 and j - 3 >= a and data[j - 3] == 0xE2 and data[j - 2] == 0x80 and data[j - 1] == 0xA6:
        return 6
    if cp == 0x2B:
        return 1 if j > a and _digit(data[j - 1]) else 0
    if classes[cp] & AFFIX_SUFFIX:
        return width
    if not exceptions[_SLOTS + np.int64(data[b - 1]), 2]:
        return 0
    i = b - 1
    lowest = max(a, b - _LONGEST_AFTER_DIGIT - 1)
    while i >= lowest and not _digit(data[i]):
        i -= 1
    if i >= lowest and _find(data, i + 1, b, _UNIT, exceptions) >= 0:
        return b - i - 1
    return 0


@njit(error_model="numpy")
def _stop_is_suffix(data: Bytes, a: int, j: int, classes: Classes) -> bool:
    """Whether the full stop at `j` is split from what stands before it in `data[a:j]`."""
    if j <= a:
        return False
    k = before(data, j)
    cp, _ = decode(data, k)
    if classes[cp] & AFFIX_BEFORE_STOP:
        return True
    if k <= a:
        return False
    earlier, _ = decode(data, before(data, k))
    if classes[cp] & AFFIX_UPPER and classes[earlier] & AFFIX_UPPER:
        return True
    return earlier == 0xB0 and (cp | 0x20 == 0x63 or cp | 0x20 == 0x66 or cp | 0x20 == 0x6B)


@njit(error_model="numpy")
def _infix(data: Bytes, i: int, b: int, previous: int, classes: Classes) -> int:
    """Bytes of the infix at `i` of a string that ends at `b`, 0 if there is none."""
    cp, width = decode(data, i)
    if classes[cp] & AFFIX_ICON or cp == 0x2026:
        return width
    if i + width >= b:
        return 0
    if cp == 0x2E:
        k = i + 1
        while k < b and data[k] == 0x2E:
            k += 1
        if k - i > 1:
            return k - i
        following, _ = decode(data, i + 1)
        if classes[previous] & (AFFIX_LOWER | AFFIX_QUOTE) and classes[following] & (AFFIX_UPPER | AFFIX_QUOTE):
            return 1
        return 0
    after_digit = _digit(previous)
    if not after_digit and not classes[previous] & AFFIX_ALPHA:
        return 0
    following, _ = decode(data, i + width)
    if after_digit and (cp == 0x2B or cp == 0x2D or cp == 0x2A or cp == 0x5E):
        if _digit(following) or following == 0x2D:
            return 1
    if cp == 0x2C:
        return 1 if not after_digit and classes[following] & AFFIX_ALPHA else 0
    if cp == 0x3A or cp == 0x3C or cp == 0x3D or cp == 0x3E or cp == 0x2F:  # : < = > /
        return 1 if classes[following] & AFFIX_ALPHA else 0
    if cp == 0x2D or cp == 0x2013 or cp == 0x2014 or cp == 0x7E:  # - – — ~, and runs: -- --- ——
        longest = 3 if cp == 0x2D else 2 if cp == 0x2014 else 1
        k = i
        for _ in range(longest):
            k += width
            if k >= b:
                return 0
            following, _ = decode(data, k)
            if classes[following] & AFFIX_ALPHA:
                return k - i
            if following != cp:
                return 0
    return 0


@njit(error_model="numpy")
def _split_infixes(data: Bytes, a: int, b: int, classes: Classes, starts: Spans, ends: Spans, n: int) -> int:
    """Appends the tokens of `data[a:b]`, which has no affixes left, from index `n` on; the new number of tokens."""
    first = n
    start = a
    cp, width = decode(data, a)
    i = a
    i += max(width, _infix(data, a, b, 0, classes))  # an infix at the start is no split
    previous, _ = decode(data, before(data, i))
    while i < b:
        cp, width = decode(data, i)
        word = classes[cp] & ALNUM and not classes[cp] & AFFIX_ICON
        size = 0 if word else _infix(data, i, b, previous, classes)
        if size == 0:
            previous = cp
            i += width
            continue
        if n == first and start == a and is_url(data, a, b, classes):
            break
        if i != start:
            starts[n] = start
            ends[n] = i
            n += 1
        starts[n] = i
        ends[n] = i + size
        n += 1
        i += size
        start = i
        previous, _ = decode(data, before(data, i))
    if start < b:
        starts[n] = start
        ends[n] = b
        n += 1
    return n


@njit(error_model="numpy")
def _split_exception(a: int, ends_mask: np.uint64, starts: Spans, ends: Spans, n: int) -> int:
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


@njit(error_model="numpy")
def _split_chunk(
    data: Bytes, a: int, b: int, digits: bool, classes: Classes, exceptions: Exceptions, starts: Spans, ends: Spans,
    n: int,
) -> int:  # fmt: skip
    """Appends the tokens of `data[a:b]`, which holds no whitespace; suffixes wait at the arrays' far end."""
    capacity = len(starts)
    suffixes = 0
    size = -1
    found = -1
    while a < b and b - a != size:
        found = _find_exception(data, a, b, exceptions)
        if found >= 0:
            break
        size = b - a
        p = _prefix(data, a, b, classes) if _may_have_prefix(data, a, b, classes) else 0
        if p:
            starts[n] = a
            ends[n] = a + p
            found = _find_exception(data, a + p, b, exceptions)
            if found >= 0:
                n += 1
                a += p
                break
        s = _suffix(data, a + p, b, classes, exceptions) if _may_have_suffix(data, a + p, b, digits) else 0
        if s:
            suffixes += 1
            starts[capacity - suffixes] = b - s
            ends[capacity - suffixes] = b
            found = _find_exception(data, a, b - s, exceptions)
            if found >= 0:
                b -= s
                break
        if p:
            n += 1
        a += p
        b -= s
    if a < b:
        if found >= 0:
            n = _split_exception(a, exceptions[found, 1], starts, ends, n)
        else:
            n = _split_infixes(data, a, b, classes, starts, ends, n)
    for i in range(capacity - suffixes, capacity):
        starts[n] = starts[i]
        ends[n] = ends[i]
        n += 1
    return n


@njit(error_model="numpy")
def _mergeable(data: Bytes, i: int, n: int, exceptions: Exceptions, starts: Spans, ends: Spans) -> tuple[int, int]:
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
            found = _find_exception(data, start, end, exceptions)
            if found >= 0 and exceptions[found, 2] == mask:
                best, row = k - i + 1, found
    return best, row


@njit(error_model="numpy")
def _merge_exceptions(
    data: Bytes, first: int, n: int, exceptions: Exceptions, starts: Spans, ends: Spans
) -> int:
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
            out = _split_exception(-1 - starts[i], exceptions[row, 1], starts, ends, out)
            i += count
        else:
            starts[out], ends[out] = starts[i], abs(ends[i])
            out += 1
            i += 1
    return out


@njit(error_model="numpy")
def split_english(
    data: Bytes, start: int, end: int, classes: Classes, exceptions: Exceptions, starts: Spans, ends: Spans
) -> int:
    """Words as of spaCy's blank English pipeline, without the tokens that are whitespace. `exceptions` is EXCEPTIONS.

    Where spaCy would make one word of a sentence in a script without spaces, it is cut by `split_unspaced`.
    """
    n = 0
    i = start
    while i < end:
        cp, width = decode(data, i)
        if classes[cp] & SPACE:
            i += width
            continue
        a = i
        plain = True  # letters alone, which no affix rule splits
        digits, unspaced = False, False
        while i < end:
            cp, width = decode(data, i)
            bits = classes[cp]
            if bits & SPACE:
                break
            digits = digits or _digit(cp)
            unspaced = unspaced or (bits & UNSPACED) != 0
            plain = plain and bits & (AFFIX_ALPHA | AFFIX_PREFIX | AFFIX_SUFFIX | AFFIX_ICON) == AFFIX_ALPHA
            i += width
        first = n
        if plain and _find_exception(data, a, i, exceptions) < 0:
            starts[n] = a
            ends[n] = i
            n += 1
        else:
            n = _split_chunk(data, a, i, digits, classes, exceptions, starts, ends, n)
            if n > first + 1:
                n = _merge_exceptions(data, first, n, exceptions, starts, ends)
        if unspaced:
            n = split_unspaced(data, first, n, classes, starts, ends)
    return n


#: The exceptions and units, uint64 of shape (slots, 3), read-only.
EXCEPTIONS: Exceptions = _load()
