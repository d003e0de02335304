"""Character statistics that encodings are told apart by, from `data/charsets.npz` (made by `data/make_charsets.py`)."""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

#: Units of all bit counts here, a bit.
STEP = 8
_RARE = 19 * STEP
_COMMON = "«»“”„‘’–—…"
_TYPOGRAPHIC = "‚·•©®™°§€£¡¿№ªº‹›´\xad"
_WIDE = "、。，．・：；？！「」『』（）【】《》〈〉〜～ー…—“”‘’　％"


@dataclass(frozen=True)
class Pairs:
    index: npt.NDArray[np.uint8]  # of a UTF-16 unit: 0 no letter, 255 a letter the language lacks
    bits: npt.NDArray[np.uint8]


@functools.cache
def models() -> tuple[dict[str, Pairs], dict[str, npt.NDArray[np.uint8]], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Pair models, character bits of CJK tables, bits of what is no letter, and which units are letters."""
    letter = np.zeros(1 << 16, bool)
    symbol = np.full(1 << 16, 14 * STEP, np.uint8)
    for code in range(1 << 16):
        category = unicodedata.category(chr(code))
        letter[code] = category[0] in "LM"
        if category in ("Cc", "Cn", "Co", "Cs"):
            symbol[code] = 24 * STEP
    symbol[:128] = 0
    symbol[:32] = 24 * STEP
    symbol[[9, 10, 12, 13]] = 0
    symbol[[ord(c) for c in _TYPOGRAPHIC + _WIDE]] = 7 * STEP
    symbol[[ord(c) for c in _COMMON]] = 5 * STEP
    symbol[0xA0] = 2 * STEP
    symbol[0x2500:0x25A0] = 18 * STEP
    symbol[0xFFFD] = 255
    symbol[0xFF61:0xFFA0] = 16 * STEP
    letter[0xFF61:0xFFA0] = False  # half-width kana are mostly a sign of the wrong encoding
    pairs: dict[str, Pairs] = {}
    frequencies: dict[str, npt.NDArray[np.uint8]] = {}
    with np.load(Path(__file__).parent / "data" / "charsets.npz", allow_pickle=False) as arrays:
        for key in arrays.files:
            kind, _, language = key.partition("_")
            if kind == "pairs":
                index = np.where(letter, 255, 0).astype(np.uint8)
                letters = arrays[f"letters_{language}"]
                index[letters] = np.arange(1, len(letters) + 1)
                pairs[language] = Pairs(index, arrays[key])
            elif kind == "bits":
                bits = np.where(letter, _RARE, symbol).astype(np.uint8)
                bits[arrays[f"chars_{language}"]] = np.minimum(arrays[key], _RARE)
                frequencies[language] = bits
    return pairs, frequencies, symbol, letter


@functools.cache
def cases() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    upper, lower = np.zeros(1 << 16, bool), np.zeros(1 << 16, bool)
    for code in range(1 << 16):
        category = unicodedata.category(chr(code))
        upper[code], lower[code] = category == "Lu", category == "Ll"
    return upper, lower
