from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.ImageOps
import pytest
from PIL.PngImagePlugin import PngInfo

from core.images import ImageError, Limits, decode
from core.images.orientation import exif_orientation
from tests.core.images.samples import encoded, picture, psnr


def reason(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, limits=limits or Limits())
    return caught.value.reason


@pytest.mark.parametrize(
    ("format", "options", "least"),
    [
        ("PNG", {}, np.inf), ("WEBP", {"lossless": True}, np.inf), ("BMP", {}, np.inf),
        ("TIFF", {"compression": "tiff_lzw"}, np.inf),
        ("JPEG", {"quality": 95, "subsampling": 0}, 38), ("WEBP", {"quality": 90}, 28), ("AVIF", {"quality": 90}, 28),
        ("GIF", {}, 25),
    ],
)  # fmt: skip
def test_every_format_is_decoded(format: str, options: dict, least: float) -> None:
    image = decode(encoded(picture(), format, **options))
    assert image.format == format.lower()
    assert (image.width, image.height, image.pixels.shape, image.pixels.dtype) == (120, 80, (80, 120, 3), np.uint8)
    assert image.pixels.flags.c_contiguous
    assert psnr(image.pixels, picture()) >= least
    assert not image.animated
    assert not image.had_alpha
    assert not image.warning


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_as_pillow_does(format: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[274] = orientation
    if format == "TIFF":
        data = encoded(picture(), format, tiffinfo={274: orientation})
    else:
        data = encoded(picture(), format, exif=exif.tobytes(), **({"lossless": True} if format == "WEBP" else {"quality": 95}))
    image = decode(data)
    expected = np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data))).convert("RGB"))
    assert image.orientation == orientation
    assert (image.height, image.width) == expected.shape[:2]
    assert psnr(image.pixels, expected) > 40  # two libjpegs differ by a rounding


@pytest.mark.parametrize(("part", "eighths"), [(1, 8), (1.9, 8), (2, 4), (3, 4), (4, 2), (7.9, 2), (8, 1), (20, 1)])
def test_a_jpeg_comes_at_scales_that_are_fast(part: float, eighths: int) -> None:
    data = encoded(picture(800, 800), "JPEG")
    assert decode(data, at_least=lambda width, height: (round(width / part), round(height / part))).scale == eighths


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_scaled_jpeg_is_what_the_whole_one_is_made_smaller(orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[274] = orientation
    data = encoded(picture(806, 603), "JPEG", quality=95, exif=exif.tobytes())
    whole = decode(data)
    seen: list[tuple[int, int]] = []

    def at_least(width: int, height: int) -> tuple[int, int]:
        seen.append((width, height))
        return width // 3, height // 3

    image = decode(data, at_least=at_least)
    assert seen == [(whole.width, whole.height)] == [(image.width, image.height)]
    assert image.scale == 4
    assert image.pixels.shape[1] == -(-image.width // 2)
    assert image.pixels.shape[0] == -(-image.height // 2)
    shrunk = PIL.Image.fromarray(whole.pixels).resize(image.pixels.shape[1::-1], PIL.Image.Resampling.BOX)
    assert psnr(image.pixels, np.asarray(shrunk)) > 28
    assert (whole.scale, decode(data, at_least=lambda width, height: (width, 1)).scale) == (8, 8)


def test_exif_orientation_of_damaged_blocks_is_1() -> None:
    exif = PIL.Image.Exif()
    exif[274] = 6
    block = exif.tobytes()
    assert exif_orientation(block) == exif_orientation(block.removeprefix(b"Exif\0\0")) == 6
    for end in range(len(block)):
        assert exif_orientation(block[:end]) in (1, 6)
    assert exif_orientation(b"MM\0*\xff\xff\xff\xff") == 1
    assert exif_orientation(b"MM\0*" + struct.pack(">IHHHII", 8, 1, 274, 3, 1, 9 << 16)) == 1
    assert exif_orientation(b"MM\0*" + struct.pack(">IHHHII", 8, 1, 274, 3, 1, 8 << 16)) == 8


def test_transparent_pixels_lie_over_white() -> None:
    pixels = np.dstack([picture(), np.tile(np.linspace(0, 255, 120).astype(np.uint8), (80, 1))])
    image = decode(encoded(pixels))
    assert image.had_alpha
    alpha = pixels[:, :, 3:].astype(float) / 255
    assert np.abs(image.pixels - (pixels[:, :, :3] * alpha + 255 * (1 - alpha))).max() <= 1
    assert (image.pixels[:, 0] == 255).all()
    opaque = decode(encoded(np.dstack([picture(), np.full((80, 120), 255, np.uint8)])))
    assert not opaque.had_alpha
    assert (opaque.pixels == picture()).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_a_colour_that_png_calls_transparent_lies_over_white(mode: str) -> None:
    image = PIL.Image.fromarray(np.repeat(np.array([[10, 200]], np.uint8), 4, axis=0)).convert(mode)
    clear = {"L": 10, "RGB": (10, 10, 10), "P": image.getpixel((0, 0))}[mode]
    decoded = decode(encoded(image, transparency=clear))
    assert decoded.had_alpha
    assert (decoded.pixels[:, 0] == 255).all()
    assert (decoded.pixels[:, 1] == 200).all()


@pytest.mark.parametrize("clear", [None, (0x1234, 0x5678, 0x9ABC), (1, 2, 3)])
def test_a_colour_of_16_bits_that_png_calls_transparent(clear: tuple[int, int, int] | None) -> None:
    """All 16 bits are compared: a colour beside it is another, though 8 bits of each are the same."""
    colours = np.array([[(0x1234, 0x5678, 0x9ABC), (0x1234, 0x5678, 0x9ABD), (0xFFFF, 0, 0)]], ">u2")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 1, 16, 2, 0, 0, 0))
    key = b"" if clear is None else chunk(b"tRNS", struct.pack(">3H", *clear))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + colours.tobytes())) + chunk(b"IEND", b"")
    image = decode(b"\x89PNG\r\n\x1a\n" + header + key + pixels)
    is_there = clear == (0x1234, 0x5678, 0x9ABC)
    assert (image.mode, image.had_alpha) == ("rgb16", is_there)
    first = (255, 255, 255) if is_there else (0x12, 0x56, 0x9A)
    assert image.pixels[0].tolist() == [list(first), [0x12, 0x56, 0x9A], [255, 0, 0]]


