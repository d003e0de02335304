"""A table of addresses to pairs in shards: web2shards and img2dataset, on the same table against the same servers on loopback.

`python benchmarks/fetching.py [IMAGES] [RUNS]`: 300 hosts at addresses of their own (`fetching_server.py`: delays, errors, slow
hosts, and one in a hundred that never answers), 256 requests at a time, of one host no more than it answers at a time, a
longer side of 256 pixels, JPEG at quality 95, the bytes' sha256. Both are measured from the start of their command to its end,
the servers aside; each run is on a folder of its own, and one goes before that compiles kernels. Then web2shards again with no
host that hangs: what hanging costs.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
from fetching_server import HANGING_TURN, PER_HOST, address
from inputs import DATA, HERE
from machine import begin, save, versions
from memory import watch
from peer import environment, python_of, versions_of

IMAGES, RUNS, HOSTS = 8_000, 2, 300
REQUESTS, WORKERS, TIMEOUT = 256, 2, 10
#: Files of 1.5 megapixels at this quality, some 220 kB each.
FILES, WIDTH, HEIGHT, QUALITY = 24, 1_500, 1_000, 80
#: Amplitudes fall with this power of the frequency; in photographs with 1 to 1.5 (Field 1987, J. Opt. Soc. Am. A 4, 2379).
FALLS = 1.4
RECIPE = """
name: fetching
input:
  table: {{path: {table}, url: url, caption: caption}}
images:
  fetch:
    concurrency: {concurrency}
    per_host: {per_host}
    host_interval_seconds: 0
    retries: 0
    connect_seconds: {timeout}
    read_seconds: {timeout}
    host_failures: 1
    robots: false
    tdmrep: false
    open_networks: 127.0.0.0/8
    ports: []
output:
  pairs:
    from: images
    samples: {shard}
    resize: {{size: 256, mode: keep_ratio_largest}}
    encode: {{format: jpeg, quality: 95}}
"""
Row = dict[str, Any]


def picture(seed: int) -> npt.NDArray[np.uint8]:
    """Noise with the spectrum of a photograph, in colours that go together."""
    random = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None]
    falls = 1 / np.maximum(np.hypot(rows, columns), 1 / WIDTH) ** FALLS
    planes: list[npt.NDArray[np.float64]] = []
    for _ in range(4):
        noise = random.normal(size=falls.shape) + 1j * random.normal(size=falls.shape)
        plane = np.fft.irfft2(noise * falls, s=(HEIGHT, WIDTH))
        planes.append(plane / plane.std())
    grey, *colours = planes
    return np.clip(128 + 50 * np.stack([0.9 * grey + 0.2 * colour for colour in colours], -1), 0, 255).astype(np.uint8)


def make_files(folder: Path) -> list[str]:
    """JPEG files that are like photographs, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{seed}.jpg" for seed in range(FILES)]
    for seed, name in enumerate(names):
        if not (folder / name).exists():
            out = io.BytesIO()
            PIL.Image.fromarray(picture(seed)).save(out, "JPEG", quality=QUALITY)
            (folder / name).write_bytes(out.getvalue())
    return names


def make_table(path: Path, port: int, images: int, names: list[str]) -> None:
    """A table of addresses, those of a host dealt out over all of it, as in tables of web images."""
    numbers = list(range(images))
    random.Random(0).shuffle(numbers)
    urls = [f"http://{address(i % HOSTS)}:{port}/{i}/{names[i % len(names)]}" for i in numbers]
    pq.write_table(pa.table({"url": urls, "caption": [f"the image of number {i}" for i in numbers]}), path, row_group_size=1000)


