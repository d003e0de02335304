"""The weights: scores of words, and the trees of three models, read from one file of plain arrays.

data/weights.npz and its card data/README.md are made by benchmarks/extraction/train.py.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.hashing import digest
from ingest.extraction.context import N_CONTEXT
from ingest.extraction.features import N_FEATURES
from ingest.extraction.lookup import Scores, make_scores
from ingest.extraction.names import ELEMENTS
from ingest.extraction.trees import Masks, Trees, check_trees, masks_of

PATH = Path(__file__).parent / "data" / "weights.npz"


@dataclass(frozen=True)
class Model:
    """`first` reads a block's features, `second` also the context that the first's probabilities give; `fast` is a small
    model of the features alone. `elements`: scores by number of the element, float32 of shape (len(ELEMENTS),)."""

    words: Scores
    names: Scores
    elements: npt.NDArray[np.float32]
    first: Masks
    second: Masks
    fast: Masks
    digest: str


def load(raw: bytes) -> Model:
    """The model of a file's bytes; ValueError if it does not fit this version's features or its trees are unsound."""
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        elements = arrays["elements"].astype(np.float32)
        if elements.shape != (len(ELEMENTS),) or tuple(arrays["shape"]) != (N_FEATURES, N_CONTEXT):
            raise ValueError("weights: made for other features")
        return Model(
            words=_scores(arrays, "words"), names=_scores(arrays, "names"), elements=elements,
            first=_trees(arrays, "first", N_FEATURES), second=_trees(arrays, "second", N_FEATURES + N_CONTEXT),
            fast=_trees(arrays, "fast", N_FEATURES), digest=digest(raw).hex(),
        )  # fmt: skip


@cache
def default_model() -> Model:
    """The model that comes with the package."""
    return load(PATH.read_bytes())


def _scores(arrays: Any, name: str) -> Scores:
    return make_scores(arrays[name + "_keys"].astype(np.uint32), arrays[name + "_values"].astype(np.float32))


def _trees(arrays: Any, name: str, n_features: int) -> Masks:
    kinds = (np.int32, np.float32, np.int32, np.float32, np.int32, np.int32)
    parts: list[Any] = [arrays[f"{name}_{field}"].astype(kind) for field, kind in zip(Trees._fields, kinds, strict=True)]
    return masks_of(check_trees(Trees(*parts), n_features))
