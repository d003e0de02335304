"""The table of character classes against Python's own and the originals' lists."""

from __future__ import annotations

import unicodedata

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core import characters as c


def members(bit: int) -> set[str]:
    return {chr(i) for i in np.flatnonzero(c.CLASSES & bit)}


def test_str_methods() -> None:
    # what was assigned in Unicode 3.2 has kept its class in every Python we run on, but for a few that were corrected
    old = [chr(i) for i in range(0x30000) if unicodedata.ucd_3_2_0.category(chr(i)) not in ("Cn", "Cs", "Co")]
    for bit, method in ((c.SPACE, str.isspace), (c.ALPHA, str.isalpha), (c.ALNUM, str.isalnum)):
        held = members(bit)
        assert sum((x in held) != method(x) for x in old) <= 5
        assert len(held & set(old)) > (25 if bit == c.SPACE else 50_000)
    assert {x for x in map(chr, range(0x110000)) if len(f"a{x}b".splitlines()) > 1} == members(c.LINE_BREAK)


def test_datatrove_punctuation() -> None:
    listed = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
    assert set(listed) <= members(c.PUNCTUATION)
    assert set(map(chr, [*range(9), 11, 12, *range(13, 32), *range(127, 160)])) <= members(c.PUNCTUATION)
    assert members(c.TERMINAL) <= members(c.PUNCTUATION)
    assert not members(c.PUNCTUATION) & set("aZ09é•·\t\n ")
    assert set(".!?。！？۔।፧") <= members(c.TERMINAL)
    assert not members(c.TERMINAL) & set(",;:\"')…")


def test_unspaced_scripts() -> None:
    held = members(c.UNSPACED)
    assert set("漢々〇ひらがなカタカナーｶไทยລາວខ្មែရန်မာ") <= held
    assert not held & set("aя한ㄱदעع。、「・๏ 　")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_decode_and_before(text: str) -> None:
    raw = text.encode()
    data = np.frombuffer(raw, np.uint8)
    i, found = 0, []
    while i < len(raw):
        cp, width = c.decode(data, i)
        found.append(chr(cp))
        i += width
        assert c.before(data, i) == i - width
    assert "".join(found) == text
    assert c.char_length(data, 0, len(raw)) == len(text)
    a, b = c.strip(data, 0, len(raw), c.CLASSES)
    assert raw[a:b].decode() == text.strip()
