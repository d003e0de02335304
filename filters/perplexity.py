"""Perplexity of a text under n-gram models by language, and CCNet's head, middle and tail.

facebookresearch/cc_net (Wenzek et al., arXiv 1911.00359): perplexity.py, text_normalizer.py. The models are ARPA files of the
user's own, such as KenLM's lmplz writes; `filters.arpa` reads them.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.errors import ScorerError
from core.hashing import digest
from core.named_files import NamedFile, require_file
from core.scorer import column
from filters.arpa import load_arpa
from filters.fasttext_model import file_digest
from filters.ngram_model import NgramModel

LANGUAGE = "language.label"
#: The key of what holds for a language that is not named.
ANY = "any"
_MEND = "give the path of a file"

#: UNICODE_PUNCT of cc_net.
_PUNCTUATION = {
    **dict(zip("，。、´∶：？！（）；–～’━〈〉【】％►", ",.,'::?!();-~'-<>[]%-", strict=True)),
    **dict.fromkeys("„”“«»」「《》", '"'), "—": " - ", "．": ". ", "…": "...",
}  # fmt: skip
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Perplexity:
    """How surprised an n-gram model is by a text: low for text like the model's.

    `models`: the ARPA file (`.gz` too) of each language, and of `any` other. `sentencepiece`: models that cut a line into
    pieces first, by language, as CCNet's do (`pip install 'web2shards[perplexity]'`); else words are parted by ASCII
    white space. `normalize: ccnet` puts in small letters, takes accents off, makes every digit 0 and punctuation plain, line by
    line. `cutoffs`: perplexities of CCNet's 30th and 60th percentile by language, below which a text is `head` or
    `middle`; `web2shards threshold OUT perplexity.perplexity --top 30% --lowest --by language` finds them.

    A text whose language has no model has no perplexity. A rule: `perplexity.perplexity <= 1000`.
    """

    name: ClassVar[str] = "perplexity"
    version: ClassVar[int] = 2
    costly: ClassVar[bool] = False

    models: Mapping[str, str]
    sentencepiece: Mapping[str, str] = field(default_factory=dict[str, str])
    cutoffs: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    normalize: Literal["ccnet", "none"] = "ccnet"
    read: Literal["edited", "extracted"] = "edited"

    def __post_init__(self) -> None:
        if not self.models or not all(self.models.values()):
            raise ValueError("models: the path of an ARPA file is needed, such as {en: en.arpa}, or {any: all.arpa}")
        for what in (self.sentencepiece, self.cutoffs):
            for label in what:
                if label not in self.models:
                    name = "cutoffs" if what is self.cutoffs else "sentencepiece"
                    raise ValueError(f"{name}: {label!r} is not among the models")
        for label, (head, middle) in self.cutoffs.items():
            if not 0 < head <= middle or not math.isfinite(middle):
                raise ValueError(f"cutoffs: {label} needs two numbers that ascend")
        if self.normalize not in ("ccnet", "none"):
            raise ValueError(f"normalize: {self.normalize!r} is neither 'ccnet' nor 'none'")
        if self.read not in ("edited", "extracted"):
            raise ValueError(f"read: {self.read!r} is neither 'edited' nor 'extracted'")

    @property
    def column_parameters(self) -> dict[str, Any]:
        """All but where the models lie, which their digest speaks for."""
        cutoffs = {label: list(pair) for label, pair in sorted(self.cutoffs.items())}
        return {"cutoffs": cutoffs, "normalize": self.normalize, "read": self.read}

    @property
    def inputs(self) -> tuple[str, ...]:
        text = "text.edited" if self.read == "edited" else "text.text"
        return (text,) if set(self.models) == {ANY} else (text, LANGUAGE)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("perplexity", pa.float32(), "10 to the mean of −log10 of a token's probability", low=0, high=3000),
            column("tokens", pa.int32(), "words or pieces, and an end a line", unit="tokens", low=0, high=10_000),
            column("unknown", pa.float32(), "words or pieces that the model does not know, of all", unit="share", bounds=(0, 1)),
            column("bucket", pa.string(), "head, middle or tail by the language's cutoffs; null where there are none"),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        return [
            NamedFile((name, label), path, partial(require_file, path, "the model", _MEND))
            for name, kind in (("models", self.models), ("sentencepiece", self.sentencepiece))
            for label, path in sorted(kind.items()) if path
        ]  # fmt: skip

    def weights_digest(self) -> str:
        """Of the models, and of the library that cuts lines into pieces its version."""
        parts: list[str] = []
        for kind in (self.models, self.sentencepiece):
            for label, path in sorted(kind.items()):
                parts += [label, _digest(path)]
            parts.append("")
        if any(self.sentencepiece.values()):
            parts.append(f"sentencepiece {_library().__version__}")
        return digest(*parts).hex()

    def open(self) -> None:
        for label in self.models:
            self._model(label).score(pa.array(["text"]))
            self._pieces(label, "text")

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(self.inputs[0])
        n = len(text)
        labels = self._labels(batch)
        valid = np.asarray(text.is_valid().to_numpy(zero_copy_only=False), bool) & (labels != "")
        perplexity, tokens, unknown = np.zeros(n), np.zeros(n, np.int64), np.zeros(n)
        buckets = np.full(n, None, object)
        for label in sorted(set(labels[valid])):
            here = np.flatnonzero(valid & (labels == label))
            texts = pa.array([self._prepared(label, text[int(i)].as_py()) for i in here], pa.string())
            logs, counted, strange = self._model(label).score(texts)
            perplexity[here] = 10.0 ** np.minimum(-logs / counted, 300)
            tokens[here] = counted
            unknown[here] = strange / np.maximum(1, counted)
            if label in self.cutoffs:
                head, middle = self.cutoffs[label]
                found = perplexity[here]
                buckets[here] = np.where(found < head, "head", np.where(found < middle, "middle", "tail"))
        known = ~valid
        columns = [
            pa.array(np.minimum(perplexity, np.finfo(np.float32).max).astype(np.float32), mask=known),
            pa.array(tokens.astype(np.int32), mask=known),
            pa.array(unknown.astype(np.float32), mask=known),
            pa.array(buckets.tolist(), pa.string()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _labels(self, batch: pa.RecordBatch) -> npt.NDArray[np.object_]:
        """The key of each row's model, empty where there is none."""
        other = ANY if ANY in self.models else ""
        if len(self.inputs) == 1:
            return np.full(len(batch), ANY, object)
        return np.array([label if label in self.models else other for label in batch.column(LANGUAGE).to_pylist()], object)

    def _model(self, label: str) -> NgramModel:
        path = self.models[label]
        return load_arpa(path, _digest(path))

    def _prepared(self, label: str, text: str) -> str:
        lines = text.split("\n")
        if self.normalize == "ccnet":
            lines = [normalized(line) for line in lines]
        return "\n".join(self._pieces(label, line) for line in lines)

    def _pieces(self, label: str, line: str) -> str:
        path = self.sentencepiece.get(label)
        if not path:
            return line
        return " ".join(_sentencepiece(path, _digest(path)).encode(line, out_type=str)) if line.strip() else ""


