"""The bytes of images that were got, wherever they lie: in segments of the out folder, or still in the input that they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ingest.held_images import HeldImages
from pipelines.context import Context
from pipelines.image_layers import FETCHED
from pipelines.segments import Segments

#: The columns that say where an image's bytes lie; its place is a row of them.
LYING = (f"{FETCHED}.segment", f"{FETCHED}.row", "image.warc", "image.offset", "image.length")


class ImageBytes:
    """Reads images by id and place."""

    def __init__(self, context: Context) -> None:
        held = context.recipe.input.held
        self._segments, self._held = Segments(context.store), HeldImages(held.path if held else ())

    def read(self, ids: Sequence[bytes], places: Sequence[Sequence[Any]]) -> pa.Array:
        """The bytes of images (large_binary), of one length with the ids. StorageError if a segment is missing or damaged,
        InputError if the input is another than it was."""
        found = [pa.array([], pa.large_binary())]
        for id, (segment, row, file, offset, length) in zip(ids, places, strict=True):
            if segment is not None:
                found.append(self._segments.read([id], [segment], [row]))
            else:
                found.append(pa.array([self._held.read(id, file, offset, length)], pa.large_binary()))
        return pa.concat_arrays(found)
