"""Texts that hold n-grams of evaluation sets, to be dropped, or to be cut there.

After GPT-3 (Brown et al., arXiv 2005.14165, appendix C): 13 words in a row, without case and punctuation; a collision and
200 characters on each side of it are cut, pieces of less than 200 characters dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError, UserError
from core.named_files import NamedFile
from core.remote import is_remote
from core.scorer import CUT, TITLE_CUT, column
from core.spans import cut_array
from dedup.evaluation_sets import digest_of, read_bytes, read_examples
from dedup.ngram_index import Index, find, make_index

Action = Literal["drop", "cut"]
Read = Literal["edited", "text"]
MOST_NGRAM = 100


@dataclass(frozen=True)
class Decontaminate:
    """Finds the n-grams of evaluation sets in texts, and names the first.

    `sets` are tables by name (JSON lines, CSV, Parquet), of which `columns` are read, or all columns of texts; the texts
    of a row are one. Words are those of `dedup.shingles.normalise`. N-grams that more than `most` rows have are left out,
    as those of a prompt are, and those of the lines of the file `ignore`. A row of fewer words than `ngram` cannot be found;
    a set that has no other is an error.

    GPT-3 leaves out what more than ten documents *of the training texts* have, such as phrases of licences. No text knows how
    many others have its n-grams, so that this is not done by itself: run once without a rule for it, and put what
    `decontaminate.ngram` names too often into `ignore` (runbooks/decontamination.md); the next run scores anew.

    With `action: drop` a rule decides: `decontaminate.matches == 0`. With `action: cut` what matches is cut, with `window`
    characters on each side, and then pieces of fewer than `least` characters; GPT-3 drops what that leaves in more than
    ten pieces: `decontaminate.pieces <= 10`. `read` is "edited" for the text that the shards get, or "text" as extracted.
    The title, as extracted, is searched too: its places are among `matches`, and with `action: cut` it goes whole.
    """

    sets: Mapping[str, str]
    columns: tuple[str, ...] = ()
    ngram: int = 13
    most: int = 10
    ignore: str = ""
    action: Action = "drop"
    window: int = 200
    least: int = 200
    read: Read = "edited"

    name: ClassVar[str] = "decontaminate"
    version: ClassVar[int] = 2
    costly: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.sets:
            raise ValueError("sets: names of evaluation sets with their paths, such as {mmlu: mmlu.jsonl}")
        for field, choices in (("action", get_args(Action)), ("read", get_args(Read))):
            if getattr(self, field) not in choices:
                raise ValueError(f"{field}: {' or '.join(choices)}, not {getattr(self, field)!r}")
        for field, low, high in (
            ("ngram", 2, MOST_NGRAM), ("most", 1, 1_000_000), ("window", 0, 1_000_000), ("least", 0, 1_000_000),
        ):  # fmt: skip
            value = getattr(self, field)
            if isinstance(value, bool) or not low <= value <= high:
                raise ValueError(f"{field}: {low} to {high:,}, not {value}")

    @property
    def column_parameters(self) -> dict[str, object]:
        """What the columns follow from: not where the sets lie, and the two lengths only where something is cut."""
        found: dict[str, object] = {n: getattr(self, n) for n in ("columns", "ngram", "most", "action", "read")}
        found |= {"sets": list(self.sets), "ignore": bool(self.ignore)}
        return found | ({"window": self.window, "least": self.least} if self.action == "cut" else {})

    @property
    def inputs(self) -> tuple[str, ...]:
        return (f"text.{self.read}", "text.title")

    @property
    def schema(self) -> pa.Schema:
        cut = [
            pa.field("cut", CUT, metadata={"doc": "spans to cut"}),
            pa.field(TITLE_CUT, CUT, metadata={"doc": "the whole title where it has such words, else nothing"}),
            column("pieces", pa.int32(), "pieces that are left; 1 where nothing is cut", low=0, high=20),
        ]
        return pa.schema([
            *(cut if self.action == "cut" else []),
            column("matches", pa.int32(), f"places with {self.ngram} words of an evaluation set", low=0, high=100),
            column("set", pa.string(), "the set of the first of them; null for none"),
            column("ngram", pa.string(), "the words of the first of them; null for none", quotes=True),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        found = [
            NamedFile(("sets", name), path, partial(self._require_found, name, path), remote=True)
            for name, path in self.sets.items()
        ]
        ignore = NamedFile(("ignore",), self.ignore, partial(_ignored, self.ignore), remote=True)
        return [*found, ignore] if self.ignore else found

    def _require_found(self, name: str, path: str) -> None:
        texts = _texts(path, self.columns)
        if not len(make_index([texts], self.ngram, self.most, self._ignored_if_there())):
            raise _nothing(name, path, texts, self.columns, self.ngram)

    def _ignored_if_there(self) -> list[str]:
        """What is wrong with the file `ignore` is told of it alone, not of each set; on an object store it is not asked for."""
        try:
            return [] if is_remote(self.ignore) else _ignored(self.ignore)
        except (UserError, OSError, ValueError):
            return []

    def weights_digest(self) -> str:
        digests = [digest_of(path) for path in [*self.sets.values(), *([self.ignore] if self.ignore else [])]]
        return hashlib.blake2b(" ".join(digests).encode(), digest_size=16).hexdigest()

    def open(self) -> None:
        self._index()

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text, title = batch.column(f"text.{self.read}"), batch.column("text.title")
        index = self._index()
        hits, in_title = find(text, index), find(title, index)
        of_text, of_title = np.diff(hits.offsets), np.diff(in_title.offsets)
        matches = of_text + of_title
        null = np.asarray(text.is_null())
        names = list(self.sets)
        sets, ngrams = np.full(len(text), None, object), np.full(len(text), None, object)
        for row in np.flatnonzero((matches > 0) & ~null).tolist():
            of = hits if of_text[row] else in_title
            first = int(of.which[of.offsets[row]])
            sets[row], ngrams[row] = names[index.sets[first]], index.text(first)
        arrays = [
            pa.array(matches.astype(np.int32), mask=null), pa.array(sets, pa.string()), pa.array(ngrams, pa.string())
        ]  # fmt: skip
        if self.action == "cut":
            bounds, starts, ends = np.zeros(len(text) + 1, np.int32), [], []
            pieces = np.ones(len(text), np.int32)
            for row in np.flatnonzero(of_text).tolist():
                at = slice(int(hits.offsets[row]), int(hits.offsets[row + 1]))
                raw = np.frombuffer(text[row].as_buffer(), np.uint8)
                pieces[row], of_row = cut_around(raw, hits.starts[at], hits.ends[at], self.window, self.least)
                bounds[row + 1] = len(of_row)
                starts += [start for start, _ in of_row]
                ends += [end for _, end in of_row]
            spans = cut_array(np.cumsum(bounds, dtype=np.int32), np.array(starts, np.int32), np.array(ends, np.int32), text)
            arrays = [
                spans, _whole(title, of_title > 0), pc.if_else(pa.array(null), pa.scalar(None, pa.int32()), pa.array(pieces)),
                *arrays,
            ]  # fmt: skip
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _index(self) -> Index:
        return _read(tuple(self.sets.items()), self.columns, self.ngram, self.most, self.ignore, self.weights_digest())


def _whole(texts: pa.Array, which: npt.NDArray[np.bool_]) -> pa.Array:
    """Cuts of the whole of some texts."""
    ends = np.asarray(pc.binary_length(texts).fill_null(0), np.int32)[which]
    return cut_array(np.cumsum([0, *which.tolist()], dtype=np.int32), np.zeros(len(ends), np.int32), ends, texts)


def cut_around(
    text: npt.NDArray[np.uint8], starts: npt.NDArray[np.int32], ends: npt.NDArray[np.int32], window: int, least: int
) -> tuple[int, list[tuple[int, int]]]:
    """Cuts a text (UTF-8) from `window` characters before each span to as many behind it, and what is shorter than `least`
    characters then. The pieces that are left, and the spans that are cut, as bytes."""
    places = np.append(np.flatnonzero((text & 0xC0) != 0x80), len(text))  # where characters begin
    size = len(places) - 1
    low = np.maximum(np.searchsorted(places, starts) - window, 0)
    high = np.minimum(np.searchsorted(places, ends) + window, size)
    order = np.argsort(low, kind="stable")
    kept: list[tuple[int, int]] = []
    at = 0
    for a, b in [*zip(low[order].tolist(), high[order].tolist(), strict=True), (size, size)]:
        if a > at and a - at >= least:
            kept.append((at, a))
        at = max(at, b)
    bounds = [0, *(place for piece in kept for place in piece), size]
    gone = [(int(places[a]), int(places[b])) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if a < b]
    return len(kept), gone


@lru_cache(maxsize=4)
def _read(
    sets: tuple[tuple[str, str], ...], columns: tuple[str, ...], ngram: int, most: int, ignore: str, digest: str
) -> Index:  # fmt: skip
    """`digest` is there for the cache: a set may change between two runs of a process."""
    texts = [_texts(path, columns) for _, path in sets]
    ignored = _ignored(ignore)
    index = make_index(texts, ngram, most, ignored)
    found = set(np.unique(index.sets).tolist())
    for number, (name, path) in enumerate(sets):
        if number not in found and not len(make_index([texts[number]], ngram, most, ignored)):
            raise _nothing(name, path, texts[number], columns, ngram)
    return index


def _texts(path: str, columns: tuple[str, ...]) -> list[str]:
    """The rows of a set, each as one text."""
    return [" ".join(row) for row in read_examples(path, columns)]


def _ignored(path: str) -> list[str]:
    return read_bytes(path).decode("utf-8", "replace").splitlines() if path else []


def _nothing(name: str, path: str, texts: Sequence[str], columns: tuple[str, ...], ngram: int) -> InputError:
    """Says why no n-gram of a set could be found in a text."""
    told = f"the set {name} ({path})"
    if not any(texts):
        return InputError(f"{told} has not one text", f"give its file, or other columns than {', '.join(columns) or 'all'}", path)
    if not len(make_index([texts], ngram, len(texts))):
        mend = f"take a smaller ngram (GPT-3: 8 to 13), or other columns than {', '.join(columns) or 'all'}"
        return InputError(f"{told}: all its {len(texts):,} texts have fewer than {ngram} words in a row", mend, path)
    mend = "raise `most`, or take its lines out of the file `ignore`"
    return InputError(f"{told}: all its runs of {ngram} words are left out by `most` or `ignore`", mend, path)
