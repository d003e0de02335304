"""PNG, WebP, GIF, AVIF, BMP and TIFF by Pillow, each by the name of its plugin: no other is ever asked.

Pillow (python-pillow.org) is used without its registry: `PIL.Image.open` would hand hostile bytes to any plugin that takes
them, PostScript's among them. Nothing is decoded before the size was looked at.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
import PIL.Image
from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from core.images.errors import ImageError
from core.images.gif import first_frame
from core.images.limits import Limits
from core.images.orientation import exif_orientation
from core.images.png import read_png
from core.images.tiff import check_tags

_PLUGINS: Final = {
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
}
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a pass has a process a core

_ORIENTATION: Final = 274  # of TIFF's tags
#: How pixels of a TIFF may be packed. Of fax codes that are damaged libtiff leaves lines as they were in memory.
_PACKED: Final = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg")
_NAMES: Final = {
    "1": "bilevel", "L": "grey", "LA": "grey", "La": "grey", "I;16": "grey16", "P": "palette", "PA": "palette",
    "RGB": "rgb", "RGBA": "rgb", "RGBa": "rgb", "RGBX": "rgb", "CMYK": "cmyk", "YCbCr": "rgb",
}  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """An image whose header was read: size in pixels as loaded, how its colours are stored, EXIF orientation and profile.

    `upright`: it is loaded as it is to be seen, so that the orientation is only told. `lower`: of samples of 16 bits, of which one
    colour is transparent, an image of the lower 8, which are not loaded otherwise.
    """

    file: ImageFile
    width: int
    height: int
    mode: str
    animated: bool
    orientation: int
    profile: bytes
    upright: bool = False
    lower: ImageFile | None = None


def open_image(data: bytes, format: str, limits: Limits) -> Opened:
    """Reads the header of an image of one of the formats, and decodes nothing.

    Raises ImageError: `truncated`, `damaged`, `unsupported_mode`, `too_many_pixels`.
    """
    png, frames = None, False
    if format == "gif":
        data, frames = first_frame(data)
    elif format == "tiff":
        check_tags(data)
    elif format == "png":
        png = read_png(data, limits.profile)
        limits.check_size(png.width, png.height)
    elif format == "webp":  # opening makes room for the pixels
        limits.check_size(*webp_size(data))
    with _library(format):
        file = _PLUGINS[format](io.BytesIO(png.stripped if png else data))
        mode = "I;16" if file.mode.startswith("I;16") else file.mode
        if mode not in _NAMES:
            raise ImageError("unsupported_mode", f"{format} of {file.mode}")
        limits.check_size(file.width, file.height)
        if png:
            name = f"{_NAMES[mode]}16" if png.bits == 16 and mode != "I;16" else _NAMES[mode]
            lower = _lower(png.stripped) if name == "rgb16" and file.mode == "RGB" and "transparency" in file.info else None
            return Opened(file, png.width, png.height, name, png.animated, png.orientation, png.profile, lower=lower)
        profile = file.info.get("icc_profile") or b""
        if isinstance(file, TiffImagePlugin.TiffImageFile):
            if file.info.get("compression") not in _PACKED:
                raise ImageError("unsupported_mode", f"TIFF packed by {file.info.get('compression')}")
            turned = file.tag_v2.get(_ORIENTATION, 1)
            orientation = turned if turned in range(1, 9) else 1
            animated = False
        else:
            orientation = exif_orientation(file.info.get("exif") or b"")
            animated = frames or bool(getattr(file, "is_animated", False))
        profile = profile if len(profile) <= limits.profile else b"?"
        return Opened(file, file.width, file.height, _NAMES[mode], animated, orientation, profile, format == "tiff")


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP (RFC 9649, section 2.5 to 2.7). Raises ImageError: `truncated`, `damaged`."""
    if len(data) < 30 or int.from_bytes(data[4:8], "little") + 8 > len(data) + 1:
        raise ImageError("truncated", "shorter than its header says")
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    raise ImageError("damaged", f"begins with {kind!r}")


def load(opened: Opened, format: str) -> tuple[PIL.Image.Image, PIL.Image.Image | None]:
    """Decodes what was opened: the image in mode L, RGB or CMYK, and its alpha in mode L, None where all is opaque.

    Samples of 16 bits keep their upper 8. Raises ImageError: `truncated`, `damaged`.
    """
    with _library(format):
        file = opened.file
        file.load()
        if (file.width, file.height) != (opened.width, opened.height):
            raise ImageError("damaged", f"{file.width} × {file.height} pixels were decoded, not {opened.width} × {opened.height}")
        if file.mode.startswith("I;16"):
            wide = np.asarray(file)
            grey = PIL.Image.fromarray((wide >> 8).astype(np.uint8))
            clear = file.info.get("transparency")
            if isinstance(clear, int):
                return grey, PIL.Image.fromarray(np.where(wide == clear, 0, 255).astype(np.uint8))
            return grey, None
        if opened.lower is not None:
            return _with_clear_colour(file, opened.lower, file.info["transparency"])
        if file.mode in ("L", "RGB", "CMYK") and "transparency" not in file.info:
            return file, None
        if file.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in file.info:
            return _without_alpha(file.convert("RGBA"))
        return file.convert("L" if file.mode == "1" else "RGB"), None


def _lower(data: bytes) -> ImageFile:
    """A PNG of 16 bits a sample, opened as if the lower half of each were the upper."""
    file = _PLUGINS["png"](io.BytesIO(data))
    file.tile = [tile._replace(args="RGB;16L") for tile in file.tile]
    return file


def _with_clear_colour(
    upper: ImageFile, lower: ImageFile, clear: tuple[int, ...]
) -> tuple[PIL.Image.Image, PIL.Image.Image | None]:  # fmt: skip
    """An image in which just one colour, of 16 bits a sample, is transparent (PNG, section 11.3.1.1)."""
    lower.load()
    wide = np.asarray(upper).astype(np.uint16) << 8 | np.asarray(lower)
    is_clear = (wide == np.array(clear, np.uint16)).all(axis=2)
    alpha = PIL.Image.fromarray(np.where(is_clear, 0, 255).astype(np.uint8))
    return upper, alpha if is_clear.any() else None


def _without_alpha(image: PIL.Image.Image) -> tuple[PIL.Image.Image, PIL.Image.Image | None]:
    alpha = image.getchannel("A")
    return image.convert("RGB"), None if alpha.getextrema() == (255, 255) else alpha


class _library:
    """What a library raises on hostile bytes, whatever it is, as an ImageError; its warnings are not shown."""

    def __init__(self, format: str) -> None:
        self._format = format
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> None:
        self._warnings.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._warnings.__exit__(None, None, None)
        if error is None or isinstance(error, (ImageError, MemoryError)) or not isinstance(error, Exception):
            return
        if isinstance(error, PIL.Image.DecompressionBombError):
            raise ImageError("too_many_pixels", str(error)) from None
        said = str(error).lower()
        short = isinstance(error, EOFError) or "truncat" in said or "not enough" in said or "unexpected end" in said
        raise ImageError("truncated" if short else "damaged", f"{self._format}: {error}") from None
