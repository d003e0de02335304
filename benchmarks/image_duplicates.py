"""Near-duplicates among images of which the truth is known: recall of planted copies, and distinct images that were merged.

`python benchmarks/image_duplicates.py CORPUS`: a folder with truth.parquet (url, file_rel, dup_of_url, natural_dup_of_url,
dup_transform) and its images. The threshold is chosen on half of the images, by a hash of their URL, and judged on the other.
Beside it: pairs of a million random hashes within a radius, in partitions.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from machine import begin, save, versions

from core.components import connected_components
from core.hashing import splitmix64
from core.images.columns import decoded
from dedup.election import edges_from_keys, keys_of
from dedup.hamming import Bands, match, scatter
from dedup.perceptual import Perceptual
from dedup.perceptual_pairs import candidates

I64 = npt.NDArray[np.int64]

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2)
MERGED = 0.001
HASHES, PARTITION_BITS, SOURCE = 1_000_000, 6, 50_000


def clusters(rows: pa.RecordBatch, scorer: Perceptual, pairs: tuple[I64, I64]) -> I64:
    """The label of each image: copies to the pixel, and candidates that are one picture."""
    a, b = pairs
    same = scorer.same(rows.take(pa.array(a)), rows.take(pa.array(b)))
    first, second = edges_from_keys(*keys_of(rows.column("pixels")))
    return connected_components(np.concatenate([first, a[same]]), np.concatenate([second, b[same]]), len(rows))


def judge(truth: list[dict[str, Any]], labels: I64, blank: npt.NDArray[np.bool_], chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Recall of the planted copies among the chosen, and of the chosen that are not blank those merged with others wrongly."""
    index = {row["url"]: i for i, row in enumerate(truth)}
    planted = [(i, index[row["dup_of_url"]]) for i, row in enumerate(truth) if row["dup_of_url"] in index]
    natural = [(i, index[row["natural_dup_of_url"]]) for i, row in enumerate(truth) if row["natural_dup_of_url"] in index]
    ends = np.array(planted + natural, np.int64).reshape(-1, 2)
    true = connected_components(ends[:, 0], ends[:, 1], len(truth))
    found = [(bool(labels[i] == labels[j]), truth[i]["dup_transform"]) for i, j in planted if chosen[i]]
    some = np.flatnonzero(chosen & ~blank)
    together = {(label, which) for label, which in zip(labels[some].tolist(), true[some].tolist(), strict=True)}
    merged = len(together) - len({label for label, _ in together})
    return {
        "planted": len(found),
        "recall": round(float(np.mean([hit for hit, _ in found])), 4),
        "missed": dict(Counter(kind for hit, kind in found if not hit)),
        "distinct": len(set(true[some])),
        "merged": merged,
        "merged_share": round(merged / max(1, len(set(true[some]))), 5),
    }


def hamming() -> dict[str, Any]:
    """Seconds of processor time for all pairs of random hashes, a tenth of which are near another."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**63, HASHES, np.uint64) * np.uint64(2) + random.integers(0, 2, HASHES, np.uint64)
    copies = hashes[: HASHES // 10].copy()
    for _ in range(4):
        copies ^= np.uint64(1) << random.integers(0, 64, len(copies), np.uint64)
    hashes[-len(copies) :] = copies
    bands, began = Bands(), time.process_time()
    parts: list[list[tuple[npt.NDArray[np.uint64], ...]]] = [[] for _ in range(1 << PARTITION_BITS)]
    for start in range(0, HASHES, SOURCE):
        rows = np.arange(start, start + SOURCE, dtype=np.uint64)
        bounds, *records = scatter(hashes[start : start + SOURCE, None], splitmix64(rows), rows, bands, PARTITION_BITS)
        for part, (low, high) in zip(parts, pairwise(bounds), strict=True):
            part.append(tuple(record[low:high] for record in records))
    scattered = time.process_time() - began
    found: list[npt.NDArray[np.uint64]] = []
    for number, part in enumerate(parts):
        a, b, _ = match(*(np.concatenate([chunk[k] for chunk in part]) for k in range(4)), bands)
        found.append(np.unique(a << np.uint64(32) | b))
        parts[number] = []
    pairs = np.unique(np.concatenate(found))
    wanted = np.arange(len(copies), dtype=np.uint64) << np.uint64(32) | np.arange(HASHES - len(copies), HASHES, dtype=np.uint64)
    return {
        "hashes": HASHES, "radius": bands.radius, "bands": bands.bands, "keys_a_hash": bands.keys, "pairs": len(pairs),
        "planted_found": float(np.isin(wanted, pairs).mean()), "seconds_scatter": round(scattered, 1),
        "seconds_match": round(time.process_time() - began - scattered, 1),
    }  # fmt: skip


def main() -> None:
    root = Path(sys.argv[1])
    began = begin()
    truth = [row for row in pq.read_table(root / "truth.parquet").to_pylist() if (root / row["file_rel"]).is_file()]
    scorer, batches, spent = Perceptual(), list[pa.RecordBatch](), [0.0, 0.0]
    for at in range(0, len(truth), 64):
        files = pa.array([(root / row["file_rel"]).read_bytes() for row in truth[at : at + 64]])
        times = [time.process_time()]
        images = decoded(files)
        times.append(time.process_time())
        batches.append(scorer.score(pa.RecordBatch.from_arrays([images], names=["image.decoded"])))
        times.append(time.process_time())
        spent = [total + end - start for total, (start, end) in zip(spent, pairwise(times), strict=True)]
    rows = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    pairs = candidates(rows, scorer.plan, scorer.by)
    blank = np.asarray(rows.column("uniform").fill_null(True))
    half = np.array([xxhash.xxh3_64_intdigest(row["url"].encode()) & 1 == 1 for row in truth])
    labels = {threshold: clusters(rows, Perceptual(threshold=threshold), pairs) for threshold in (*THRESHOLDS, scorer.threshold)}
    trials = {threshold: judge(truth, labels[threshold], blank, half) for threshold in THRESHOLDS}
    # The highest recall; of those with one recall the smallest threshold, of which the fewest are merged.
    best = max(THRESHOLDS, key=lambda t: (trials[t]["merged"] <= trials[THRESHOLDS[0]]["merged"], trials[t]["recall"], -t))
    result = {
        **began, "corpus": root.name, "images": len(truth), "candidates": len(pairs[0]),
        "milliseconds_an_image": {"decode": round(1e3 * spent[0] / len(truth), 2), "hash": round(1e3 * spent[1] / len(truth), 2)},
        "chosen_on_half": {"threshold": best, **trials[best]}, "other_half": judge(truth, labels[best], blank, ~half),
        "default": {"threshold": scorer.threshold, **judge(truth, labels[scorer.threshold], blank, np.ones(len(truth), bool))},
        "hamming": hamming(), "versions": versions(("numba", "numpy", "pillow", "pyarrow", "simplejpeg")),
    }  # fmt: skip
    save("image_duplicates", result)
    for name in ("milliseconds_an_image", "chosen_on_half", "other_half", "default", "hamming"):
        print(f"{name}: {result[name]}")


if __name__ == "__main__":
    main()
