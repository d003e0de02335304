"""Trains the extractor: five models for cross-validation, and the one that is shipped.

`python benchmarks/extraction/train.py [OUT]` (needs lightgbm and rapidfuzz, and 6 GB of memory; 20 minutes on two cores). It
writes OUT/fold0.npz … fold4.npz, each made without the pages of its fold, and OUT/weights.npz of all pages, which becomes
ingest/extraction/data/weights.npz. The same versions on the same kind of processor give the same bytes.

Pages are those of WCXB; beside them older pages of news and some manuals, which weigh less. Words are learned of WCXB alone.

What is learned of a page's labels never reaches that page's features: scores of words leave out its fold, and those of a
fold's model the fold too. The second model reads probabilities that the first gave to pages it had not seen.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
from boosting import FAST, FAST_FEATURES, FIRST, SECOND, SECOND_FEATURES, best_features, fit, flatten
from corpus import FOLDS, MANUAL, OLDER, manuals, manuals_to_learn, older, wcxb
from prepare import Counts, Learned, Prepared, count, features_of, learn, log_odds, prepare

from ingest.extraction.context import N_CONTEXT, fill_context
from ingest.extraction.features import N_FEATURES
from ingest.extraction.measures import measure
from ingest.extraction.names import ELEMENTS

Rows = npt.NDArray[np.float32]
FoldCounts = Sequence[tuple[Counts, Counts, Counts]]
#: Processes that train, each a model of its own; how many changes no model.
PROCESSES = 2


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


def first_models(fold: int) -> tuple[str, str, dict[int, Rows]]:
    """The first and the fast model without a fold (-1: of all pages); by number of a page of it the first's probabilities."""
    seen = [p for p in _PAGES if p.page.fold != fold]
    rows = encoded(seen, _COUNTS, fold)
    first = fit(rows, seen, FIRST)
    fast = fit(rows, seen, FAST, best_features(first, FAST_FEATURES))
    unseen: dict[int, Rows] = {}
    if fold >= 0:
        learned = without(_COUNTS, fold)
        for i, p in enumerate(_PAGES):
            if p.page.fold == fold:
                unseen[i] = np.asarray(first.predict(features_of(p, learned), num_threads=1), np.float32)
    say(f"{_name(fold)}: first and fast")
    return first.model_to_string(), fast.model_to_string(), unseen


def second_model(fold: int) -> str:
    """The second model without a fold (-1: of all pages), and what was learned of the same pages, written into a file."""
    pages = [p for p in _PAGES if p.page.fold != fold]
    first, fast = (lgb.Booster(model_str=text) for text in _MODELS[fold])
    columns = np.concatenate([best_features(first, SECOND_FEATURES), np.arange(N_FEATURES, N_FEATURES + N_CONTEXT)])
    rows = encoded(pages, _COUNTS, fold)[:, columns[:SECOND_FEATURES]]
    contexts = [_CONTEXTS[i] for i, p in enumerate(_PAGES) if p.page.fold != fold]
    second = fit(np.concatenate([rows, np.concatenate(contexts)], axis=1), pages, SECOND)
    path = _OUT / ("weights.npz" if fold < 0 else f"fold{fold}.npz")
    save(path, [c for k, c in enumerate(_COUNTS) if k != fold], first, fast, second, columns)
    say(f"{_name(fold)}: second; {path.stat().st_size} bytes")
    return str(path)


def _name(fold: int) -> str:
    return "all pages" if fold < 0 else f"without fold {fold}"


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


#: What processes that are forked share.
_PAGES: list[Prepared] = []
_COUNTS: list[tuple[Counts, Counts, Counts]] = []
_MODELS: dict[int, tuple[str, str]] = {}
_CONTEXTS: list[Rows] = []
_OUT = Path(__file__).resolve().parents[1] / ".data" / "extraction"


def main() -> None:
    processes = multiprocessing.get_context("fork")
    pages = [*wcxb(), *older(), *manuals_to_learn(manuals())]
    with processes.Pool(PROCESSES) as pool:
        _PAGES.extend(p for p in pool.imap(prepare, pages, 16) if len(p.words))
    say(f"{len(_PAGES)} pages with {sum(len(p.words) for p in _PAGES)} blocks")
    whole = [p for p in _PAGES if p.page.type not in (OLDER, MANUAL)]
    _COUNTS.extend(count([p for p in whole if p.page.fold == fold]) for fold in range(FOLDS))
    folds = [-1, *range(FOLDS)]
    unseen: dict[int, Rows] = {}
    with processes.Pool(PROCESSES) as pool:
        for fold, (first, fast, found) in zip(folds, pool.map(first_models, folds, 1), strict=True):
            _MODELS[fold] = first, fast
            unseen |= found
    everything = without(_COUNTS)
    _CONTEXTS.extend(context_of(p, everything, unseen[i]) for i, p in enumerate(_PAGES))
    with processes.Pool(PROCESSES) as pool:
        pool.map(second_model, folds, 1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _OUT = Path(sys.argv[1])
    main()
