"""Where an e-mail address or an address of a machine may stand in a text, around the byte that gives it away.

The shapes are those of RFC 5322 and RFC 5321 (e-mail) and RFC 4291 (IPv6); filters.pii_checks decides.
"""

from __future__ import annotations

import numpy as np

from core.characters import ALPHA, Bytes, Classes, Int, Truth, before, decode
from core.kernels import helper
from filters.pii_bytes import is_digit, is_word

_LAST_SHARED = 0x0600  # scripts before Arabic are written with spaces, so that an address ends where they do
_MAX_LOCAL, _MAX_DOMAIN = 64, 253  # RFC 5321 §4.5.3.1
_MAX_USER, _MIN_PASSWORD = 200, 4  # bytes of a user's name and a password in a URL
_MAX_SPELLED = 14  # bytes of `( punkt   ) `


@helper
def _is_hex(b: Int) -> Truth:
    return 48 <= b <= 57 or 65 <= b <= 70 or 97 <= b <= 102


@helper
def _in_address(data: Bytes, i: Int, classes: Classes, local: bool) -> Truth:
    """Whether the character at `i` may stand in an e-mail address: before the @ (`local`), or after it."""
    b = data[i]
    if b >= 0x80:
        cp, _ = decode(data, i)
        return cp < _LAST_SHARED and classes[cp] & ALPHA != 0
    if local and (b == 95 or b == 37 or b == 43 or b == 39):  # _ % + '
        return True
    return (b != 95 and is_word(b)) or b == 46 or b == 45


@helper
def _name(data: Bytes, i: Int, end: Int, classes: Classes) -> Int:
    """Where the characters of a host's name end that begin at `i`, with dots written (dot) or [dot] among them."""
    start = i
    while i < end and i - start <= _MAX_DOMAIN:
        if _in_address(data, i, classes, False):
            _, width = decode(data, i)
            i += width
            continue
        after = _spelled(data, i, end, True)
        if i == start or after == i or after >= end or not _in_address(data, after, classes, False):
            break
        i = after
    return i


@helper
def _local(data: Bytes, at: Int, start: Int, classes: Classes) -> Int:
    """Where the characters before an @ at `at` begin, with dots written (dot) among them; `at` if there are too many."""
    first = at
    while first > start:
        k = before(data, first)
        if _in_address(data, k, classes, True):
            if at - k > _MAX_LOCAL:
                return at
            first = k
            continue
        dot = first
        while dot > start and first - dot < _MAX_SPELLED and (dot == first or (data[dot] != 40 and data[dot] != 91)):
            dot -= 1
        if dot > start and data[dot - 1] == 32:
            dot -= 1
        if first == at or dot == start or _spelled(data, dot, at, True) != first:
            break
        if not _in_address(data, before(data, dot), classes, True):
            break
        first = dot
    return first


@helper
def email(data: Bytes, at: Int, start: Int, end: Int, classes: Classes) -> tuple[Int, Int]:
    """The characters around the @ at `at` that an address may be made of; nothing if there are too many."""
    first = _local(data, at, start, classes)
    return (first, _name(data, at + 1, end, classes)) if first < at else (at, at)


@helper
def _spelled(data: Bytes, i: Int, end: Int, dot: Truth) -> Int:
    """After the `(at)` or `[at]` (`(dot)`, if a dot is looked for) that begins at `i`, in whatever case, with a space around
    it or none, and spaces inside; `i` if there is none."""
    j = i + 1 if i < end and data[i] == 32 else i
    if j >= end or (data[j] != 40 and data[j] != 91):
        return i
    closing = 41 if data[j] == 40 else 93
    j += 1
    stop = j + 2
    while j < end and j < stop and data[j] == 32:
        j += 1
    word = j
    while j < end and j - word < 6 and 97 <= (data[j] | 32) <= 122:
        j += 1
    known = False
    for at in (b"at", b"ad"):  # German: ad
        known |= not dot and _is(data, word, j, at)
    for point in (b"dot", b"punkt", b"point", b"punto", b"ponto", b"punt"):
        known |= dot and _is(data, word, j, point)
    if not known:
        return i
    stop = j + 4
    while j < end and j < stop and data[j] == 32:
        j += 1
    if j >= end or data[j] != closing:
        return i
    return j + 2 if j + 1 < end and data[j + 1] == 32 else j + 1


@helper
def _is(data: Bytes, i: Int, end: Int, word: bytes) -> Truth:
    """Whether letters are a word, whatever their case."""
    if end - i != len(word):
        return False
    for k in range(len(word)):
        if data[i + k] | 32 != word[k]:
            return False
    return True


@helper
def spelled_email(data: Bytes, i: Int, start: Int, end: Int, classes: Classes) -> tuple[Int, Int]:
    """The characters around the `(at)` whose bracket is at `i` that an address may be made of; nothing if it is none."""
    at = i - 1 if i > start and data[i - 1] == 32 else i
    after = _spelled(data, at, end, False)
    if after == at:
        return i, i
    first, last = _local(data, at, start, classes), _name(data, after, end, classes)
    return (first, last) if first < at and last > after + 3 else (i, i)


@helper
def ip4(data: Bytes, i: Int, end: Int) -> Int:
    """Where four numbers of at most three digits, with dots between, end; `i` if they do not stand here."""
    j = i
    for part in range(4):
        if part > 0:
            if j >= end or data[j] != 46:
                return i
            j += 1
        digits = 0
        while j < end and is_digit(data[j]) and digits < 4:
            j += 1
            digits += 1
        if digits == 0 or digits == 4:
            return i
    if j < end and (is_word(data[j]) or (data[j] == 46 and j + 1 < end and is_digit(data[j + 1]))):
        return i
    return j


@helper
def ip6(data: Bytes, i: Int, start: Int, end: Int) -> tuple[Int, Int]:
    """The run of hex digits and colons around the colon at `i`, if it can be an IPv6 address; else nothing."""
    first = i
    while first > start and i - first < 5 and _is_hex(data[first - 1]):
        first -= 1
    last = i
    colons = 0
    double = False
    while last < end and last - first < 40 and (data[last] == 58 or _is_hex(data[last])):
        if data[last] == 58:
            colons += 1
            double |= last + 1 < end and data[last + 1] == 58
        last += 1
    after = last
    while last > i and data[last - 1] == 58:
        last -= 1
    if colons < 2 or not (double or colons == 7) or last - first < 6:
        return after, after
    if (first > start and is_word(data[first - 1])) or (after < end and is_word(data[after])):
        return after, after
    return first, last


@helper
def password(data: Bytes, i: Int, end: Int) -> tuple[Int, Int]:
    """The password of a URL (`scheme://user:password@host`, RFC 3986 §3.2.1) whose authority begins at `i`; nothing if it has
    none."""
    first = np.int64(0)
    j = i
    while j < end and j - i < _MAX_USER:
        b = data[j]
        if b == 64:
            break
        if b <= 32 or b == 34 or b == 39 or b == 47 or b == 60 or b == 62 or b == 63 or b == 92 or b == 96:
            return i, i
        if b == 58 and first == 0:
            first = j + 1
        j += 1
    if j >= end or data[j] != 64 or first == 0 or j - first < _MIN_PASSWORD or j + 1 == end or not is_word(data[j + 1]):
        return i, i
    return first, j
