"""How many tokens a text is to a language model: counted by its tokenizer, or told by the text's bytes.

Tokenizers are files of Hugging Face's tokenizers library (`tokenizer.json`); without one a token is taken for 4 bytes, as
OpenAI says of characters of English text (help.openai.com, "What are tokens and how to count them?").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.columns import utf8_view, with_nulls
from core.errors import ScorerError
from core.named_files import NamedFile, require_file
from core.scorer import column
from filters.fasttext_model import file_digest

#: Texts that a tokenizer is shown at once, by their bytes: it keeps some hundred bytes for each token of them.
_BATCH_BYTES = 1 << 20
_MEND = "give the path of a tokenizer.json"


@dataclass(frozen=True)
class Tokens:
    """Tokens of a text, without any that a tokenizer adds at its ends.

    `tokenizer` is the path of a tokenizer.json (`pip install 'web2shards[tokens]'`). Without one `tokens.count` is an
    estimate, the text's UTF-8 bytes divided by `bytes_a_token`, rounded up; `tokens.estimated` says which it is. Other
    languages, code and vocabularies have other bytes a token: give your own.
    """

    name: ClassVar[str] = "tokens"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    tokenizer: str = ""
    bytes_a_token: float = 4.0
    read: Literal["edited", "extracted"] = "edited"

    def __post_init__(self) -> None:
        if not 0.1 <= self.bytes_a_token <= 1000 or not math.isfinite(self.bytes_a_token):
            raise ValueError(f"bytes_a_token: {self.bytes_a_token} is not in 0.1..1000")
        if self.read not in ("edited", "extracted"):
            raise ValueError(f"read: {self.read!r} is neither 'edited' nor 'extracted'")

    @property
    def column_parameters(self) -> dict[str, Any]:
        """All but where the tokenizer lies, which its digest speaks for."""
        return {"bytes_a_token": 0 if self.tokenizer else self.bytes_a_token, "read": self.read}

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("text.edited",) if self.read == "edited" else ("text.text",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("count", pa.int32(), "tokens of the text", unit="tokens", low=0, high=10_000),
            column("estimated", pa.bool_(), "told by the text's bytes, not counted by a tokenizer"),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        return named_tokenizer(self.tokenizer)

    def weights_digest(self) -> str:
        return tokenizer_digest(self.tokenizer)

    def open(self) -> None:
        if self.tokenizer:
            load_tokenizer(self.tokenizer, tokenizer_digest(self.tokenizer))

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(self.inputs[0])
        offsets, _ = utf8_view(text)
        sizes = np.diff(offsets).astype(np.int64)
        counts = self._counted(text, sizes) if self.tokenizer else np.ceil(sizes / self.bytes_a_token)
        columns = [
            with_nulls(np.minimum(counts, 2**31 - 1).astype(np.int32), text),
            with_nulls(np.full(len(text), not self.tokenizer), text),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _counted(self, text: pa.Array, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        tokenizer = load_tokenizer(self.tokenizer, tokenizer_digest(self.tokenizer))
        counts = np.zeros(len(text), np.int64)
        start = 0
        while start < len(text):
            stop, held = start + 1, int(sizes[start])
            while stop < len(text) and held + sizes[stop] <= _BATCH_BYTES:
                held += int(sizes[stop])
                stop += 1
            shown = [value or "" for value in text.slice(start, stop - start).to_pylist()]
            counts[start:stop] = [len(found) for found in tokenizer.encode_batch_fast(shown, add_special_tokens=False)]
            start = stop
        return counts


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ScorerError("the library tokenizers is not installed", "pip install 'web2shards[tokens]'") from error
    return tokenizers


def named_tokenizer(path: str) -> list[NamedFile]:
    """The file that a scorer's parameter `tokenizer` names, if it names one."""

    def check() -> None:
        require_file(path, "the tokenizer", _MEND)

    return [NamedFile(("tokenizer",), path, check)] if path else []


def tokenizer_digest(path: str) -> str:
    """The digest of the tokenizer's file and the version of the library, whose code cuts texts too; empty without a path."""
    if not path:
        return ""
    try:
        status = Path(path).stat()
    except OSError as error:
        raise ScorerError(f"the tokenizer {path} cannot be read: {error.strerror}", _MEND, path) from error
    return f"{file_digest(path, status.st_size, status.st_mtime_ns)} tokenizers {_library().__version__}"


@lru_cache(maxsize=4)
def load_tokenizer(path: str, key: str) -> Any:
    """A tokenizer of Hugging Face's library; `key` is there for the cache. ScorerError for what is no tokenizer."""
    try:
        found: Any = _library().Tokenizer.from_file(path)
    except Exception as error:  # the library raises nothing narrower
        raise ScorerError(f"{path} is no tokenizer: {error}", _MEND, path) from error
    found.no_truncation()
    found.no_padding()
    return found
