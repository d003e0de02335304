"""Sizes and pixels against img2dataset 1.47's Resizer and OpenCV's INTER_AREA, run on the pictures of `samples`.

`img2dataset.json` holds what they gave: for each case width, height, mode, only_if_bigger, size, shape and mean colour.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.images import Encoded, Image, ImageError, Limits, Output, Resize, convert, decode, encode, resize
from core.images.area import shrink
from tests.core.images.samples import encoded, picture, psnr

GOLDEN = json.loads(Path(__file__).with_name("img2dataset.json").read_text())


def whole(width: int, height: int) -> Image:
    return Image(picture(width, height), width, height, "png", "rgb")


@pytest.mark.parametrize("case", GOLDEN["modes"], ids=lambda case: "-".join(map(str, case[:5])))
def test_shapes_and_colours_are_those_of_img2dataset(case: list) -> None:
    width, height, mode, only_if_bigger, size, shape, mean = case
    how = Resize(size, mode, only_if_bigger)
    pixels = resize(whole(width, height), how)
    assert [pixels.shape[1], pixels.shape[0]] == shape == list(how.shape(width, height))
    # Larger by another Lanczos: OpenCV's has 8 taps, Pillow's 6. Of 7 pixels across the middle is not the same one.
    assert np.abs(pixels.reshape(-1, 3).mean(axis=0) - mean).max() < (0.7 if width == 7 else 0.3)


@pytest.mark.parametrize("case", GOLDEN["area"])
def test_areas_are_those_of_opencv(case: str) -> None:
    (width, height), (wide, high) = (map(int, side.split("x")) for side in case.split("-"))
    assert (shrink(picture(width, height), wide, high) == np.array(GOLDEN["area"][case])).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_areas_of_one_colour_keep_it(width: int, height: int, wide: int, high: int, grey: int) -> None:
    pixels = np.full((height, width, 3), grey, np.uint8)
    assert (shrink(pixels, min(width, wide), min(height, high)) == grey).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_areas_are_means_of_what_they_cover(width: int, height: int, data: st.DataObject) -> None:
    wide, high = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    pixels = picture(width, height, seed=width)
    rows, columns = (coverage(old, new) for old, new in ((height, high), (width, wide)))
    expected = np.einsum("yh,xw,hwc->yxc", rows, columns, pixels.astype(float))
    assert np.abs(shrink(pixels, wide, high) - expected).max() <= 0.51


def coverage(old: int, new: int) -> np.ndarray:
    edges = np.linspace(0, old, new + 1)
    at = np.arange(old)
    covered = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
    return np.clip(covered, 0, None) * new / old


def test_a_part_of_the_last_column_counts_as_that_part() -> None:
    pixels = np.zeros((1, 3, 3), np.uint8)
    pixels[0, 2] = 100
    assert shrink(pixels, 1, 1)[0, 0, 0] == 33
    assert shrink(pixels, 1, 1, (2.5, 1.0))[0, 0, 0] == 20


def test_area_cannot_enlarge() -> None:
    with pytest.raises(ValueError, match="at most 4 × 3"):
        shrink(picture(4, 3), 5, 3)


@pytest.mark.parametrize("downscale", ["area", "lanczos", "bicubic"])
@pytest.mark.parametrize("mode", ["border", "keep_ratio", "center_crop", "keep_ratio_largest"])
def test_of_a_scaled_jpeg_comes_what_comes_of_the_whole(mode: str, downscale: str) -> None:
    data = encoded(picture(1101, 803), "JPEG", quality=95)
    how = Resize(100, mode, downscale=downscale)  # type: ignore[arg-type]
    image, files = convert(data, [Output(how, "png", 1)])
    assert image.scale < 8
    assert psnr(decode(files[0].data).pixels, resize(decode(data), how)) > 38


def test_lanczos_and_bicubic_are_pillows() -> None:
    image = whole(120, 80)
    for downscale, kernel in (("lanczos", PIL.Image.Resampling.LANCZOS), ("bicubic", PIL.Image.Resampling.BICUBIC)):
        expected = np.asarray(PIL.Image.fromarray(image.pixels).resize((60, 40), kernel))
        assert (resize(image, Resize(40, "keep_ratio", downscale=downscale)) == expected).all()  # type: ignore[arg-type]


def test_a_line_does_not_become_a_wall() -> None:
    """A side of 1 brought to 256 makes 10,000 to 2.5 million."""
    line = Image(np.zeros((10_000, 1, 3), np.uint8), 1, 10_000, "png", "rgb")
    with pytest.raises(ImageError, match="too_many_pixels"):
        resize(line, Resize(256, "keep_ratio"))
    assert resize(line, Resize(256, "keep_ratio", only_if_bigger=True)).shape == (10_000, 1, 3)
    assert resize(line, Resize(256, "border")).shape == (256, 256, 3)
    assert resize(line, Resize(16, "center_crop")).shape == (16, 16, 3)


def test_several_sizes_come_of_one_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.images import jpeg

    calls: list[int] = []
    original = jpeg._decode
    monkeypatch.setattr(jpeg, "_decode", lambda *a, **k: calls.append(1) or original(*a, **k))
    data = encoded(picture(900, 700), "JPEG")
    outputs = [Output(Resize(64), "webp", 80), Output(Resize(200, "keep_ratio")), Output(Resize(32, "center_crop"), "png", 9)]
    image, files = convert(data, outputs)
    assert calls == [1]
    assert (image.width, image.height) == (900, 700)
    assert [(f.width, f.height) for f in files] == [(64, 64), (257, 200), (32, 32)]
    assert [decode(f.data).format for f in files] == ["webp", "jpeg", "png"]
    assert [(decode(f.data).width, decode(f.data).height) for f in files] == [(f.width, f.height) for f in files]
    assert convert(data, outputs)[1] == files
    assert isinstance(files[0], Encoded)


def test_files_hold_the_image_and_nothing_else() -> None:
    exif = PIL.Image.Exif()
    exif[274], exif[271] = 6, "A maker whom nobody need know"
    data = encoded(picture(), "JPEG", exif=exif.tobytes())
    for format in ("jpeg", "webp", "png"):
        _, (file,) = convert(data, [Output(Resize(mode="no"), format, 9)])  # type: ignore[arg-type]
        image = PIL.Image.open(io.BytesIO(file.data))
        assert b"maker" not in file.data
        assert not image.getexif()
        assert image.size == (80, 120) == (file.width, file.height)


def test_quality_is_that_of_the_format() -> None:
    pixels = picture()
    assert len(encode(pixels, "jpeg", 30)) < len(encode(pixels, "jpeg", 95))
    assert len(encode(pixels, "webp", 30)) < len(encode(pixels, "webp", 95))
    assert len(encode(pixels, "png", 0)) > pixels.size > len(encode(pixels, "png", 9))
    assert (decode(encode(pixels, "png", 3)).pixels == pixels).all()
    assert psnr(decode(encode(pixels, "jpeg", 95)).pixels, pixels) > 28


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"size": 0}, "size"), ({"size": 20_000}, "size"), ({"mode": "stretch"}, "mode"), ({"downscale": "nearest"}, "downscale"),
        ({"upscale": "area"}, "upscale"),
    ],
)  # fmt: skip
def test_a_wrong_size_is_named(settings: dict, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        Resize(**settings)


@pytest.mark.parametrize("settings", [{"format": "gif"}, {"quality": 0}, {"quality": 101}, {"format": "png", "quality": 10}])
def test_a_wrong_output_is_named(settings: dict) -> None:
    with pytest.raises(ValueError, match=r"^(format|quality): "):
        Output(**settings)


def test_wrong_limits_are_named() -> None:
    with pytest.raises(ValueError, match=r"^pixels: "):
        Limits(pixels=0)
