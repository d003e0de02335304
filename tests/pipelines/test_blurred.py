"""An output that blurs places: images are made of the blurred pixels, the report's pictures too, and other outputs are not."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import PIL.Image
import pyarrow as pa
import pytest

from core.errors import RecipeError
from core.images.columns import pixels_of
from core.scorer import BOXES, column
from pipelines.recipe import Recipe
from pipelines.recipe_scorers import installed_scorers

from .image_runs import page, picture, recipe, samples, warc
from .runs import hashes, small_run
from .test_thumbnails import drawn

BOX = {"left": 0.0, "top": 0.0, "right": 0.5, "bottom": 1.0, "confidence": 1.0}


@dataclass(frozen=True)
class Halves:
    """The left half of an image, if it is large."""

    wide: int = 100

    name: ClassVar[str] = "halves"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = True
    inputs: ClassVar[tuple[str, ...]] = ("image.decoded",)
    schema: ClassVar[pa.Schema] = pa.schema([column("boxes", BOXES, "where"), column("count", pa.int32(), "how many")])

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        found = [None if p is None else [BOX] * (p.shape[1] >= self.wide) for p in pixels_of(batch.column(0))]
        counts = [None if boxes is None else len(boxes) for boxes in found]
        return pa.RecordBatch.from_arrays([pa.array(found, BOXES), pa.array(counts, pa.int32())], schema=self.schema)


IMAGES = {"http://a.example/large.jpg": picture(1, (200, 100)), "http://a.example/small.jpg": picture(2, (60, 60))}
PAGES = {"http://a.example/": page("<img src=large.jpg alt=Large>", "<img src=small.jpg alt=Small>")}
BLUR = "output.pairs.blur=halves"


def made(crawl: Path, *settings: str, wide: int = 100) -> Recipe:
    score = [f"halves: {{wide: {wide}}}"]
    text = [f"{{{one}}}" for one in score]
    scorers = {"text": installed_scorers()["text"], "halves": Halves}
    return recipe(crawl, *settings, score=text, keep=["fetched.width >= 8"], scorers=scorers)


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    return warc(tmp_path / "c.warc.gz", PAGES, IMAGES)


def sides(file: bytes) -> tuple[float, float]:
    """How rough the left and the right half of an image are."""
    grey = np.asarray(PIL.Image.open(io.BytesIO(file)).convert("L"), float)
    grey = grey[grey.shape[0] // 2 - 5 : grey.shape[0] // 2 + 5]
    left, right = np.array_split(grey, 2, axis=1)
    return float(left.std()), float(right[:, 6:].std())  # the blur reaches over the middle


def test_what_is_named_is_blurred(crawl: Path, tmp_path: Path) -> None:
    plain, out = tmp_path / "plain", tmp_path / "out"
    small_run(plain, made(crawl))
    small_run(out, made(crawl, BLUR, "output.whole={from: images, resize: {size: 32}}"))
    before, after, whole = samples(plain), samples(out), samples(out, "whole")
    large, small = IMAGES
    assert after[small]["jpg"] == before[small]["jpg"] == whole[small]["jpg"]
    assert whole[large]["jpg"] == before[large]["jpg"] != after[large]["jpg"]
    left, right = sides(after[large]["jpg"])
    assert left < 0.5 * right
    assert after[large]["json"]["halves.count"] == 1
    assert "halves.boxes" not in after[large]["json"]
    assert drawn(plain) != drawn(out)
    assert len(drawn(out)) == 2


def test_another_threshold_makes_the_shards_anew(crawl: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    small_run(out, made(crawl))
    pictures = drawn(out)
    small_run(out, made(crawl, BLUR))
    assert drawn(out) != pictures
    small_run(out, made(crawl, BLUR, wide=500))
    small_run(other, made(crawl, BLUR, wide=500))
    assert hashes(out, "shards", "images") == hashes(other, "shards", "images")
    assert samples(out)[next(iter(IMAGES))]["json"]["halves.count"] == 0


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("output.pairs.blur=[halves, faces]", "no scorer of images tells places under the name `faces`"),
        ("output.pairs.blur=text", "name one of halves"),
        ("output.text={from: documents, blur: halves}", "is said of images only"),
    ],
)
def test_what_cannot_be_blurred_is_an_error(crawl: Path, setting: str, told: str) -> None:
    with pytest.raises(RecipeError) as error:
        made(crawl, setting)
    assert told in str(error.value)
