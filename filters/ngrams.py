"""Which keys of an array of 64-bit hashes are equal: the n-grams, lines and paragraphs that a text repeats.

A sieve of small counters tells in a few instructions a key which of them are alone, as most are; a table by open
addressing counts the rest. Keys are compared, not strings: two of a million 64-bit hashes are equal with odds of 3e-8.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.characters import Bytes, Int
from core.kernels import helper
from core.words import Spans, hash_span

Keys = npt.NDArray[np.uint64]
Sieve = npt.NDArray[np.uint8]

# A probe ends here and takes the key for new, so that keys crafted to share a slot cost no more than this each. At the
# load of at most one half, the longest run among a million random keys is below 100.
_MAX_PROBES = 256
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_COUNTERS = 8  # counters a key, of which one in nine is then shared by chance


@helper
def sieve_size(n: Int) -> Int:
    """Bytes of the sieve for `n` keys."""
    size = 64
    while size < _COUNTERS * n:
        size *= 2
    return size


@helper
def table_size(n: Int) -> Int:
    """Slots of a table for `n` keys: a power of two, at least 2 n."""
    size = 16
    while size < 2 * n:
        size *= 2
    return size


@helper
def _shift(size: Int) -> np.uint64:
    """What leaves the uppermost bits of a product as a place in a power of two."""
    shift = 64
    while size > 1:
        size //= 2
        shift -= 1
    return np.uint64(shift)


@helper
def find_repeated(keys: Keys, n: Int, sieve: Sieve, found: Spans) -> Int:
    """Fills `found` with the indices, ascending, of those of the first `n` keys that another may equal.

    A key that no other equals is left out but for about one in nine. Returns how many there are.
    """
    size = sieve_size(n)
    shift = _shift(size)
    for i in range(size):
        sieve[i] = 0
    for i in range(n):
        slot = np.int64((keys[i] * _GOLDEN) >> shift)
        if sieve[slot] < 2:
            sieve[slot] += 1
    count = 0
    for i in range(n):
        found[count] = i
        count += sieve[np.int64((keys[i] * _GOLDEN) >> shift)] == 2
    return count


@helper
def clear(table: Spans, n: Int) -> tuple[np.uint64, Int]:
    """Empties as much of the table as `n` keys need; the shift and mask that `first_equal` takes."""
    size = table_size(n)
    for i in range(size):
        table[i] = -1
    return _shift(size), size - 1


@helper
def first_equal(table: Spans, shift: np.uint64, mask: Int, keys: Keys, i: Int) -> Int:
    """The index that `keys[i]` was first put in with, which is `i` itself if it was not there yet."""
    slot = np.int64((keys[i] * _GOLDEN) >> shift)
    for _ in range(_MAX_PROBES):
        j = np.int64(table[slot])
        if j < 0:
            table[slot] = i
            return i
        if keys[j] == keys[i]:
            return j
        slot = (slot + 1) & mask
    return i


@helper
def count_repeated(keys: Keys, found: Spans, n: Int, table: Spans, firsts: Spans, counts: Spans) -> Int:
    """How often each of the `n` keys at the indices `found` occurs; the highest of these, at least 1.

    For the index i: `firsts[i]` is the first index of an equal key, `counts[firsts[i]]` how many there are.
    """
    shift, mask = clear(table, n)
    highest = np.int64(1)
    for k in range(n):
        i = np.int64(found[k])
        j = first_equal(table, shift, mask, keys, i)
        firsts[i] = j
        counts[i] = 0
        counts[j] += 1
        if counts[j] > highest:
            highest = np.int64(counts[j])
    return highest


@helper
def hash_spans(data: Bytes, starts: Spans, ends: Spans, n: Int, keys: Keys) -> None:
    """`keys[i]` becomes the hash of the bytes of span i."""
    for i in range(n):
        keys[i] = hash_span(data, np.int64(starts[i]), np.int64(ends[i]))


@helper
def extend_grams(grams: Keys, words: Keys, length: Int, n: Int) -> Int:
    """Turns hashes of (length − 1)-grams of `n` words into those of length-grams; returns how many there are."""
    count = max(n - length + 1, 0)
    for i in range(count):
        grams[i] = grams[i] * _GOLDEN + words[i + length - 1]
    return count


@helper
def copy_keys(source: Keys, target: Keys, n: Int) -> None:
    """Copies the first `n` keys."""
    for i in range(n):
        target[i] = source[i]