def test_modes() -> None:
    grey = picture()[:, :, 0]
    for format in ("PNG", "TIFF"):
        wide = decode(encoded(PIL.Image.fromarray(grey.astype(np.uint16) * 257), format))
        assert wide.mode == "grey16"
        assert (wide.pixels == grey[:, :, None]).all()
    assert decode(encoded(grey)).mode == "grey"
    assert decode(encoded(grey, "JPEG")).mode == "grey"
    assert psnr(decode(encoded(grey, "JPEG", quality=95)).pixels, np.repeat(grey[:, :, None], 3, 2)) > 35
    bits = decode(encoded(PIL.Image.fromarray(grey > 128)))
    assert bits.mode == "bilevel"
    assert (bits.pixels[:, :, 1] == np.where(grey > 128, 255, 0)).all()
    palette = PIL.Image.fromarray(picture()).quantize(200)
    assert decode(encoded(palette)).mode == "palette"
    assert (decode(encoded(palette)).pixels == np.asarray(palette.convert("RGB"))).all()
    assert reason(encoded(PIL.Image.fromarray(grey.astype(np.float32)), "TIFF")) == "unsupported_mode"
    assert reason(encoded(PIL.Image.fromarray(grey.astype(np.int32)), "TIFF")) == "unsupported_mode"


def test_faxes_are_not_read() -> None:
    """Of a damaged one libtiff leaves lines as they were in memory."""
    bits = PIL.Image.fromarray(picture()[:, :, 0] > 128)
    assert reason(encoded(bits, "TIFF", compression="group4")) == "unsupported_mode"
    for packing in ("packbits", "tiff_adobe_deflate", "tiff_lzw"):
        assert decode(encoded(bits, "TIFF", compression=packing)).mode == "bilevel"


