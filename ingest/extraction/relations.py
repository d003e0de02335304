"""How a block's words relate to the page's: to its titles and descriptions, to its other words, to blocks with the same text.

All are free of language: what repeats is a template, words that are frequent on the page are function words, and what the
head announces is the content (after title-based seeds: Mohammadzadeh et al., TitleFinder, 2012).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction.counting import slot_of, spread
from ingest.extraction.layout import TABLES_TYPE, Tables

RELATIONS = (
    "title_share", "title_cover", "description_share", "description_cover", "same_text", "same_text_before", "frequency",
    "page_title", "page_description", "content_share", "alone_share",
)  # fmt: skip
#: Words that are looked at: of the page, for their frequency; and of a block.
_PAGE_WORDS, _BLOCK_WORDS = 1 << 17, 60
#: A block of so many words, at most a third of them in links, is long: its words are those of the content.
_LONG_WORDS = 20
_HINT_SLOTS = 2048  # more than twice all hints
#: log(1 + n) for a word that the page has n times; past the end as at the end.
_LOGS = np.log1p(np.arange(4096)).astype(np.float32)


@helper
def _is_long(block: npt.NDArray[np.int32]) -> Truth:
    return block[at.B_WORDS] >= _LONG_WORDS and block[at.B_LINKED] * 3 < block[at.B_WORDS]


@helper
def _slot(word: Int, keys: npt.NDArray[np.uint32]) -> Int:
    """The slot of a word in `keys` (2**k), its own or an empty one."""
    mask = np.int64(len(keys) - 1)
    k = spread(np.int64(word)) & mask
    while keys[k] != 0 and keys[k] != word:
        k = (k + 1) & mask
    return k


def relate(tables: Tables, more: int = 0) -> npt.NDArray[np.float32]:
    """The relations of all blocks: float32 of shape (blocks, len(RELATIONS) + more); the last columns are left as zeros."""
    rows = np.zeros((int(tables.state[at.N_BLOCKS]), len(RELATIONS) + more), np.float32)
    _relate(tables, rows)
    return rows


@njit(types.void(TABLES_TYPE, types.float32[:, ::1]), cache=True, nogil=True, error_model="numpy")
def _relate(t: Tables, rows: npt.NDArray[np.float32]) -> None:
    s = t.state
    hints, bits, seen = np.zeros(_HINT_SLOTS, np.uint32), np.zeros(_HINT_SLOTS, np.uint8), np.full(_HINT_SLOTS, -1, np.int32)
    distinct = np.zeros(2, np.float32)
    for which in range(2):
        for j in range(s[at.N_TITLE + which]):
            word = t.hints[which, j]
            k = _slot(word, hints)
            hints[k] = word
            if not bits[k] & (1 << which):
                bits[k] |= 1 << which
                distinct[which] += 1
    n_words = min(s[at.N_WORDS], _PAGE_WORDS)
    slots = 16
    while slots < 2 * n_words:
        slots *= 2
    keys, counts, told = np.zeros(slots, np.uint32), np.zeros(slots, np.int32), np.zeros(slots, np.int32)
    slot = np.empty(n_words, np.int32)
    for i in range(len(rows)):
        of_long = _is_long(t.blocks[i])
        for j in range(t.blocks[i, at.B_WORD], min(t.blocks[i, at.B_WORD_END], n_words)):
            k = _slot(t.words[j], keys)
            keys[k] = t.words[j]
            slot[j] = k
            counts[k] += 1
            told[k] += of_long
    slots = 16
    while slots < 2 * len(rows) + 2:
        slots *= 2
    texts, copies, own = np.zeros(slots, np.int64), np.zeros(slots, np.int32), np.zeros(len(rows), np.int32)
    for i in range(len(rows)):
        r = rows[i]
        start, end = np.int64(t.blocks[i, at.B_WORD]), np.int64(t.blocks[i, at.B_WORD_END])
        text = np.int64(end - start)
        for j in range(start, end):
            text = text * 1000003 + np.int64(t.words[j])
        k = slot_of(text, texts)
        r[5] = copies[k]
        copies[k] += 1
        own[i] = k
        end = min(end, start + _BLOCK_WORDS)
        of_long = _is_long(t.blocks[i])
        for j in range(start, end):
            word = t.words[j]
            if j < n_words:
                k = np.int64(slot[j])
                r[6] += _LOGS[min(counts[k], len(_LOGS) - 1)]
                r[9] += told[k] > of_long
                r[10] += counts[k] == 1
            k = _slot(word, hints)
            for which in range(2):
                if bits[k] & (1 << which):
                    r[2 * which] += 1
                    if seen[k] != i:
                        r[2 * which + 1] += 1
            seen[k] = i
        per_word = np.float32(1) / np.float32(max(end - start, 1))
        r[0] *= per_word
        r[2] *= per_word
        r[6] *= per_word
        r[9] *= per_word
        r[10] *= per_word
        r[1] /= max(distinct[0], np.float32(1))
        r[3] /= max(distinct[1], np.float32(1))
        r[7] = distinct[0]
        r[8] = distinct[1]
    for i in range(len(rows)):
        rows[i, 4] = copies[own[i]]
