"""Damaged and hostile tars, as `input: {shards: …}` reads them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from tests.fuzz import tars


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**63), st.sampled_from([600, 3_000, 20_000]))
def test_nothing_is_found(seed: int, part_bytes: int) -> None:
    with TemporaryDirectory() as folder:
        try:
            tars.check(tars.tar(Random(seed)), Path(folder), part_bytes)
        except InputError as error:
            if "is packed by" not in error.message:
                raise


def test_cases_reach_what_they_should(tmp_path: Path) -> None:
    found: Counter[str | None] = Counter()
    for seed in range(150):
        records, _ = tars.check(tars.tar(Random(seed)), tmp_path, 3_000)
        found.update(records.column("reason").to_pylist())
    wanted = {"damaged_tar", "truncated_tar", "not_a_file", "bad_name", "no_image", "duplicate_key", "duplicate_member"}
    assert {None, *wanted} <= set(found)


def test_millions_of_empty_members_cost_their_bytes(tmp_path: Path) -> None:
    """4 MB of headers: each of a sample of its own, and all of one sample, of which few members are held."""
    apart = b"".join(tars.member(f"{i:05d}.jpg", b"") for i in range(4_000))
    together = b"".join(tars.member(f"one.{i:05d}", b"") for i in range(4_000))
    records, documents = tars.check(tars.Tar(apart + together, {}), tmp_path, 100_000)
    assert len(records) == 4_001
    assert len(documents) == 4_000
    assert records.column("reason").to_pylist()[-1] == "too_many_members"


def test_what_a_header_claims_is_no_place_beyond_the_file(tmp_path: Path) -> None:
    for size in (b"\x80" + b"\xff" * 11, b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7, b"777777777777"):
        made = tars.sample("a", "sound") + tars.header(b"b.jpg", size) + bytes(600)
        records, _ = tars.check(tars.Tar(made, {"a": "sound"}), tmp_path, 600)
        (_, cut) = records.to_pylist()
        assert cut["reason"] == "truncated_tar"
        assert cut["length"] < len(made) - cut["offset"] + 512
    long = str(10**19).encode()
    record = b" size=" + long + b"\n"
    body = str(len(record) + 2).encode() + record
    made = tars.header(b"p", tars.octal(len(body)), b"x") + tars.padded(body) + tars.member("b.jpg", b"x")
    records, _ = tars.check(tars.Tar(made, {}), tmp_path, 600)
    assert records.column("reason").to_pylist() == ["truncated_tar"]


def test_a_row_of_further_headers_is_read_once(tmp_path: Path) -> None:
    """Each is one row where it is too long, not one for every header of it."""
    for one in (tars.header(b"p", tars.octal(0), b"x"), tars.header(b"p", tars.octal(600), b"L") + tars.padded(b"n" * 600)):
        made = one * 3_000 + tars.sample("a", "under the last of them") + tars.sample("b", "sound")
        records, documents = tars.check(tars.Tar(made, {}), tmp_path, 1 << 30)
        damaged = records.column("reason").to_pylist().count("damaged_tar")
        assert damaged <= len(made) / (1 << 18) + 1
        assert documents.column("content").to_pylist()[-1] == "sound"
