"""A fastText model of two labels as what it is: one number a word and a run of words, of which a text has the mean.

fastText (Joulin et al., arXiv 1607.01759; src/dictionary.cc, src/fasttext.cc) takes the mean of its rows' vectors and then one
product with each label's. The product first gives the same: 4 bytes a row to look up, where 100 dimensions have 400.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit, types

from core.characters import BYTES_TYPE, OFFSETS_TYPE, Bytes, Int, Truth
from core.columns import utf8_view
from core.kernels import helper
from core.words import Spans, hash_span, longest_text, max_spans
from filters.fasttext_file import SOFTMAX, FastTextFile

LABEL = "__label__"
END = "</s>"
#: What fastText adds to a probability before it takes its logarithm (std_log in src/utils).
_LOG_OFFSET = 1e-5
_NGRAM = np.uint64(116049371)  # addWordNgrams in src/dictionary.cc

Floats = npt.NDArray[np.float64]


@helper
def _is_space(c: Int) -> Truth:
    """As Dictionary::readWord; a line's end is a space here, since a text is one line to the model."""
    return c == 32 or 9 <= c <= 13 or c == 0


@helper
def _word_hash(data: Bytes, start: Int, end: Int) -> np.int32:
    """Dictionary::hash, FNV-1a of signed bytes, as the signed number that it is kept in."""
    h = np.uint32(2166136261)
    for i in range(start, end):
        h = np.uint32(h ^ np.uint32(np.int32(np.int8(data[i]))))
        h = np.uint32(h * np.uint32(16777619))
    return np.int32(h)


@helper
def _slot(keys: npt.NDArray[np.uint64], key: np.uint64) -> Int:
    mask = len(keys) - 1
    slot = np.int64(key >> np.uint64(1)) & mask  # the last bit is always set, as 0 is a free slot
    while keys[slot] != np.uint64(0) and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, types.uint64[::1], types.int32[::1]), cache=True, nogil=True, error_model="numpy"
)  # fmt: skip
def _insert(offsets: Spans, data: Bytes, keys: npt.NDArray[np.uint64], ids: npt.NDArray[np.int32]) -> None:
    for i in range(len(offsets) - 1):
        key = hash_span(data, np.int64(offsets[i]), np.int64(offsets[i + 1])) | np.uint64(1)
        slot = _slot(keys, key)
        if keys[slot] == np.uint64(0):
            keys[slot] = key
            ids[slot] = i


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, types.Array(types.uint64, 1, "C", readonly=True),
               types.Array(types.int32, 1, "C", readonly=True), types.Array(types.float32, 1, "C", readonly=True), types.int64,
               types.int64, types.int64, BYTES_TYPE, types.float64[::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _apply(
    offsets: Spans, data: Bytes, keys: npt.NDArray[np.uint64], ids: npt.NDArray[np.int32], weights: npt.NDArray[np.float32],
    n_words: int, buckets: int, ngrams: int, end: Bytes, out: Floats,
) -> None:  # fmt: skip
    """The mean of the weights of each text's words and runs of words; NaN where there are none."""
    hashes = np.empty(max_spans(longest_text(offsets)) + 1, np.int32)
    end_slot = _slot(keys, hash_span(end, 0, len(end)) | np.uint64(1))
    end_id = np.int64(ids[end_slot]) if keys[end_slot] != np.uint64(0) else np.int64(-1)
    end_hash = _word_hash(end, 0, len(end))
    for row in range(len(offsets) - 1):
        i, stop = np.int64(offsets[row]), np.int64(offsets[row + 1])
        n = 0
        count = 0
        total = 0.0
        while i < stop:
            if _is_space(np.int64(data[i])):
                i += 1
                continue
            start = i
            while i < stop and not _is_space(np.int64(data[i])):
                i += 1
            hashes[n] = _word_hash(data, start, i)
            n += 1
            slot = _slot(keys, hash_span(data, start, i) | np.uint64(1))
            if keys[slot] != np.uint64(0):
                total += np.float64(weights[ids[slot]])
                count += 1
        if end_id >= 0:
            hashes[n] = end_hash
            n += 1
            total += np.float64(weights[end_id])
            count += 1
        if buckets > 0:
            for first in range(n):
                h = np.uint64(np.int64(hashes[first]))
                for last in range(first + 1, min(n, first + ngrams)):
                    h = h * _NGRAM + np.uint64(np.int64(hashes[last]))
                    total += np.float64(weights[n_words + np.int64(h % np.uint64(buckets))])
                    count += 1
        out[row] = total / count if count else np.nan


def linear_fasttext(model: FastTextFile, label: str) -> Callable[[pa.Array], Floats] | None:
    """The probabilities of `label` (with its prefix), float64 of shape (n,); nulls as empty texts. ValueError: a damaged file.

    None for what is no such model: of other than two labels, of parts of words, of another loss than softmax.
    """
    labels = model.labels
    if len(labels) != 2 or label not in labels or model.longest_part > 0 or model.loss != SOFTMAX:
        return None
    output = model.output.astype(np.float64)
    difference = output[labels.index(label)] - output[1 - labels.index(label)]
    weights = np.empty(model.rows, np.float32)
    for start, rows in model.slabs():
        weights[start : start + len(rows)] = rows.astype(np.float64) @ difference
    words = model.words
    buckets = len(weights) - len(words)
    ngrams = model.ngrams if buckets > 0 else 1
    keys = np.zeros(1 << max(4, (2 * len(words)).bit_length()), np.uint64)
    ids = np.zeros(len(keys), np.int32)
    offsets = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int32)
    _insert(offsets, np.frombuffer(b"".join(words), np.uint8), keys, ids)
    for array in (keys, ids, weights):
        array.setflags(write=False)
    end = np.frombuffer(END.encode(), np.uint8)

    def raw(texts: pa.Array) -> Floats:
        offsets, data = utf8_view(plain(texts))
        logits = np.zeros(len(texts))
        _apply(offsets, data, keys, ids, weights, len(words), max(0, buckets), ngrams, end, logits)
        found = 1 / (1 + np.exp(-np.clip(logits, -500, 500))) + _LOG_OFFSET
        return np.where(np.isnan(logits), 0.0, np.minimum(found, 1.0))

    return raw


def plain(texts: pa.Array) -> pa.Array:
    """Texts in which no token is a label or an end of line."""
    for mark, instead in ((LABEL, "label "), (END, " ")):
        if pc.any(pc.match_substring(texts, mark)).as_py():
            texts = pc.replace_substring(texts, mark, instead)
    return texts
