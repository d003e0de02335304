from __future__ import annotations

import time

import PIL.Image
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.PngImagePlugin import PngInfo

from core.images.metadata import MOST, metadata
from filters.image_origin import ImageOrigin, generator_of, source_type
from tests.core.images.samples import encoded, picture


def origin(data: bytes | None) -> dict:
    return ImageOrigin().score(pa.record_batch({"image.bytes": pa.array([data], pa.large_binary())})).to_pylist()[0]


def png(**texts: str) -> bytes:
    info = PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    return encoded(picture(), pnginfo=info)


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description Iptc4xmpExt:DigitalSourceType=
"http://cv.iptc.org/newscodes/digitalsourcetype/{}"/></rdf:RDF></x:xmpmeta>"""


def test_images_without_marks() -> None:
    for format in ("PNG", "JPEG", "WEBP", "GIF", "AVIF"):
        found = {"synthetic": False, "manifest": False, "source_type": "", "generator": ""}
        assert origin(encoded(picture(300, 200), format)) == found
    assert set(origin(None).values()) == {None}
    assert origin(b"")["synthetic"] is False


@pytest.mark.parametrize(
    ("term", "synthetic"),
    [
        ("trainedAlgorithmicMedia", True), ("compositeWithTrainedAlgorithmicMedia", True), ("algorithmicMedia", True),
        ("digitalCapture", False), ("compositeSynthetic", True), ("composite", False),
    ],
)  # fmt: skip
def test_source_types(term: str, synthetic: bool) -> None:
    for format in ("JPEG", "WEBP", "PNG"):
        xmp = XMP.format(term)
        data = png(**{"XML:com.adobe.xmp": xmp}) if format == "PNG" else encoded(picture(), format, xmp=xmp.encode())
        found = origin(data)
        assert (found["source_type"], found["synthetic"]) == (term, synthetic), format


def test_a_synthetic_ingredient_counts_before_a_capture() -> None:
    both = XMP.format("digitalCapture") + XMP.format("trainedAlgorithmicMedia")
    assert source_type(both.encode()) == "trainedAlgorithmicMedia"


WEBUI = "a castle, masterpiece\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"


@pytest.mark.parametrize(
    ("texts", "generator"),
    [
        ({"parameters": WEBUI}, "stable-diffusion-webui"),
        ({"prompt": '{"3": {"inputs": {"seed": 1}, "class_type": "KSampler"}}'}, "comfyui"),
        ({"Software": "NovelAI", "Comment": "{}"}, "novelai"),
        ({"invokeai_metadata": "{}"}, "invokeai"),
        ({"fooocus_scheme": "fooocus"}, "fooocus"),
        ({"Description": "a castle --v 5.2 Job ID: 01234567-89ab-cdef-0123-456789abcdef"}, "midjourney"),
    ],
)
def test_generators_in_png(texts: dict[str, str], generator: str) -> None:
    found = origin(png(**texts))
    assert (found["generator"], found["synthetic"]) == (generator, True)


def test_what_a_user_comment_says_in_utf_16() -> None:
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + WEBUI.encode("utf-16-be")
    assert origin(encoded(picture(), "JPEG", exif=exif.tobytes()))["generator"] == "stable-diffusion-webui"


def test_words_that_are_no_mark() -> None:
    assert origin(png(Comment="Steps: 3, then turn left", Description="Job ID: 12"))["synthetic"] is False
    assert origin(png(Comment="OpenAI is a company; Adobe Firefly is a product"))["synthetic"] is False


def test_manifests() -> None:
    box = b"\0\0\0\x40jumb\0\0\0\x1ejumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0" + bytes(30)
    segment = b"\xff\xeb" + (len(box) + 10).to_bytes(2, "big") + b"JP\0\x01\0\0\0\x01" + box
    jpeg = encoded(picture(), "JPEG")
    assert origin(jpeg[:2] + segment + jpeg[2:])["manifest"]
    claim = b"claim_generator\x78\x18OpenAI-API c2pa-rs/0.31.3"
    segment = b"\xff\xeb" + (len(box + claim) + 10).to_bytes(2, "big") + b"JP\0\x01\0\0\0\x01" + box + claim
    found = origin(jpeg[:2] + segment + jpeg[2:])
    assert (found["manifest"], found["generator"], found["synthetic"]) == (True, "openai", True)


def test_pixels_are_not_looked_at() -> None:
    data = encoded(picture(), "JPEG")
    scan = data.index(b"\xff\xda")
    assert generator_of(WEBUI.encode())
    assert not origin(data[: scan + 20] + WEBUI.encode() + data[scan + 20 :])["synthetic"]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"]), st.binary(max_size=300))
def test_any_bytes_survive(start: bytes, rest: bytes) -> None:
    assert len(metadata(start + rest)) <= len(start + rest) + 8
    origin(start + rest)


def test_hostile_metadata_cost_little() -> None:
    for unit in (b"Steps: ", b'"class_type"', b"digitalsourcetype", b"Negative prompt: ", b"OpenAI", b"claim_generator", b"DALL"):
        data = encoded(picture(), "JPEG")
        segment = b"\xff\xeb\xff\xff" + (unit * (65_533 // len(unit) + 1))[:65_533]
        began = time.process_time()
        origin(data[:2] + segment * 40 + data[2:])
        assert time.process_time() - began < 0.5, unit
        assert len(metadata(data[:2] + segment * 40 + data[2:])) == MOST
