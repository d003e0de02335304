"""Tars that stand between sound samples and are wrong in every way: sizes, numbers, further headers, names, links, sparse files.

Read whole and in parts, they give rows with reasons, never an error, and cost no more than their bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pyarrow as pa

from ingest.batches import PAGE_SCHEMA, RECORD_SCHEMA
from ingest.options import IngestOptions
from ingest.parts import list_parts
from ingest.read import open_part, slice_digest
from tests.fuzz.checks import require

OPTIONS = IngestOptions(max_record=1 << 20, pairs=True, columns={"text": "caption"}, extra={"similarity": "number"})
_NAMES = (
    "a.jpg", "a.txt", "a.json", "b.png", "/etc/passwd.jpg", "../up.jpg", "x/../../y.jpg", "no_extension", ".hidden.jpg", "", "/",
    "..", "a..jpg", "d/", "é\u202e.jpg", "x\ny.jpg", "a.JPG", "a.seg.png", "a/b/c/d.webp", "./a.jpg", "ok.cls", "n" * 90 + ".jpg",
)  # fmt: skip
_SIZES = (
    b"00000000000\0", b"77777777777\0", b"777777777777", b"-0000000001\0", b"           \0", b"\0" * 12, b"9999999999\0\0",
    b"\x80" + bytes(11), b"\x80" + b"\xff" * 11, b"\xff" * 12, b"\xff" * 11 + b"\x00", b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7,
    b"\x80" + bytes(6) + b"\x01" + bytes(4), b"0x10\0\0\0\0\0\0\0\0", "١٢٣".encode().ljust(12, b"\0"), b"1 1\0\0\0\0\0\0\0\0\0",
    b"00000000001 ", b"\x81" + bytes(11),
)  # fmt: skip
_KINDS = b"01234567SLKxgDMVNAZ\0\xff"


@dataclass(frozen=True)
class Tar:
    """A tar, and the samples in it that nothing stands before which could have hidden them: key → caption."""

    data: bytes
    sound: dict[str, str]


def header(name: bytes, size: bytes, kind: bytes = b"0", magic: bytes = b"ustar\x0000", prefix: bytes = b"") -> bytes:
    """A header with the checksum that its fields have."""
    block = bytearray(512)
    block[:100] = name[:100].ljust(100, b"\0")
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136] = size[:12].ljust(12, b"\0")
    block[136:148], block[148:156], block[156:157] = b"00000000000\0", b" " * 8, kind
    block[257:265], block[345:500] = magic, prefix[:155].ljust(155, b"\0")
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 512) * 512, b"\0")


def member(name: str, data: bytes, kind: bytes = b"0") -> bytes:
    return header(name.encode("utf-8", "surrogatepass"), octal(len(data)), kind) + padded(data)


def sample(key: str, caption: str) -> bytes:
    return member(f"{key}.jpg", f"image of {key}".encode()) + member(f"{key}.txt", caption.encode())


def pax(rng: Random) -> bytes:
    """A pax header's body, sound or not."""
    records = b""
    for _ in range(rng.choice((0, 1, 2, 40))):
        key = rng.choice(("path", "size", "GNU.sparse.major", "GNU.sparse.realsize", "linkpath", "comment", "hdrcharset", ""))
        value = rng.choice(("a.jpg", "../up.jpg", "1", "-1", "0", "9" * 19, "9" * 20, "9" * 5000, "1e9", "\0", "", "x" * 3000))
        record = f" {key}={value}\n".encode()
        length = len(record) + len(str(len(record) + 4))
        records += str(rng.choice((length, length, length, 0, -1, 10**6, length + 1))).encode() + record
    return records


