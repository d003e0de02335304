"""Places of images that an output blurs."""

from __future__ import annotations

import numpy as np

from core.images import Output, Resize, convert, decode
from core.images.blurring import blurred
from tests.core.images.samples import encoded

NOISE = np.random.default_rng(3).integers(0, 256, (120, 200, 3), np.uint8)


def roughness(pixels: np.ndarray) -> float:
    """How far neighbours are apart in the mean."""
    return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())


def test_the_box_goes_and_what_is_far_from_it_stays() -> None:
    made = blurred(NOISE, [(0.4, 0.25, 0.6, 0.75)])
    assert roughness(made[30:90, 80:120]) < 0.1 * roughness(NOISE[30:90, 80:120])
    changed = np.argwhere((made != NOISE).any(axis=2))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert (top, bottom) == (21, 98)  # 1.3 times the box
    assert (left, right) == (74, 125)
    assert (made[:, :70] == NOISE[:, :70]).all()
    assert NOISE.flags.writeable
    assert not np.shares_memory(made, NOISE)


def test_boxes_at_the_edges_and_of_nothing() -> None:
    made = blurred(NOISE, [(-0.5, -0.5, 0.1, 0.2), (0.95, 0.9, 1, 1), (0.5, 0.5, 0.5, 0.5), (2, 2, 3, 3)])
    assert roughness(made[:24, :20]) < 0.1 * roughness(NOISE)
    assert roughness(made[110:, 192:]) < 0.2 * roughness(NOISE)
    assert (made[40:80, 60:150] == NOISE[40:80, 60:150]).all()
    assert blurred(NOISE, []) is NOISE
    for side in (1, 2):
        assert blurred(NOISE[:side, :side], [(0, 0, 1, 1)]).shape == (side, side, 3)


def test_all_files_of_an_image_are_blurred() -> None:
    data = encoded(NOISE, "JPEG", quality=95)
    outputs = [Output(Resize(200, "keep_ratio_largest"), "png", 6), Output(Resize(64, "center_crop"), "jpeg", 90)]
    _, plain = convert(data, outputs)
    _, made = convert(data, outputs, blur=[(0, 0, 1, 1)])
    for one, other in zip(plain, made, strict=True):
        assert (one.width, one.height) == (other.width, other.height)
        before, after = decode(one.data).pixels, decode(other.data).pixels
        assert roughness(after) < 0.2 * roughness(before)
