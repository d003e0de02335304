"""Whether digits are named something else than a phone number by the words beside them, or counted by a unit, or a ZIP code.

Our own; ZIP+4 codes as in Publication 28 of the United States Postal Service (§223 and appendix B: names of states).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from filters.pii_words import (
    COUNTED,
    LINES,
    LINKS,
    NUMBER_ENDS,
    NUMBERS,
    OF,
    OF_PHONES,
    OF_PHONES_FIRST,
    ORDERS,
    PLACES,
    THING_ENDS,
    THINGS,
    UNITS,
)

_SIGNS = r"\s.:：#№°(\"'’«“=\-–"
#: The last words before a number, with nothing but light signs between them and it (ISBN-13 is one).
_TAIL = re.compile(rf"(?:[^\W\d_]+[{_SIGNS}]*){{1,4}}(?:1[03][{_SIGNS}]*)?$")
_WORDS = re.compile(r"[^\W\d_]+")
_LAST_SIGNS = re.compile(rf"[{_SIGNS}]*$")
_END = " \t\u3000.:：#(（「=-はがをの"
_UNIT = re.compile(rf"[ \xa0\u202f]?(?:(?:{UNITS})\b|円|元|人|万|億|亿|원|명|฿|₽|₴|₹|₺|zł)", re.IGNORECASE)

_ZIP = re.compile(r"\d{5}[-–]\d{4}")
_STATE = re.compile(
    r"(?:^|[\s,.(])(?:A[AEKLPRSZ]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|O[HKR]|P[ARW]|RI|S[CD]|T[NX]"
    r"|UT|V[AIT]|W[AIVY])[.,]?[ \xa0]+$"
)


def _matcher(words: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    words = tuple(words)
    return frozenset(word for word in words if word[-1] != "*"), tuple(word[:-1] for word in words if word[-1] == "*")


_THINGS, _COUNTED, _ORDERS, _LINES = (_matcher(words) for words in (THINGS, (*THINGS, *COUNTED), ORDERS, LINES))


def _is_one(word: str, of: tuple[frozenset[str], tuple[str, ...]]) -> bool:
    return word in of[0] or word.startswith(of[1])


def _of_phones(word: str) -> bool:
    return word.startswith(OF_PHONES_FIRST) or any(stem in word for stem in OF_PHONES)


def names_other(before: str) -> bool:
    """Whether the words right before digits say that they number something else: `order number`, `Inode-Nummer`, `注文番号`."""
    plain = before.rstrip(_END)
    if plain.endswith(THING_ENDS):
        return not _of_phones(plain[-8:])
    tail = _TAIL.search(before)
    if tail is None:
        return False
    words = _WORDS.findall(tail[0].lower())
    signs = _LAST_SIGNS.search(before)[0]  # pyright: ignore[reportOptionalSubscript]  (it matches nothing too)
    while len(words) > 1 and words[-1] in LINKS:
        words.pop()
    last = words[-1]
    if last not in NUMBERS and last.endswith(NUMBER_ENDS):
        return not _of_phones(last)
    if len(words) > 2 and words[-2] in OF and NUMBERS.intersection(words[:-2]):
        return not _of_phones(last)
    counted = last in NUMBERS and len(words) > 1
    if counted:
        joined = f"-{words.pop()}" in tail[0].lower()
        last = words[-1]
        if joined:
            return not _of_phones(last)
    elif "." in signs and len(last) > 4:  # a sentence ends there
        return False
    earlier = words[-2] if len(words) > 1 else ""
    if _is_one(last, _LINES):
        return earlier in PLACES or (not earlier and ":" not in signs)
    if not counted and _is_one(last, _ORDERS) and (":" in signs or earlier == "to"):
        return False
    return _is_one(last, _COUNTED if counted or earlier in NUMBERS else _THINGS)


def is_amount(after: str) -> bool:
    """Whether a unit follows digits: `212-736-5000 points`."""
    return _UNIT.match(after) is not None


def is_zip(digits: str, before: str, regions: Sequence[str]) -> bool:
    """Whether digits have the shape of a ZIP+4 code, and stand behind the name of a state or on a page from the United States."""
    return _ZIP.fullmatch(digits) is not None and ("US" in regions or _STATE.search(before) is not None)


def is_behind_state(digits: str, before: str) -> bool:
    """As `is_zip`, whatever country the page is from."""
    return is_zip(digits, before, ())
