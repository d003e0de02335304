"""The demo as a user runs it: by command, twice, with a changed threshold, in other formats, on a full disk."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sharding.index import read_index
from web2shards import open as opened

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).with_name("demo_expected.json")


def web2shards(*words: str | Path, code: int = 0) -> str:
    """Runs the command in the checkout; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "web2shards", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, run once."""
    out = tmp_path_factory.mktemp("demo") / "out"
    web2shards("run", "recipes/demo.yaml", "--out", out)
    return out


@pytest.fixture
def out(demo: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo, tmp_path / "out", copy_function=shutil.copy2))


def samples(folder: Path) -> list[tuple[str, str]]:
    """Key and text of every sample, in order."""
    found: list[tuple[str, str]] = []
    for shard in read_index(folder).shards:
        if shard.name.endswith(".tar"):
            with tarfile.open(folder / shard.name) as tar:
                for member in tar:
                    if member.name.endswith(".txt"):
                        file = tar.extractfile(member)
                        assert file is not None
                        found.append((member.name.removesuffix(".txt"), file.read().decode()))
        elif shard.name.endswith(".parquet"):
            table = pq.read_table(folder / shard.name)
            found += zip(table.column("key").to_pylist(), table.column("text").to_pylist(), strict=True)
        else:
            lines = gzip.decompress((folder / shard.name).read_bytes()).decode().splitlines()
            found += ((row["key"], row["text"]) for row in map(json.loads, lines))
    return found


def test_the_samples_are_those_of_the_last_release(demo: Path) -> None:
    """A change here is a change of what a scorer gives: bump its version, and write the new digest down."""
    found = samples(demo / "shards" / "text")
    digest = hashlib.sha256(json.dumps(found, ensure_ascii=False).encode()).hexdigest()
    assert {"samples": len(found), "sha256": digest} == json.loads(EXPECTED.read_text())


def test_the_report_adds_up_and_asks_nobody(demo: Path) -> None:
    stats = json.loads((demo / "report" / "stats.json").read_text())
    assert stats["records"]["total"] == 841
    assert stats["tables"][0]["kept"] == len(samples(demo / "shards" / "text"))
    page = (demo / "report" / "index.html").read_text()
    assert "<script" not in page
    assert "src=\"http" not in page
    assert web2shards("check", demo)


def test_pictures_are_got_from_the_input_and_kept_once(demo: Path) -> None:
    """What is planted (examples/pictures/truth.jsonl) has its reason; of each picture and its copies the best is kept."""
    truth = [json.loads(line) for line in (ROOT / "examples/pictures/truth.jsonl").read_text().splitlines()]
    rows = opened(demo).images.to_table(["image.url", "fate.reason", "duplicates.size", "perceptual.area"]).to_pylist()
    reasons = {row["image.url"]: row["fate.reason"] for row in rows}
    odd = {row["what"]: reasons[row["url"]] for row in truth if row["what"] not in ("picture", "copy", "page", "page of copies")}
    assert odd == {
        "icon": "fetched_width", "broken": "truncated", "no image": "not_in_input", "opt-out": "opt_out",
        "caption that says nothing": "caption_words",
    }  # fmt: skip
    assert reasons["https://drawn.example/pictures/lost.jpg"] == "not_in_input"
    copies = {row["url"]: row["of"] for row in truth if row["what"] == "copy"}
    assert len(copies) == 10
    assert all(sorted([reasons[copy], reasons[of]]) == ["", "duplicate"] for copy, of in copies.items())
    alone = [row["url"] for row in truth if row["what"] == "picture" and row["url"] not in copies.values()]
    assert [reasons[url] for url in alone] == [""] * 30
    (shard,) = (demo / "shards" / "pairs").glob("*.tar")
    with tarfile.open(shard) as tar:
        told = [json.load(tar.extractfile(member) or io.BytesIO()) for member in tar if member.name.endswith(".json")]
    assert len(told) == 41
    assert sum(len(sample["captions_alternate"]) for sample in told) == 10
    page = (demo / "report" / "index.html").read_text()
    assert page.count('<img class="thumbnail" src="data:image/jpeg;base64,') > 20


def test_the_second_time_nothing_is_done(out: Path) -> None:
    before = {path: path.read_bytes() for path in (out / "shards").rglob("*") if path.is_file()}
    said = web2shards("run", "recipes/demo.yaml", "--out", out)
    assert "extract and score" not in said
    assert {path: path.read_bytes() for path in (out / "shards").rglob("*") if path.is_file()} == before


def test_a_threshold_is_moved_and_a_warc_added(out: Path) -> None:
    moved = ["--set", "documents.keep.gopher.words=in 100..100_000"]
    planned = web2shards("plan", "recipes/demo.yaml", "--out", out, *moved)
    assert "decide fates" in planned
    web2shards("run", "recipes/demo.yaml", "--out", out, *moved)
    fewer = samples(out / "shards" / "text")
    pages = {path.name: path.stat().st_mtime_ns for path in (out / "documents" / "page").glob("*.parquet")}
    warcs = "examples/web.warc.gz, examples/more/second.warc.gz, examples/pictures/pictures.warc.gz"
    more = [*moved, "--set", f"input.warcs=[{warcs}]"]
    web2shards("run", "recipes/demo.yaml", "--out", out, *more)
    assert len(samples(out / "shards" / "text")) > len(fewer)
    assert {name: (out / "documents" / "page" / name).stat().st_mtime_ns for name in pages} == pages


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_other_formats_hold_the_same_samples(out: Path, demo: Path, format: str) -> None:
    web2shards("run", "recipes/demo.yaml", "--out", out, "--set", f"output.text.format={format}")
    assert samples(out / "shards" / "text") == samples(demo / "shards" / "text")
    assert not list((out / "shards" / "text").glob("*.tar"))


def test_a_table_is_the_other_way_in(tmp_path: Path) -> None:
    said = web2shards(
        "run", "recipes/demo.yaml", "--out", tmp_path / "out", "--set", "input={table: {path: examples/table.jsonl}}",
        "--set", "images=null", "--set", "output={text: {from: documents, samples: 100}}",
    )  # fmt: skip
    assert "documents" in said
    stats = json.loads((tmp_path / "out" / "report" / "stats.json").read_text())
    assert stats["records"]["total"] == len((ROOT / "examples" / "table.jsonl").read_text().splitlines())


def test_an_empty_warc_is_told_and_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "empty.warc.gz").touch()
    said = web2shards(
        "run", "recipes/demo.yaml", "--out", tmp_path / "out", "--set", f"input.warcs={tmp_path}/empty.warc.gz", code=3
    )
    assert "there is not one record in it" in said
    assert json.loads((tmp_path / "out" / "report" / "stats.json").read_text())["records"]["total"] == 0


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root mounts a small file system")
def test_a_full_disk_loses_nothing(tmp_path: Path, demo: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        said = web2shards("run", "recipes/demo.yaml", "--out", disk / "out", code=4)
        assert "the disk is full" in said
        assert "Traceback" not in said
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        web2shards("run", "recipes/demo.yaml", "--out", disk / "out")
        assert samples(disk / "out" / "shards" / "text") == samples(demo / "shards" / "text")
    finally:
        subprocess.run(["umount", disk], check=True)