class _Table(dict[int, "str | None"]):
    """What becomes of each character, found out when it is first met: marks and control characters go."""

    def __missing__(self, cp: int) -> str | None:
        c = chr(cp)
        gone = unicodedata.category(c) == "Mn" or cp < 32 or 127 <= cp < 160
        found = None if gone else _PUNCTUATION.get(c, c)
        self[cp] = " " if c == "\t" else found
        return self[cp]


_TABLE = _Table()


def normalized(line: str) -> str:
    """A line as cc_net's `normalize` makes it, but that a tab is a space (there the words around it become one)."""
    line = _DIGIT.sub("0", unicodedata.normalize("NFD", line.strip().lower()))
    return line.translate(_TABLE)


def _digest(path: str) -> str:
    try:
        status = Path(path).stat()
    except OSError as error:
        raise ScorerError(f"the model {path} cannot be read: {error.strerror}", _MEND, path) from error
    return file_digest(path, status.st_size, status.st_mtime_ns)


def _library() -> Any:
    try:
        import sentencepiece
    except ImportError as error:
        raise ScorerError("sentencepiece is not installed", "pip install 'web2shards[perplexity]'") from error
    return sentencepiece


@lru_cache(maxsize=256)
def _sentencepiece(path: str, key: str) -> Any:
    """`key` is there for the cache."""
    try:
        found: Any = _library().SentencePieceProcessor()
        found.load(path)
    except (OSError, RuntimeError) as error:
        raise ScorerError(f"{path} is no model of sentencepiece: {error}", "give the path of a .model file", path) from error
    return found
