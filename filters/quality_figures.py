"""How good a two-class score is, and what it means as a probability: AUC, precision at a share, calibration.

Isotonic calibration by pool-adjacent-violators (Zadrozny and Elkan, KDD 2002); reliability bins and expected calibration
error as of Guo et al., arXiv 1706.04599.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

BINS = 10
#: Shares of a crawl for which thresholds are told.
SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)


def auc(scores: Floats, positive: Truths) -> float:
    """The odds that a positive has the higher score than a negative, ties as one half; NaN without both."""
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[place]  # of equal scores the mean of their ranks, from 1
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def auc_interval(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """The 95% interval of an AUC that was measured on so many (Hanley and McNeil 1982, Radiology 143:29)."""
    both, other = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (both - area * area) + (negatives - 1) * (other - area * area)
    reach = 1.96 * (max(spread, 0.0) / (positives * negatives)) ** 0.5
    return max(0.0, area - reach), min(1.0, area + reach)


def threshold_of_share(scores: Floats, share: float) -> float:
    """The lowest score that is kept if the best `share` of `scores` are, at least one: `score >= threshold`."""
    kept = max(1, int(np.ceil(share * len(scores) - 1e-9)))
    return float(np.sort(scores)[len(scores) - kept])


def at_shares(
    scores: Floats, positive: Truths, reference: Floats, shares: tuple[float, ...] = SHARES
) -> list[dict[str, Any]]:
    """For each share of `reference`: the threshold, and of the texts of known class what is kept by it.

    `precision`: positives among what is kept (None if that is nothing); `recall`: of the positives; `false_positives`: of
    the negatives.
    """
    found: list[dict[str, Any]] = []
    for share in shares:
        threshold = threshold_of_share(reference, share)
        kept = scores >= threshold
        found.append({
            "share": share, "threshold": threshold, "precision": _mean(positive[kept]) if kept.any() else None,
            "recall": _mean(kept[positive]), "false_positives": _mean(kept[~positive]),
        })  # fmt: skip
    return found


def precision_at_share(scores: Floats, positive: Truths, share: float) -> float:
    """Positives among the best `share` of the texts (and those that tie with the last of them)."""
    return _mean(positive[scores >= threshold_of_share(scores, share)])


def reliability(probabilities: Floats, positive: Truths, bins: int = BINS) -> list[dict[str, float]]:
    """Texts by probability in bins of equal width: how many, the mean probability, the share of positives."""
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    found: list[dict[str, float]] = []
    for b in range(bins):
        here = place == b
        if here.any():
            mean, share = _mean(probabilities[here]), _mean(positive[here])
            found.append({"low": b / bins, "texts": int(here.sum()), "probability": mean, "positive": share})
    return found


def calibration_error(probabilities: Floats, positive: Truths, bins: int = BINS) -> float:
    """Expected calibration error: mean distance of probability and share of positives over the bins, by their texts."""
    found = reliability(probabilities, positive, bins)
    return float(sum(b["texts"] * abs(b["probability"] - b["positive"]) for b in found) / max(1, len(positive)))


@dataclass(frozen=True)
class Calibration:
    """A table from score to probability: linear between its points, flat outside. Both arrays ascend, shape (n,)."""

    scores: Floats
    probabilities: Floats

    def __post_init__(self) -> None:
        scores, probabilities = self.scores, self.probabilities
        if scores.ndim != 1 or scores.shape != probabilities.shape or not len(scores):
            raise ValueError("calibration: scores and probabilities must be as many, at least one")
        if not (np.isfinite(scores).all() and np.isfinite(probabilities).all()):
            raise ValueError("calibration: a value is not finite")
        if (np.diff(scores) <= 0).any() or (np.diff(probabilities) < 0).any():
            raise ValueError("calibration: the table does not ascend")
        if probabilities[0] < 0 or probabilities[-1] > 1:
            raise ValueError("calibration: a probability is not in 0..1")

    def __call__(self, scores: Floats) -> Floats:
        return np.interp(scores, self.scores, self.probabilities)

    def to_json(self) -> dict[str, Any]:
        return {"scores": self.scores.tolist(), "probabilities": self.probabilities.tolist()}

    @staticmethod
    def from_json(value: Any) -> Calibration:
        """ValueError if it is none."""
        try:
            return Calibration(np.array(value["scores"], np.float64), np.array(value["probabilities"], np.float64))
        except (KeyError, TypeError) as error:
            raise ValueError("calibration: `scores` and `probabilities` are needed") from error


def calibrate(scores: Floats, positive: Truths) -> Calibration:
    """The isotonic table of these texts: pooled until the share of positives ascends, a point a pool.

    A pool of n texts of which k are positive counts as (k + 1/2) / (n + 1), so that no finite sample makes 0 or 1.
    """
    values, place = np.unique(scores, return_inverse=True)
    texts = np.bincount(place, minlength=len(values)).astype(np.float64)
    hits = np.bincount(place, weights=positive, minlength=len(values))
    pools: list[list[float]] = []  # sum of scores, texts, positives
    for value, n, k in zip(values, texts, hits, strict=True):
        pools.append([value * n, n, k])
        while len(pools) > 1 and pools[-2][2] * pools[-1][1] >= pools[-1][2] * pools[-2][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    at = np.array([pool[0] / pool[1] for pool in pools])
    shares = np.array([(pool[2] + 0.5) / (pool[1] + 1) for pool in pools])
    # A small pool at either end is pulled further to one half than its neighbour.
    shares = np.maximum.accumulate(shares)
    keep = np.concatenate([[True], np.diff(at) > 0])
    return Calibration(at[keep], shares[keep])


def cross_calibrated(scores: Floats, positive: Truths, fold: Truths) -> Floats:
    """Probabilities of texts by the table of the other half: those in `fold` by the rest, the rest by `fold`."""
    out = np.empty(len(scores))
    for half in (fold, ~fold):
        out[half] = calibrate(scores[~half], positive[~half])(scores[half])
    return out


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")
