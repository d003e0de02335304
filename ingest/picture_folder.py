"""Folders of images: files in the order of their paths, what stands beside each, and runs of them as parts.

Where a run ends is decided by hashes of names (content-defined chunking; Muthitacharoen et al., LBFS, SOSP 2001), so that a
new file changes the run that it falls into and no other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow.fs as pafs
import xxhash

from core.errors import InputError
from ingest.files import Pattern, listed, open_file
from ingest.options import IngestOptions
from ingest.packed_samples import IMAGES
from ingest.rows import RawRow, Row
from ingest.said import LONGEST_SIDECAR, NO_IMAGE, row_of

FORMAT = "images"
#: A larger file is no image that anybody trains on; it is not read.
LARGEST = 64 << 20
#: Files of one part at most, and by how much a part may be smaller or larger than is asked for.
_MOST_FILES, _LEAST, _MOST = 20_000, 0.5, 2.0
_WORDS = re.compile(r"[\s_\-+.]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that the pattern names: its path relative to the prefix, size, time of change in ns, and sizes and times of the `.txt`
    and `.json` beside it. `is_image` by its name; `stray`: it stands beside no image, though it is named as if it did."""

    name: str
    size: int
    changed: int
    beside: tuple[tuple[str, int, int], ...] = ()
    is_image: bool = True
    stray: bool = False

    @property
    def bytes(self) -> int:
        return self.size + sum(size for _, size, _ in self.beside)


def pictures(pattern: str, first: str = "") -> Iterator[Picture]:
    """The files that a pattern names, with what stands beside them, in the order of their paths, from the path `first` on;
    `.txt` and `.json` beside an image belong to it."""
    yield from _below(Pattern.of(pattern), "", tuple(first.split("/")) if first else ())


