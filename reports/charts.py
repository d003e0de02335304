"""Histograms as SVG geometry: bars of kept and dropped rows, threshold lines, ticks.

Only numbers and short labels leave this module; the template turns them into elements.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.numbers import count, number, share

WIDTH, HEIGHT = 520.0, 158.0
LEFT, RIGHT, TOP, BOTTOM = 6.0, 514.0, 26.0, 130.0
#: A bar this many times higher than the next is drawn cut, or the others would not be seen.
TOWERING = 4.0
CUT_ROOM = 1.5
#: The width of a letter of a tick's label, which stands 12 units high.
LETTER = 7.0


@dataclass(frozen=True)
class Hover:
    x: float
    width: float
    title: str


@dataclass(frozen=True)
class Mark:
    """A tick or a threshold: where it stands, what it says, and to which side its label leans.

    `minor` thresholds hold for one group of rows, and say so when they are pointed at.
    """

    x: float
    label: str
    anchor: str = "middle"
    minor: bool = False


@dataclass(frozen=True)
class Shade:
    x: float
    width: float


@dataclass(frozen=True)
class Chart:
    """`kept` and `dropped` are SVG paths. `cut`: bars drawn shorter than they are, with their counts."""

    kept: str
    dropped: str
    hovers: tuple[Hover, ...]
    ticks: tuple[Mark, ...]
    lines: tuple[Mark, ...]
    shades: tuple[Shade, ...]
    cut: tuple[Mark, ...]


def histogram(column: Mapping[str, Any], thresholds: Sequence[Mapping[str, Any]]) -> Chart | None:
    """The chart of a published column and the thresholds on it; None if it has no values."""
    counts: list[int] = column["all"]
    if not counts:
        return None
    kept: list[int] = column["kept"]
    edges: list[float] = column["edges"]
    step = (RIGHT - LEFT) / len(counts)
    gap = min(1.0, step * 0.12) if column["scale"] != "boolean" else step * 0.2
    ranked = sorted(counts, reverse=True)
    tallest, second = ranked[0], ranked[1] if len(ranked) > 1 else 0
    is_cut = column["scale"] != "boolean" and second > 0 and tallest > TOWERING * second
    top = CUT_ROOM * second if is_cut else float(tallest)
    tall = BOTTOM - TOP
    kept_path: list[str] = []
    dropped_path: list[str] = []
    hovers: list[Hover] = []
    cut: list[Mark] = []
    for i, (n, k) in enumerate(zip(counts, kept, strict=True)):
        x, width = LEFT + i * step + gap / 2, step - gap
        if n == 0:
            continue
        height = tall * min(1.0, n / top)
        # What is there is seen, however little.
        height = max(height, 1.0)
        low = height * k / n
        if k:
            kept_path.append(_rectangle(x, BOTTOM - low, width, low))
        if k < n:
            dropped_path.append(_rectangle(x, BOTTOM - height, width, height - low))
        if is_cut and n == tallest:
            cut.append(Mark(x + width / 2, count(n)))
        hovers.append(Hover(round(LEFT + i * step, 2), round(step, 2), _title(column, i, n, k)))
    lines, shades = _lines(column, edges, thresholds)
    return Chart(
        "".join(kept_path), "".join(dropped_path), tuple(hovers), _ticks(column, edges), lines, shades, tuple(cut)
    )


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.2f} {y:.2f}h{width:.2f}v{height:.2f}h{-width:.2f}z"


def _title(column: Mapping[str, Any], i: int, n: int, k: int) -> str:
    edges: list[float] = column["edges"]
    start, end = edges[i], edges[i + 1]
    whole = column["type"].startswith(("int", "uint"))
    if column["scale"] == "boolean":
        value = "true" if start else "false"
    elif whole and end - start <= 1:
        value = number(start)
    elif whole:
        value = f"{number(start)} to {number(end - 1)}"
    else:
        value = f"{number(start)} to {number(end)}"
    total = sum(column["all"])
    return f"{value}: {count(n)} ({share(n, total)}), {count(k)} kept, {count(n - k)} dropped"


def position(edges: Sequence[float], value: float) -> float | None:
    """Where a value stands on the axis, in SVG units; None if it is off the axis."""
    if not edges[0] <= value <= edges[-1]:
        return None
    i = max(0, min(len(edges) - 2, sum(edge <= value for edge in edges) - 1))
    inside = (value - edges[i]) / (edges[i + 1] - edges[i])
    return round(LEFT + (RIGHT - LEFT) * (i + inside) / (len(edges) - 1), 2)


def _lines(
    column: Mapping[str, Any], edges: Sequence[float], thresholds: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Mark, ...], tuple[Shade, ...]]:
    whole = column["type"].startswith(("int", "uint"))
    lines: list[Mark] = []
    shades: list[Shade] = []
    if column["scale"] == "boolean":
        return (), ()
    for threshold in thresholds:
        value, op = threshold["value"], threshold["op"]
        if isinstance(value, str | bool):
            continue
        # Between whole numbers the line stands where the last one that is dropped ends.
        x = position(edges, value + 1 if whole and op in ("<=", ">", "≤") else value)
        if x is None:
            continue
        sign = {">=": "≥", "<=": "≤"}.get(op, op)
        label = f"{sign} {number(value)}"
        anchor = "start" if x < LEFT + 0.6 * (RIGHT - LEFT) else "end"
        if threshold["by"]:
            lines.append(Mark(x, f"{threshold['by']} {label}", anchor, minor=True))
            continue
        lines.append(Mark(x, label, anchor))
        if op in (">=", ">"):
            shades.append(Shade(LEFT, round(x - LEFT, 2)))
        elif op in ("<=", "<"):
            shades.append(Shade(x, round(RIGHT - x, 2)))
    return tuple(lines), tuple(shades)


def _ticks(column: Mapping[str, Any], edges: Sequence[float]) -> tuple[Mark, ...]:
    scale = column["scale"]
    bins = len(edges) - 1
    middle = 0.5 * (RIGHT - LEFT) / bins
    if scale == "boolean":
        return tuple(Mark(round(LEFT + (2 * i + 1) * middle, 2), "true" if edges[i] else "false") for i in range(bins))
    values = _preferred_ticks(edges) if scale == "preferred" else _even_ticks(edges[0], edges[-1], scale == "unit")
    ticks: list[Mark] = []
    free = 0.0
    for value in values:
        x = position(edges, value)
        if x is None or (scale == "unit" and value >= edges[-1]):
            continue
        if scale == "unit":
            x = round(x + middle, 2)
        label = number(value)
        half = LETTER * len(label) / 2
        anchor = "start" if x < LEFT + half else "end" if x > RIGHT - half else "middle"
        start = x - half * {"start": 0, "middle": 1, "end": 2}[anchor]
        if start < free:
            continue
        free = start + 2 * half + 2 * LETTER
        ticks.append(Mark(x, label, anchor))
    return tuple(ticks)


def _even_ticks(low: float, high: float, whole: bool) -> list[float]:
    """Up to eight round values between two bounds."""
    span = (high - low) or 1.0
    size = 10.0 ** math.floor(math.log10(span / 5))
    step = next((size * f for f in (1, 2, 5, 10) if span / (size * f) <= 7), size * 10)
    if whole:
        step = max(1.0, round(step))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    # Through a decimal, so that 3 × 0.1 reads 0.3.
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _preferred_ticks(edges: Sequence[float]) -> list[float]:
    """Powers of ten among the edges, with 2 and 5 between them where there is room; zero; at most nine."""
    for leading in ("125", "15", "1"):
        found = [
            edge for edge in edges if edge == 0 or f"{abs(edge):e}".startswith(tuple(f"{d}.000000" for d in leading))
        ]
        if len(found) <= 9:
            break
    else:
        found = [edge for edge in edges if edge == 0 or f"{abs(edge):e}".startswith("1.000000")]
        found = found[:: math.ceil(len(found) / 9)]
    return found if len(found) > 1 else [edges[0], edges[-1]]
