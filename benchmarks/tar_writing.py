"""Samples a second into a tar: sharding.tar, Python's tarfile and webdataset's TarWriter, on the same samples.

Run from the repository's root: `python benchmarks/tar_writing.py [--samples N] [--out FILE]`. Each writer gets the
same keys, texts of about 300 bytes and JSON of about 200, three times in turn; the best time counts. `shard` is the
whole of a shard: JSON from columns, tar, sha256, sidecar, sync and rename.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import webdataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machine import begin, versions

from sharding.order import samples_of
from sharding.rows import json_rows
from sharding.shard import HashingFile, ShardWriter
from sharding.tar import TarWriter


def samples(n: int) -> pa.RecordBatch:
    """Samples with a text of 250 to 350 bytes and ten columns of metadata."""
    rng = np.random.default_rng(7)
    ids = pa.array([rng.bytes(16) for _ in range(n)], pa.binary(16))
    order = samples_of(ids, None, 0)
    words = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "sleeps", "été", "日本"]
    texts = [" ".join(rng.choice(words, 62)) for _ in range(1000)]
    return pa.RecordBatch.from_pydict(
        {
            "key": pa.array(order.keys),
            "text": pa.array([texts[i % 1000] for i in range(n)]),
            "id": ids.take(pa.array(order.rows)),
            "url": pa.array([f"https://host{i % 99}.example/page/{i}.html" for i in range(n)]),
            "date": pa.array(np.arange(n) * 10**9, pa.timestamp("us", "UTC")),
            "language": pa.array(["en"] * n),
            "language_score": pa.array(rng.random(n).astype(np.float32)),
            "words": pa.array(rng.integers(0, 1000, n)),
            "mean_length": pa.array(rng.random(n)),
        }
    )


def with_sharding(path: Path, keys: list[str], texts: list[str], jsons: list[str]) -> None:
    file = HashingFile(path, path)
    tar = TarWriter(file)
    for i in range(0, len(keys), 10_000):
        part = slice(i, i + 10_000)
        tar.append(pa.array(keys[part]), {"json": pa.array(jsons[part]), "txt": pa.array(texts[part])})
    tar.close()
    file.close()


def with_tarfile(path: Path, keys: list[str], texts: list[str], jsons: list[str]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, text, metadata in zip(keys, texts, jsons, strict=True):
            for extension, value in (("json", metadata), ("txt", text)):
                data = value.encode()
                member = tarfile.TarInfo(f"{key}.{extension}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def with_webdataset(path: Path, keys: list[str], texts: list[str], jsons: list[str]) -> None:
    with webdataset.TarWriter(str(path), encoder=False) as tar:  # pyright: ignore[reportAttributeAccessIssue]
        for key, text, metadata in zip(keys, texts, jsons, strict=True):
            tar.write({"__key__": key, "json": metadata.encode(), "txt": text.encode()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "tar_writing.json")
    options = parser.parse_args()
    began = begin()
    batch = samples(options.samples)
    keys, texts = batch.column("key").to_pylist(), batch.column("text").to_pylist()
    metadata = {name: batch.column(name) for name in batch.schema.names if name not in ("key", "text")}
    jsons = json_rows(metadata, len(batch))
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:

        def timed(name: str, write: Callable[[], None]) -> None:
            start = time.perf_counter()
            write()
            seconds.setdefault(name, []).append(time.perf_counter() - start)

        def shard() -> None:
            with ShardWriter(Path(folder, "shard"), "train", 0) as writer:
                writer.write(batch)

        for turn in range(3):
            for name, write in (
                ("sharding.tar", with_sharding), ("tarfile", with_tarfile), ("webdataset.TarWriter", with_webdataset),
            ):  # fmt: skip
                path = Path(folder, f"{name}-{turn}.tar")
                timed(name, lambda write=write, path=path: write(path, keys, texts, jsons))
                path.unlink()
            timed("shard", shard)
    result = {
        **began,
        "samples": len(batch),
        "bytes_a_sample": round(sum(len(t.encode()) for t in [*texts, *jsons]) / len(batch)),
        "samples_a_second": {name: round(len(batch) / min(times)) for name, times in seconds.items()},
        "seconds": {name: [round(t, 3) for t in times] for name, times in seconds.items()},
        "versions": versions(("numba", "numpy", "pyarrow", "webdataset")),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
