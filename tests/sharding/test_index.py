"""The index and the check against it: totals, strays, and any flipped byte."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StorageError
from sharding.check import check_output
from sharding.index import INDEX, Index, make_index, read_index, retract_index, unlisted, write_index
from sharding.shard import FORMATS, ShardWriter

MakeSamples = Callable[..., pa.RecordBatch]
WriteOutput = Callable[..., Index]


@pytest.mark.parametrize("format", FORMATS)
def test_a_sound_output_has_no_problems(tmp_path: Path, format: str, write_output: WriteOutput) -> None:
    index = write_output(tmp_path, format)
    assert check_output(tmp_path) == []
    assert read_index(tmp_path) == index
    assert [s.samples for s in index.shards] == [10, 10, 5, 4]
    assert {split: t["samples"] for split, t in index.totals.items()} == {"train": 25, "validation": 4}
    assert index.totals["train"]["bytes"] == sum(s.bytes for s in index.shards[:3])


def test_an_output_of_no_samples_is_sound(tmp_path: Path) -> None:
    tmp_path.mkdir(exist_ok=True)
    write_index(tmp_path, make_index("webdataset", 10, 1, []))
    assert check_output(tmp_path) == []
    assert json.loads((tmp_path / INDEX).read_text())["shards"] == []


def test_the_index_is_the_same_whatever_order_shards_come_in(tmp_path: Path, write_output: WriteOutput) -> None:
    index = write_output(tmp_path)
    again = make_index(
        index.format, index.samples, index.seed, reversed(index.shards), features=index.features, about=index.about
    )
    assert again.to_json() == index.to_json() == (tmp_path / INDEX).read_text()


def test_what_a_new_index_does_not_list_is_removed(tmp_path: Path, write_output: WriteOutput) -> None:
    write_output(tmp_path, train=45)
    (tmp_path / ".train-000001.tar.0a1b.tmp").write_bytes(b"left by a kill")
    (tmp_path / "notes").mkdir()
    write_output(tmp_path, train=15)
    names = {"index.json", *(f"train-00000{i}{e}" for i in (0, 1) for e in (".tar", ".parquet"))}
    names |= {"validation-000000.tar", "validation-000000.parquet", "notes"}
    assert {p.name for p in tmp_path.iterdir()} == names
    assert check_output(tmp_path) == []


def test_an_index_of_missing_shards_is_not_written(tmp_path: Path, write_output: WriteOutput) -> None:
    index = write_output(tmp_path)
    retract_index(tmp_path)
    (tmp_path / "train-000001.tar").unlink()
    with pytest.raises(StorageError, match=r"train-000001\.tar: missing"):
        write_index(tmp_path, index)
    assert not (tmp_path / INDEX).exists()
    assert check_output(tmp_path)[0].what == "there is no index"


@pytest.mark.parametrize("format", FORMATS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_any_flipped_bit_is_found(
    tmp_path_factory: pytest.TempPathFactory, format: str, data: st.DataObject, write_output: WriteOutput
) -> None:
    source = tmp_path_factory.getbasetemp() / f"sound-{format}"
    if not source.exists():
        write_output(source, format, train=12, validation=2)
    folder = tmp_path_factory.getbasetemp() / "flipped"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    path = data.draw(st.sampled_from(sorted(p for p in folder.iterdir() if p.name != INDEX)))
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)
    problems = check_output(folder)
    assert problems
    assert {p.file for p in problems} <= {path.name, path.with_suffix(".parquet").name}
    assert any(p.file == path.name and "sha256" in p.what for p in problems)
    assert all(p.mend for p in problems)


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_flipped_bit_in_the_index_is_found_or_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, write_output: WriteOutput
) -> None:
    folder = tmp_path_factory.getbasetemp() / "index-flipped"
    index = read_index(folder) if (folder / INDEX).exists() else write_output(folder, train=3, validation=1)
    sound = (folder / INDEX).read_bytes()
    raw = bytearray(sound)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / INDEX).write_bytes(raw)
    problems = check_output(folder)
    if problems:
        assert [p.file for p in problems] == [INDEX]
        assert "the index is damaged" in problems[0].what
    else:
        assert read_index(folder) == index
    (folder / INDEX).write_bytes(sound)


def test_missing_cut_and_extra_files_are_named(tmp_path: Path, write_output: WriteOutput) -> None:
    write_output(tmp_path)
    (tmp_path / "train-000001.tar").unlink()
    (tmp_path / "train-000002.parquet").unlink()
    with (tmp_path / "train-000000.tar").open("r+b") as file:
        file.truncate(3000)
    (tmp_path / "stray.tar").write_bytes(b"")
    found = {(p.file, p.what.split(" (")[0]) for p in check_output(tmp_path)}
    assert ("train-000001.tar", "the index lists this file, and it is missing") in found
    assert ("train-000002.parquet", "the index lists this file, and it is missing") in found
    assert any(what.startswith("3,000 bytes, and the index says") for file, what in found if file == "train-000000.tar")
    assert ("train-000000.tar", "cannot be read after 1 samples") in found
    assert ("stray.tar", "the index does not list this file") in found
    assert len(found) == 5


def test_a_key_that_stands_twice_is_found_across_shards(tmp_path: Path, make_samples: MakeSamples) -> None:
    samples = make_samples(12)
    shards = []
    for number, rows in enumerate([samples.slice(0, 6), samples.slice(5, 6)]):
        with ShardWriter(tmp_path, "train", number) as shard:
            shard.write(rows)
        shards.append(shard.info)
    write_index(tmp_path, make_index("webdataset", 6, 1, shards))
    problems = check_output(tmp_path)
    assert [p.file for p in problems] == ["train-000001.tar"]
    assert problems[0].what == "1 samples stand in the output before, the first of them is sample 0"


def test_a_sidecar_of_other_samples_is_found(tmp_path: Path, make_samples: MakeSamples) -> None:
    with ShardWriter(tmp_path / "a", "train", 0) as one:
        one.write(make_samples(6))
    with ShardWriter(tmp_path / "b", "train", 0) as other:
        other.write(make_samples(6, start=5))
    shutil.copy(tmp_path / "b" / other.info.sidecar, tmp_path / "a")
    mixed = replace(one.info, sidecar_bytes=other.info.sidecar_bytes, sidecar_sha256=other.info.sidecar_sha256)
    write_index(tmp_path / "a", make_index("webdataset", 6, 1, [mixed]))
    assert [(p.file, p.what) for p in check_output(tmp_path / "a")] == [
        ("train-000000.parquet", "row 0 is not of the shard's sample 0: the keys differ")
    ]


def test_a_wrong_count_is_found(tmp_path: Path, write_output: WriteOutput) -> None:
    index = write_output(tmp_path, validation=0, train=10)
    write_index(tmp_path, make_index("webdataset", 10, 1, [replace(index.shards[0], samples=11)]))
    assert [p.what for p in check_output(tmp_path)] == ["10 samples, and the index says 11"]


@pytest.mark.parametrize("name", ["../outside.tar", "/etc/passwd", "a/b.tar", "", ".hidden"])
def test_an_index_cannot_name_files_outside_its_folder(tmp_path: Path, name: str, write_output: WriteOutput) -> None:
    index = write_output(tmp_path, train=3, validation=0)
    evil = make_index(index.format, index.samples, index.seed, [replace(index.shards[0], name=name)])
    (tmp_path / INDEX).write_text(evil.to_json())
    with pytest.raises(StorageError, match="the index is damaged"):
        read_index(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, '{"format_version": 2}', "\xff"])
def test_what_is_no_index_is_said_to_be_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / INDEX).write_bytes(text.encode("latin-1"))
    with pytest.raises(StorageError, match="the index is damaged"):
        read_index(tmp_path)


def test_two_shards_of_one_name_are_refused(tmp_path: Path, write_output: WriteOutput) -> None:
    index = write_output(tmp_path, train=3, validation=0)
    with pytest.raises(ValueError, match="two shards have one file name"):
        make_index("webdataset", 10, 1, [*index.shards, *index.shards])


def test_progress_is_told_and_strays_are_listed(tmp_path: Path, write_output: WriteOutput) -> None:
    index = write_output(tmp_path)
    seen: list[str] = []
    check_output(tmp_path, lambda shard: seen.append(shard.name))
    assert seen == [s.name for s in index.shards]
    assert unlisted(tmp_path, index) == []
