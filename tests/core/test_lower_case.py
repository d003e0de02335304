"""The table of lower case is str.lower's, for mappings of one code point to one."""

from __future__ import annotations

import unicodedata

import numpy as np

from core.lower_case import LOWER, encode

SURROGATES = range(0xD800, 0xE000)


def test_every_code_point_of_unicode_14_has_the_lower_case_of_str_lower() -> None:
    assert unicodedata.unidata_version >= "14"
    for cp in range(len(LOWER) + 1000):
        ours = int(LOWER[cp]) if cp < len(LOWER) else cp
        theirs = chr(cp).lower()
        if cp == 0x130:
            assert ours == ord("i")
        elif ours != cp:
            assert [ours] == [ord(c) for c in theirs]
        elif len(theirs) == 1 and ord(theirs) != cp:  # a letter of a later Unicode
            assert unicodedata.unidata_version > "14"
    assert chr(LOWER[0x1E921]) == chr(0x1E921).lower()
    assert [chr(LOWER[ord(c)]) for c in "AZÀÉΑΩЯԖႠᲐḀKÅⅫⒶꙀＡ𐐀𞤡"] == list("AZÀÉΑΩЯԖႠᲐḀKÅⅫⒶꙀＡ𐐀𞤡".translate({0x130: "i"}).lower())


def test_lower_case_takes_at_most_half_as_many_bytes_again() -> None:
    def size(cp: int) -> int:
        return len(chr(cp).encode())

    assert max(size(int(LOWER[cp])) / size(cp) for cp in range(len(LOWER)) if cp not in SURROGATES) == 1.5


def test_encode_writes_utf8() -> None:
    for cp in (0, 0x41, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF):
        data = np.zeros(6, np.uint8)
        end = encode(cp, data, 1)
        assert data[1:end].tobytes() == chr(cp).encode()
        assert not data[end:].any()
