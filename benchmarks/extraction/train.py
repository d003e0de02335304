"""Trains the extractor on WCXB's development pages: five models for cross-validation, then the one that is shipped.

`python benchmarks/extraction/train.py [OUT]` (needs lightgbm and rapidfuzz, and 3 GB of memory; 20 minutes on one core). It
writes OUT/fold0.npz … fold4.npz, each made without the pages of its fold, and OUT/weights.npz of all pages, which becomes
ingest/extraction/data/weights.npz. The same versions on the same kind of processor give the same bytes.

What is learned of a page's labels never reaches that page's features: scores of words leave out its fold, and those of a
fold's model the fold too. The second model reads probabilities that the first gave to pages it had not seen.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from corpus import FOLDS, wcxb
from models import FAST, FAST_FEATURES, FIRST, SECOND, SECOND_FEATURES, best_features, fit, flatten
from prepare import Counts, Learned, Prepared, count, features_of, learn, log_odds, prepare

from ingest.extraction.context import N_CONTEXT, fill_context
from ingest.extraction.features import N_FEATURES
from ingest.extraction.measures import measure
from ingest.extraction.names import ELEMENTS

Rows = npt.NDArray[np.float32]
FoldCounts = Sequence[tuple[Counts, Counts, Counts]]


def context_of(p: Prepared, learned: Learned, probability: Rows) -> Rows:
    """What the second model adds to a page's features."""
    rows = np.empty((len(p.words), N_CONTEXT), np.float32)
    fill_context(p.tables, measure(p.tables, learned.words, learned.names), probability, rows)
    return rows


def without(counts: FoldCounts, *folds: int) -> Learned:
    """Scores of words from the pages of all other folds."""
    return learn([c for k, c in enumerate(counts) if k not in folds])


def encoded(pages: Sequence[Prepared], counts: FoldCounts, left_out: int) -> Rows:
    """Features of pages with scores of words from other folds than theirs, and than `left_out` (-1: none)."""
    learned = {fold: without(counts, fold, left_out) for fold in range(FOLDS) if fold != left_out}
    return np.concatenate([features_of(p, learned[p.page.fold]) for p in pages])


def first_models(pages: list[Prepared], counts: FoldCounts) -> tuple[list[lgb.Booster], list[lgb.Booster], list[Rows]]:
    """By fold the first and the fast model without it; by page the first's probabilities, of the model that left it out."""
    first: list[lgb.Booster] = []
    fast: list[lgb.Booster] = []
    unseen: list[Rows] = [np.zeros(0, np.float32)] * len(pages)
    for fold in range(FOLDS):
        seen = [p for p in pages if p.page.fold != fold]
        rows = encoded(seen, counts, fold)
        first.append(fit(rows, seen, FIRST))
        fast.append(fit(rows, seen, FAST, best_features(first[-1], FAST_FEATURES)))
        learned = without(counts, fold)
        for i, p in enumerate(pages):
            if p.page.fold == fold:
                unseen[i] = np.asarray(first[-1].predict(features_of(p, learned), num_threads=1), np.float32)
        say(f"fold {fold}: first and fast")
    return first, fast, unseen


def second_model(
    pages: list[Prepared], rows: Rows, first: lgb.Booster, contexts: Sequence[Rows]
) -> tuple[lgb.Booster, npt.NDArray[np.int64]]:
    """The second model and the numbers of its features: the first's best, and all of the context."""
    columns = np.concatenate([best_features(first, SECOND_FEATURES), np.arange(N_FEATURES, N_FEATURES + N_CONTEXT)])
    both = np.concatenate([rows[:, columns[:SECOND_FEATURES]], np.concatenate(contexts)], axis=1)
    return fit(both, pages, SECOND), columns


def save(
    path: Path, counts: FoldCounts, first: lgb.Booster, fast: lgb.Booster, second: lgb.Booster, columns: npt.NDArray[np.int64]
) -> None:
    """Writes a model as arrays, of small types where that loses nothing."""
    words, names, elements = log_odds(counts)
    by_number = np.zeros(len(ELEMENTS), np.float16)
    by_number[elements[0]] = elements[1]
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "shape": np.array([N_FEATURES, N_CONTEXT]), "elements": by_number,
        "words_keys": words[0].astype(np.uint32), "words_values": words[1].astype(np.float16),
        "names_keys": names[0].astype(np.uint32), "names_values": names[1].astype(np.float16),
    }  # fmt: skip
    fast_columns = best_features(first, FAST_FEATURES)
    for name, model, chosen in (("first", first, None), ("second", second, columns), ("fast", fast, fast_columns)):
        trees = flatten(model, chosen, N_FEATURES + N_CONTEXT)
        for field, part in trees._asdict().items():
            small = {"feature": np.uint16, "depth": np.uint8}.get(field, part.dtype)
            arrays[f"{name}_{field}"] = part.astype(small)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)  # pyright: ignore[reportArgumentType]


_BEGAN = time.monotonic()


def say(what: str) -> None:
    print(f"{time.monotonic() - _BEGAN:6.0f} s  {what}", flush=True)


def main(out: Path) -> None:
    pages = [p for p in map(prepare, wcxb()) if len(p.words)]
    say(f"{len(pages)} pages with {sum(len(p.words) for p in pages)} blocks")
    counts = [count([p for p in pages if p.page.fold == fold]) for fold in range(FOLDS)]
    first, fast, unseen = first_models(pages, counts)
    everything = without(counts)
    contexts = [context_of(p, everything, q) for p, q in zip(pages, unseen, strict=True)]
    for fold in range(FOLDS):
        seen = [i for i, p in enumerate(pages) if p.page.fold != fold]
        rows = encoded([pages[i] for i in seen], counts, fold)
        second, columns = second_model([pages[i] for i in seen], rows, first[fold], [contexts[i] for i in seen])
        others = [c for k, c in enumerate(counts) if k != fold]
        save(out / f"fold{fold}.npz", others, first[fold], fast[fold], second, columns)
        say(f"fold {fold}: second")
    rows = encoded(pages, counts, -1)
    whole = fit(rows, pages, FIRST)
    small = fit(rows, pages, FAST, best_features(whole, FAST_FEATURES))
    second, columns = second_model(pages, rows, whole, contexts)
    save(out / "weights.npz", counts, whole, small, second, columns)
    say(f"{out / 'weights.npz'}: {(out / 'weights.npz').stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / ".data" / "extraction")
