"""Whatever is damaged behind the run's back: the same command ends with the same bytes, or says what to do."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from core.errors import StorageError
from pipelines.exchange import read_chunks, read_only_chunk, write_chunks
from pipelines.layers import check_seal
from pipelines.store import Store
from tests.faults.injected import damage_exchange, flip
from tests.faults.outfolder import contents, differences
from tests.pipelines.runs import small_run

Damage = Callable[[bytes, Random], bytes]


def digit(data: bytes, rng: Random) -> bytes:
    """Another digit in place of one: what is JSON stays JSON."""
    out = bytearray(data)
    at = rng.choice([i for i, byte in enumerate(out) if 0x30 <= byte <= 0x39])
    out[at] = 0x30 + (out[at] - 0x30 + rng.randint(1, 9)) % 10
    return bytes(out)


WAYS: dict[str, Damage] = {
    "half": lambda data, rng: data[: len(data) // 2],
    "one byte less": lambda data, rng: data[:-1],
    "empty": lambda data, rng: b"",
    "a bit": flip,
    "a bit near the end": lambda data, rng: flip(data, rng, max(0, len(data) - 2000)),
    "a digit": digit,
    "garbage": lambda data, rng: rng.randbytes(300),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("damage") / "finished"
    small_run(out)
    return out


@pytest.fixture(scope="module")
def sound(finished: Path) -> dict[str, str]:
    return contents(finished)


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out", copy_function=shutil.copy2))


@pytest.mark.parametrize("way", WAYS)
def test_a_file_of_every_kind_damaged_at_once(out: Path, sound: dict[str, str], way: str) -> None:
    """A file of every layer, every manifest, one of statistics, the index, both files of the report."""
    rng = Random(way)
    layers = sorted(p for p in [*(out / "documents").iterdir(), out / "records" / "record"])
    victims = [sorted(layer.glob("*.parquet"))[i % 7] for i, layer in enumerate(layers)]
    victims += [layer / "_layer.json" for layer in layers]
    victims += [sorted((out / "statistics").glob("*.json"))[3], out / "shards" / "text" / "index.json"]
    victims += [out / "report" / "stats.json", out / "report" / "index.html"]
    for path in victims:
        data = path.read_bytes()
        if way != "one byte less" or path.name != "index.json":  # which is a newline
            path.write_bytes(WAYS[way](data, rng))
    small_run(out)
    assert differences(out, sound) == []
    assert small_run(out).passes == {}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("documents/language", b"label", b"lebel"),  # the name of a column, in the footer, which no page checksum covers
        ("documents/text", b"parquet-cpp-arrow", b"parquet-cpp-arrox"),
        ("documents/fate", b"kept", b"kepu"),
        ("documents/page/_layer.json", b'"rows": ', b'"rows": 1'),
        ("documents/language/_layer.json", b'"scored": ', b'"scored": 1'),
        ("statistics", b'\\"total\\":', b'\\"total\\":1'),
    ],
)
def test_what_can_still_be_read_is_not_believed(
    out: Path, sound: dict[str, str], file: str, old: bytes, new: bytes
) -> None:  # fmt: skip
    path = out / file
    if path.is_dir():
        path = sorted(p for p in path.iterdir() if p.suffix in (".parquet", ".json") and p.name != "_layer.json")[2]
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    small_run(out)
    assert differences(out, sound) == []


@pytest.mark.parametrize("name", ["page", "text", "identity"])
def test_any_bit_of_a_layer_file_counts(finished: Path, tmp_path: Path, name: str) -> None:
    rng = Random(name)
    data = min((finished / "documents" / name).glob("*.parquet"), key=lambda path: path.stat().st_size).read_bytes()
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    check_seal(path)
    for hurt in [*(flip(data, rng) for _ in range(300)), *(data[:n] for n in range(0, len(data), 97)), data + b"\0"]:
        path.write_bytes(hurt)
        with pytest.raises(StorageError, match="the layer file is damaged"):
            check_seal(path)


def test_any_bit_of_an_exchange_file_counts(tmp_path: Path) -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    chunks = {
        n: pa.RecordBatch.from_pydict({"a": list(range(n, n + 40)), "b": [f"text {i}" for i in range(40)]}, schema=schema)
        for n in (3, 5, 900)
    }  # fmt: skip
    (tmp_path / "lease").mkdir()
    (tmp_path / "lease" / "00000001.json").touch()
    pointers = write_chunks(Store(str(tmp_path), 1), "some.arrow", chunks, schema, "lz4")
    assert [batch.equals(chunks[n]) for n, batch in zip(chunks, read_chunks(pointers.values()), strict=True)] == [True] * 3
    path = Path(pointers[3].path)
    data = path.read_bytes()
    last = pointers[900]
    rng = Random(1)
    hurt_chunks = [
        data[: p.start] + flip(data[p.start : p.end], rng) + data[p.end :] for p in pointers.values() for _ in range(150)
    ]
    for hurt in [*hurt_chunks, *(data[:n] for n in range(0, last.end, 53))]:
        path.write_bytes(hurt)
        with pytest.raises(StorageError, match=r"some\.arrow: the exchange file is damaged"):
            read_chunks(pointers.values())
    path.write_bytes(data)
    for wrong in (replace(last, end=last.end - 8), replace(last, start=0), replace(last, end=1 << 40), replace(last, start=-8)):
        with pytest.raises(StorageError, match="is damaged"):
            read_chunks([wrong])


def test_any_bit_of_an_exchange_file_that_is_known_by_name_counts(tmp_path: Path) -> None:
    (tmp_path / "lease").mkdir()
    (tmp_path / "lease" / "00000001.json").touch()
    batch = pa.RecordBatch.from_pydict({"a": list(range(40))})
    (pointer,) = write_chunks(Store(str(tmp_path), 1), "one.arrow", {7: batch}, batch.schema).values()
    path = Path(pointer.path)
    assert read_only_chunk(path).equals(batch)
    data = path.read_bytes()
    rng = Random(2)
    tail = data[pointer.end :].lstrip(b"\0")  # what lies between is nobody's
    hurt_tails = [data[: -len(tail)] + flip(tail, rng) for _ in range(200)]
    hurt_chunks = [flip(data[: pointer.end], rng) + data[pointer.end :] for _ in range(200)]
    for hurt in [*hurt_tails, *hurt_chunks, *(data[:n] for n in range(0, len(data), 11)), data + b"\0"]:
        path.write_bytes(hurt)
        with pytest.raises(StorageError, match=r"one\.arrow: the exchange file is damaged"):
            read_only_chunk(path)


@pytest.mark.parametrize("what", ["rows", "keys", "payload", "counts", "cuts"])
def test_an_exchange_file_damaged_in_the_middle_of_a_run(
    tmp_path: Path, sound: dict[str, str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:  # fmt: skip
    hurt = damage_exchange(monkeypatch, what, seed=what)
    out = tmp_path / "out"
    with pytest.raises(StorageError, match="the exchange file is damaged") as caught:
        small_run(out)
    assert caught.value.mend == "run the same command again"
    assert hurt
    small_run(out)
    assert differences(out, sound) == []


def test_a_damaged_run_json_can_be_deleted_as_the_error_says(out: Path, sound: dict[str, str]) -> None:
    path = out / "run.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StorageError, match=r"run\.json: is no run\.json of this version") as caught:
        small_run(out)
    assert f"delete {path}" in caught.value.mend
    path.unlink()
    assert small_run(out).passes == {}
    assert differences(out, sound) == []


@pytest.mark.parametrize("data", [b"\xff\xfe", b"{", b"[1]", b"{}", b"", b'{"pid": "x"}'])
def test_a_damaged_lease(out: Path, sound: dict[str, str], data: bytes) -> None:
    (path,) = (out / "lease").glob("*.json")
    path.write_bytes(data)
    if data in (b"\xff\xfe", b"{"):
        with pytest.raises(StorageError, match="is no lease file") as caught:
            small_run(out)
        assert caught.value.mend == f"delete {path} when no run uses the folder"
        path.unlink()
    small_run(out)
    assert differences(out, sound) == []


@pytest.mark.parametrize("years", [-20, 20])
def test_clocks_that_were_set(out: Path, finished: Path, sound: dict[str, str], years: int) -> None:
    """Times of change say only whether something was changed, in whatever direction they go."""
    moved = time.time_ns() + years * 365 * 86400 * 10**9
    for path in out.rglob("*"):
        os.utime(path, ns=(moved, moved))
    assert small_run(out).passes == {}
    assert differences(out, sound) == []
    manifest = json.loads((out / "documents" / "text" / "_layer.json").read_text())
    assert {entry["changed"] for entry in manifest["parts"].values()} == {moved}


def test_a_clock_that_goes_back_while_a_run_goes_on(
    out: Path, tmp_path: Path, sound: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file that is committed is an hour older than the one before, and so is each look at the time."""
    asked: list[Path | None] = []
    replace = os.replace

    def back() -> timedelta:
        return timedelta(hours=len(asked))

    def aging(source: Path, target: Path) -> None:
        asked.append(target)
        stamp = time.time_ns() - int(back().total_seconds() * 10**9)
        os.utime(source, ns=(stamp, stamp))
        replace(source, target)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            asked.append(None)
            return datetime.now(tz) - back()

    monkeypatch.setattr("os.replace", aging)
    for module in ("run", "runfile"):
        monkeypatch.setattr(f"pipelines.{module}.datetime", Clock)
    fresh = tmp_path / "fresh"
    first = small_run(fresh)
    assert first.passes
    assert differences(fresh, sound) == []
    timing = first.stats["timing"]
    assert datetime.fromisoformat(timing["finished"]) < datetime.fromisoformat(timing["started"]) < datetime.now(UTC)
    assert timing["seconds"] >= 0
    assert small_run(fresh).passes == {}
    (fresh / "documents" / "text").joinpath("_layer.json").unlink()  # every stamp is looked at anew
    assert small_run(fresh).passes == {}
    assert differences(fresh, sound) == []
    assert None in asked
    assert len([path for path in asked if path is not None]) > 20
