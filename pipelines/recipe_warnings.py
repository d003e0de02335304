"""What of a recipe can be run but is hardly meant: told by `recipe check`, `plan` and `run`, which go on."""

from __future__ import annotations

import numpy as np

from dedup.curve import enough_bands, found
from dedup.minhash import MinHash
from dedup.paragraphs import Paragraphs
from filters.rule_ranges import beyond
from pipelines.recipe import Recipe
from pipelines.recipe_section import bounds_of_uses

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
    for table in ("documents", "images"):
        told += _of_rules(recipe, table)
    return tuple(told)


def _of_rules(recipe: Recipe, table: str) -> list[str]:
    """Rules that drop nothing, and what finds duplicates where no rule asks for them."""
    section = recipe.section(table)
    bounds = bounds_of_uses(section.uses)
    told = [
        f"{table}.keep: {found.message}; the rule `{rule.text}` drops only what was not scored: {found.mend}"
        for rule in section.rules for found in beyond(rule, bounds) if found.holds
    ]  # fmt: skip
    finders = [use.layer for use in section.uses if use.dedup]
    asked = any(column.startswith("duplicates.") for rule in section.rules for column in rule.columns)
    if finders and not asked:
        told.append(
            f"{table}.score: {', '.join(finders)} finds duplicates, and no rule drops them: "
            f"put `- duplicates.kept` under {table}.keep"
        )
    outputs = [name for name, output in recipe.output.items() if output.from_ == table]
    if outputs and not section.rules:
        told.append(
            f"{table}.keep: there is no rule, so that all {table} go into {', '.join(outputs)}: put rules such as "
            f"`- {'gopher.words in 50..100000' if table == 'documents' else 'image_quality.min_side >= 200'}` there"
        )
    return told


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
