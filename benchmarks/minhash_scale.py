"""Clusters made-up signatures with planted clusters: time, memory by size, and whether what was planted is found.

    python benchmarks/minhash_scale.py [--sizes 1000000 10000000] [--giant 1000000]
    python benchmarks/minhash_scale.py --large 100000000

A quarter of the rows are copies of the row before the cluster, of which some values are others, so that clusters have
2 to 9 rows, spread over the whole table; the rest are alone. A last table is one row a million times, each a little
different. Times and memory (PSS of the whole process tree) are those of the command `web2shards dedup cluster`,
Python's start, Beam and all; what the command says of the pass alone is kept as it says it (`told`).
The table of signatures is on disk, 448 bytes a row.

`--large` is a size that would take 90 GB of disk so: its signatures are of 4 bands of 6 values, a quarter of the keys, and its
result is kept by itself (results/minhash_large.json).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from inputs import DATA
from machine import begin, save, versions
from memory import watch

ROOT = Path(__file__).resolve().parent.parent
#: Bands and rows of signatures: the command's default, and those of `--large`.
DEFAULT, NARROW = (18, 6), (4, 6)
STEP = 100_000
#: Shares of values that a copy keeps.
KEPT = (0.88, 1.0)


def families(rows: int, seed: int) -> np.ndarray:
    """The planted cluster of each row, int64: a quarter of the rows join another, at random over the whole table."""
    rng = np.random.default_rng(seed)
    family = np.arange(rows)
    copies = rng.permutation(rows)[: rows // 4]
    heads = np.setdiff1d(family, copies, assume_unique=True)
    # Of 2 to 9 rows: each head takes as many copies as a geometric draw says.
    sizes = np.minimum(rng.geometric(0.5, rows // 4), 8)
    owners = np.repeat(rng.permutation(heads)[: rows // 4], sizes)[: len(copies)]
    family[copies] = owners
    return family


def write_table(path: Path, family: np.ndarray, seed: int, width: int) -> None:
    """Signatures of `width` values in which every row of a family is a copy of one, with some values changed."""
    schema = pa.schema([("id", pa.binary(16)), ("signature", pa.binary(4 * width))])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for start in range(0, len(family), STEP):
            mine = family[start : start + STEP]
            n = len(mine)
            # The original of a family is drawn anew from the family's number wherever it is needed.
            words = mixed(mine.astype(np.uint64)[:, None] * np.uint64(width) + np.arange(width, dtype=np.uint64))
            rng = np.random.default_rng([seed, start])
            copies = mine != np.arange(start, start + n)
            kept = np.where(copies, rng.uniform(*KEPT, n), 1.0)[:, None]
            change = rng.random((n, width), np.float32) >= kept
            words[change] = rng.integers(0, 2**32, int(change.sum()), np.uint32)
            ids = np.zeros((n, 2), np.uint64)
            ids[:, 0] = np.arange(start, start + n)
            arrays = [
                pa.FixedSizeBinaryArray.from_buffers(schema.field(i).type, n, [None, pa.py_buffer(np.ascontiguousarray(values))])
                for i, values in enumerate((ids, words))
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=STEP)


def mixed(numbers: np.ndarray) -> np.ndarray:
    """uint32 that look random, the same for the same number."""
    z = numbers * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return (z >> np.uint64(32)).astype(np.uint32)


def found(out: Path, family: np.ndarray) -> dict[str, Any]:
    """How the clusters compare with what was planted."""
    made = pa.concat_tables(pq.read_table(f, columns=["id", "cluster"]) for f in sorted((out / "clusters").glob("*.parquet")))
    place = np.frombuffer(made["id"].combine_chunks().buffers()[1], np.uint64)[::2].astype(np.int64)
    cluster = np.empty(len(family), np.uint64)
    cluster[place] = made["cluster"].to_numpy()
    head = cluster[family]  # of the row that each is a copy of
    copies = family != np.arange(len(family))
    several, sizes = np.unique(family, return_counts=True)
    kept = np.unique(cluster)
    return {
        "planted clusters": int((sizes > 1).sum()), "planted copies": int(copies.sum()),
        "copies found": int((cluster[copies] == head[copies]).sum()),
        "rows in a cluster that is not theirs": int(len(several) - len(kept) + (cluster[copies] != head[copies]).sum()),
    }  # fmt: skip


def cluster(name: str, family: np.ndarray, folder: Path, shape: tuple[int, int] = DEFAULT) -> dict[str, Any]:
    table, out = folder / "signatures.parquet", folder / "out"
    bands, rows = shape
    write_table(table, family, 1, bands * rows)
    command = [sys.executable, "-m", "web2shards", "dedup", "cluster", str(table), "--out", str(out)]
    command += ["--bands", str(bands), "--rows", str(rows)]
    usage = watch(command, cwd=ROOT, log=folder / "log")
    told = (folder / "log").read_text().splitlines()
    said = [line for line in told if "signatures" in line][:1]
    result = {"rows": len(family), "bands": bands, "rows a band": rows, **usage.json(), **found(out, family), "told": said}
    print(
        f"{name}: {usage.wall_seconds} s, {usage.cpu_seconds} s of processor time, {usage.peak_pss_mb:.0f} MB; "
        f"{result['copies found']:,} of {result['planted copies']:,} copies found"
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--giant", type=int, default=1_000_000, help="rows of the table of one cluster")
    parser.add_argument("--large", type=int, default=0, help="rows of a table of narrow signatures, measured alone")
    given = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        cluster("not counted, compiles kernels", families(10_000, 1), Path(folder))
    results: dict[str, Any] = {**begin(), "versions": versions(["apache-beam", "numba", "numpy", "pyarrow"]), "runs": {}}
    if given.large:
        with tempfile.TemporaryDirectory(dir=DATA) as folder:
            name = f"{given.large:,} rows"
            results["runs"][name] = cluster(name, families(given.large, 1), Path(folder), NARROW)
        save("minhash_large", results)
        return
    tables = {f"{rows:,} rows": families(rows, 1) for rows in given.sizes}
    tables[f"one cluster of {given.giant:,}"] = np.zeros(given.giant, np.int64)
    for name, family in tables.items():
        with tempfile.TemporaryDirectory(dir=DATA) as folder:
            results["runs"][name] = cluster(name, family, Path(folder))
    save("minhash_scale", results)


if __name__ == "__main__":
    main()
