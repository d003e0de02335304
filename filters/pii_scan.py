"""Where personal data may stand in a text: one pass over its bytes, which leaves few places for slower checks.

The shapes are in filters.pii_addresses and filters.pii_numbers; filters.pii_checks and filters.pii_phones decide.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import BYTES_TYPE, CLASSES_TYPE, OFFSETS_TYPE, Bytes, Classes, Int
from core.kernels import helper
from core.words import Spans
from filters.lexicon import LEXICON_TYPE, STRIDE, Lexicon, ascii_lower, match, may_match
from filters.pii_addresses import email, ip4, ip6, password, spelled_email
from filters.pii_bytes import is_digit, is_wide, is_wide_at, is_word
from filters.pii_numbers import MAX_GROUPS, MIN_CARD, NEITHER, PREFIXES, card, iban, phone

#: Kinds of candidates. A phone number is CALLED where a word such as `tel` or a sign stands before it, HINTED behind one such as
#: `call`.
EMAIL, IP4, IP6, PHONE, HINTED, CALLED, IBAN, CARD, KEY, PASSWORD = range(10)
N_KINDS = 10

Kinds = npt.NDArray[np.uint8]


def _actions() -> Bytes:
    table = np.zeros(256, np.uint8)
    table[[ord(c) for c in "@+([:-"]] = 1
    table[48:58] = 1
    table[65:91] = 2
    table[97:123] = 2
    table[0xEF] = 3
    table.setflags(write=False)
    return table


#: By byte: 1 where a candidate may be, 2 where one may begin if a word begins there, 3 where a full-width form may.
ACTIONS = _actions()


#: Prefixes of so few bytes begin words too, and want so many bytes of a key behind them: letters, digits, - . / : + =
_SHORT_PREFIX, _LEAST_BEHIND = 4, 16


@helper
def _key(data: Bytes, i: Int, end: Int, lexicon: Lexicon) -> Int:
    """Where the longest prefix of a key that stands at `i` ends; `i` if there is none, or a short one that no key follows."""
    found = i
    for prefix in (b"SK", b"AC", b"AA"):
        if data[i] == prefix[0] and i + 2 < end and data[i + 1] == prefix[1]:
            found = i + 2
    if may_match(lexicon, PREFIXES, data, i, end):
        at = STRIDE * PREFIXES + ascii_lower(np.int64(data[i]))
        for word in range(lexicon[at], lexicon[at + 1]):
            found = max(found, i + match(lexicon, word, data, i, end))
    if found - i > _SHORT_PREFIX:
        return found
    for k in range(found, found + _LEAST_BEHIND if found > i else found):
        if k >= end or not (is_word(data[k]) or 45 <= data[k] <= 58 or data[k] == 43 or data[k] == 61):
            return i
    return found


@helper
def _scan(
    data: Bytes, start: Int, end: Int, wanted: Kinds, classes: Classes, actions: Bytes, lexicon: Lexicon, lengths: Bytes,
    groups: npt.NDArray[np.int64], starts: Spans, ends: Spans, kinds: Kinds, wide: Kinds, n: Int,
) -> Int:  # fmt: skip
    """Adds the candidates of a text; how many there are then. `wide[0]` becomes 1 if it has full-width digits or letters."""
    digits_until = phone_until = colons_until = start
    for i in range(start, end):
        b = np.int64(data[i])
        action = actions[b]
        if action == 0:
            continue
        if action == 3:
            if is_wide(data, np.int64(i), end) or is_wide_at(data, np.int64(i), start, end):
                wide[0] = 1
            continue
        if n + 3 > len(starts):
            return n
        previous = np.int64(data[i - 1]) if i > start else np.int64(10)
        if action == 2 or b == 45:
            if is_word(previous) or previous == 45:
                continue
            if wanted[KEY]:
                last = _key(data, i, end, lexicon)
                if last > i:
                    starts[n], ends[n], kinds[n] = i, last, KEY
                    n += 1
            if wanted[IBAN] and b != 45:
                last = iban(data, i, end, lengths)
                if last > i:
                    starts[n], ends[n], kinds[n] = i, last, IBAN
                    n += 1
        elif b == 64:
            if wanted[EMAIL]:
                first, last = email(data, i, start, end, classes)
                if first < i and last > i + 4:
                    starts[n], ends[n], kinds[n] = first, last, EMAIL
                    n += 1
        elif b == 58:
            if wanted[PASSWORD] and i + 2 < end and data[i + 1] == 47 and data[i + 2] == 47:
                first, last = password(data, i + 3, end)
                if first < last:
                    starts[n], ends[n], kinds[n] = first, last, PASSWORD
                    n += 1
            if wanted[IP6] and i >= colons_until:
                first, last = ip6(data, i, start, end)
                colons_until = max(last, i + 1)
                if first < last:
                    starts[n], ends[n], kinds[n] = first, last, IP6
                    n += 1
        else:
            if (b == 40 or b == 91) and wanted[EMAIL]:
                first, last = spelled_email(data, i, start, end, classes)
                if first < last:
                    starts[n], ends[n], kinds[n] = first, last, EMAIL
                    n += 1
            if i < digits_until or is_word(previous) or b == 91:
                continue
            if is_digit(b):
                run = i + 1
                while run < end and is_digit(data[run]):
                    run += 1
                digits_until = run
                if wanted[IP4] and run - i <= 3 and run < end and data[run] == 46 and previous != 46:
                    last = ip4(data, i, end)
                    if last > i:
                        starts[n], ends[n], kinds[n] = i, last, IP4
                        n += 1
                        digits_until = last
                        phone_until = max(phone_until, last)
                        continue
                if wanted[CARD] and (run - i == 4 or run - i >= MIN_CARD):
                    last = card(data, i, end)
                    if last > i:
                        starts[n], ends[n], kinds[n] = i, last, CARD
                        n += 1
            if wanted[PHONE] and i >= phone_until:
                last, announced = phone(data, i, start, end, lexicon, groups)
                phone_until = max(last, i + 1)
                if announced != NEITHER:
                    starts[n], ends[n], kinds[n] = i, last, PHONE + announced
                    n += 1
    return n


_KINDS_TYPE = types.Array(types.uint8, 1, "C", readonly=True)


@njit(
    types.Tuple((types.int32[::1], types.int32[::1], types.uint8[::1]))(
        OFFSETS_TYPE, BYTES_TYPE, _KINDS_TYPE, CLASSES_TYPE, BYTES_TYPE, LEXICON_TYPE, BYTES_TYPE, types.int32[::1],
        types.uint8[::1],
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def scan_texts(
    offsets: Spans, data: Bytes, wanted: Kinds, classes: Classes, actions: Bytes, lexicon: Lexicon, lengths: Bytes,
    first: Spans, wide: Kinds,
) -> tuple[Spans, Spans, Kinds]:  # fmt: skip
    """Starts and ends of all candidates in `data`, and their kinds; those of text t are `first[t]:first[t + 1]`.

    `wanted` says by kind whether it is looked for, `lengths` how long an IBAN is by country (26 × 26, 0 for none). The
    candidates of a text overlap, and are in the order in which they were found. `wide`, which is zero, becomes 1 for a text
    with full-width digits or letters, which are no candidates: look through it `narrowed`.
    """
    room = (offsets[len(offsets) - 1] - offsets[0]) // 2 + 16  # at most three in seven bytes
    starts, ends, kinds = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint8)
    groups = np.zeros(3 * MAX_GROUPS, np.int64)
    n = np.int64(0)
    first[0] = 0
    for row in range(len(offsets) - 1):
        n = _scan(
            data, np.int64(offsets[row]), np.int64(offsets[row + 1]), wanted, classes, actions, lexicon, lengths, groups,
            starts, ends, kinds, wide[row : row + 1], n,
        )  # fmt: skip
        first[row + 1] = n
    return starts[:n].copy(), ends[:n].copy(), kinds[:n].copy()
