"""Whether digits are a phone number: Google's libphonenumber decides, after what only looks like one was put aside.

The library is its Python port (github.com/daviddrysdale/python-phonenumbers, Apache-2.0), with the numbering plans of all
countries; ISBNs, dates, times, tax numbers and sections pass them too, and are told by their shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from filters.pii_names import is_amount, is_behind_state, is_zip, names_other

#: Where numbers without a country code are from, by language: the countries where most pages in it are from, three at most.
REGIONS: dict[str, tuple[str, ...]] = {
    "af": ("ZA",), "ar": ("SA", "EG", "AE"), "az": ("AZ",), "be": ("BY",), "bg": ("BG",), "bn": ("BD", "IN"), "bs": ("BA",),
    "ca": ("ES",), "cs": ("CZ",), "cy": ("GB",), "da": ("DK",), "de": ("DE", "AT", "CH"), "el": ("GR", "CY"),
    "en": ("US", "GB", "AU"), "es": ("ES", "MX", "AR"), "et": ("EE",), "eu": ("ES",), "fa": ("IR",), "fi": ("FI",),
    "fr": ("FR", "BE", "CH"), "ga": ("IE",), "gl": ("ES",), "gu": ("IN",), "he": ("IL",), "hi": ("IN",), "hr": ("HR",),
    "hu": ("HU",), "hy": ("AM",), "id": ("ID",), "is": ("IS",), "it": ("IT", "CH"), "ja": ("JP",), "ka": ("GE",), "kk": ("KZ",),
    "km": ("KH",), "kn": ("IN",), "ko": ("KR",), "lo": ("LA",), "lt": ("LT",), "lv": ("LV",), "mk": ("MK",), "ml": ("IN",),
    "mn": ("MN",), "mr": ("IN",), "ms": ("MY", "SG"), "my": ("MM",), "nb": ("NO",), "ne": ("NP",), "nl": ("NL", "BE"),
    "nn": ("NO",), "no": ("NO",), "pa": ("IN", "PK"), "pl": ("PL",), "pt": ("BR", "PT"), "ro": ("RO",), "ru": ("RU", "KZ"),
    "si": ("LK",), "sk": ("SK",), "sl": ("SI",), "sq": ("AL",), "sr": ("RS",), "sv": ("SE", "FI"), "sw": ("KE", "TZ"),
    "ta": ("IN", "LK"), "te": ("IN",), "th": ("TH",), "tr": ("TR",), "uk": ("UA",), "ur": ("PK", "IN"), "uz": ("UZ",),
    "vi": ("VN",), "zh": ("CN", "TW", "HK"),
}  # fmt: skip

#: Names at the top of countries that are sold to everybody, and say little of where a page is from.
_EVERYBODYS = frozenset({
    "AC", "AG", "AI", "AM", "AS", "BZ", "CC", "CD", "CF", "CO", "CX", "DJ", "FM", "GA", "GD", "GG", "GL", "GQ", "GS", "IM", "IO",
    "LA", "LC", "LY", "ME", "ML", "MN", "MS", "MU", "NU", "PN", "PW", "RE", "SC", "SH", "SO", "SR", "ST", "SX", "TK", "TO", "TV",
    "VC", "VG", "VU", "WS",
})  # fmt: skip

#: Shapes that plans of numbers let pass, between the first and the last digit of a candidate.
_NOT = re.compile(
    r"""(?:
      \d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d\d)(?:\D.*)?      # 03.04.2005, 3/4/05 12
    | (?:19|20)\d\d([./-])\d{1,2}\2\d{1,2}(?:\D.*)?        # 2005-04-03
    | \d\d?[./]\d\d\s?[-–—/]\s?\d\d?[./]\d\d               # 8.00-17.00, 01/05-31/08
    | \d{1,3}(?:[. ]000)+                                 # 300.000
    | \d{3}\.\d{3}\.\d{3}[-/.]\d\d                         # 012.345.678-90: Brazil's CPF
    | \d{2}\.\d{3}\.\d{3}[/-]\d+(?:-\d+)?                  # CNPJ, RUT
    | \d{3}-\d\d-\d{4}                                     # a social security number
    | \d{1,3}(?:\.\d{1,3}){3}                              # 010.020.030.040
    | \d{1,2}(?:[.]\d){2,}                                 # 10.1.2.3
    | 0[\d]?\.\d+                                          # 0.1234567
    | (?:19|20)\d\d\s?[-–—/]\s?(?:19|20)?\d\d(?:\D.*)?     # 2019-2020
    | (?:\d\d-){5}\d\d                                     # an address of hardware
    )""",
    re.VERBOSE,
)
_NUMBERED = re.compile(r"no|nos|nr|num|nº|n°|№|#", re.IGNORECASE)
_LAST_WORD = re.compile(r"([^\W\d_]+|[#№]|n°)[\s.:#(]*$", re.IGNORECASE)
#: Behind one of these a number goes on from a word, an address, a decimal or an amount; before the others it does.
_BEFORE = frozenset(".,/=#&-_*$€£¥%\\+:'")
_AFTER = frozenset("%$€£¥°:=_/\\")
#: In Hebrew prepositions are letters, with a hyphen before digits.
_PREPOSITION = re.compile(r"(?<![\u05d0-\u05ea])[בלמ]-$")
#: Another number beside it: 030/1234567/030/7654321.
_OTHER_AFTER = re.compile(r"/\(?0\d")
_OTHER_BEFORE = re.compile(r"(?:^|[^\w/=&?#.-])[+(]?\d[\d ()/-]{6,}/$")


@lru_cache(maxsize=1)
def _library() -> Any:
    import phonenumbers

    return phonenumbers


def library_version() -> str:
    """The library's version, as what it takes for valid follows from its plans of numbers."""
    return str(_library().__version__)


