"""Writes lower_case.tsv, the table that core.lower_case reads.

Run by hand with Python 3.11, whose str.lower is that of Unicode 14.0: mappings of one code point to one.
"""

from __future__ import annotations

from pathlib import Path

DOTTED_I = 0x130  # str.lower gives two code points; the simple mapping of UnicodeData.txt is i


def mappings() -> list[tuple[int, int]]:
    """Every code point that is not its own lower case, and what to add to it."""
    found: list[tuple[int, int]] = []
    for cp in range(0x110000):
        lower = "i" if cp == DOTTED_I else chr(cp).lower()
        if len(lower) == 1 and ord(lower) != cp:
            found.append((cp, ord(lower) - cp))
    return found


def write() -> None:
    lines = ["# first\tlast (hex)\tstep\tadd: lower case of code points; made by make_lower_case.py"]
    left = mappings()
    while left:
        first, add = left[0]
        best: set[int] = {first}
        for step in (1, 2):
            run = first
            while (run + step, add) in left[:400]:
                run += step
            if (run - first) // step + 1 > len(best):
                best = set(range(first, run + 1, step))
        step = sorted(best)[1] - first if len(best) > 1 else 1
        lines.append(f"{first:X}\t{max(best):X}\t{step}\t{add}")
        left = [(cp, a) for cp, a in left if cp not in best]
    (Path(__file__).parent / "lower_case.tsv").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    write()
