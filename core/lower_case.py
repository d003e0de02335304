"""The lower case of a code point, one for one, frozen in data/lower_case.tsv (Unicode 14.0, as str.lower in Python 3.11).

İ becomes i, and Σ is σ also where a word ends: a mapping that looks at no neighbours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.characters import Bytes, Int
from core.kernels import helper

Lower = npt.NDArray[np.uint32]


def _load() -> Lower:
    lines = (Path(__file__).parent / "data" / "lower_case.tsv").read_text("utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    table = np.arange(max(int(last, 16) for _, last, _, _ in rows) + 1, dtype=np.uint32)
    for first, last, step, add in rows:
        cps = slice(int(first, 16), int(last, 16) + 1, int(step))
        table[cps] = (table[cps].astype(np.int64) + int(add)).astype(np.uint32)
    table.setflags(write=False)
    return table


#: The lower case of every code point up to the last that has one of its own, uint32, read-only. Pass it to kernels.
LOWER: Lower = _load()


@helper
def encode(cp: Int, data: Bytes, i: Int) -> Int:
    """Writes a code point as UTF-8 to byte `i` and on; the byte after it."""
    if cp < 0x80:
        data[i] = np.uint8(cp)
        return i + 1
    if cp < 0x800:
        data[i] = np.uint8(0xC0 | (cp >> 6))
        data[i + 1] = np.uint8(0x80 | (cp & 0x3F))
        return i + 2
    if cp < 0x10000:
        data[i] = np.uint8(0xE0 | (cp >> 12))
        data[i + 1] = np.uint8(0x80 | ((cp >> 6) & 0x3F))
        data[i + 2] = np.uint8(0x80 | (cp & 0x3F))
        return i + 3
    data[i] = np.uint8(0xF0 | (cp >> 18))
    data[i + 1] = np.uint8(0x80 | ((cp >> 12) & 0x3F))
    data[i + 2] = np.uint8(0x80 | ((cp >> 6) & 0x3F))
    data[i + 3] = np.uint8(0x80 | (cp & 0x3F))
    return i + 4
