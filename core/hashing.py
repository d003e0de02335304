"""Identifiers and seeded orders of records: xxh3-128 of content, splitmix64 of ids.

xxHash: github.com/Cyan4973/xxHash; splitmix64: Steele, Lea, Flood, OOPSLA 2014.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

ID_TYPE = pa.binary(16)
U64 = npt.NDArray[np.uint64]


def digest(*parts: bytes | str) -> bytes:
    """16 bytes over the parts; each is preceded by its length, so that ("a", "bc") is not ("ab", "c")."""
    h = xxhash.xxh3_128()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        h.update(len(raw).to_bytes(8, "little"))
        h.update(raw)
    return h.digest()


def document_id(url: str, content: str | bytes) -> bytes:
    """The id of a page: xxh3-128 of its URL and its decoded content, 16 bytes."""
    return digest(url, content)


def id_words(ids: pa.Array) -> tuple[U64, U64]:
    """The two little-endian halves of an array of 16-byte ids (no nulls), each uint64 of shape (n,)."""
    if ids.type != ID_TYPE:
        ids = ids.cast(ID_TYPE)
    if len(ids) == 0:
        empty = np.zeros(0, np.uint64)
        return empty, empty
    raw = np.frombuffer(ids.buffers()[1], np.uint8)[ids.offset * 16 : (ids.offset + len(ids)) * 16]
    words = raw.view("<u8").reshape(-1, 2)
    return np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1])


def splitmix64(x: U64) -> U64:
    """The splitmix64 finaliser: a bijection of uint64 whose output bits look random. Shape kept."""
    with np.errstate(over="ignore"):
        return mixed(x + np.uint64(0x9E3779B97F4A7C15))


def mixed(z: U64) -> U64:
    """What `core.words.mix` makes of each value in kernels: splitmix64 without what it adds first. Shape kept."""
    with np.errstate(over="ignore"):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def seeded_keys(ids: pa.Array, seed: int, stream: str) -> U64:
    """One uint64 an id, uniform, different for each seed and stream ("order", "audit", …). Shape (n,)."""
    low, high = id_words(ids)
    salt = np.frombuffer(digest(str(seed), stream), "<u8")
    return splitmix64(splitmix64(low ^ salt[0]) ^ high ^ salt[1])