def strange(rng: Random, number: int) -> bytes:
    """Something that is wrong, or odd, with the sound blocks of a member around it."""
    name = rng.choice(_NAMES)
    data = rng.randbytes(rng.choice((0, 1, 511, 512, 513, 3000)))
    kind = rng.choice(["size", "kind", "pax", "long", "chain", "noise", "json", "many",
                       "tar", "plain", "checksum", "sparse", "empty"])
    if kind == "size":
        return header(name.encode(), rng.choice(_SIZES), rng.choice((b"0", b"x", b"L", b"2", b"5"))) + padded(data)
    if kind == "kind":
        one = rng.choice(_KINDS)
        magic = rng.choice((b"ustar\x0000", b"ustar  \0", bytes(8)))
        return header(name.encode(), octal(len(data)), bytes([one]), magic) + padded(data)
    if kind == "pax":
        body = pax(rng)
        return header(b"PaxHeader", octal(len(body)), rng.choice((b"x", b"g"))) + padded(body) + member(name, data)
    if kind == "long":
        body = rng.choice((b"a", b"d/", b"../", b"\xff", b"x.")) * rng.choice((1, 200, 20_000, 70_000))
        return header(b"././@LongLink", octal(len(body)), rng.choice((b"L", b"K"))) + padded(body) + member(name, data)
    if kind == "chain":
        one = header(b"p", octal(0), rng.choice((b"x", b"g", b"L", b"K")))
        return one * rng.choice((2, 100, 600)) + member(name, data)
    if kind == "json":
        said = rng.choice((
            b"{", b"[" * 2000, b"[" * 100_000, b'{"caption": 1}',
            b'{"similarity": "NaN", "url": "http://a.example/' + b"x" * 4000 + b'"}',
            b'{"carried": "{\\"carried\\": 1}", "original_width": ' + b"9" * 5000 + b"}", b"\xff\xfe", b'{"a": "\\ud800"}',
            b'{"url": "http://[::1", "caption": "\\u0000"}', json.dumps({"caption": "c", "similarity": 1e308}).encode(),
        ))  # fmt: skip
        return member(f"j{number}.jpg", data) + member(f"j{number}.json", said) + member(f"j{number}.txt", rng.randbytes(20))
    if kind == "many":
        count = rng.choice((3, 70, 300))
        return b"".join(member(f"m{number}.{i if rng.random() < 0.9 else 'jpg'}", b"") for i in range(count))
    if kind == "tar":
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w", format=rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))) as archive:
            archive.addfile(tarfile.TarInfo("inner.jpg"))
        return member(rng.choice((name, f"t{number}.jpg")), inner.getvalue())
    if kind == "checksum":
        block = bytearray(member(name, data))
        block[rng.randrange(512)] ^= 1 << rng.randrange(8)
        return bytes(block)
    if kind == "sparse":
        block = bytearray(header(name.encode(), octal(512), b"S"))
        block[482] = 1
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        return bytes(block) + bytes(512) * rng.choice((1, 2)) + padded(data)
    if kind == "empty":
        return bytes(512) * rng.choice((1, 2, 3)) if rng.random() < 0.1 else b""
    return padded(rng.randbytes(rng.randrange(1, 2000))) if kind == "noise" else member(name, data)


def tar(rng: Random) -> Tar:
    """Sound samples, then what is strange, with sound samples between."""
    sound = {f"s{i}": f"caption {i}" for i in range(rng.randint(0, 3))}
    data = b"".join(sample(key, caption) for key, caption in sound.items())
    for number in range(rng.randint(1, 6)):
        data += strange(rng, number)
        data += sample(f"z{number}", "between")
    data += bytes(1024)
    for _ in range(rng.choice((0, 0, 0, 1, 4))):
        changed = bytearray(data)
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        data, sound = bytes(changed), {}
    if rng.random() < 0.2:
        data, sound = data[: rng.randrange(len(data) + 1)], {}
    return Tar(data, sound)


def read(path: Path, part_bytes: int) -> tuple[pa.Table, pa.Table]:
    """Records and documents of a tar in parts of about so many bytes."""
    records: list[pa.RecordBatch] = []
    documents: list[pa.RecordBatch] = []
    for part in list_parts([str(path)], format="tar", part_bytes=part_bytes):
        reader = open_part(part, OPTIONS)
        for batch in reader:
            records.append(batch.records)
            documents.append(batch.documents)
        require(reader.digest == slice_digest(part), "the digest is not the slice's")
    return pa.Table.from_batches(records, RECORD_SCHEMA), pa.Table.from_batches(documents, PAGE_SCHEMA)


def check(made: Tar, folder: Path, part_bytes: int) -> tuple[pa.Table, pa.Table]:
    """Reads a tar whole and in parts."""
    path = folder / "fuzz.tar"
    path.write_bytes(made.data)
    records, documents = read(path, 1 << 40)
    for table in (records, documents):
        table.validate(full=True)
    size = len(made.data)
    for row in records.to_pylist():
        require(0 <= row["offset"] < row["offset"] + row["length"], f"a row of {row['length']} bytes at {row['offset']}")
        require(row["offset"] < size, f"a row at {row['offset']} of {size}")
    for row in documents.to_pylist():
        require(row["offset"] + row["length"] <= size, "an image that is not there")
    captions = {row["content"] for row in documents.to_pylist()}
    require(set(made.sound.values()) <= captions, f"lost sound samples: {set(made.sound.values()) - captions}")
    in_parts = read(path, part_bytes)
    places = ["offset", "length", "kind"]
    require(in_parts[0].select(places).equals(records.select(places)), "parts give other records")
    for one, other in zip(records.to_pylist(), in_parts[0].to_pylist(), strict=True):  # a key is looked for in one part alone
        require(one["reason"] in (other["reason"], "duplicate_key"), f"{other['reason']} in parts, {one['reason']} in one")
    return records, documents
