"""Images as samples of shards: img2dataset's members and keys (github.com/rom1504/img2dataset, downloader.py) plus our scores.

An image is made in its output's size when it is sent to its shard, with what the output blurs blurred; its caption is that of
`reached`, after all edits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.scorer import BOXES
from filters.table_columns import TableColumns, from_json
from pipelines.context import Context
from pipelines.fates import Verdicts
from pipelines.image_layers import FETCHED
from pipelines.made_images import made_of
from pipelines.plan import DUPLICATES, EDITED, Layer
from pipelines.recipe import Output, Recipe
from pipelines.recipe_images import Encoding, image_file
from pipelines.segments import Segments
from pipelines.slabs import chosen_rows, in_slabs
from pipelines.view import Columns

I64 = npt.NDArray[np.int64]
TOO_MANY_PIXELS = "too_many_pixels"
#: What img2dataset tells of an image, but for its key: names of columns of a sample.
TOLD = pa.schema([
    ("url", pa.string()), ("caption", pa.string()), ("status", pa.string()), ("error_message", pa.string()),
    ("width", pa.int32()), ("height", pa.int32()), ("original_width", pa.int32()), ("original_height", pa.int32()),
    ("sha256", pa.string()), ("exif", pa.string()),
])  # fmt: skip
#: The columns of a sample's members.
TEXT, IMAGE = "text", "image"
#: Where an image's bytes are, and what a sample says of it.
_PLACES = (f"{FETCHED}.segment", f"{FETCHED}.row")
#: The further columns of a table, as it has them.
_EXTRA = "image.extra"
#: The captions of the other images of a cluster, in the layer of the election and in a sample.
_ALTERNATES = f"{DUPLICATES}.alternates"
ALTERNATES = pa.field("captions_alternate", pa.list_(pa.string()))
_SAID = ("image.url", EDITED, *(f"{FETCHED}.{name}" for name in ("sha256", "width", "height")))
#: Images that are made at a time.
_ROWS = 16


def members(output: Output) -> dict[str, str]:
    """The members of a sample: extension → column."""
    return {"txt": TEXT, (output.encode or Encoding()).extension: IMAGE}


def told_by_tables(recipe: Recipe) -> pa.Schema:
    """The further columns of a table of images, which its samples have under their own names."""
    return pa.schema([]) if recipe.input.table is None else TableColumns(recipe.input.table.columns).schema


def without_impossible(context: Context, verdicts: Verdicts, batch: Columns) -> Verdicts:
    """What is kept of images: one that an output cannot make, as it is so long that it would become too large, is no sample."""
    from core.images import LIMITS

    outputs = [output for output in context.recipe.output.values() if output.from_ == context.table.name]
    sizes = [image_file(output.resize, output.encode).resize for output in outputs]
    rows = np.flatnonzero(verdicts.kept).tolist()
    widths, heights = (batch[f"{FETCHED}.{name}"].to_pylist() for name in ("width", "height"))
    kept, reason = verdicts.kept.copy(), verdicts.reason
    for row in rows:
        made = (size.scaled(widths[row], heights[row]) for size in sizes)
        kept[row] = all(wide <= widths[row] or wide * high <= LIMITS.pixels for wide, high in made)
    lost = verdicts.kept & ~kept
    if not lost.any():
        return verdicts
    why = np.where(lost, TOO_MANY_PIXELS, np.array(reason.to_pylist(), object))
    return Verdicts(kept, pa.array(why, pa.string()), verdicts.rules)


def payload(
    context: Context, output: Output, parts: Sequence[str], rows: I64, slab: int, place: str,
    metadata: Sequence[tuple[str, pa.DataType]],
) -> Iterator[pa.Table]:  # fmt: skip
    """Members and metadata of the rows (sorted) of parts, with their places in a column `place`, `slab` bytes or so at a
    time."""
    told = {*TOLD.names, ALTERNATES.name, *told_by_tables(context.recipe).names}
    scores = [name for name, _ in metadata if name not in told]
    maker = _Maker(context, output)

    def made() -> Iterator[pa.RecordBatch]:
        edits = [layer for layer in context.plan.layers if layer.edits]
        others = [_ALTERNATES] if context.plan.dedup_layers else []
        wanted_columns = [*_PLACES, *_SAID, _EXTRA, *others, *scores, *maker.boxes]
        for batch, wanted, start in chosen_rows(context, parts, wanted_columns, rows, edits):
            for first in range(0, len(wanted), _ROWS):
                some = wanted[first : first + _ROWS]
                yield maker.make({n: c.take(pa.array(some)) for n, c in batch.items()}, scores, place, some + start)

    return in_slabs(made(), slab)


def box_columns(layer: Layer) -> list[str]:
    """The columns of a layer with places in an image."""
    return [field.name for field in layer.scorer.schema if field.type == BOXES]


class _Maker:
    """Makes samples of images for an output."""

    def __init__(self, context: Context, output: Output) -> None:
        self._context, self._segments = context, Segments(context.store)
        self._extra = told_by_tables(context.recipe)
        self._file = image_file(output.resize, output.encode)
        #: The columns with the places that the output blurs.
        self.boxes = [f"{name}.{column}" for name in output.blur or () for column in box_columns(context.plan.by_name[name])]

    def make(self, columns: Columns, scores: Sequence[str], place: str, places: I64) -> pa.RecordBatch:
        """The samples of some rows, whose places go with them."""
        places_of = zip(*(columns[n].to_pylist() for n in ("id", *_PLACES)), strict=True)
        images: list[bytes] = []
        told: list[dict[str, Any]] = []
        boxes = [columns[name].to_pylist() for name in self.boxes]
        for number, ((id, segment, row), url, caption, sha256, width, height) in enumerate(
            zip(places_of, *(columns[name].to_pylist() for name in _SAID), strict=True)
        ):
            made, about = self._convert(id, segment, row, [column[number] for column in boxes])
            images.append(made)
            told.append({
                "url": url, "caption": caption or "", **about, "original_width": width, "original_height": height,
                "sha256": sha256.hex(), "exif": "{}",
            })  # fmt: skip
        about = pa.RecordBatch.from_pylist(told, schema=TOLD)
        extra = from_json(columns[_EXTRA], self._extra)
        made = {
            TEXT: about.column("caption"), IMAGE: pa.array(images, pa.large_binary()), "id": columns["id"],
            **dict(zip(TOLD.names, about.columns, strict=True)), **dict(zip(self._extra.names, extra.columns, strict=True)),
            **({ALTERNATES.name: columns[_ALTERNATES]} if _ALTERNATES in columns else {}),
            **{name: columns[name] for name in scores}, place: pa.array(places),
        }  # fmt: skip
        return pa.RecordBatch.from_arrays(list(made.values()), names=list(made))

    def _convert(
        self, id: bytes, segment: str, row: int, boxes: Sequence[list[dict[str, float]] | None]
    ) -> tuple[bytes, Mapping[str, Any]]:
        """The image in its size, and what became of it. One that could be decoded before may fail now, as it is decoded at
        another scale: it says so, and has no bytes. Nor has one whose places nobody looked for."""
        from core.images import ImageError, convert

        if any(found is None for found in boxes):
            return b"", {"status": "failed_to_blur", "error_message": f"not looked for: {', '.join(self.boxes)}"}
        blur = [(box["left"], box["top"], box["right"], box["bottom"]) for found in boxes for box in found or ()]
        made = None if self.boxes else made_of(self._context, segment).get(id)
        try:
            if made is None:
                file = self._segments.read([id], [segment], [row])[0]
                _, (made,) = convert(memoryview(file.as_buffer()).tobytes(), [self._file], blur=blur)
        except ImageError as error:
            return b"", {"status": "failed_to_resize", "error_message": str(error)}
        return made.data, {"status": "success", "width": made.width, "height": made.height}
