"""Any colours to sRGB: ICC profiles by Little CMS, CMYK without one, and what is transparent over white.

Pillow's ImageCms is the way to Little CMS (littlecms.com), with the perceptual intent, as browsers have it. A profile that
leaves every colour where it is, as most do that are called sRGB, is not applied.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageCms

Pixels = npt.NDArray[np.uint8]
#: What became of an ICC profile: there was none; it is that of sRGB, near enough; it was applied; it is damaged or of
#: another kind of colours than the image, and was ignored.
Profile = Literal["", "srgb", "converted", "broken"]

#: A profile is taken for sRGB if no colour of a lattice moves by more than this, of 255.
_SAME: Final = 2
_SPACES: Final = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
_PROFILES: Final = 32  # transforms that are kept; a page's images mostly share a few profiles


def to_srgb(image: PIL.Image.Image, profile: bytes) -> tuple[PIL.Image.Image, Profile]:
    """An image of mode RGB, L or CMYK as RGB in the colours of sRGB, and what became of the profile (b"" for none)."""
    if not profile:
        return _without_profile(image), ""
    transform, what = _transform(profile, image.mode)
    if transform is None:
        return _without_profile(image), what
    return PIL.ImageCms.applyTransform(image, transform) or image, what


def changes_colours(profile: bytes, mode: str) -> Profile:
    """What `to_srgb` would say of a profile for images of a mode, without an image: "converted" if it would change one."""
    return _transform(profile, mode)[1] if profile else ""


def over_white(image: PIL.Image.Image, alpha: PIL.Image.Image) -> PIL.Image.Image:
    """An RGB image as it looks on a white page; `alpha` has mode L and the same size."""
    page = PIL.Image.new("RGB", image.size, (255, 255, 255))
    page.paste(image, mask=alpha)
    return page


def _without_profile(image: PIL.Image.Image) -> PIL.Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=_PROFILES)
def _transform(profile: bytes, mode: str) -> tuple[PIL.ImageCms.ImageCmsTransform | None, Profile]:
    try:
        if profile[16:20].decode("latin-1") != _SPACES[mode]:  # ICC.1, 7.2.8
            return None, "broken"
        source = PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = PIL.ImageCms.buildTransform(source, _srgb(), mode, "RGB", PIL.ImageCms.Intent.PERCEPTUAL)
        if mode != "CMYK" and _is_identity(transform, mode):
            return None, "srgb"
    except (PIL.ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None, "broken"
    return transform, "converted"


@lru_cache(maxsize=1)
def _srgb() -> PIL.ImageCms.ImageCmsProfile:
    return PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB"))


def _is_identity(transform: PIL.ImageCms.ImageCmsTransform, mode: str) -> bool:
    steps = np.array([0, 16, 32, 64, 96, 128, 160, 192, 224, 255], np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3) if mode == "RGB" else steps[None, :]
    there = PIL.Image.fromarray(lattice)
    moved = np.asarray(PIL.ImageCms.applyTransform(there, transform), np.int16)
    return int(np.abs(moved - np.asarray(there.convert("RGB"), np.int16)).max()) <= _SAME
