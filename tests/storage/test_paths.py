"""Paths on an S3 server used as local ones: looked at, listed, read through a cache, written whole, deleted."""

from __future__ import annotations

import logging
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError, StorageError, UnreachableError
from core.remote_cache import CACHE_BYTES_VARIABLE, cached
from core.remote_path import RemotePath, Stats, place, put, remove_tree, upload
from core.retries import PATIENCE_VARIABLE, Retries, passes
from tests.storage.conftest import S3
from tests.storage.faulty import Fault, Proxy, Rule, every, first

pytestmark = pytest.mark.storage
Through = Callable[[Rule | None], Proxy]
ROOT = "s3://crawl/out"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WEB2SHARDS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_path_is_a_uri_as_text_and_a_copy_when_it_is_opened(s3: S3, tmp_path: Path) -> None:
    path = place(ROOT) / "documents" / "page" / "a~1b.parquet"
    assert str(path) == f"{path}" == "s3://crawl/out/documents/page/a~1b.parquet"
    assert (path.name, path.stem, path.suffix) == ("a~1b.parquet", "a~1b", ".parquet")
    assert path == place(str(path)) == pickle.loads(pickle.dumps(path))
    assert path.is_relative_to(place(ROOT))
    assert not path.exists()
    assert not path.is_file()
    with pytest.raises(FileNotFoundError):
        path.stat()
    with pytest.raises(FileNotFoundError):
        os.fspath(path)
    with pytest.raises(FileNotFoundError):
        path.read_bytes()
    with pytest.raises(FileNotFoundError):
        path.unlink()
    path.unlink(missing_ok=True)
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "local.parquet")
    size = (tmp_path / "local.parquet").stat().st_size
    upload(tmp_path / "local.parquet", path)
    assert not (tmp_path / "local.parquet").exists()
    assert path.is_file()
    assert path.parent.is_dir()
    assert path.stat().st_size == size
    assert pq.read_table(os.fspath(path)).column("a").to_pylist() == [1, 2]
    assert pq.ParquetFile(path).metadata.num_rows == 2
    with path.open("rb") as file:
        assert file.read(4) == b"PAR1"
    with pytest.raises(ValueError, match="written whole"):
        path.open("wb")


def test_listings_are_like_those_of_a_disk(s3: S3, tmp_path: Path) -> None:
    names = ["run.json", "documents/page/a.parquet", "documents/page/_layer.json", "documents/text/a.parquet", "shards/t/x.tar"]
    for name in names:
        s3.put(f"out/{name}", name.encode())
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(name.encode())
    remote, local = place(ROOT), tmp_path / "out"
    for pattern in ("*", "*.json", "documents/*", "*/*", "*/*/*.parquet", "documents/*/_*.json", "none/*"):
        told = sorted(p.relative_to(remote).as_posix() for p in remote.glob(pattern))
        assert told == sorted(p.relative_to(local).as_posix() for p in local.glob(pattern)), pattern
    assert sorted(p.name for p in remote.rglob("*.parquet")) == ["a.parquet", "a.parquet"]
    assert sorted(p.name for p in remote.iterdir() if p.is_dir()) == ["documents", "shards"]
    assert list((remote / "none").iterdir()) == []
    stats = Stats(remote / "documents" / "page")
    assert stats["a.parquet"].st_size == len("documents/page/a.parquet")
    assert stats["a.parquet"].st_mtime_ns == (remote / "documents" / "page" / "a.parquet").stat().st_mtime_ns
    with pytest.raises(FileNotFoundError):
        stats["b.parquet"]
    remove_tree(remote / "documents")
    assert sorted(p.name for p in remote.rglob("*") if p.is_file()) == ["run.json", "x.tar"]
    remove_tree(remote / "documents")


def test_a_copy_is_downloaded_once_and_never_an_old_one(s3: S3, through: Through, cache: Path) -> None:
    path = place(ROOT) / "a.json"
    put(path, b"one")
    proxy = through(None)
    assert path.open().read() == path.open().read() == "one"
    assert [r.method for r in proxy.seen].count("GET") == 1
    put(path, b"two")  # of one size, and in the same second
    assert path.open().read() == "two"
    assert not list(cache.rglob("*.draft"))


