"""Images of the web: from the bytes of a file to pixels in sRGB, to the sizes that a shard holds, and to files again.

`decode` takes hostile bytes, and raises nothing but ImageError; `convert` makes all files of an image from one decoding.
"""

from core.images.decoding import Image, decode
from core.images.encoding import Encoded, Output, convert, encode
from core.images.errors import REASONS, ImageError, Reason
from core.images.limits import LIMITS, Limits
from core.images.resizing import Resize, resize

__all__ = [
    "LIMITS", "REASONS", "Encoded", "Image", "ImageError", "Limits", "Output", "Reason", "Resize", "convert", "decode", "encode",
    "resize",
]  # fmt: skip
