"""A short run of the fuzzer of images; `images.py` runs longer."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from core.images import Image, Limits
from tests.fuzz import images


def test_nothing_is_found() -> None:
    fuzz = images.ImageFuzz(seed=1, wanted=250)
    assert fuzz.run() == []
    assert fuzz.inputs >= 250


def test_cases_reach_what_they_should() -> None:
    """Files that decode, and most of the reasons."""
    found = Counter(images.check(images.mutated(Random(f"2:{case}"))) for case in range(200))
    assert sum(found[format] for format in ("jpeg", "png", "webp", "gif", "avif", "bmp", "tiff")) > 20
    assert {"damaged", "truncated", "not_an_image"} <= set(found)


def test_a_broken_decoder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = images.decode

    def broken(data: bytes, limits: Limits) -> Image:
        assert not data.startswith(b"GIF8")
        return decode(data, limits=limits)

    fuzz = images.ImageFuzz(seed=1, wanted=60)
    monkeypatch.setattr(images, "decode", broken)
    assert {finding.kind for finding in fuzz.run()} == {"error"}