@contextmanager
def serving(folder: Path, hanging: int) -> Iterator[int]:
    """The port of the servers while the block runs."""
    command = [sys.executable, str(HERE / "fetching_server.py"), str(folder), str(hanging)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


def web2shards(table: Path, work: Path, shard: int) -> Row:
    """One run of web2shards: what it took, and how many images are in its shards."""
    out, recipe = work / "web2shards", work / "recipe.yaml"
    shutil.rmtree(out, ignore_errors=True)
    recipe.write_text(RECIPE.format(
        table=table, concurrency=REQUESTS // WORKERS, per_host=PER_HOST, timeout=TIMEOUT, shard=shard
    ))  # fmt: skip
    command = [sys.executable, "-m", "web2shards", "run", str(recipe), "--out", str(out), "--workers", str(WORKERS)]
    usage = watch(command, cwd=HERE.parent, log=work / "web2shards.log", environment={"PYTHONPATH": str(HERE.parent)})
    index = json.loads((out / "shards" / "pairs" / "index.json").read_text())
    passes = json.loads((out / "run.json").read_text())["passes"]
    return told(sum(shard["samples"] for shard in index["shards"]), usage.json()) | {"passes": passes}


def img2dataset(table: Path, work: Path, shard: int) -> Row:
    """The same of img2dataset."""
    out = work / "img2dataset"
    shutil.rmtree(out, ignore_errors=True)
    numbers = map(str, (WORKERS, REQUESTS // WORKERS, TIMEOUT, shard))
    command = [str(python_of("img2dataset")), str(HERE / "peers" / "img2dataset_job.py"), str(table), str(out), *numbers]
    usage = watch(
        command, cwd=work, log=work / "img2dataset.log", environment={**environment(), "NO_ALBUMENTATIONS_UPDATE": "1"}
    )
    stats = [json.loads(path.read_text()) for path in out.glob("*_stats.json")]
    return told(sum(one["successes"] for one in stats), usage.json())


def told(images: int, usage: Row) -> Row:
    """A run's figures."""
    return {
        "images": images, "images_a_second": round(images / usage["wall_seconds"], 1),
        "cpu_ms_an_image": round(1000 * usage["cpu_seconds"] / max(images, 1), 2), **usage,
    }  # fmt: skip


def medians(runs: list[Row]) -> Row:
    names = ("images", "images_a_second", "wall_seconds", "cpu_ms_an_image", "peak_pss_mb", "median_pss_mb")
    return {name: statistics.median(run[name] for run in runs) for name in names}


def main() -> None:
    images, times = (int(given) for given in (*sys.argv[1:], *map(str, (IMAGES, RUNS)[len(sys.argv) - 1 :])))
    work = DATA / "fetching"
    names = make_files(work / "files")
    result: Row = {
        **begin(), "images": images, "hosts": HOSTS, "hosts_hanging": HOSTS // HANGING_TURN, "requests_at_a_time": REQUESTS,
        "requests_of_a_host": PER_HOST, "workers": WORKERS, "timeout_seconds": TIMEOUT,
        "versions": versions(["aiohttp", "numpy", "pyarrow", "simplejpeg"]), "versions_of_the_peer": versions_of("img2dataset"),
    }  # fmt: skip
    runs: dict[str, list[Row]] = {"web2shards": [], "img2dataset": [], "web2shards, no host hangs": []}
    table = work / "table.parquet"
    with serving(work / "files", 0) as port:  # kernels are compiled once
        make_table(table, port, 200, names)
        web2shards(table, work, 100)
    for hanging in (1, 0):
        with serving(work / "files", hanging) as port:
            make_table(table, port, images, names)
            for _ in range(times):
                if hanging:
                    runs["web2shards"].append(web2shards(table, work, images // WORKERS))
                    runs["img2dataset"].append(img2dataset(table, work, images // WORKERS))
                else:
                    runs["web2shards, no host hangs"].append(web2shards(table, work, images // WORKERS))
    result |= {"medians": {name: medians(found) for name, found in runs.items()}, "runs": runs, "load_after": os.getloadavg()[0]}
    for name, row in result["medians"].items():
        print(f"{name:28} " + "  ".join(f"{key} {value:,}" for key, value in row.items()))
    save("fetching", result)


if __name__ == "__main__":
    main()
