"""The S-curve of MinHash with bands: the odds that a pair of texts of some similarity is found.

1 − (1 − sʳ)ᵇ for b bands of r rows (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4); the areas of error are
those that datasketch's MinHashLSH weighs (github.com/ekzhu/datasketch, lsh.py).
"""

from __future__ import annotations

from math import ceil, log, log1p

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

_STEPS = 1000  # of the integrals, by Simpson's rule


def found(similarity: F64, bands: int, rows: int) -> F64:
    """The odds, 0..1, that a pair of Jaccard similarity `similarity` (0..1) has a band in common. Shape kept."""
    return 1.0 - (1.0 - np.asarray(similarity, np.float64) ** rows) ** bands


def steepest(bands: int, rows: int) -> float:
    """(1/b)^(1/r), the similarity around which the curve rises most, which is often called its threshold."""
    return (1 / bands) ** (1 / rows)


def half(bands: int, rows: int) -> float:
    """The similarity of which half of the pairs are found."""
    return (1 - 0.5 ** (1 / bands)) ** (1 / rows)


def false_positives(bands: int, rows: int, threshold: float) -> float:
    """The area under the curve below the threshold: pairs compared in vain, if similarities were spread evenly."""
    return _integral(bands, rows, 0.0, threshold)


def false_negatives(bands: int, rows: int, threshold: float) -> float:
    """The area over the curve from the threshold on: pairs missed, if similarities were spread evenly."""
    return (1 - threshold) - _integral(bands, rows, threshold, 1.0)


def _integral(bands: int, rows: int, low: float, high: float) -> float:
    weights = np.full(_STEPS + 1, 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    return float((found(np.linspace(low, high, _STEPS + 1), bands, rows) * weights).sum() * (high - low) / (3 * _STEPS))


def best_bands(permutations: int, threshold: float) -> tuple[int, int]:
    """The (bands, rows) of at most `permutations` values with the least sum of both areas; the fewest bands of several."""
    _check(threshold)
    best, least = (1, 1), float("inf")
    for bands in range(1, permutations + 1):
        for rows in range(1, permutations // bands + 1):
            error = false_positives(bands, rows, threshold) + false_negatives(bands, rows, threshold)
            if error < least:
                best, least = (bands, rows), error
    return best


def enough_bands(rows: int, threshold: float, share: float = 0.995) -> int:
    """The fewest bands of `rows` rows that find at least `share` of the pairs at the threshold."""
    _check(threshold)
    if not 0 < share < 1:
        raise ValueError(f"share: between 0 and 1, not {share}")
    if threshold == 1:
        return 1
    return max(1, ceil(log1p(-share) / log(1 - threshold**rows) - 1e-9))


def _check(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: above 0 and at most 1, not {threshold}")
