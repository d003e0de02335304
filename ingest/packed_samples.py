"""Samples of WebDataset shards (github.com/webdataset/webdataset): members of a tar that share their name up to the first dot.

An image is pointed at where it lies; what the `.txt` and `.json` beside it say is read. img2dataset's shards and our own are such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import xxhash

from ingest.files import ByteSource
from ingest.options import IngestOptions
from ingest.rows import RawRow, Row
from ingest.said import LONGEST_SIDECAR, NO_IMAGE, row_of
from ingest.tar_members import Damage, Member, tar_members

#: Extensions of images, in the order in which one of several is taken.
IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "avif")
_SPLIT = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]*)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: Members of a sample that are held: what has more is no sample.
_MOST_MEMBERS = 64
_SHOWN = 80
DAMAGED = "damaged_tar"


@dataclass(slots=True)
class PackedSample:
    """A sample: its key, its members by extension, and why it is none."""

    key: str
    offset: int
    stop: int
    members: dict[str, Member] = field(default_factory=dict[str, Member])
    reason: str = ""
    detail: str = ""

    @property
    def image(self) -> Member | None:
        return next((self.members[extension] for extension in IMAGES if extension in self.members), None)


class PackedRows:
    """The samples whose first member begins in the part's bytes, as rows."""

    def __init__(self, path: str, uri: str, start: int, stop: int, options: IngestOptions) -> None:
        """`path` is that of the file relative to the input's prefix, `uri` where it lies."""
        self._path, self._uri, self._start, self._stop, self._options = path, uri, start, stop, options
        self._source = ByteSource(uri, start, stop)
        self.first_offset = self.next_offset = start

    def __iter__(self) -> Iterator[RawRow]:
        seen: set[int] = set()
        for sample in packed_samples(self._source, self._start, self._stop, self._uri):
            place = f"sample {_shown(sample.key)} at {sample.offset:,}" if sample.key else f"byte {sample.offset:,}"
            damaged = sample.reason == DAMAGED
            row = RawRow(sample.offset, sample.stop - sample.offset, place, sample, sample.reason, sample.detail, damaged)
            key = xxhash.xxh3_64_intdigest(sample.key.encode("utf-8", "surrogatepass"))
            if not row.reason and key in seen:
                row.reason, row.detail = "duplicate_key", "another sample of this archive has this key"
            if sample.key:
                seen.add(key)
            image = sample.image
            if not row.reason and image is None:
                row.reason, row.detail = NO_IMAGE, f"it has {', '.join(map(_shown, sample.members))}"
            elif not row.reason and image is not None and image.size > self._options.max_record:
                row.reason, row.detail = "too_large", f"an image of {image.size:,} bytes"
            yield row
        self.next_offset = self._stop

    def read(self, raw: RawRow) -> Row:
        sample: PackedSample = raw.data
        image = sample.image
        assert image is not None
        data = self._source.at(image.start, image.size)
        name = f"{self._path}/{image.name}"
        row = row_of(self._bytes(sample, "txt"), self._bytes(sample, "json"), name, self._options, None)
        row.image, row.place = xxhash.xxh3_128_digest(data), (self._path, image.start, image.size)
        return row

    def digest(self) -> str:
        return self._source.digest()

    def close(self) -> None:
        self._source.close()

    def _bytes(self, sample: PackedSample, extension: str) -> bytes | None:
        member = sample.members.get(extension)
        return None if member is None else bytes(self._source.at(member.start, min(member.size, LONGEST_SIDECAR + 1)))


def packed_samples(source: ByteSource, start: int, stop: int, uri: str) -> Iterator[PackedSample]:
    """The samples that begin from `start` to below `stop`; members that belong to none, and damage, as samples with a reason."""
    sample: PackedSample | None = None
    # A sample that begins in this slice may go on behind it.
    for member in tar_members(source, start, source.size, uri):
        if isinstance(member, Damage):
            problem = PackedSample("", member.offset, member.stop, reason=DAMAGED, detail=member.what)
        else:
            problem = _problem(member)
        found = _SPLIT.fullmatch(member.name) if isinstance(member, Member) and problem is None else None
        if sample is not None and (found is None or found[1] != sample.key):
            yield sample
            sample = None
        if sample is None and member.offset >= stop:
            return
        if problem is not None:
            yield problem
        elif found is not None and isinstance(member, Member):
            if sample is None:
                sample = PackedSample(found[1], member.offset, member.stop)
            _add(sample, found[2].lower(), member)
    if sample is not None:
        yield sample


def _add(sample: PackedSample, extension: str, member: Member) -> None:
    sample.stop = member.stop
    if member.is_cut:
        sample.reason, sample.detail = "truncated_tar", f"the archive ends within .{_shown(extension)}"
    elif extension in sample.members and not sample.reason:
        sample.reason, sample.detail = "duplicate_member", f".{_shown(extension)} stands twice"
    elif len(sample.members) >= _MOST_MEMBERS and not sample.reason:
        sample.reason, sample.detail = "too_many_members", f"more than {_MOST_MEMBERS} members"
    else:
        sample.members[extension] = member


def _problem(member: Member) -> PackedSample | None:
    """What is no member of a sample, as a row with a reason."""

    def row(reason: str, detail: str) -> PackedSample:
        return PackedSample("", member.offset, member.stop, reason=reason, detail=f"{_shown(member.name)}: {detail}")

    if not member.is_file:
        return row("not_a_file", "a link, a device or a sparse file")
    if member.name.startswith("/") or ".." in member.name.split("/") or "\ufffd" in member.name or _CONTROL.search(member.name):
        return row("bad_name", "a name that leaves its folder, or that is no text")
    return None if _SPLIT.fullmatch(member.name) else row("bad_name", "a name without a key and an extension")


def _shown(name: str) -> str:
    return ascii(name[:_SHOWN])[1:-1]
