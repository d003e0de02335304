"""Captions cut down to a few tokens, for the first, cheap part of a CLIP training.

Li, Wang, Xie, "An Inverse Scaling Law for CLIP Training" (2023, arXiv 2305.07017, §3): the larger the encoders, the fewer tokens
of text they need. The four ways are the paper's; seeds, and that words stay whole, are ours.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.characters import BYTES_TYPE, CLASSES, CLASSES_TYPE, UNSPACED, Bytes, Classes, Int, decode
from core.hashing import digest, splitmix64
from core.named_files import NamedFile
from core.scorer import column
from core.unspaced import split_unspaced
from core.words import Spans, max_spans, split_whitespace
from filters.tokens import load_tokenizer, named_tokenizer, tokenizer_digest
from models import part_of_speech

How = Literal["truncate", "random", "block", "syntax"]
I64 = npt.NDArray[np.int64]

#: Of a caption so many characters are looked at.
_MOST: Final = 1 << 14
_MOST_TOKENS: Final = 1024
_SPANS: Final = types.int32[::1]


@dataclass(frozen=True)
class ShortCaption:
    """A caption of at most so many `tokens`, after all edits; the caption itself stays as it is. Null where the caption is.

    `how`: `truncate` keeps the first words, `block` a run of them, `random` some from all over, `syntax` nouns, then adjectives,
    then others, each from the first on (English; needs `pip install 'web2shards[syntax]'`). What is kept stays in order. A token
    is a word between white space, in scripts without spaces a piece by `core.unspaced`; with `tokenizer`, the path of a
    tokenizer.json (`pip install 'web2shards[tokens]'`), words count as the tokens they are in the caption, without those that a
    tokenizer adds at its ends. At least one word is kept, whatever it counts. `random` and `block` hang on `seed`, the image's
    address and the number of words, and on no other image.
    """

    how: How
    tokens: int = 16
    tokenizer: str = ""
    seed: int = 0

    name: ClassVar[str] = "short_caption"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.how not in get_args(How):
            raise ValueError(f"how: one of {', '.join(get_args(How))}, not {self.how!r}")
        if not 1 <= self.tokens <= _MOST_TOKENS:
            raise ValueError(f"tokens: 1 to {_MOST_TOKENS}, not {self.tokens}")

    @property
    def column_parameters(self) -> dict[str, Any]:
        """All but where the tokenizer lies, which its digest speaks for, and a seed that decides nothing."""
        return {"how": self.how, "tokens": self.tokens, "seed": self.seed if self._is_seeded else 0}

    @property
    def _is_seeded(self) -> bool:
        return self.how in ("random", "block")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("text.edited", "image.url") if self._is_seeded else ("text.edited",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("text", pa.string(), "the short caption, with single spaces", copies=True),
            column("words", pa.int32(), "words that it has", unit="words", low=0, high=64),
            column("cut", pa.int32(), "words of the caption that it has not", unit="words", low=0, high=64),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        return named_tokenizer(self.tokenizer)

    def weights_digest(self) -> str:
        words = part_of_speech.digest() if self.how == "syntax" else ""
        return f"{words} {tokenizer_digest(self.tokenizer)}".strip()

    def open(self) -> None:
        _spans("")
        if self.tokenizer:
            load_tokenizer(self.tokenizer, tokenizer_digest(self.tokenizer))
        if self.how == "syntax":
            part_of_speech.load()

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        captions = batch.column("text.edited").to_pylist()
        urls = batch.column("image.url").to_pylist() if self._is_seeded else [None] * len(captions)
        rows = [self._row(caption, url or "") for caption, url in zip(captions, urls, strict=True)]
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def _row(self, caption: str | None, url: str) -> dict[str, Any]:
        if caption is None:
            return dict.fromkeys(self.schema.names)
        caption = caption[:_MOST]
        spans = _spans(caption)
        costs = self._costs(caption, spans)
        order = self._order(caption, spans, costs, url)
        count = min(len(order), max(1, int(np.searchsorted(np.cumsum(costs[order]), self.tokens, "right"))))
        kept = np.sort(order[:count])
        return {"text": _joined(caption, spans, kept.tolist()), "words": len(kept), "cut": len(spans) - len(kept)}

    def _costs(self, caption: str, spans: I64) -> I64:
        """The tokens of each word."""
        if not self.tokenizer or not len(spans):
            return np.ones(len(spans), np.int64)
        tokenizer = load_tokenizer(self.tokenizer, tokenizer_digest(self.tokenizer))
        offsets = tokenizer.encode(caption, add_special_tokens=False).offsets
        # By its last character, as one may begin with the space before a word.
        last = np.array([max(start, stop - 1) for start, stop in offsets], np.int64)
        words = np.clip(np.searchsorted(spans[:, 0], last, "right") - 1, 0, None)
        return np.bincount(words, minlength=len(spans)).astype(np.int64)

    def _order(self, caption: str, spans: I64, costs: I64, url: str) -> I64:
        """The words in the order in which they are taken; those that a block leaves before it are not among them."""
        places = np.arange(len(spans))
        if self.how == "truncate" or costs.sum() <= self.tokens:
            return places
        if self.how == "syntax":
            classes = [part_of_speech.word_class(_bare(caption[start:stop])) for start, stop in spans.tolist()]
            return np.argsort(np.array(classes), kind="stable")
        seed = int.from_bytes(digest(str(self.seed), self.how, url)[:8], "little")
        if self.how == "random":
            return np.argsort(splitmix64(places.astype(np.uint64) ^ np.uint64(seed)), kind="stable")
        # A block begins no later than the last that is full.
        left = np.cumsum(costs[::-1])[::-1]
        starts = int(np.searchsorted(-left, -self.tokens, "left")) + 1
        return places[seed % min(starts, len(spans)) :]


def _bare(word: str) -> str:
    """A word without the punctuation around it."""
    start, stop = 0, len(word)
    while start < stop and unicodedata.category(word[start])[0] in "PS":
        start += 1
    while start < stop and unicodedata.category(word[stop - 1])[0] in "PS":
        stop -= 1
    return word[start:stop]


def _joined(caption: str, spans: I64, kept: list[int]) -> str:
    """Words with a space between where something stood between them that is none of them."""
    pieces: list[str] = []
    for i, word in enumerate(kept):
        start, stop = spans[word].tolist()
        if i and any(spans[k, 1] < spans[k + 1, 0] for k in range(kept[i - 1], word)):
            pieces.append(" ")
        pieces.append(caption[start:stop])
    return "".join(pieces)


def _spans(caption: str) -> I64:
    """Where words begin and end, in characters, shape (n, 2)."""
    data = np.frombuffer(caption.encode(), np.uint8)
    room = max_spans(len(data))
    starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
    n = _split(data, CLASSES, starts, ends)
    characters = np.cumsum((data & 0xC0) != 0x80)  # up to and with each byte
    spans = np.stack([starts[:n], ends[:n]], axis=1).astype(np.int64)
    if n:
        spans[:, 0] = characters[spans[:, 0]] - 1
        spans[:, 1] = characters[spans[:, 1] - 1]
    return spans


@njit(types.int64(BYTES_TYPE, CLASSES_TYPE, _SPANS, _SPANS), cache=True, nogil=True, error_model="numpy")
def _split(data: Bytes, classes: Classes, starts: Spans, ends: Spans) -> Int:
    n = split_whitespace(data, 0, len(data), classes, starts, ends)
    i = 0
    while i < len(data):
        cp, width = decode(data, i)
        if classes[cp] & UNSPACED:
            return split_unspaced(data, 0, n, classes, starts, ends)
        i += width
    return n
