"""Why an image cannot be used, as a reason that a report can count.

The reasons are ours: they name what a user would want to know apart.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Reason = Literal[
    "empty",  # no bytes at all
    "not_an_image",  # HTML, text or anything else that no image begins with
    "svg",  # a drawing: it has no pixels of its own
    "unsupported_format",  # an image of a format that is not read (HEIC, JPEG XL, ICO, PSD, …)
    "unsupported_mode",  # an image whose samples are not read: floating point, LAB, 32 bits, 12-bit JPEG
    "too_many_bytes",
    "too_many_pixels",
    "too_many_scans",  # a progressive JPEG made to take long
    "truncated",  # the file ends before the image does
    "damaged",
]
REASONS: Final = get_args(Reason)


class ImageError(Exception):
    """An image that cannot be used: `reason` is one of `REASONS`, `detail` what was found."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason: Reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason
