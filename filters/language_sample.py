"""What is looked at of a text: pieces of its lines, those a model is shown, the scripts of their letters, its blocks.

Pieces spread over the longest lines find the language of more pages than their beginnings do (measured on pages of manuals).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import BYTES_TYPE, CLASSES_TYPE, OFFSETS_TYPE, SPACE, Bytes, Classes, Int, decode, strip
from core.kernels import helper
from core.words import longest_text, max_spans
from filters.letter_ngrams import CHARACTERS_TYPE, PROSE_LONGEST, WEIGHTS_TYPE, Characters, prose_rows

PIECE = 100  # code points: 4 pieces of 100 from full lines find the language of more pages than the first 1,000 do
INSPECTED = 32  # pieces at most that are measured to tell language from what is none
LINE = 40  # code points of a piece that can be prose for sure
BLOCK = 40  # code points of a line that is labelled by itself; shorter ones are put together, as a menu's words are too few
JAPANESE_SHARE = 0.1  # of Han and kana letters: with more kana than this they are Jpan, else Hani
HANI, HIRA, KANA, JPAN = 1, 2, 3, 4  # numbers of scripts, as of language_labels.scripts

Spans = npt.NDArray[np.int32]
Marks = npt.NDArray[np.uint8]

#: A piece stands at the start of its line; after white space; at its end. Its line gives a key its value.
_OPENS, _INDENTED, _CLOSES, _SETTING = 1, 2, 4, 8


def sample_room(offsets: npt.NDArray[np.int32], characters: int) -> npt.NDArray[np.uint8]:
    """Bytes with room for the samples of a batch."""
    most = 5 * (characters + 2 * PIECE)  # four bytes, and a space, for each line of one
    lengths = np.diff(offsets).astype(np.int64)
    # Where a line is cut into pieces, a space comes in that the text has not.
    sizes = np.minimum(lengths + lengths // PIECE + 1, most)
    return np.zeros(int(sizes.sum()), np.uint8)


@helper
def _names(byte: Int) -> bool:
    """Whether a key is written with this byte: ASCII letters, digits, `_`, `-` and `.`."""
    return bool(97 <= byte | 32 <= 122 or 48 <= byte <= 57 or byte == 95 or byte == 45 or byte == 46)


@helper
def _is_setting(data: Bytes, start: Int, end: Int) -> bool:
    """Whether a line is `key = value` or `key: value`, which may be quoted or in a list; `Note: …` begins a sentence."""
    i = start
    if end - i > 2 and data[i] == 45 and data[i + 1] == 32:
        i += 2
    if i < end and (data[i] == 34 or data[i] == 39):
        i += 1
    first = i
    while i < end and _names(data[i]):
        i += 1
    if i == first or not 97 <= data[first] | 32 <= 122:
        return False
    if i < end and (data[i] == 34 or data[i] == 39):
        i += 1
    if i < end and data[i] == 58 and data[first] & 32:
        return bool(i + 1 == end or data[i + 1] == 32)
    while i < end and data[i] == 32:
        i += 1
    return bool(i < end and data[i] == 61)


@helper
def _is_markup(data: Bytes, start: Int, end: Int) -> bool:
    """Whether a piece holds a tag, a comment or an attribute."""
    for i in range(start, end - 1):
        here, after = data[i], data[i + 1]
        tag = here == 60 and (after == 47 or after == 33 or 97 <= after | 32 <= 122)
        if tag or (here == 47 and after == 62) or (here == 61 and after == 34):
            return True
    return False


@helper
def _pieces(data: Bytes, start: Int, end: Int, classes: Classes, starts: Spans, ends: Spans, lengths: Spans, marks: Marks) -> Int:
    """Cuts the stripped lines of a text into pieces of PIECE code points (the last of a line may be shorter)."""
    n = 0
    line = start
    while line < end:
        line_end = line
        while line_end < end and data[line_end] != 10:
            line_end += 1
        i, stop = strip(data, line, line_end, classes)
        of_line = (_INDENTED if i - line >= 2 else 0) + (_SETTING if _is_setting(data, i, stop) else 0)
        mark = of_line + _OPENS
        while i < stop:
            starts[n] = i
            length = 0
            while i < stop:
                if data[i] & 0xC0 != 0x80:
                    if length == PIECE:
                        break
                    length += 1
                i += 1
            ends[n] = i
            lengths[n] = length
            marks[n] = mark + (_CLOSES if i == stop else 0)
            mark = of_line
            n += 1
        line = line_end + 1
    return n


@helper
def _choose(lengths: Spans, n: Int, characters: Int, counts: Spans, chosen: npt.NDArray[np.bool_]) -> None:
    """Marks the pieces to show: whole ones evenly spread, or the longest when these are too few. `counts`: PIECE + 1."""
    counts[:] = 0
    for i in range(n):
        counts[lengths[i]] += 1
        chosen[i] = False
    wanted = (characters + PIECE - 1) // PIECE
    whole = counts[PIECE]
    if whole >= wanted:
        seen = 0
        taken = 0
        for i in range(n):
            if lengths[i] == PIECE:
                if taken < wanted and seen == (2 * taken + 1) * whole // (2 * wanted):
                    chosen[i] = True
                    taken += 1
                seen += 1
        return
    left = characters
    shortest = PIECE
    while shortest > 1 and left > counts[shortest] * shortest:
        left -= counts[shortest] * shortest
        shortest -= 1
    of_shortest = (max(left, 0) + shortest - 1) // shortest
    for i in range(n):
        if lengths[i] > shortest:
            chosen[i] = True
        elif lengths[i] == shortest and of_shortest > 0:
            chosen[i] = True
            of_shortest -= 1


@helper
def _measure(
    data: Bytes, n: Int, starts: Spans, ends: Spans, lengths: Spans, marks: Marks, characters: Characters,
    weights: npt.NDArray[np.int8], sure: float, window: npt.NDArray[np.int64], rows: Spans,
) -> tuple[Int, Int, Int, Int]:  # fmt: skip
    """The sum of the weights of prose over INSPECTED pieces evenly spread, how many weights, how many code points, and
    how many of these in long pieces that are prose for sure (half as many of indented ones, as documentation in code is)."""
    total = np.int64(0)
    for k in range(n):
        total += lengths[k]
    sum_, count, points, before, surely = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for k in range(n):
        after = before + lengths[k]
        if n <= INSPECTED or after * INSPECTED // total > before * INSPECTED // total:
            mark = marks[k]
            opens = 0 if not mark & _OPENS else (2 if mark & _INDENTED else 1)
            found = prose_rows(data, np.int64(starts[k]), np.int64(ends[k]), opens, (mark & _CLOSES) != 0, characters, window, rows)
            of_piece = np.int64(0)
            for j in range(found):
                of_piece += np.int64(weights[np.int64(rows[j])])
            reads_so = lengths[k] >= LINE and of_piece >= sure * np.sqrt(found) and not mark & _SETTING
            if reads_so and not _is_markup(data, np.int64(starts[k]), np.int64(ends[k])):
                surely += lengths[k] // 2 if mark & _INDENTED else lengths[k]
            sum_ += of_piece
            count += found
            points += lengths[k]
        before = after
    return np.int64(sum_), np.int64(count), np.int64(points), np.int64(surely)


_SAMPLE = types.void(
    OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, types.Array(types.uint8, 1, "C", readonly=True), CHARACTERS_TYPE, WEIGHTS_TYPE,
    types.float64, types.int64, types.int64[::1], types.uint8[::1], types.int32[:, ::1], types.int64[:, ::1],
)  # fmt: skip


@njit(_SAMPLE, cache=True, nogil=True, error_model="numpy")
def sample(
    offsets: Spans, data: Bytes, classes: Classes, script_of: npt.NDArray[np.uint8], letters_of: Characters,
    weights: npt.NDArray[np.int8], sure: float, characters: Int, out_offsets: npt.NDArray[np.int64], out: npt.NDArray[np.uint8],
    letters: npt.NDArray[np.int32], prose: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """Writes what the model is shown of each text, its letters by script (n, scripts), and what tells it from no text.

    `prose` of (n, 4): the sum of the weights, how many there are, of how many code points, and how many of these are in
    pieces of LINE or more whose sum through the root of their number is `sure` or more.
    """
    room = max_spans(longest_text(offsets))
    starts, ends, lengths = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    marks, chosen = np.empty(room, np.uint8), np.empty(room, np.bool_)
    counts = np.empty(PIECE + 1, np.int32)
    window, rows = np.zeros(4, np.int64), np.empty((PROSE_LONGEST + 1) * (PIECE + 3), np.int32)
    at = np.int64(0)
    for row in range(len(offsets) - 1):
        n = _pieces(data, np.int64(offsets[row]), np.int64(offsets[row + 1]), classes, starts, ends, lengths, marks)
        prose[row, 0], prose[row, 1], prose[row, 2], prose[row, 3] = _measure(
            data, n, starts, ends, lengths, marks, letters_of, weights, sure, window, rows
        )
        _choose(lengths, n, characters, counts, chosen)
        of_scripts = letters[row]
        for piece in range(n):
            if not chosen[piece]:
                continue
            i, stop = np.int64(starts[piece]), np.int64(ends[piece])
            gap = at > out_offsets[row]
            while i < stop:
                cp, width = decode(data, i)
                if classes[cp] & SPACE or cp == 0:
                    gap = at > out_offsets[row]
                else:
                    if gap:
                        out[at] = 32
                        at += 1
                        gap = False
                    of_scripts[script_of[cp]] += 1
                    for k in range(width):
                        out[at + k] = data[i + k]
                    at += width
                i += width
        out_offsets[row + 1] = at
        han, kana = of_scripts[HANI], of_scripts[HIRA] + of_scripts[KANA]
        if kana > JAPANESE_SHARE * (han + kana):
            of_scripts[JPAN] = han + kana
            of_scripts[HANI] = of_scripts[HIRA] = of_scripts[KANA] = 0
        of_scripts[0] = 0


_BLOCKS = types.int64(
    OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, types.int64, types.int64[::1], types.int32[::1], types.int32[::1], types.int32[::1],
)  # fmt: skip


@njit(_BLOCKS, cache=True, nogil=True, error_model="numpy")
def blocks(
    offsets: Spans, data: Bytes, classes: Classes, most: Int, out_offsets: npt.NDArray[np.int64], out_starts: Spans,
    out_ends: Spans, out_lengths: Spans,
) -> Int:  # fmt: skip
    """Cuts each text into blocks: lines of BLOCK code points or more, shorter ones together; `most`, evenly spread, a text.

    `out_offsets` of (n + 1) says which are whose, `out_lengths` are code points. Returns how many blocks there are.
    """
    room = max_spans(longest_text(offsets))
    starts, ends, lengths = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    total = np.int64(0)
    for row in range(len(offsets) - 1):
        n = 0
        line, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        first, last, size = np.int64(-1), np.int64(-1), 0
        while line < end:
            line_end = line
            while line_end < end and data[line_end] != 10:
                line_end += 1
            i, stop = strip(data, line, line_end, classes)
            points = 0
            for k in range(i, stop):
                points += (data[k] & 0xC0) != 0x80
            if first >= 0 and points >= BLOCK:
                starts[n], ends[n], lengths[n] = first, last, size
                n += 1
                first, size = np.int64(-1), 0
            if points > 0:
                first = i if first < 0 else first
                last = stop
                size += points
            line = line_end + 1
            if first >= 0 and (size >= BLOCK or line >= end):
                starts[n], ends[n], lengths[n] = first, last, size
                n += 1
                first, size = np.int64(-1), 0
        taken = 0
        for k in range(n):
            if n <= most or (taken < most and k == (2 * taken + 1) * n // (2 * most)):
                out_starts[total], out_ends[total], out_lengths[total] = starts[k], ends[k], lengths[k]
                total += 1
                taken += 1
        out_offsets[row + 1] = total
    return total
