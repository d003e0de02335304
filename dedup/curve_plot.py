"""Draws the S-curve of a setting of MinHash, as text for a terminal and as SVG.

The area under the curve is what is found; the threshold, where there is one, is marked on the axis.
"""

from __future__ import annotations

import numpy as np

from dedup.curve import found

WIDTH, HEIGHT = 560, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 544, 34, 292
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def plot_text(bands: int, rows: int, threshold: float | None, width: int = 60, height: int = 10) -> str:
    """The curve as lines of block characters, similarity 0 to 1 from left to right."""
    centres = (np.arange(width) + 0.5) / width
    eighths = np.rint(found(centres, bands, rows) * height * 8).astype(int)
    lines: list[str] = []
    for line in range(height - 1, -1, -1):
        label = {height - 1: "100%", 0: "  0%"}.get(line, "    ")
        lines.append(f"{label} ┤" + "".join(_EIGHTHS[min(max(n - 8 * line, 0), 8)] for n in eighths).rstrip())
    mark = None if threshold is None else min(int(threshold * width), width - 1)
    axis = ["┴" if i == mark else "─" for i in range(width)]
    lines.append(f"     └{''.join(axis)}")
    ends = "0" + " " * (width - 2) + "1"
    label = "" if threshold is None else f"{threshold:g}"
    at = 0 if mark is None else mark - len(label) // 2
    if label and at > 1 and at + len(label) < width - 1:
        ends = ends[:at] + label + ends[at + len(label) :]
    lines.append(" " * 6 + ends)
    return "\n".join(lines)


def plot_svg(bands: int, rows: int, threshold: float | None) -> str:
    """The curve as an SVG document that needs nothing else."""
    similarities = np.linspace(0, 1, 201)
    points = " ".join(f"{_x(s):.1f},{_y(p):.1f}" for s, p in zip(similarities, found(similarities, bands, rows), strict=True))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#333" role="img" '
        f'aria-label="Share of pairs found with {bands} bands of {rows} rows, by Jaccard similarity">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="600">{bands} bands × {rows} rows</text>',
    ]
    for tenth in range(0, 11, 2):
        x, y = _x(tenth / 10), _y(tenth / 10)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}M{x:.1f} {_TOP}V{_BOTTOM}" stroke="#e4e4e4" fill="none"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10 * tenth}%</text>')
        parts.append(f'<text x="{x:.1f}" y="{_BOTTOM + 16}" text-anchor="middle">{tenth / 10:g}</text>')
    if threshold is not None:
        odds = float(found(np.array([threshold]), bands, rows)[0])
        x, y = _x(threshold), _y(odds)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{_BOTTOM}" stroke="#b3401d" stroke-dasharray="4 3" fill="none"/>')
        anchor, dx = ("end", -8) if threshold > 0.5 else ("start", 8)
        label_y = _BOTTOM - 10 if y < (_TOP + _BOTTOM) / 2 else _TOP + 16
        parts.append(
            f'<text x="{x + dx:.1f}" y="{label_y}" text-anchor="{anchor}" fill="#b3401d">'
            f"{100 * odds:.1f}% at {threshold:g}</text>"
        )
    parts.append(f'<polyline points="{points}" fill="none" stroke="#1f6feb" stroke-width="2.5"/>')
    parts.append(
        f'<text x="{(_LEFT + _RIGHT) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">Jaccard similarity of two texts</text></svg>'
    )
    return "\n".join(parts) + "\n"


def _x(similarity: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * similarity


def _y(share: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * share
