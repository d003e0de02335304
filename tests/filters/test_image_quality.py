from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageFilter
import pyarrow as pa
import pytest

from core.images.columns import decoded
from core.images.sharpness import sharpness
from filters.image_quality import ImageQuality, measures
from tests.core.images.samples import encoded, picture


def scores(*files: bytes | None) -> list[dict]:
    batch = pa.RecordBatch.from_arrays([decoded(pa.array(files, pa.binary()))], names=["image.decoded"])
    return ImageQuality().score(batch).to_pylist()


def test_what_the_file_says() -> None:
    exif = PIL.Image.Exif()
    exif[274] = 6
    data = encoded(picture(1000, 400), "JPEG", exif=exif.tobytes())
    row, none, bad = scores(data, None, b"<html>")
    assert (row["width"], row["height"], row["min_side"], row["aspect"]) == (400, 1000, 400, 2.5)
    assert (row["bytes"], row["format"], row["mode"], row["animated"], row["had_alpha"]) == (len(data), "jpeg", "rgb", False, False)
    assert row["reason"] == row["profile"] == row["warning"] == ""
    assert set(none.values()) == {None}
    assert {name for name, value in bad.items() if value is not None} == {"reason", "bytes"}
    assert bad["reason"] == "not_an_image"


def test_one_colour() -> None:
    for grey in (0, 100, 255):
        found = measures(np.full((60, 90, 3), grey, np.uint8))
        assert found == {"entropy": 0, "contrast": 0, "brightness": grey, "grey": 1, "border": 1, "plain": 1}
    assert measures(np.full((60, 90, 3), (200, 10, 10), np.uint8))["grey"] == 0


def test_entropy_and_contrast() -> None:
    halves = np.zeros((64, 64, 3), np.uint8)
    halves[:, 32:] = 255
    found = measures(halves)
    assert found["entropy"] == pytest.approx(1)
    assert found["contrast"] == pytest.approx(127.5)
    assert found["brightness"] == pytest.approx(127.5)
    assert found["plain"] == 0.5
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (8, 1))[:, :, None], 3, axis=2)
    assert measures(ramp)["entropy"] == pytest.approx(8)


def test_grey_survives_jpeg() -> None:
    grey = np.repeat(picture()[:, :, :1], 3, axis=2)
    colours, drab = scores(encoded(picture(), "JPEG"), encoded(grey, "JPEG"))
    assert drab["grey"] == 1
    assert colours["grey"] < 0.3


@pytest.mark.parametrize(("top", "bottom", "left", "right"), [(0, 0, 0, 0), (20, 0, 0, 0), (0, 10, 30, 5), (20, 20, 40, 40)])
def test_borders(top: int, bottom: int, left: int, right: int) -> None:
    inner = np.random.default_rng(0).integers(0, 200, (100, 160, 3), np.uint8)
    framed = np.pad(inner, ((top, bottom), (left, right), (0, 0)), constant_values=250)
    assert measures(framed)["border"] == pytest.approx(1 - inner.size / framed.size, abs=1e-6)


def test_two_halves_are_all_border() -> None:
    halves = np.zeros((40, 60, 3), np.uint8)
    halves[20:] = 200
    assert measures(halves)["border"] == measures(np.ascontiguousarray(halves.transpose(1, 0, 2)))["border"] == 1


def test_blur_falls_with_sharpness_and_is_opencvs_on_small_images() -> None:
    """cv2.Laplacian(grey, cv2.CV_64F)[1:-1, 1:-1].var() of OpenCV 5.0 on a 7 × 5 ramp of squares: 4 everywhere inside."""
    squares = np.repeat((np.arange(7)[None, :, None] ** 2 * np.ones((5, 1, 1))).astype(np.uint8), 3, axis=2)
    assert sharpness(squares) == pytest.approx(0, abs=1e-6)
    checks = np.repeat(((np.indices((6, 6)).sum(axis=0) % 2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    assert sharpness(checks) == pytest.approx(1020**2, rel=1e-5)
    sharp = PIL.Image.fromarray(picture(400, 300))
    soft = [sharpness(np.asarray(sharp.filter(PIL.ImageFilter.GaussianBlur(radius)))) for radius in (0, 1, 2, 4)]
    assert soft == sorted(soft, reverse=True)
    assert soft[0] > 4 * soft[2]
    assert sharpness(np.zeros((2, 9, 3), np.uint8)) == 0


def test_a_larger_copy_is_about_as_sharp() -> None:
    small = PIL.Image.fromarray(picture(512, 384))
    large = small.resize((1536, 1152), PIL.Image.Resampling.NEAREST)
    out = io.BytesIO()
    large.save(out, "PNG")
    assert scores(out.getvalue())[0]["blur"] == pytest.approx(sharpness(np.asarray(small)), rel=0.5)


def test_a_pixel() -> None:
    (row,) = scores(encoded(np.full((1, 1, 3), 9, np.uint8)))
    assert (row["width"], row["aspect"], row["blur"], row["border"], row["plain"]) == (1, 1, 0, 1, 1)
