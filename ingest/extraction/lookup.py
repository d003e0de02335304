"""Learned scores of words and class words: a hash table from 32-bit hashes to float32.

What a word says of the text it stands in was counted in training; its score is a log odds against the mean.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int, Real
from core.kernels import helper


class Scores(NamedTuple):
    """An open-addressed table, at most half full; a key of 0 is an empty slot."""

    keys: npt.NDArray[np.uint32]  # (2**k,)
    values: npt.NDArray[np.float32]  # (2**k,)


SCORES_TYPE = types.NamedTuple((types.uint32[::1], types.float32[::1]), Scores)


def make_scores(hashes: npt.NDArray[np.uint32], values: npt.NDArray[np.floating]) -> Scores:
    """The table of `values`, by distinct `hashes`, both of shape (n,); a hash of 0 is left out."""
    size = 1 << max(4, int(2 * len(hashes) - 1).bit_length())
    scores = Scores(np.zeros(size, np.uint32), np.zeros(size, np.float32))
    _fill(np.ascontiguousarray(hashes, np.uint32), np.ascontiguousarray(values, np.float32), scores)
    return scores


@njit(types.void(types.uint32[::1], types.float32[::1], SCORES_TYPE), cache=True, nogil=True, error_model="numpy")
def _fill(hashes: npt.NDArray[np.uint32], values: npt.NDArray[np.float32], scores: Scores) -> None:
    mask = np.int64(len(scores.keys) - 1)
    for i in range(len(hashes)):
        if hashes[i] != 0:
            k = np.int64(hashes[i]) & mask
            while scores.keys[k] != 0 and scores.keys[k] != hashes[i]:
                k = (k + 1) & mask
            scores.keys[k] = hashes[i]
            scores.values[k] = values[i]


@helper
def find(scores: Scores, word: Int) -> tuple[bool, Real]:
    """Whether a word is in the table, and its score, else 0."""
    mask = np.int64(len(scores.keys) - 1)
    k = np.int64(word) & mask
    while scores.keys[k] != 0:
        if scores.keys[k] == word:
            return True, scores.values[k]
        k = (k + 1) & mask
    return False, np.float32(0)