def region_of(host: str) -> tuple[str, ...]:
    """The country whose name a host is under, if that says where it is from; none for numbers and other names at the top."""
    top = host.rpartition(".")[2].upper()
    if len(top) != 2 or not (top.isascii() and top.isalpha()) or top in _EVERYBODYS:
        return ()
    return ("GB",) if top == "UK" else (top,)


def is_phone(candidate: str, before: str, after: str, announced: int, regions: Sequence[str]) -> bool:
    """Whether a candidate is a phone number: with a country code, or one of `regions`.

    `before` and `after` are what stands around it in the line; `announced` is 2 where a word such as `tel` does, 1 where one such
    as `call` or `contact` stands before it.
    """
    bare = candidate.lstrip("(+")
    if "(" in candidate and ")" not in candidate:
        return False
    if (before and _joined(before)) or (after and _goes_on(after)):
        return False
    international = "+" in candidate[: len(candidate) - len(bare)]
    if not international:
        if _NOT.fullmatch(bare):
            return False
        if names_other(before) or is_behind_state(bare, before):
            return False
        if announced < 2 and (is_isbn(bare) or is_amount(after) or is_zip(bare, before, regions)):
            return False
        if announced == 0 and _named(before):
            return False
    return _valid(candidate, "" if international else " ".join(regions))


@lru_cache(maxsize=1 << 12)
def _valid(candidate: str, regions: str) -> bool:
    library = _library()
    for region in regions.split() or [None]:
        try:
            number = library.parse(candidate, region)
        except library.NumberParseException:
            continue
        if library.is_valid_number(number) and len(library.national_significant_number(number)) >= (7 if region else 6):
            return True
    return False


def _joined(before: str) -> bool:
    last = before[-1]
    if last not in _BEFORE or _PREPOSITION.search(before):
        return False
    if last in ".:":  # `Tel.0123` and `Tel:0123` are no decimals
        return len(before) > 1 and not before[-3:-1].isalpha()
    return not (last == "/" and (before[-2:-1] in (" ", "") or _OTHER_BEFORE.search(before)))


def _goes_on(after: str) -> bool:
    if _OTHER_AFTER.match(after):
        return False
    if after[0] in _AFTER:
        return not (after[0] in ":/" and not after[1:2].isdigit())
    return after[0] in ".,-" and after[1:2].isdigit()


def _named(before: str) -> bool:
    """Whether the word before says that these digits number something: `no 01 23 45 67 89`."""
    found = _LAST_WORD.search(before)
    return found is not None and _NUMBERED.fullmatch(found[1]) is not None


def is_isbn(digits: str) -> bool:
    """Whether groups of digits with hyphens or spaces are an ISBN-10 by shape and check digit (ISO 2108)."""
    if not re.fullmatch(r"\d{1,5}([ -])\d{1,7}\1\d{1,7}\1\d", digits):
        return False
    numbers = [int(c) for c in digits if c.isdigit()]
    return len(numbers) == 10 and sum((10 - i) * d for i, d in enumerate(numbers)) % 11 == 0
