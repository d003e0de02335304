"""Images that are copies of an evaluation set's, from folders, shards and lists of hashes."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from core.errors import InputError
from core.images.columns import decoded
from dedup import evaluation_images
from dedup.image_decontamination import DecontaminateImages
from dedup.perceptual import Perceptual
from tests.core.images.samples import encoded, picture

Pixels = npt.NDArray[np.uint8]
KNOWN = {f"{seed}.png": picture(300, 200, 40 + seed) for seed in range(3)}


def hashes(*files: bytes | None) -> pa.RecordBatch:
    images = decoded(pa.array(files, pa.large_binary()))
    return Perceptual().score(pa.RecordBatch.from_arrays([images], names=["image.decoded"]))


def scored(scorer: DecontaminateImages, *files: bytes | None) -> list[dict[str, Any]]:
    rows = hashes(*files)
    columns = [rows.column(name.partition(".")[2]) for name in scorer.inputs]
    return scorer.score(pa.RecordBatch.from_arrays(columns, names=list(scorer.inputs))).to_pylist()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "set"
    (made / "deep").mkdir(parents=True)
    for name, pixels in KNOWN.items():
        (made / "deep" / name).write_bytes(encoded(pixels))
    (made / "labels.txt").write_text("0 cat\n")
    (made / "white.png").write_bytes(encoded(np.full((50, 50, 3), 255, np.uint8)))
    return made


def small(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(PIL.Image.fromarray(pixels).resize((width, height), PIL.Image.Resampling.LANCZOS))


def test_copies_are_named_and_others_are_not(folder: Path) -> None:
    one = KNOWN["1.png"]
    found = scored(
        DecontaminateImages({"birds": str(folder)}), encoded(one, "JPEG", quality=60), encoded(small(one, 150, 100)),
        encoded(small(one, 450, 300), "WEBP", quality=70), encoded(np.ascontiguousarray(one[4:-4, 6:-6])),
        encoded(picture(300, 200, 77)), encoded(np.full((90, 90, 3), 254, np.uint8)), None,
        encoded(np.ascontiguousarray(one[:, ::-1])),
    )  # fmt: skip
    hit = {"matches": 1, "set": "birds", "file": "deep/1.png"}
    none = {"matches": 0, "set": None, "file": None}
    assert found == [hit, hit, hit, hit, none, none, dict.fromkeys(hit), none]


def test_an_evaluation_image_may_itself_be_cut_and_a_copy_mirrored(folder: Path) -> None:
    whole = picture(300, 200, 90)
    (folder / "cut.png").write_bytes(encoded(np.ascontiguousarray(whole[5:-5, 8:-8])))
    sets = {"birds": str(folder)}
    assert scored(DecontaminateImages(sets), encoded(whole))[0]["file"] == "cut.png"
    mirrored = encoded(np.ascontiguousarray(KNOWN["0.png"][:, ::-1]))
    assert scored(DecontaminateImages(sets, turned="mirrored"), mirrored)[0]["file"] == "deep/0.png"


def test_what_differs_in_a_detail_is_no_copy(folder: Path) -> None:
    other = KNOWN["2.png"].copy()
    other[60:120, 100:160] = 255 - other[60:120, 100:160]
    assert scored(DecontaminateImages({"birds": str(folder)}), encoded(other))[0]["matches"] == 0


def shard(path: Path) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in {"000.json": b"{}", "000.png": encoded(KNOWN["0.png"]), "001.png": encoded(KNOWN["1.png"])}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_shards_and_lists(tmp_path: Path) -> None:
    copy = encoded(small(KNOWN["1.png"], 150, 100), "JPEG", quality=80)
    tar = shard(tmp_path / "val-000.tar")
    assert scored(DecontaminateImages({"s": str(tar)}), copy)[0]["file"] == "val-000.tar/001.png"
    assert scored(DecontaminateImages({"s": str(tmp_path)}), copy)[0]["file"] == "val-000.tar/001.png"
    rows = hashes(*(encoded(pixels) for pixels in KNOWN.values()), b"no image")
    layer = tmp_path / "layer.parquet"
    pq.write_table(pa.Table.from_batches([rows]).append_column("url", pa.array([*KNOWN, "bad"])), layer)
    told = rows.to_pylist()[:3]
    paths = [layer]
    for kind in ("phash", "pdq"):
        paths.append(tmp_path / f"{kind}.jsonl")
        lines = (json.dumps({"file": name, kind: row[kind].hex()}) for name, row in zip(KNOWN, told, strict=True))
        paths[-1].write_text("\n".join(lines))
    other = encoded(picture(300, 200, 78))
    for path in paths:
        found = scored(DecontaminateImages({"list": str(path)}), copy, other)
        assert [row["file"] for row in found] == ["1.png", None], path.name


def test_several_sets_count_together_and_the_first_is_named(folder: Path, tmp_path: Path) -> None:
    tar = shard(tmp_path / "val.tar")
    (row,) = scored(DecontaminateImages({"tar": str(tar), "birds": str(folder)}), encoded(KNOWN["0.png"]))
    assert row == {"matches": 2, "set": "tar", "file": "val.tar/000.png"}


def test_the_digest_follows_content_and_not_the_place(folder: Path, tmp_path: Path) -> None:
    scorer = DecontaminateImages({"birds": str(folder)})
    before = scorer.weights_digest()
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert DecontaminateImages({"birds": str(moved)}).weights_digest() == before
    os.utime(moved / "white.png", (1, 1))
    assert DecontaminateImages({"birds": str(moved)}).weights_digest() == before
    (moved / "deep" / "2.png").write_bytes(encoded(picture(300, 200, 99)))
    assert DecontaminateImages({"birds": str(moved)}).weights_digest() != before
    assert scored(DecontaminateImages({"birds": str(moved)}), encoded(picture(300, 200, 99)))[0]["file"] == "deep/2.png"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", b'{"phash": "00"}', "row 1: a hash of 8 bytes"),
        ("a.jsonl", b'{"phash": "zz"}', "row 1: non-hexadecimal"),
        ("a.jsonl", b'{"url": "x"}', "neither a column phash nor pdq"),
        ("a.jsonl", b"[1]", "is no object"),
        ("a.jsonl", b"{", "a.jsonl"),
        ("a.jsonl", b"", "has no image"),
        ("a.parquet", b"PAR1 and no more", "a.parquet"),
        ("a.tar", b"no tar at all", "a.tar: cannot be read"),
        ("folder/x.txt", b"no image", "has no image"),
        ("folder/x.jpg", b"\xff\xd8\xff\xe0 and no more", "x.jpg cannot be decoded"),
    ],
)
def test_bad_sets_are_named(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    given = path.parent if "/" in name else path
    scorer = DecontaminateImages({"bad": str(given)})
    with pytest.raises(InputError, match=told):
        scorer.open()
    (file,) = scorer.files()
    with pytest.raises(InputError):
        file.check()
    with pytest.raises(InputError, match="there is no such file"):
        DecontaminateImages({"none": str(tmp_path / "none")}).weights_digest()


def test_too_many_images_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_images, "MOST_IMAGES", 2)
    with pytest.raises(InputError, match="more than 2 images"):
        DecontaminateImages({"birds": str(folder)}).open()


CORPORA = Path(os.environ.get("WEB2SHARDS_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora")


@pytest.mark.corpora
@pytest.mark.skipif(not (CORPORA / "pairs" / "truth.parquet").is_file(), reason="needs corpora/pairs")
def test_planted_copies_of_the_corpus_are_found(tmp_path: Path) -> None:
    """Of the half of the corpus that thresholds are chosen on: the originals of planted copies are the evaluation set."""
    root = CORPORA / "pairs"
    truth = [row for row in pq.read_table(root / "truth.parquet").to_pylist() if (root / row["file_rel"]).is_file()]
    by_url = {row["url"]: row for row in truth}
    half = [row for row in truth if xxhash.xxh3_64_intdigest(row["url"].encode()) & 1 == 1]
    originals = {row["dup_of_url"] for row in half if row["dup_of_url"] in by_url}
    (tmp_path / "set").mkdir()
    for url in originals:
        (tmp_path / "set" / Path(by_url[url]["file_rel"]).name).write_bytes((root / by_url[url]["file_rel"]).read_bytes())
    related = originals | {by_url[url]["natural_dup_of_url"] for url in originals}
    scorer = DecontaminateImages({"pairs": str(tmp_path / "set")})
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for at in range(0, len(half), 64):
        some = half[at : at + 64]
        found = scored(scorer, *((root / row["file_rel"]).read_bytes() for row in some))
        for row, one in zip(some, found, strict=True):
            if row["dup_of_url"] in originals:
                hits[True].append(one["file"] == Path(by_url[row["dup_of_url"]]["file_rel"]).name)
            elif row["url"] not in related and row["natural_dup_of_url"] not in related:
                hits[False].append(bool(one["matches"]))
    assert np.mean(hits[True]) >= 0.95
    assert np.mean(hits[False]) <= 0.001
