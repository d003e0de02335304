"""n-gram language models from ARPA files, which KenLM's lmplz and SRILM write.

The format is that of SRILM's ngram-format(5): spaces and tabs part its fields, and nothing else does. What is wrong with a
file is told with its line.
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, BinaryIO, NoReturn, cast

import numpy as np

from core.errors import ScorerError
from filters.ngram_model import Logs, NgramModel, insert, ngram_keys, slot_of, special_hashes

MAX_ORDER = 7
#: n-grams of a model, and bytes of a line.
MAX_NGRAMS, MAX_LINE = 1 << 27, 1 << 16
#: What a word that the model does not know costs where the model has no <unk>, log10: KenLM's.
UNKNOWN = -100.0

_BATCH = 1 << 16


@lru_cache(maxsize=256)
def load_arpa(path: str, digest: str) -> NgramModel:
    """The model of an ARPA file (`.gz` is unpacked); `digest` is there for the cache. ScorerError if it is none."""
    try:
        with open(path, "rb") as raw, (gzip.open(raw) if path.endswith(".gz") else raw) as file:
            return _read(path, cast(BinaryIO, file))
    except (OSError, EOFError, zlib.error) as error:
        raise ScorerError(f"{path} cannot be read: {error}", "give the path of an ARPA file", path) from error


def _read(path: str, file: BinaryIO) -> NgramModel:
    lines = _Lines(path, io.BufferedReader(cast(Any, file)) if not isinstance(file, io.BufferedReader) else file)
    for line in lines:
        if line == b"\\data\\":
            break
    else:
        lines.fail("there is no \\data\\")
    counts: list[int] = []
    section = b""
    for line in lines:
        if not line:
            continue
        if line.startswith(b"\\"):
            section = line
            break
        name, _, count = line.removeprefix(b"ngram ").partition(b"=")
        if name.strip() != str(len(counts) + 1).encode() or not count.strip().isdigit():
            lines.fail("expected `ngram N=COUNT`")
        counts.append(int(count))
    if not 1 <= len(counts) <= MAX_ORDER:
        lines.fail(f"its order is {len(counts)}, not 1 to {MAX_ORDER}")
    if sum(counts) > MAX_NGRAMS:
        lines.fail(f"it has {sum(counts):,} n-grams; the limit is {MAX_NGRAMS:,}")
    size = 1 << max(4, math.ceil(math.log2(2 * sum(counts) + 1)))
    table, logs, backoffs = np.zeros(size, np.uint64), np.zeros(size, np.float32), np.zeros(size, np.float32)
    for order in range(1, len(counts) + 1):
        if section != f"\\{order}-grams:".encode():
            lines.fail(f"expected `\\{order}-grams:`")
        left = counts[order - 1]
        section = b""
        for words, log, backoff, after in _section(lines, order):
            section = after
            left -= len(words)
            if left < 0:
                lines.fail(f"it has more {order}-grams than the {counts[order - 1]:,} it speaks of")
            keys = np.zeros(len(words), np.uint64)
            offsets = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int32)
            ngram_keys(offsets, np.frombuffer(b"".join(words), np.uint8), keys)
            insert(keys, log, backoff, table, logs, backoffs)
        if left:
            lines.fail(f"{left:,} of its {order}-grams are missing")
    if section != b"\\end\\":
        lines.fail("expected `\\end\\`: the file is cut short")
    special = special_hashes()
    slot = slot_of(table, special[2])
    for array in (table, logs, backoffs):
        array.setflags(write=False)
    return NgramModel(len(counts), table, logs, backoffs, special, float(logs[slot]) if table[slot] else UNKNOWN)


def _section(lines: _Lines, order: int) -> Iterator[tuple[list[bytes], Logs, Logs, bytes]]:
    """The n-grams of a section in batches: words, log10 probabilities, backoff weights, and with the last the line after."""
    words: list[bytes] = []
    numbers: list[tuple[bytes, bytes]] = []

    def batch(after: bytes) -> tuple[list[bytes], Logs, Logs, bytes]:
        try:
            found = np.array(numbers, dtype="S32").reshape(-1, 2).astype(np.float32)
        except ValueError:
            lines.fail("a number that is none, here or before")
        if not (found <= 200).all() or np.isnan(found).any():
            lines.fail("a number that is no log10 of a probability, here or before")
        return words, np.ascontiguousarray(found[:, 0]), np.ascontiguousarray(found[:, 1]), after

    for line in lines:
        if not line:
            continue
        if line.startswith(b"\\") and line.endswith((b"-grams:", b"\\end\\")):
            yield batch(line)
            return
        fields = [field for field in line.replace(b"\t", b" ").split(b" ") if field]
        if not order + 1 <= len(fields) <= order + 2:
            lines.fail(f"expected a number, {order} words and perhaps a number")
        words.append(b" ".join(fields[1 : order + 1]))
        numbers.append((fields[0], fields[order + 1] if len(fields) > order + 1 else b"0"))
        if len(words) == _BATCH:
            yield batch(b"")
            words, numbers = [], []
    yield batch(b"")


class _Lines:
    """The stripped lines of a file, with their numbers for what is wrong."""

    def __init__(self, path: str, file: io.BufferedReader) -> None:
        self.path, self.file, self.number = path, file, 0

    def __iter__(self) -> Iterator[bytes]:
        while line := self.file.readline(MAX_LINE + 1):
            self.number += 1
            if len(line) > MAX_LINE:
                self.fail(f"a line of more than {MAX_LINE:,} bytes")
            yield line.strip(b" \t\r\n")

    def fail(self, problem: str) -> NoReturn:
        raise ScorerError(f"{self.path}, line {self.number:,}: {problem}", "give an ARPA file, such as lmplz writes", self.path)
