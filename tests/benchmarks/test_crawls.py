"""Thirds and halves of a WARC are whole records, and made anew when their source is another."""

from __future__ import annotations

import importlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from examples.warc_writer import Capture, Writer

crawls: Any = importlib.import_module("crawls")
web_corpus: Any = importlib.import_module("web_corpus")


def write(path: Path, pages: int) -> None:
    writer = Writer(path.name, datetime(2026, 1, 1))
    for page in range(pages):
        writer.write(Capture(f"https://site.example/{path.stem}/{page}.html", b"<html>x</html>", "text/html", {}))
    path.write_bytes(writer.data)


def urls(path: Path) -> list[str]:
    return [member.url for member in web_corpus.members(path) if member.type == "response"]


def test_a_third_is_the_first_pages_of_each_file(tmp_path: Path) -> None:
    short = tmp_path / "pages-12"
    short.mkdir()
    for number in range(2):
        write(short / f"{number}.warc.gz", 6)
    folder = crawls.third(short, 4, each=6)
    assert [path.name for path in sorted(folder.iterdir())] == ["0.warc.gz", "1.warc.gz"]
    assert all(urls(path) == urls(short / path.name)[:2] for path in folder.iterdir())
    assert all(member.whole for path in folder.iterdir() for member in web_corpus.members(path))
    with pytest.raises(ValueError, match="are not 5 pages"):
        crawls.third(short, 5, each=6)


def test_halves_have_all_pages_and_follow_their_source(tmp_path: Path) -> None:
    warc = tmp_path / "dev.warc.gz"
    write(warc, 8)
    folder = crawls.halves(warc, tmp_path)
    first, second = (urls(folder / f"{number}.warc.gz") for number in range(2))
    assert first + second == urls(warc)
    assert 2 <= len(first) <= 6
    made = (folder / "source.json").stat().st_mtime_ns
    assert (crawls.halves(warc, tmp_path) / "source.json").stat().st_mtime_ns == made

    write(warc, 10)
    os.utime(warc, ns=(0, 0))  # older, but of another size
    assert sum(len(urls(path)) for path in crawls.halves(warc, tmp_path).glob("*.warc.gz")) == 10


def test_halves_that_were_not_finished_are_made_anew(tmp_path: Path) -> None:
    warc = tmp_path / "dev.warc.gz"
    write(warc, 8)
    folder = crawls.halves(warc, tmp_path)
    (folder / "source.json").unlink()
    (folder / "1.warc.gz").write_bytes(b"half of it")
    assert sum(len(urls(path)) for path in crawls.halves(warc, tmp_path).glob("*.warc.gz")) == 8
