"""Lines of Markdown that other lines need: fences of code, and a table's header with the row of dashes under it.

github.github.com/gfm §4.5 (fences) and §4.10 (tables). They stand on many pages, and a text without them is broken.
"""

from __future__ import annotations

from core.characters import Bytes, Int, Truth
from core.kernels import helper


@helper
def _content(data: Bytes, i: Int, end: Int) -> Int:
    """Where a line's own text begins, behind marks of quotations and list items."""
    while i < end:
        c = data[i]
        if c == 32 or c == 9 or c == 62:
            i += 1
        elif (c == 45 or c == 43 or c == 42) and i + 1 < end and data[i + 1] == 32:
            i += 2
        elif 48 <= c <= 57:
            j = i
            while j < end and j - i < 9 and 48 <= data[j] <= 57:
                j += 1
            if j + 1 >= end or data[j] != 46 or data[j + 1] != 32:
                return i
            i = j + 2
        else:
            return i
    return i


@helper
def _is_fence(data: Bytes, i: Int, end: Int) -> Truth:
    i = _content(data, i, end)
    if i + 3 > end or (data[i] != 96 and data[i] != 126) or data[i + 1] != data[i] or data[i + 2] != data[i]:
        return False
    mark = data[i]
    while i < end and data[i] == mark:
        i += 1
    while i < end:
        if mark == 96 and data[i] == 96:  # code in a line
            return False
        i += 1
    return True


@helper
def opens_or_ends_code(data: Bytes, i: Int, end: Int) -> Truth:
    """Whether `data[i:end]`, some lines, has a fence without its other one."""
    odd = False
    while i < end:
        stop = i
        while stop < end and data[stop] != 10:
            stop += 1
        if _is_fence(data, i, stop):
            odd = not odd
        i = stop + 1
    return odd


@helper
def is_table_row(data: Bytes, i: Int, end: Int) -> Truth:
    i = _content(data, i, end)
    return i < end and data[i] == 124


@helper
def is_delimiter_row(data: Bytes, i: Int, end: Int) -> Truth:
    """Whether a line is the one between a table's header and its rows: `| --- | :-: |`."""
    i = _content(data, i, end)
    if i >= end or data[i] != 124:
        return False
    dashes = 0
    while i < end:
        c = data[i]
        if c == 45:
            dashes += 1
        elif c != 124 and c != 58 and c != 32:
            return False
        i += 1
    return dashes > 0
