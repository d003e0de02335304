"""Looks through a text again once what was found is masked, so that masking twice is masking once, as far as four rounds go.

A placeholder is of another length than what it stands for, and brings words near a number that were out of sight.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

Kind = Literal["emails", "ips", "phones", "ibans", "cards", "keys"]
#: Start, end (bytes), kind and placeholder of a value.
Finding = tuple[int, int, Kind, str]
#: How often a masked text is looked through.
_ROUNDS = 4


def look_again(
    raw: bytes, found: Sequence[Finding], look: Callable[[bytes], Sequence[Finding]], reach: int
) -> list[Finding]:
    """The findings of a text, which are sorted and disjoint, and those that `look` makes of its lines once they are masked.

    Decisions see the line around a value, and `reach` bytes before and behind it at most: only such lines are looked through.
    """
    settled: list[Finding] = []
    for first, stop, held in _lines(raw, found, reach):
        lines = raw[first:stop]
        mine: list[Finding] = [(start - first, end - first, kind, mask) for start, end, kind, mask in held]
        for _ in range(_ROUNDS):
            new = _new(lines, mine, look)
            if not new:
                break
            mine += new
            mine.sort()
        for start, end, kind, mask in mine:
            settled.append((start + first, end + first, kind, mask))
    return settled


def _lines(raw: bytes, found: Sequence[Finding], reach: int) -> Iterator[tuple[int, int, list[Finding]]]:
    """Whole lines with the findings in them, and those within reach of one; no two overlap."""
    held: list[Finding] = []
    first = stop = 0
    for finding in found:
        start = raw.rfind(b"\n", 0, max(finding[0] - reach, 0)) + 1
        if held and start >= stop:
            yield first, stop, held
            held = []
        first = first if held else start
        end = raw.find(b"\n", finding[1] + reach)
        stop = len(raw) if end < 0 else end
        held.append(finding)
    if held:
        yield first, stop, held


def _new(raw: bytes, found: Sequence[Finding], look: Callable[[bytes], Sequence[Finding]]) -> list[Finding]:
    """What is found in the masked text, at its place in the one that is not."""
    masked, last = bytearray(), 0
    begins, stops, shifts = list[int](), list[int](), [0]
    for start, end, _, mask in found:
        masked += raw[last:start]
        begins.append(len(masked))
        masked += mask.encode()
        stops.append(len(masked))
        shifts.append(end - len(masked))
        last = end
    masked += raw[last:]
    new: list[Finding] = []
    for start, end, kind, mask in look(bytes(masked)):
        at = bisect_right(stops, start)
        if at == len(begins) or end <= begins[at]:  # else a placeholder is in it
            new.append((start + shifts[at], end + shifts[at], kind, mask))
    return new