def test_copies_are_bounded(s3: S3, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    from core import remote_cache

    monkeypatch.setenv(CACHE_BYTES_VARIABLE, "2500")
    for i in range(4):
        s3.put(f"out/{i}", bytes([i]) * 1_000)
    kept = [cached(f"{ROOT}/{i}") for i in range(4)]
    assert all(path.exists() for path in kept)  # somebody may be about to read them
    monkeypatch.setattr(remote_cache, "RECENT_SECONDS", 0.0)
    for i, path in enumerate(kept):
        os.utime(path, (1, 100 if i == 0 else i))
    s3.put("out/4", b"4" * 1_000)
    cached(f"{ROOT}/4")
    assert sum(path.stat().st_size for path in (cache / "copies").iterdir()) <= 2_500
    assert kept[0].exists()
    assert not kept[1].exists()


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(reset=True), Fault(unheard=True)], ids=["503", "reset", "unheard"])
def test_large_files_go_up_in_parts_through_faults(s3: S3, through: Through, tmp_path: Path, fault: Fault) -> None:
    data = np.random.default_rng(1).bytes(40_000_000)
    local = tmp_path / "big.tar"
    local.write_bytes(data)
    proxy = through(every(4, fault))
    upload(local, place(ROOT) / "big.tar", keep=False)
    assert (s3.folder / "out" / "big.tar").read_bytes() == data
    assert sum("partNumber" in r.path and r.method == "PUT" for r in proxy.seen) >= 4
    through(every(3, fault))
    assert cached(f"{ROOT}/big.tar").read_bytes() == data


@pytest.mark.usefixtures("hurried")
def test_an_upload_that_hangs_is_made_again(s3: S3, through: Through, caplog: pytest.LogCaptureFixture) -> None:
    through(first(1, Fault(hang=True), method="PUT"))
    with caplog.at_level(logging.WARNING, "web2shards.storage"):
        put(place(ROOT) / "run.json", b"{}")
    assert (s3.folder / "out" / "run.json").read_bytes() == b"{}"


def test_a_store_that_stays_away_or_refuses_is_no_damage(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place(ROOT) / "a.parquet"
    put(path, b"x")
    calls = (path.stat, path.exists, path.read_bytes, path.unlink, lambda: list(path.parent.iterdir()), lambda: os.fspath(path))
    with monkeypatch.context() as patched:
        patched.setenv("AWS_SECRET_ACCESS_KEY", "another")
        for call in calls:
            with pytest.raises(StorageError, match="the store refuses"):
                call()
    monkeypatch.setenv(PATIENCE_VARIABLE, "0")
    s3.stop()
    for call in calls:
        with pytest.raises(UnreachableError, match="no answer"):
            call()


def test_two_threads_take_one_copy(s3: S3) -> None:
    s3.put("out/a", b"a" * 100_000)
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append((place(ROOT) / "a").open("rb").read())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"a" * 100_000] * 8


def test_local_paths_stay_paths(tmp_path: Path) -> None:
    assert type(place(str(tmp_path))) is type(tmp_path)
    assert not isinstance(place("out/demo"), RemotePath)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AWS Error SLOW_DOWN during GetObject operation: Reduce your request rate.", True),
        ("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation: No response body.", True),
        ("AWS Error NETWORK_CONNECTION during PutObject operation: curlCode: 56, Failure", True),
        ("AWS Error ACCESS_DENIED during HeadObject operation: No response body.", False),
        ("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation: The specified bucket does not exist", False),
        ("google::cloud::Status(UNAVAILABLE: Retry policy exhausted)", True),
        ("AWS Error UNKNOWN (HTTP status 400) during HeadObject operation: No response body.", False),
    ],
)
def test_which_errors_pass(text: str, expected: bool) -> None:
    assert passes(OSError(text)) is expected
    assert not passes(FileNotFoundError(text))


def test_patience_is_bounded_and_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = [0.0]
    monkeypatch.setattr("core.retries.time.sleep", lambda s: (slept.append(s), clock.__setitem__(0, clock[0] + s)))
    monkeypatch.setattr("core.retries.time.monotonic", lambda: clock[0])

    def call() -> None:
        raise ConnectionResetError("connection reset")

    with pytest.raises(UnreachableError, match=r"no answer in 100 s"):
        Retries(100).run("a test", call)
    assert sum(slept) == pytest.approx(100)
    assert slept[0] <= 0.2
    assert 5 <= max(slept) <= 10
    with pytest.raises(UnreachableError, match=r"no answer in 3 s"):  # it was given up: whoever tidies is not made to wait
        Retries(100).run("a test", call)
    assert Retries(100).run("a test", lambda: 1) == 1
    with pytest.raises(UnreachableError, match=r"no answer in 100 s"):
        Retries(100).run("a test", call)
    Retries(100).run("a test", lambda: None)
    monkeypatch.setenv(PATIENCE_VARIABLE, "soon")
    with pytest.raises(InputError, match="PATIENCE is 'soon'"):
        Retries.from_environment()
