"""Numbers as the report and the terminal show them: grouped counts, shares, sizes, times."""

from __future__ import annotations

import math

SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB")


def count(n: int) -> str:
    """12345 → 12,345."""
    return f"{n:,}"


def share(part: float, whole: float) -> str:
    """A percentage of one decimal that says 0% and 100% only where it is so; – of nothing."""
    if whole <= 0:
        return "–"
    percent = 100 * part / whole
    if percent in (0, 100):
        return f"{percent:.0f}%"
    if percent < 0.1:
        return "<0.1%"
    if 99.9 < percent < 100:
        return ">99.9%"
    return f"{percent:.1f}%"


def size(n: int) -> str:
    """Bytes in powers of 1000, as disks are sold: 1234567 → 1.23 MB."""
    value, at = float(n), 0
    while value >= 999.5 and at < len(SIZES) - 1:
        value, at = value / 1000, at + 1
    return f"{n:,} bytes" if at == 0 else f"{value:.3g} {SIZES[at]}"


def duration(seconds: float) -> str:
    """0.0042 → 4.2 ms, 4.2 → 4.2 s, 252 → 4 min 12 s, 7500 → 2 h 05 min."""
    if seconds < 0.9995e-3:
        return f"{seconds * 1e6:.3g} µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {rest:02d} min"


def number(value: float | None) -> str:
    """A value of a column: four significant digits, grouped, whole numbers whole; – for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    if abs(value) >= 1e15 or abs(value) < 1e-4:
        return f"{value:.3g}"
    shown = float(f"{value:.4g}") if abs(value) < 10_000 else round(value)
    return f"{shown:,.0f}" if float(shown).is_integer() else f"{shown:,}"
