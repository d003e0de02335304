from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from core.images.columns import DECODED, PIXELS, decoded, pixels_of, working_size
from tests.core.images.samples import encoded, picture, psnr


def test_small_images_come_as_they_are_and_bad_ones_with_their_reason() -> None:
    files = [encoded(picture()), None, b"", b"<html>", encoded(picture(30, 20, 1), "GIF")]
    column = decoded(pa.array(files, pa.large_binary()))
    column.validate(full=True)
    assert column.type == DECODED
    rows = column.to_pylist()
    assert rows[1] is None
    assert [row["error"] for row in rows if row] == [None, "empty", "not_an_image", None]
    assert (rows[0]["width"], rows[0]["height"], rows[0]["size"], rows[4]["format"]) == (120, 80, len(files[0]), "gif")
    pixels = pixels_of(column)
    assert pixels[1:4] == [None, None, None]
    assert pixels[0] is not None
    assert (pixels[0] == picture()).all()
    sliced = pixels_of(column.slice(3))
    assert sliced[0] is None
    assert sliced[1] is not None
    assert sliced[1].shape == (20, 30, 3)
    assert pixels_of(decoded(pa.array([], pa.binary()))) == []
    assert pixels_of(decoded(pa.array([None], pa.binary()))) == [None]


def test_large_images_are_looked_at_small_and_alike_in_every_format() -> None:
    large = picture(1600, 1200)
    column = decoded(pa.array([encoded(large), encoded(large, "JPEG", quality=95), encoded(picture(9000, 50))]))
    png, jpeg, strip = pixels_of(column)
    assert png is not None
    assert jpeg is not None
    assert strip is not None
    assert png.shape == jpeg.shape == (443, 591, 3)
    assert psnr(png, jpeg) > 33
    assert strip.shape == (38, 6869, 3)
    assert column.field("width").to_pylist() == [1600, 1600, 9000]


@pytest.mark.parametrize("size", [(1, 1), (512, 512), (513, 513), (1 << 26, 1), (1, 1 << 26), (8192, 8192), (3, 1 << 20)])
def test_no_image_has_more_pixels_than_that(size: tuple[int, int]) -> None:
    wide, high = working_size(*size)
    assert 1 <= wide * high <= PIXELS
    assert np.isclose(wide / high, size[0] / size[1], rtol=0.01) or min(size) < 4
    if size[0] * size[1] <= PIXELS:
        assert (wide, high) == size