def _below(
    pattern: Pattern, folder: str, first: tuple[str, ...], above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[Picture]:  # fmt: skip
    """`above` are the folders on the way here: a link back to one of them is not followed, or two would never come to an end."""
    if isinstance(pattern.store, pafs.LocalFileSystem) and (here := _identity(pattern, folder)) is not None:
        if here in above:
            return
        above |= {here}
    depth = folder.count("/") + 1 if folder else 0
    begin = first[depth] if len(first) > depth else ""
    entries = _entries(pattern, folder)
    sizes = {name: (size, changed) for name, (is_folder, size, changed) in entries.items() if not is_folder}
    stems = {name.rpartition(".")[0] for name in sizes if _is_image(name)}
    for name, (is_folder, size, changed) in entries.items():
        if name < begin:
            continue
        path = f"{folder}/{name}" if folder else name
        if is_folder:
            if pattern.may_hold(path):
                yield from _below(pattern, path, first if name == begin else (), above)
            continue
        stem, _, extension = name.rpartition(".")
        is_sidecar = extension in ("txt", "json")
        if (is_sidecar and stem in stems) or not pattern.names(path):
            continue
        if _is_image(name):
            beside = tuple((one, *sizes[one]) for one in (f"{stem}.json", f"{stem}.txt") if one in sizes)
            yield Picture(path, size, changed, beside)
        else:
            yield Picture(path, size, changed, (), False, is_sidecar)


def _identity(pattern: Pattern, folder: str) -> tuple[int, int] | None:
    """Which folder of this machine it is, whatever links lead there; None if there is none."""
    try:
        status = os.stat(f"{pattern.root}/{folder}" if folder else pattern.root)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _entries(pattern: Pattern, folder: str) -> dict[str, tuple[bool, int, int]]:
    """What lies in a folder, by name, in order: whether it is one itself, its size and time of change."""
    root = f"{pattern.root}/{folder}" if folder else pattern.root
    found = listed(pattern.store, root, False, pattern.text)
    rows = ((f.base_name, (f.type == pafs.FileType.Directory, f.size or 0, f.mtime_ns or 0)) for f in found)
    kinds = {f.base_name for f in found if f.type in (pafs.FileType.Directory, pafs.FileType.File)}
    return dict(sorted(row for row in rows if row[0] in kinds))


def _is_image(name: str) -> bool:
    return name.rpartition(".")[2].lower() in IMAGES and not name.startswith(".")


def runs(pattern: str, part_bytes: int) -> Iterator[tuple[str, int, int]]:
    """Runs of files that are parts: the path of the first, how many files, and their bytes."""
    first, files, size = "", 0, 0
    for picture in pictures(pattern):
        first = first or picture.name
        files, size = files + 1, size + picture.bytes
        ends = xxhash.xxh3_64_intdigest(picture.name.encode("utf-8", "surrogatepass")) * part_bytes < picture.bytes << 65
        if (ends and size >= _LEAST * part_bytes) or size >= _MOST * part_bytes or files >= _MOST_FILES:
            yield first, files, size
            first, files, size = "", 0, 0
    if files:
        yield first, files, size


class PictureRows:
    """The files of a run, as rows: their offset is their number in it."""

    def __init__(self, path: str, pattern: str, files: int, options: IngestOptions) -> None:
        """`path` is that of the first, relative to the pattern's prefix."""
        self._path, self._pattern, self._files, self._options = path, pattern, files, options
        self._hash = xxhash.xxh3_128()
        self.first_offset, self.next_offset = 0, files

    def __iter__(self) -> Iterator[RawRow]:
        pattern = Pattern.of(self._pattern)
        for number, picture in enumerate(islice(pictures(self._pattern, self._path), self._files)):
            row = RawRow(number, picture.size, picture.name, picture)
            self._told(picture.name, picture.size)
            if picture.stray or not picture.is_image:
                row.reason = NO_IMAGE if picture.stray else "other_file"
                row.detail = "no image of its name stands beside it" if picture.stray else "by its name it is no image"
            elif picture.size > LARGEST:
                row.reason, row.detail = "too_large", f"{picture.size:,} bytes"
            elif _CONTROL.search(picture.name) or not _is_text(picture.name):
                row.reason, row.detail = "bad_name", "its path is no text"
            else:
                self._read(pattern, picture, row)
            yield row

    def _read(self, pattern: Pattern, picture: Picture, row: RawRow) -> None:
        folder = picture.name.rpartition("/")[0]
        try:
            data = _whole(pattern.uri(picture.name), LARGEST)
            beside: dict[str, bytes] = {}
            for name, size, _ in picture.beside:
                self._told(name, size)
                beside[name.rpartition(".")[2]] = _whole(pattern.uri(f"{folder}/{name}" if folder else name), LONGEST_SIDECAR + 1)
        except InputError as error:
            row.reason, row.detail = "unreadable_file", error.message
            return
        for one in (data, *beside.values()):
            self._hash.update(one)
        row.data = (picture, xxhash.xxh3_128_digest(data), len(data), beside)

    def read(self, raw: RawRow) -> Row:
        picture, image, size, beside = raw.data
        words = _WORDS.sub(" ", picture.name.rpartition("/")[2].rpartition(".")[0]).strip()
        row = row_of(beside.get("txt"), beside.get("json"), picture.name, self._options, words)
        row.image, row.place = image, (picture.name, 0, size)
        return row

    def digest(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        return

    def _told(self, name: str, size: int) -> None:
        self._hash.update(f"{name}\0{size}\0".encode("utf-8", "surrogatepass"))


def run_stamp(path: str, pattern: str, files: int) -> tuple[int, str]:
    """What tells cheaply whether a run of files was changed: their bytes, and a digest of names, sizes and times of change."""
    told = xxhash.xxh3_128()
    size = 0
    for picture in islice(pictures(pattern, path), files):
        told.update(repr(picture).encode("utf-8", "surrogatepass"))
        size += picture.bytes
    return size, told.hexdigest()


def _whole(uri: str, most: int) -> bytes:
    """The first `most` bytes of a file."""
    try:
        with open_file(uri) as file:
            pieces: list[bytes] = []
            left = most
            while left and (piece := file.read(min(left, 1 << 22))):
                pieces.append(piece)
                left -= len(piece)
    except OSError as error:
        raise InputError(f"{uri} cannot be read: {error.strerror or error}", "give read permission, or move it away", uri) from None
    return b"".join(pieces)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
