"""Character references of HTML: as text, whatever their length, and those of letters in a page's bytes.

https://html.spec.whatwg.org/multipage/syntax.html#character-references
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

#: Python refuses to read a number of more than 4,300 digits; no code point has more than seven.
_LONG = re.compile(r"&#([xX]?)([0-9a-fA-F]{8,})")
_REFERENCE = re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});")
#: A page of fewer references is read as it stands.
_FEW = 32
#: The first code point past Latin letters and their marks.
_GREEK = 0x370


def unescape(text: str) -> str:
    """The text with its references resolved, as html.unescape, which raises ValueError for numbers of thousands of digits."""
    return html.unescape(_LONG.sub(_short, text))


def _short(match: re.Match[str]) -> str:
    """The reference without zeros at its start; past the last code point, as which U+FFFD stands, if it is still long."""
    digits = match[2] if match[1] else re.match("[0-9]*", match[2])[0]  # type: ignore[index]
    rest = match[2][len(digits) :]
    number = digits.lstrip("0") or digits[:1]
    return f"&#{match[1]}{number if len(number) < 8 else 'ffffff' if match[1] else '9999999'}{rest}"


def with_letters(page: bytes | memoryview) -> bytes | memoryview:
    """A page in UTF-8 in which references of letters that are not Latin are those letters, if it has more than a few.

    Pages of another age are written so from their first letter to their last; a scanner takes a reference for a sign. Latin
    words have other letters beside, and the extractor was trained on their references as they stand. A page without them is
    given back as it is, not a copy.
    """
    found = _REFERENCE.findall(page)
    if len(found) < _FEW:
        return page
    letters = {reference: letter for reference in set(found) if (letter := _letter(reference)) != reference}
    return _REFERENCE.sub(lambda match: letters.get(match[0], match[0]), page) if letters else page


@lru_cache(maxsize=4096)
def _letter(reference: bytes) -> bytes:
    text = unescape(reference.decode("ascii"))
    if len(text) == 1 and ord(text) >= _GREEK and unicodedata.category(text)[0] in "LM":
        return text.encode()
    return reference