def test_sixteen_bits_a_colour() -> None:
    """Pillow writes no such file: this one is made by hand."""
    wide = picture(9, 5).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    image = decode(png(9, 5, b"\x10\x02\0\0\0", chunk(b"IDAT", zlib.compress(rows))))
    assert image.mode == "rgb16"
    assert (image.pixels == picture(9, 5)).all()


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def png(width: int, height: int, kind: bytes, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + kind)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def test_cmyk_is_read_as_pillow_reads_it() -> None:
    data = encoded(PIL.Image.fromarray(picture()).convert("CMYK"), "JPEG", quality=95)
    image = decode(data)
    assert image.mode == "cmyk"
    assert psnr(image.pixels, np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))) > 40
    assert psnr(image.pixels, picture()) > 28


def test_animations_give_their_first_frame() -> None:
    frames = [PIL.Image.fromarray(picture(seed=seed)) for seed in range(3)]
    for format, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("AVIF", {"quality": 90})):
        image = decode(encoded(frames[0], format, save_all=True, append_images=frames[1:], **options))
        assert image.animated, format
        assert psnr(image.pixels, picture(seed=0)) > 25, format
    pages = decode(encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert not pages.animated
    assert (pages.pixels == picture(seed=0)).all()


def swapped_profile() -> bytes:
    """A profile of sRGB that says of red that it is green, and of green that it is red."""
    raw = bytearray(PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes())
    tags = 132 + 12 * np.arange(int.from_bytes(raw[128:132], "big"))
    red, green = (next(at for at in tags if raw[at : at + 4] == name) for name in (b"rXYZ", b"gXYZ"))
    raw[red : red + 4], raw[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(raw)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_profiles_are_applied(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {"quality": 95}
    plain = decode(encoded(picture(), format, **options))
    srgb = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    same = decode(encoded(picture(), format, icc_profile=srgb, **options))
    assert same.profile == "srgb"
    assert (same.pixels == plain.pixels).all()
    other = decode(encoded(picture(), format, icc_profile=swapped_profile(), **options))
    assert other.profile == "converted"
    assert psnr(other.pixels, plain.pixels[:, :, [1, 0, 2]]) > 35
    broken = decode(encoded(picture(), format, icc_profile=b"no profile" * 20, **options))
    assert broken.profile == "broken"
    assert (broken.pixels == plain.pixels).all()


def test_a_profile_of_another_kind_of_colours_is_ignored() -> None:
    data = encoded(picture()[:, :, 0], "JPEG", icc_profile=swapped_profile())
    assert decode(data).profile == "broken"


def test_what_is_no_image_has_its_reason() -> None:
    assert reason(b"") == "empty"
    assert reason(b"<!DOCTYPE html><html><svg></svg>") == "not_an_image"
    assert reason(b"\n<?xml version='1.0'?><!-- x --><svg xmlns='http://www.w3.org/2000/svg'/>") == "svg"
    assert reason(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n") == "unsupported_format"
    assert reason(b"8BPS\0\1" + bytes(40)) == "unsupported_format"
    assert reason(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") == "unsupported_format"
    assert reason(b"\0\0\0\x18ftypmp42\0\0\0\0isommp42") == "not_an_image"
    assert reason(b"\0" * 100) == "not_an_image"
    assert reason(encoded(picture()), Limits(bytes=100)) == "too_many_bytes"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF"])
def test_what_is_cut_short_or_too_large_has_its_reason(format: str) -> None:
    data = encoded(picture(), format)
    assert reason(data, Limits(pixels=9_599)) == "too_many_pixels"
    assert decode(data, limits=Limits(pixels=9_600)).width == 120
    assert reason(data[: len(data) // 2]) in ("truncated", "damaged")
    if format in ("JPEG", "PNG", "WEBP", "BMP"):
        assert reason(data[: len(data) // 2]) == "truncated"
    for end in range(1, 60):
        assert reason(data[:end]) in ("truncated", "damaged", "not_an_image")


def test_a_jpeg_whose_codes_are_spoiled_is_damaged() -> None:
    data = bytearray(encoded(picture(400, 300), "JPEG", quality=90))
    for at in range(len(data) // 2, len(data) // 2 + 400):
        data[at] = (data[at] * 31 + 7) % 255
    assert reason(bytes(data)) == "damaged"


def test_a_jpeg_with_bytes_that_do_not_belong_is_read_with_a_warning() -> None:
    data = encoded(picture(), "JPEG")
    image = decode(data[:-2] + bytes(7) + data[-2:])
    assert "extraneous" in image.warning
    assert (image.pixels == decode(data).pixels).all()
    assert reason(data[:-2] + b"padding" + data[-2:]) == "damaged"
    assert not decode(data + b"a trailer").warning


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    data = encoded(picture(), "JPEG", progressive=True)
    scans = data.count(b"\xff\xda")
    start = data.rindex(b"\xff\xda")
    last = data[start:-2]
    assert decode(data[:-2] + last * (100 - scans) + b"\xff\xd9").width == 120
    assert reason(data[:-2] + last * (101 - scans) + b"\xff\xd9") == "too_many_scans"


def gif_of(*parts: bytes) -> bytes:
    """A GIF of 4 × 4 pixels in black and white with what is between its header and its end."""
    return b"GIF89a\x04\x00\x04\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff" + b"".join(parts) + b";"


#: A frame of one pixel, a comment that takes Pillow the square of its length, and the clear colour 0.
FRAME, COMMENT = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0", b"!\xfe" + b"\x01a" * 100_000 + b"\0"
CONTROL = b"!\xf9\x04\x01\0\0\0\0"


def test_extensions_of_a_gif_cost_no_time_and_change_nothing() -> None:
    began = time.process_time()
    long = decode(gif_of(COMMENT, CONTROL, COMMENT, FRAME, COMMENT))
    assert time.process_time() - began < 2
    assert (long.had_alpha, long.animated) == (True, False)
    assert (long.pixels == decode(gif_of(CONTROL, FRAME)).pixels).all()
    assert decode(gif_of(FRAME, COMMENT, FRAME)).animated
    for data, why in ((gif_of(COMMENT), "truncated"), (gif_of(COMMENT * 6, FRAME), "damaged"), (gif_of()[:9], "truncated")):
        assert why == reason(data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_of_a_tiff_that_share_their_bytes_are_not_read(order: str) -> None:
    data, tags = bytes(1_000_000), 500
    entries = [struct.pack(order + "HHII", 1_000 + i, 1, len(data), 8) for i in range(tags)]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(data))
    tracemalloc.start()
    assert reason(head + data + struct.pack(order + "H", tags) + b"".join(entries) + bytes(4)) == "damaged"
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20 << 20


def test_a_jpeg_of_very_many_segments_is_refused_and_one_of_fill_bytes_read() -> None:
    plain = encoded(picture(40, 30), "JPEG")
    assert reason(plain[:2] + b"\xff\xfe\0\x02" * 20_000 + plain[2:]) == "damaged"
    assert (decode(plain[:2] + b"\xff" * 100_000 + plain[2:]).pixels == decode(plain).pixels).all()


def test_text_and_profiles_that_unpack_to_much_are_left_alone() -> None:
    info = PngInfo()
    info.add_text("parameters", "x" * 5_000_000, zip=True)
    data = encoded(picture(), pnginfo=info)
    assert (decode(data).pixels == picture()).all()
    with pytest.raises(ValueError, match="too large"):
        PIL.Image.open(io.BytesIO(data)).load()
    bomb = chunk(b"iCCP", b"name\0\0" + zlib.compress(b"\0" * (8 << 20)))
    image = decode(data[:33] + bomb + data[33:])
    assert image.profile == "broken"


def test_the_size_counts_before_the_pixels() -> None:
    """Files of a few bytes that claim 4 gigapixels, or pixels that no memory holds."""
    big = (65_500).to_bytes(2, "big") * 2
    jpeg = bytearray(encoded(picture(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = big
    assert reason(bytes(jpeg)) == "too_many_pixels"
    assert reason(png(2**31 - 1, 2**31 - 1, b"\x08\x06\0\0\0", chunk(b"IDAT", b""))) == "too_many_pixels"
    webp = b"VP8X\x0a\0\0\0\x10\0\0\0" + b"\xff\xff\xff" * 2 + b"VP8L" + bytes(8)
    assert reason(b"RIFF" + (4 + len(webp)).to_bytes(4, "little") + b"WEBP" + webp) == "too_many_pixels"


def test_the_same_bytes_give_the_same_pixels() -> None:
    for format in ("JPEG", "WEBP", "AVIF"):
        data = encoded(picture(500, 400), format)
        assert (decode(data).pixels == decode(data).pixels).all()
