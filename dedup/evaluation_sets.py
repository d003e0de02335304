"""Reads evaluation sets: text tables whose rows must not be trained on, a few megabytes each.

JSON lines (plain or gzip), CSV and Parquet; a row's text is that of some columns, lists of texts among them.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.remote import is_remote, look
from core.remote_file import RemoteFile

#: A set of more bytes is no evaluation set.
MOST_BYTES = 4 << 30
_ASKED_SECONDS = 60
_PIECE = 1 << 13
_MEND = "give a .jsonl, .jsonl.gz, .csv or .parquet file, and the columns whose texts are to be found"


def read_bytes(path: str) -> bytes:
    """A file's bytes, unpacked if it is gzip. InputError if it cannot be read or is too large."""
    try:
        with RemoteFile(path) if is_remote(path) else open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1) or b""
    except OSError as error:
        raise _unreadable(path, error) from error
    if raw[:2] == b"\x1f\x8b":
        raw = _unpacked(path, raw)
    if len(raw) > MOST_BYTES:
        raise InputError(f"{path}: is larger than {MOST_BYTES >> 30} GiB", "take the set's own rows, without its prompts")
    return raw


def _unpacked(path: str, raw: bytes) -> bytes:
    """What a gzip file holds, up to a byte more than a set may have. InputError where it is damaged, with the line reached."""
    found = bytearray()
    try:
        with gzip.open(io.BytesIO(raw)) as file:
            while len(found) <= MOST_BYTES and (some := file.read1(_PIECE)):
                found += some
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: its gzip is damaged, in line {found.count(10) + 1:,} or soon after ({error})",
            "fetch the file again, or pack it anew (`gzip -t` tells whether it is whole)", path,
        ) from error  # fmt: skip
    return bytes(found)


def digest_of(path: str) -> str:
    """What tells that a set has changed; it is read again only where its size or time of change (a store's stamp) is another.

    InputError as `read_bytes`. A store is asked once a minute.
    """
    if is_remote(path):
        size, changed = _look(path, int(time.monotonic() // _ASKED_SECONDS))
        return _digest(path, size, changed) if changed else hashlib.blake2b(read_bytes(path), digest_size=16).hexdigest()
    try:
        status = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    return _digest(path, status.st_size, str(status.st_mtime_ns))


@lru_cache(maxsize=256)
def _digest(path: str, size: int, changed: str) -> str:
    """`size` and `changed` are there for the cache."""
    return hashlib.blake2b(read_bytes(path), digest_size=16).hexdigest()


@lru_cache(maxsize=256)
def _look(path: str, period: int) -> tuple[int, str]:
    """Size and stamp of a remote file; `period` is there for the cache."""
    try:
        found = look(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if found is None:
        raise _unreadable(path, FileNotFoundError())
    return found.size, found.stamp


def _unreadable(path: str, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: there is no such file", _MEND)
    return InputError(f"{path}: cannot be read ({error})", _MEND)


def read_examples(path: str, columns: Sequence[str]) -> Iterator[list[str]]:
    """The texts of each row: those of `columns`, or of all columns of texts if none are named.

    InputError if the file is no table, or has not the columns.
    """
    raw = read_bytes(path)
    number = 0
    try:
        for number, row in enumerate(_rows(raw, path.removesuffix(".gz").endswith(".csv")), 1):
            if not isinstance(row, dict):
                raise InputError(f"{path}, row {number:,}: is no object", _MEND)
            missing = [column for column in columns if column not in row]
            if missing:
                there = ", ".join(map(str, row))
                raise InputError(f"{path}, row {number:,}: has no column `{missing[0]}`", f"its columns are {there}")
            yield [text for column in columns or row for text in _texts(row[column])]
    except (ValueError, RecursionError, csv.Error, pa.ArrowException) as error:
        reached = f", after row {number:,}" if number else ""
        raise InputError(f"{path}{reached}: is no table of texts ({error})", _MEND) from error


def _rows(raw: bytes, is_csv: bool) -> Iterator[Any]:
    if raw[:4] == b"PAR1":
        for batch in pq.ParquetFile(pa.BufferReader(raw)).iter_batches(4096):
            yield from batch.to_pylist()
    elif is_csv:
        yield from csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    else:
        yield from (json.loads(line) for line in raw.decode("utf-8-sig").split("\n") if line.strip())


def _texts(value: Any) -> Iterator[str]:
    """The texts of a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
