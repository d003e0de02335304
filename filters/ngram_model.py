"""n-gram language models as a hash table that a kernel looks words up in, and what a text costs under one.

What is done for n-grams that a model has not is Katz's backing off as in ARPA files (SRILM's ngram-format(5)); scores are
those of KenLM (Heafield, WMT 2011), whose own binding is LGPL and comes without wheels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.characters import BYTES_TYPE, OFFSETS_TYPE, Bytes, Int, Truth
from core.columns import utf8_view
from core.kernels import helper
from core.words import Spans, hash_span, mix

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint64(0)

Keys = npt.NDArray[np.uint64]
Logs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class NgramModel:
    """n-grams up to `order` by open addressing: `keys` (0: free), log10 probabilities and backoff weights, of one shape that is
    a power of two. `special`: the hashes of <s>, </s> and <unk>; `unknown`: log10 of a word that is not known."""

    order: int
    keys: Keys
    logs: Logs
    backoffs: Logs
    special: Keys
    unknown: float

    def score(
        self, texts: pa.Array
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """log10 of the probability of each text, how many tokens that are (words, and an end a line), how many of the words
        the model does not know. Lines are sentences, blank ones are none; a text without any is one empty sentence. ASCII
        white space parts words, as in KenLM's binding: other spaces are of the word, as they are in an ARPA file."""
        n = len(texts)
        logs, tokens, unknown = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64)
        offsets, data = utf8_view(texts)
        _score(
            offsets, data, self.keys, self.logs, self.backoffs, self.special, self.order, self.unknown, logs, tokens,
            unknown,
        )  # fmt: skip
        return logs, tokens, unknown


@helper
def _is_space(b: Int) -> Truth:
    return b == 32 or 9 <= b <= 13


@helper
def first(word: np.uint64) -> np.uint64:
    return mix(word + _GOLDEN) | np.uint64(1)


@helper
def _extended(key: np.uint64, word: np.uint64) -> np.uint64:
    """The key of an n-gram with one more word before it."""
    return mix(key * _GOLDEN + word) | np.uint64(1)


@helper
def find(keys: Keys, key: np.uint64) -> Int:
    """The slot of a key, or the free one where it would stand."""
    mask = len(keys) - 1
    slot = np.int64(key >> np.uint64(1)) & mask
    while keys[slot] != _EMPTY and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, types.uint64[::1]), cache=True, nogil=True, error_model="numpy"
)  # fmt: skip
def ngram_keys(offsets: Spans, data: Bytes, out: Keys) -> None:
    """The keys of n-grams: words parted by single spaces, the last first."""
    for row in range(len(offsets) - 1):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        key = np.uint64(0)
        stop = end
        for i in range(end - 1, start - 2, -1):
            if i < start or data[i] == 32:
                word = hash_span(data, i + 1, stop)
                key = first(word) if stop == end else _extended(key, word)
                stop = i
        out[row] = key


@njit(
    types.int64(types.uint64[::1], types.float32[::1], types.float32[::1], types.uint64[::1], types.float32[::1],
                types.float32[::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def insert(keys: Keys, logs: Logs, backoffs: Logs, table: Keys, table_logs: Logs, table_backoffs: Logs) -> Int:
    """Puts n-grams into the table; the first of two that are the same stays. Returns how many were new."""
    new = np.int64(0)
    for i in range(len(keys)):
        slot = find(table, keys[i])
        if table[slot] == _EMPTY:
            table[slot], table_logs[slot], table_backoffs[slot] = keys[i], logs[i], backoffs[i]
            new += 1
    return new


_LOGS_IN = types.Array(types.float32, 1, "C", readonly=True)
_KEYS_IN = types.Array(types.uint64, 1, "C", readonly=True)


@helper
def _word_log(
    word: np.uint64, keys: Keys, logs: Logs, backoffs: Logs, order: Int, unknown: float, history: Keys, known: Int,
    before: Logs, now: Logs,
) -> float:  # fmt: skip
    """log10 of a word after `known` words of `history` (the last first). `before[k]` is the backoff weight of the last k
    words; `now` becomes the same with the word."""
    longest = 0
    log = np.float64(unknown)
    key = first(word)
    for length in range(1, min(order, known + 1) + 1):
        slot = find(keys, key)
        now[length] = 0.0
        if keys[slot] == key:
            longest = length
            log = np.float64(logs[slot])
            now[length] = backoffs[slot]
        if length <= known:
            key = _extended(key, history[length - 1])
    for length in range(max(longest, 1), min(order - 1, known) + 1):
        log += np.float64(before[length])
    return log


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, _KEYS_IN, _LOGS_IN, _LOGS_IN, _KEYS_IN, types.int64, types.float64,
               types.float64[::1], types.int64[::1], types.int64[::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _score(
    offsets: Spans, data: Bytes, keys: Keys, logs: Logs, backoffs: Logs, special: Keys, order: int,
    unknown: float, out: npt.NDArray[np.float64], tokens: npt.NDArray[np.int64], strange: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    history = np.zeros(order + 1, np.uint64)
    before, now = np.zeros(order + 2, np.float32), np.zeros(order + 2, np.float32)
    for row in range(len(offsets) - 1):
        i, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        total = 0.0
        words = np.int64(0)  # of the line
        known = np.int64(0)  # words of history
        while True:
            last = i >= end
            ends = last or data[i] == 10
            if not ends and _is_space(data[i]):
                i += 1
                continue
            if ends and words == 0 and not (last and tokens[row] == 0):
                if last:
                    break
                i += 1
                continue
            if words == 0:  # a line begins
                history[0] = special[0]
                known = 1
                slot = find(keys, first(special[0]))
                before[:] = 0.0
                before[1] = backoffs[slot] if keys[slot] != _EMPTY else 0.0
            if ends:
                word = special[1]
                i += 1
            else:
                start = i
                while i < end and not _is_space(data[i]):
                    i += 1
                word = hash_span(data, start, i)
                slot = find(keys, first(word))
                if keys[slot] == _EMPTY or word == special[0] or word == special[1] or word == special[2]:
                    word = special[2]
                    strange[row] += 1
                words += 1
            total += _word_log(word, keys, logs, backoffs, order, unknown, history, known, before, now)
            tokens[row] += 1
            if ends:
                words = 0
                if last:
                    break
                continue
            for k in range(min(known, order - 1), 0, -1):
                history[k] = history[k - 1]
            history[0] = word
            known = min(known + 1, order)
            for k in range(1, order + 1):
                before[k] = now[k] if k <= known else np.float32(0.0)
        out[row] = total


def special_hashes() -> Keys:
    """The hashes of <s>, </s> and <unk>."""
    raw = b"<s></s><unk>"
    data = np.frombuffer(raw, np.uint8)
    with np.errstate(over="ignore"):
        found = np.array([hash_span(data, a, b) for a, b in ((0, 3), (3, 7), (7, 12))], np.uint64)
    found.setflags(write=False)
    return found


def slot_of(keys: Keys, word: np.uint64) -> int:
    """The slot of a word by its hash, or a free one."""
    with np.errstate(over="ignore"):
        return int(find(keys, first(word)))
