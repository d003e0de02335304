"""Reads a fastText model's file in pieces: its settings, words and labels, and the input matrix a slab of rows at a time.

The library keeps the whole matrix, a gigabyte for DCLM's settings, where a sum over each row is all that is wanted. The layout is
that of FastText::saveModel, Dictionary::save and DenseMatrix::save (facebookresearch/fastText, src/, version 12).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
_MAGIC, _VERSION = 793712314, 12
#: How a model's file begins, quantized or not.
BEGIN = struct.pack("<i", _MAGIC)
_SUPERVISED, SOFTMAX = 3, 3  # model_name::sup and loss_name::softmax in src/args.h
_WORD = 0  # entry_type::word in src/dictionary.h
_SLAB = 16 << 20
#: Bytes of a word; fastText's own trainer has no such limit, but no tokens of that length.
_LONGEST_WORD = 1 << 20


@dataclass(frozen=True)
class FastTextFile:
    """A supervised model that is not quantized. `rows` of `dim` numbers each begin at byte `start`; `output`: labels × dim."""

    path: Path
    dim: int
    ngrams: int
    loss: int
    longest_part: int
    words: tuple[bytes, ...]
    labels: tuple[str, ...]
    rows: int
    start: int
    output: Floats

    def slabs(self) -> Iterator[tuple[int, Floats]]:
        """The input matrix, some megabytes at a time, each with the number of its first row."""
        step = max(1, _SLAB // (4 * self.dim))
        with open(self.path, "rb") as file:
            file.seek(self.start)
            for first in range(0, self.rows, step):
                yield first, _matrix(file, min(step, self.rows - first), self.dim)


def read_file(path: Path) -> FastTextFile | None:
    """The model of a file; None if it is of another version, quantized, or for anything but labels. ValueError, OSError: it
    is damaged."""
    try:
        with open(path, "rb") as file:
            return _read(path, file)
    except struct.error as error:
        raise ValueError("the file is cut short") from error


def _read(path: Path, file: BinaryIO) -> FastTextFile | None:
    magic, version = _unpack(file, "<2i")
    if (magic, version) != (_MAGIC, _VERSION):
        return None
    dim, _, _, _, _, ngrams, loss, model, _, _, longest_part, _, _ = _unpack(file, "<12id")
    if model != _SUPERVISED:
        return None
    size, n_words, n_labels, _, pruned = _unpack(file, "<3i2q")
    whole = path.stat().st_size
    if not (0 < dim < 1 << 16 and n_words >= 0 and n_labels > 0 and size == n_words + n_labels and size <= whole):
        raise ValueError("its numbers of words, labels and dimensions are none")
    if pruned >= 0:  # only a quantized model's dictionary is pruned
        return None
    words: list[bytes] = []
    labels: list[bytes] = []
    for word, kind in _entries(file, size):
        (words if kind == _WORD else labels).append(word)
    if len(words) != n_words:
        raise ValueError("its dictionary has another number of words than it says")
    if _unpack(file, "<?")[0]:
        return None
    rows, width = _unpack(file, "<2q")
    start = file.tell()
    if width != dim or not n_words <= rows <= whole // (4 * dim):
        raise ValueError("its matrix is none")
    file.seek(start + 4 * dim * rows)
    quantized, outputs, width = _unpack(file, "<?2q")
    if quantized:
        return None
    if width != dim or outputs != n_labels:
        raise ValueError("its output matrix is none")
    output = _matrix(file, n_labels, dim)
    names = tuple(label.decode("utf-8", "replace") for label in labels)
    return FastTextFile(path, dim, ngrams, loss, longest_part, tuple(words), names, rows, start, output)


def _entries(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """The words and labels with their kinds; leaves the file behind the last."""
    at, block = file.tell(), b""
    begin = 0
    for _ in range(size):
        while (end := block.find(b"\0", begin)) < 0 or len(block) < end + 10:
            more = file.read(1 << 20)
            if not more or len(block) - begin > _LONGEST_WORD:
                raise ValueError("its dictionary is cut short")
            at, block, begin = at + begin, block[begin:] + more, 0
        yield block[begin:end], block[end + 9]  # a count of 8 bytes stands between
        begin = end + 10
    file.seek(at + begin)


def _matrix(file: BinaryIO, rows: int, width: int) -> Floats:
    data = file.read(4 * rows * width)
    if len(data) < 4 * rows * width:
        raise ValueError("the file is cut short")
    return np.frombuffer(data, "<f4").reshape(rows, width)


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
