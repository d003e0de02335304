"""The example crawl says of itself what is true, read with zlib alone."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

web_corpus: Any = importlib.import_module("web_corpus")

WARCS = {"web.warc.gz": "truth.jsonl", "more/second.warc.gz": "more/truth.jsonl"}
#: What a reader that only undoes codings cannot get back whole.
LOST = {"damage:gzip_member", "damage:truncated_member", "encoding:body_cut"}


@pytest.mark.parametrize("name", WARCS)
def test_truth_holds(examples: Path, name: str) -> None:
    members = {member.offset: member for member in web_corpus.members(examples / name)}
    rows = web_corpus.read_rows(examples / WARCS[name])
    assert len({row["offset"] for row in rows}) == len(rows)
    for row in rows:
        member = members[row["offset"]]
        assert member.url == row["url"]
        assert member.whole != bool({"damage:gzip_member", "damage:truncated_member"} & set(row["dirt"]))
        if member.type == "response" and not LOST & set(row["dirt"]):
            body = web_corpus.body(member.block)
            assert hashlib.sha256(body).hexdigest() == row["sha256"], row["url"]
            assert len(body) == row["bytes"]
    responses = [member for member in members.values() if member.type in ("response", "revisit", "resource")]
    assert len(responses) == len(rows)


@pytest.mark.parametrize("name", WARCS)
def test_bodies_are_in_their_true_charset(examples: Path, name: str) -> None:
    members = {member.offset: member for member in web_corpus.members(examples / name)}
    for row in web_corpus.read_rows(examples / WARCS[name]):
        if row.get("charset_true") and not (LOST | {"broken:invalid_utf8", "damage:warc_shorter"}) & set(row["dirt"]):
            text = web_corpus.decode(web_corpus.body(members[row["offset"]].block), row["charset_true"])
            assert "\ufffd" not in text, row["url"]


def test_duplicates_are_of_the_bytes_they_name(examples: Path) -> None:
    rows = web_corpus.read_rows(examples / "truth.jsonl")
    first = {row["url"]: row for row in rows if not row.get("dup_of")}
    pairs = [(row, first[row["dup_of"]]) for row in rows if row.get("dup_of")]
    assert len(pairs) > 20
    assert all(copy["sha256"] == original["sha256"] for copy, original in pairs)


def test_hosts_are_reserved_and_records_many(examples: Path) -> None:
    members = list(web_corpus.members(examples / "web.warc.gz"))
    kinds = Counter(member.type for member in members)
    assert kinds.keys() >= {"warcinfo", "request", "response", "metadata", "revisit", "resource"}
    hosts = {re.sub(r"^(dns:|[a-z]+://)([^/:;?]*).*", r"\2", member.url) for member in members if member.url}
    assert all(host.endswith(".example") for host in hosts)


def test_the_examples_stay_small(examples: Path) -> None:
    assert (examples / "web.warc.gz").stat().st_size <= 3_000_000
    assert (examples / "more" / "second.warc.gz").stat().st_size <= 300_000
    assert sum(path.stat().st_size for path in examples.rglob("*") if path.is_file()) <= 4_000_000
