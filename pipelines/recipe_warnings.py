"""What of a recipe can be run but is hardly meant: told by `recipe check`, `plan` and `run`, which go on."""

from __future__ import annotations

import numpy as np

from dedup.curve import enough_bands, found
from dedup.minhash import MinHash
from dedup.paragraphs import Paragraphs
from pipelines.recipe import Recipe

#: Below these odds of a pair at the threshold to be compared, bands and threshold do not fit.
LEAST_FOUND = 0.5


def warnings_of(recipe: Recipe) -> tuple[str, ...]:
    """A line for each thing, with its mend."""
    told: list[str] = []
    for use in recipe.documents.uses:
        if isinstance(use.scorer, MinHash):
            told += _bands(use.layer, use.scorer)
        if isinstance(use.scorer, Paragraphs) and recipe.documents.against:
            told.append(
                f"{use.layer}: lines of the earlier runs (against) are not compared: one that they kept is kept once more; "
                "to have it cut, run over all crawls together"
            )
    return tuple(told)


def _bands(layer: str, scorer: MinHash) -> list[str]:
    """Pairs at the threshold that share no band are never compared, whatever the threshold says."""
    if scorer.verify == "none":  # then there is no threshold
        return []
    odds = float(found(np.array(scorer.threshold), scorer.bands, scorer.rows))
    if odds >= LEAST_FOUND:
        return []
    better = enough_bands(scorer.rows, scorer.threshold)
    return [
        f"{layer}: {scorer.bands} × {scorer.rows} finds {100 * odds:.2g}% of the pairs at its threshold {scorer.threshold:g}: "
        f"take {better:,} bands or fewer rows, or a higher threshold; `web2shards dedup curve` shows what a setting finds"
    ]
