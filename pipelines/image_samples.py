"""Images as samples of shards: img2dataset's members and keys (github.com/rom1504/img2dataset, downloader.py) plus our scores.

An image is made in its output's size when it is sent to its shard, with what the output blurs blurred; its caption is that of
`reached`, after all edits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.scorer import BOXES
from filters.table_columns import TableColumns, from_json
from ingest.said import CARRIED, carried
from pipelines.context import Context
from pipelines.fates import Verdicts
from pipelines.image_bytes import LYING, ImageBytes
from pipelines.image_layers import FETCHED
from pipelines.made_images import made_of
from pipelines.plan import DUPLICATES, EDITED, Layer
from pipelines.recipe import Output, Recipe
from pipelines.recipe_images import Encoding, image_file
from pipelines.recipe_model import together_with
from pipelines.slabs import chosen_rows, in_slabs
from pipelines.view import Columns

if TYPE_CHECKING:
    from core.images import Encoded

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
#: The further columns of a table, as it has them.
_EXTRA = "image.extra"
#: The captions of the other images of a cluster, in the layer of the election and in a sample.
_ALTERNATES = f"{DUPLICATES}.alternates"
ALTERNATES = pa.field("captions_alternate", pa.list_(pa.string()))
#: What else the input's JSON says of an image, as a JSON object.
REST = pa.field(CARRIED, pa.string())
_SAID = ("image.url", EDITED, *(f"{FETCHED}.{name}" for name in ("sha256", "width", "height", "format")))
_SIDES = ("original_width", "original_height")
#: Images that are made at a time.
_ROWS = 16


def members(output: Output) -> dict[str, str]:
    """The members of a sample: extension → column. Where files stay as they came, one of several of them has the image."""
    extensions = (output.encode or Encoding()).extensions
    return {"txt": TEXT, **{one: IMAGE if len(extensions) == 1 else f"{IMAGE}.{one}" for one in extensions.values()}}


def told_by_tables(recipe: Recipe) -> pa.Schema:
    """The further columns of a table of images, or of images that the input holds, which samples have under their own names."""
    return TableColumns(recipe.input.columns).schema


def told_by_images(recipe: Recipe) -> pa.Schema:
    """What samples of images tell, whatever is scored."""
    return pa.schema([*TOLD, *told_by_tables(recipe), *([REST] if recipe.input.held is not None else [])])


def without_impossible(context: Context, verdicts: Verdicts, batch: Columns) -> Verdicts:
    """What is kept of images: one that an output cannot make, as it is so long that it would become too large, is no sample."""
    from core.images import LIMITS

    outputs = [output for output in context.recipe.output.values() if output.from_ == context.table.name]
    files = (image_file(output.resize, output.encode) for output in outputs)
    sizes = [file.resize for file in files if file is not None]
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
    context: Context, outputs: Sequence[str], parts: Sequence[str], rows: I64, slab: int, place: str,
    metadata: Sequence[tuple[str, pa.DataType]],
) -> Iterator[tuple[str, pa.Table]]:  # fmt: skip
    """Members and metadata of the rows (sorted) of parts, with their places in a column `place`, `slab` bytes or so at a
    time: of each of some outputs that are sizes of the same samples."""
    told = {*told_by_images(context.recipe).names, ALTERNATES.name}
    scores = [name for name, _ in metadata if name not in told]
    maker = _Maker(context, outputs)

    def made() -> Iterator[pa.RecordBatch]:
        edits = [layer for layer in context.plan.layers if layer.edits]
        others = [_ALTERNATES] if context.plan.dedup_layers else []
        wanted_columns = [*LYING, *_SAID, _EXTRA, *others, *scores, *maker.boxes]
        for batch, wanted, start in chosen_rows(context, parts, wanted_columns, rows, edits):
            for first in range(0, len(wanted), _ROWS):
                some = wanted[first : first + _ROWS]
                yield maker.make({n: c.take(pa.array(some)) for n, c in batch.items()}, scores, place, some + start)

    for table in in_slabs(made(), slab):
        for output in outputs:
            mine = {name.removeprefix(_own(output, "")): name for name in table.schema.names if _is_of(name, output)}
            yield output, table.select(list(mine.values())).rename_columns(list(mine))


def _own(output: str, column: str) -> str:
    """The name of a column that outputs of several sizes differ in, while they are made together."""
    return f"\0{output}\0{column}"


def _is_of(column: str, output: str) -> bool:
    return column.startswith(_own(output, "")) or not (column.startswith("\0") and column.count("\0") == 2)


def box_columns(layer: Layer) -> list[str]:
    """The columns of a layer with places in an image."""
    return [field.name for field in layer.scorer.schema if field.type == BOXES]


class _Maker:
    """Makes samples of images for outputs that are sizes of the same samples."""

    def __init__(self, context: Context, outputs: Sequence[str]) -> None:
        self._context, self._files = context, ImageBytes(context)
        self._extra = told_by_tables(context.recipe)
        self._named = frozenset(self._extra.names)
        # All sizes come from one decoding, also where only some are wanted: its scale is that of the largest.
        found, self._outputs = context.recipe.output, outputs
        alike = together_with(found, outputs[0])
        files = [image_file(found[name].resize, found[name].encode) for name in alike]
        self._files_made = [file for file in files if file is not None]
        self._wanted = [alike.index(name) for name in outputs]
        self._extensions = (found[outputs[0]].encode or Encoding()).extensions
        #: The columns with the places that the outputs blur.
        blur = found[outputs[0]].blur or ()
        self.boxes = [f"{name}.{column}" for name in blur for column in box_columns(context.plan.by_name[name])]

    def make(self, columns: Columns, scores: Sequence[str], place: str, places: I64) -> pa.RecordBatch:
        """The samples of some rows, whose places go with them."""
        lying = zip(*(columns[n].to_pylist() for n in LYING), strict=True)
        files: list[Sequence[Encoded]] = []
        told: list[dict[str, Any]] = []
        rest: list[str | None] = []
        is_held = self._context.recipe.input.held is not None
        boxes = [columns[name].to_pylist() for name in self.boxes]
        for number, (id, place_of, url, caption, sha256, width, height, _, extra) in enumerate(zip(
            columns["id"].to_pylist(), lying, *(columns[name].to_pylist() for name in (*_SAID, _EXTRA)), strict=True
        )):  # fmt: skip
            made, (status, problem) = self._convert(id, place_of, (width, height), [column[number] for column in boxes])
            origin, other = carried(extra, self._named) if is_held else ({}, None)
            files.append(made)
            rest.append(other)
            about = {"status": status, "error_message": problem}
            told.append({
                "url": url, "caption": caption or "", **about, "original_width": width, "original_height": height,
                "sha256": sha256.hex(), "exif": "{}", **_possible(origin),
            })  # fmt: skip
        formats = columns[f"{FETCHED}.format"].to_pylist()
        about = pa.RecordBatch.from_pylist(told, schema=TOLD)
        extra = from_json(columns[_EXTRA], self._extra)
        made = {
            TEXT: about.column("caption"), **self._each(lambda made: self._members([one.data for one in made], formats), files),
            "id": columns["id"], **dict(zip(TOLD.names, about.columns, strict=True)), **self._each(_sides, files),
            **dict(zip(self._extra.names, extra.columns, strict=True)),
            **({REST.name: pa.array(rest, pa.string())} if is_held else {}),
            **({ALTERNATES.name: columns[_ALTERNATES]} if _ALTERNATES in columns else {}),
            **{name: columns[name] for name in scores}, place: pa.array(places),
        }  # fmt: skip
        return pa.RecordBatch.from_arrays(list(made.values()), names=list(made))

    def _each(self, columns: Callable[[Sequence[Encoded]], Mapping[str, pa.Array]], files: Sequence[Sequence[Encoded]]) -> Columns:
        """Columns that are made of the files of each output, under names of their own where there are several outputs."""
        if len(self._outputs) == 1:
            return dict(columns([made[0] for made in files]))
        return {
            _own(output, name): column
            for i, output in enumerate(self._outputs)
            for name, column in columns([made[i] for made in files]).items()
        }

    def _members(self, images: Sequence[bytes], formats: Sequence[str]) -> dict[str, pa.Array]:
        """Columns of the images: one, or where files stay as they came one for each format."""
        if len(self._extensions) == 1:
            return {IMAGE: pa.array(images, pa.large_binary())}
        files = list(zip(images, formats, strict=True))
        return {
            f"{IMAGE}.{extension}": pa.array([data if format == name else None for data, format in files], pa.large_binary())
            for name, extension in self._extensions.items()
        }

    def _convert(
        self, id: bytes, place: Sequence[Any], size: tuple[int, int], boxes: Sequence[list[dict[str, float]] | None]
    ) -> tuple[Sequence[Encoded], tuple[str, str | None]]:
        """The image in the sizes of the outputs, its status, and what went wrong. One that could be decoded before may fail now,
        as it is decoded at another scale: it says so, and has no bytes. Nor has one whose places nobody looked for."""
        from core.images import Encoded, ImageError, convert

        nothing = [Encoded(b"", 0, 0)] * len(self._outputs)
        if any(found is None for found in boxes):
            return nothing, ("failed_to_blur", f"not looked for: {', '.join(self.boxes)}")
        asks = len(self._files_made) == 1 and not self.boxes
        known = made_of(self._context, place[0]).get(id) if asks and place[0] is not None else None
        if known is not None:
            return [known], ("success", None)
        file = memoryview(self._files.read([id], [place])[0].as_buffer()).tobytes()
        if not self._files_made:
            return [Encoded(file, *size)], ("success", None)
        blur = [(box["left"], box["top"], box["right"], box["bottom"]) for found in boxes for box in found or ()]
        try:
            _, made = convert(file, self._files_made, blur=blur)
        except ImageError as error:
            return nothing, ("failed_to_resize", str(error))
        return [made[i] for i in self._wanted], ("success", None)


def _sides(files: Sequence[Encoded]) -> dict[str, pa.Array]:
    return {side: pa.array([getattr(one, side) or None for one in files], pa.int32()) for side in ("width", "height")}


def _possible(origin: Mapping[str, Any]) -> dict[str, Any]:
    """What the input says of the image before it was resized, without sides that no image has."""
    return {name: value for name, value in origin.items() if name not in _SIDES or 0 < value < 1 << 31}
