"""Hashes against imagehash 4.3.2 and pdqhash 0.2.8 (Meta's C++), run on the pictures of `tests.core.images.samples`.

`perceptual_hashes.json` holds what they gave: pHash, PDQ with its quality, and PDQ of the image turned and mirrored.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.components import connected_components
from core.images.columns import decoded
from dedup.election import edges_from_keys, keys_of
from dedup.hamming import Bands
from dedup.perceptual import Perceptual
from dedup.perceptual_check import SAME, differences, thumbnail
from dedup.perceptual_hashes import pdq, pdq_low, phash
from dedup.perceptual_pairs import candidates, order_of_images
from tests.core.images.samples import encoded, picture

GOLDEN: list[dict[str, Any]] = json.loads(Path(__file__).with_name("perceptual_hashes.json").read_text())


def golden_picture(case: dict[str, Any]) -> np.ndarray:
    return picture(case["width"], case["height"], case["seed"])


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['width']}x{case['height']}")
def test_phash_is_imagehashs(case: dict[str, Any]) -> None:
    assert phash(golden_picture(case))[0].tobytes().hex() == case["phash"]


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['width']}x{case['height']}")
def test_pdq_is_the_references_in_all_eight_ways(case: dict[str, Any]) -> None:
    hashes, quality = pdq(golden_picture(case))
    assert hashes[0].tobytes().hex() == case["pdq"]
    assert quality == case["quality"]
    assert {row.tobytes().hex() for row in hashes} == set(case["dihedral"])


def ways(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """The eight ways in the order of the hashes."""
    for base in (pixels, pixels.transpose(1, 0, 2)):
        for way in (base, base[:, ::-1], base[::-1], base[::-1, ::-1]):
            yield np.ascontiguousarray(way)


def test_the_other_seven_are_the_hashes_of_the_image_turned() -> None:
    pixels = picture(256, 256, seed=9)
    for hashes in (phash(pixels), pdq(pixels)[0]):
        for row, way in zip(hashes, ways(pixels), strict=True):
            turned = phash(way)[0] if len(row) == 8 else pdq(way)[0][0]
            # A place of 64 × 64 is picked by its upper left, so that mirrored ones are half a pixel off.
            assert np.unpackbits(row ^ turned).sum() <= 1.5 * len(row)


def test_one_colour_has_no_bits_by_chance() -> None:
    for grey in (0, 7, 128, 255):
        hashes = phash(np.full((50, 70, 3), grey, np.uint8))
        assert np.unpackbits(hashes).sum() <= 8
    assert pdq(np.full((50, 70, 3), 200, np.uint8))[1] == 0


def jpeg(pixels: np.ndarray, quality: int = 80) -> np.ndarray:
    import io

    return np.asarray(PIL.Image.open(io.BytesIO(encoded(pixels, "JPEG", quality=quality))))


def resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(PIL.Image.fromarray(pixels).resize((width, height), PIL.Image.Resampling.LANCZOS))


COPIES = {
    "resized": lambda p: resized(p, 200, 133),
    "recompressed": lambda p: jpeg(p, 60),
    "cropped": lambda p: np.ascontiguousarray(p[8:-8, 12:-12]),
    "cropped aside": lambda p: np.ascontiguousarray(p[5:-12, 4:-20]),
    "brighter": lambda p: np.clip(p * 1.15 + 5, 0, 255).astype(np.uint8),
    "darker": lambda p: (p * 0.85).astype(np.uint8),
}


def difference(one: np.ndarray, other: np.ndarray, count: int = 1) -> float:
    return float(differences(*(thumbnail(p).reshape(1, -1) for p in (one, other)), count)[0])


@pytest.mark.parametrize("name", COPIES)
def test_copies_do_not_differ(name: str) -> None:
    """Where a crop cuts hard edges at parts of a pixel, one in ten may."""
    found = [difference(picture(400, 267, seed), COPIES[name](picture(400, 267, seed))) for seed in range(20)]
    assert np.mean(np.array(found) <= SAME) >= (0.9 if "crop" in name else 1)
    assert max(found) < 2


def test_it_makes_no_difference_which_is_the_one() -> None:
    pixels = picture(400, 267, 2)
    for change in COPIES.values():
        assert abs(difference(pixels, change(pixels)) - difference(change(pixels), pixels)) < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_a_patch_of_another_colour_is_a_difference(seed: int) -> None:
    pixels = picture(400, 267, seed)
    other = pixels.copy()
    other[100:130, 200:240] = 255 - other[100:130, 200:240]
    assert difference(pixels, other) > 1.5
    assert difference(pixels, pixels[:, :, [1, 0, 2]]) > 1.5
    assert difference(pixels, picture(400, 267, seed + 1)) > 1.5


def test_mirrored_and_turned_copies_are_found_if_asked_for() -> None:
    pixels = picture(300, 300, 3)
    for index, way in enumerate(ways(pixels)):
        assert (difference(pixels, way) <= SAME) == (index == 0)
        assert (difference(pixels, way, 2) <= SAME) == (index <= 1)
        assert difference(pixels, way, 8) <= SAME


def table(files: list[bytes | None], scorer: Perceptual | None = None) -> pa.RecordBatch:
    scorer = scorer or Perceptual()
    return scorer.score(pa.RecordBatch.from_arrays([decoded(pa.array(files, pa.binary()))], names=["image.decoded"]))


def clusters(rows: pa.RecordBatch, scorer: Perceptual | None = None) -> np.ndarray:
    """What a run does: copies by digest, candidates by hash, and a check of these."""
    scorer = scorer or Perceptual()
    a, b = candidates(rows, scorer.plan, scorer.by)
    same = scorer.same(rows.take(pa.array(a)), rows.take(pa.array(b)))
    first, second = edges_from_keys(*keys_of(rows.column("pixels")))
    return connected_components(np.concatenate([first, a[same]]), np.concatenate([second, b[same]]), len(rows))


def test_the_columns() -> None:
    big = picture(1200, 900)
    blank = np.full((40, 30, 3), 255, np.uint8)
    rows = table([encoded(big), b"no image", None, encoded(big, "WEBP", lossless=True), encoded(blank)])
    one, bad, none, same, white = rows.to_pylist()
    assert set(bad.values()) == set(none.values()) == {None}
    assert one == same
    assert (one["area"], round(one["ratio"], 3), one["uniform"]) == (1_080_000, 1.333, False)
    assert len(one["views"]) == 8
    assert white["uniform"]
    assert white["pixels"] == table([encoded(np.full((300, 100, 3), 254, np.uint8))]).to_pylist()[0]["pixels"]
    assert len(table([encoded(big)], Perceptual(by="pdq", turned="all")).to_pylist()[0]["views"]) == 15 * 32
    assert table([encoded(big)], Perceptual(crop=0)).to_pylist()[0]["views"] == b""


def test_near_duplicates_come_together_and_others_do_not() -> None:
    files, family = [], []
    for seed in range(6):
        pixels = picture(400, 267, 100 + seed)
        changes = [change for name, change in COPIES.items() if name != "cropped aside"]
        files += [encoded(pixels), *(encoded(change(pixels)) for change in changes)]
        family += [seed] * (1 + len(changes))
    for scorer in (Perceptual(), Perceptual(by="pdq", radius=47, bands=16)):
        labels = clusters(table(files, scorer), scorer)
        assert len(set(zip(labels.tolist(), family, strict=True))) == len(set(labels)) == 6


def test_the_low_half_of_a_pdq_is_what_changes_least() -> None:
    pixels = picture(400, 267, 11)
    first = pdq(pixels)[0][:1]
    assert pdq_low(first).shape == (1, 8)
    bits = np.unpackbits(first[0])[::-1].reshape(16, 16)  # by frequency, the lowest first
    assert sorted(np.unpackbits(pdq_low(first)[0])) == sorted(bits[:8, :8].ravel())
    other = pdq(resized(pixels, 120, 80))[0][:1]
    assert np.unpackbits(pdq_low(first) ^ pdq_low(other)).mean() <= np.unpackbits(first ^ other).mean() + 1e-9


def test_a_copy_that_pdq_alone_knows_is_a_candidate() -> None:
    rows = table([encoded(picture(400, 267, 12)), encoded(picture(300, 200, 12))])
    far = [value if i else bytes(8) for i, value in enumerate(rows.column("phash").to_pylist())]
    views = pa.array([b"", b""], pa.binary())
    told = rows.set_column(0, rows.schema.field(0), pa.array(far, pa.binary(8))).set_column(3, rows.schema.field(3), views)
    assert [side.tolist() for side in candidates(told, Bands(64, 6, 3), "phash")] == [[0], [1]]


def test_mirrored_copies_come_together_if_asked_for() -> None:
    pixels = picture(400, 267, 5)
    files = [encoded(np.ascontiguousarray(p)) for p in (pixels, pixels[:, ::-1], pixels[::-1, ::-1])]
    for turned, count in (("no", 3), ("mirrored", 2), ("all", 1)):
        scorer = Perceptual(turned=turned)  # type: ignore[arg-type]
        assert len(set(clusters(table(files, scorer), scorer))) == count


def test_what_is_kept_is_the_largest_then_the_sharpest() -> None:
    from dedup.election import elect

    small, large = picture(200, 150, 7), picture(400, 300, 7)
    blurred = resized(resized(large, 100, 75), 400, 300)
    rows = table([encoded(small), encoded(blurred), encoded(large), None])
    ids = pa.array([bytes([i]) * 16 for i in range(4)], pa.binary(16))
    order = order_of_images(ids, rows.column("area"), rows.column("sharpness"), np.arange(4))
    a, b = np.array([0, 1, 2]), np.array([1, 2, 3])
    assert elect(order, a[:2], b[:2], np.ones(4, bool)).winner.tolist() == [2, 2, 2, 3]
    assert elect(order, a[:1], b[:1], np.ones(4, bool)).winner.tolist() == [1, 1, 2, 3]
    assert elect(order, a, b, np.ones(4, bool)).winner.tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"by": "ahash"}, "by"), ({"turned": "yes"}, "turned"), ({"crop": 0.5}, "crop"), ({"threshold": -1}, "threshold"),
        ({"radius": 3}, "bands"), ({"radius": 40, "bands": 10}, "radius"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_named(settings: dict, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        Perceptual(**settings)


def test_another_threshold_hashes_nothing_anew() -> None:
    assert Perceptual(threshold=0.5, radius=4, bands=2).column_parameters == Perceptual().column_parameters
    assert Perceptual().plan == Bands(64, 6, 3)


CORPORA = Path(os.environ.get("WEB2SHARDS_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")


@pytest.mark.corpora
@pytest.mark.skipif(not (CORPORA / "pairs" / "truth.parquet").is_file(), reason="needs corpora/pairs")
def test_planted_duplicates_of_the_corpus_are_found() -> None:
    """Recall of planted duplicates at least .95; of distinct images that are not blank at most .001 are merged, but for three
    that are the same picture by their looks (Elephants in three sizes, the Taj Mahal in two)."""
    root = CORPORA / "pairs"
    truth = [row for row in pq.read_table(root / "truth.parquet").to_pylist() if (root / row["file_rel"]).is_file()]
    batches = [table([(root / row["file_rel"]).read_bytes() for row in truth[at : at + 64]]) for at in range(0, len(truth), 64)]
    rows = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    labels = clusters(rows)
    index = {row["url"]: i for i, row in enumerate(truth)}
    pairs = [(i, index[row["dup_of_url"]]) for i, row in enumerate(truth) if row["dup_of_url"] in index]
    assert np.mean([labels[i] == labels[j] for i, j in pairs]) >= 0.95
    declared = pairs + [(i, index[row["natural_dup_of_url"]]) for i, row in enumerate(truth) if row["natural_dup_of_url"] in index]
    true = connected_components(*(np.array(side) for side in zip(*declared, strict=True)), len(truth))
    blank = np.asarray(rows.column("uniform").fill_null(True))
    merged = {(label, which) for label, which, white in zip(labels, true, blank, strict=True) if not white}
    assert len(merged) - len({label for label, _ in merged}) <= 0.001 * len(truth) + 3
