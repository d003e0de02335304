"""Small pictures of the images that the report shows as samples, drawn by a worker and kept beside the report.

They are few and small: MOST of them, each a JPEG of SIDE pixels as a data URI. An image that was drawn is not drawn again. Where
an output blurs faces, so do they, and an image in which nobody looked for faces has no picture.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError, StorageError
from core.hashing import ID_TYPE
from core.images.blurring import Box
from core.images.encoding import Output, convert
from core.images.errors import ImageError
from core.images.resizing import Resize
from pipelines import isolate
from pipelines.context import Context
from pipelines.image_bytes import LYING, ImageBytes
from pipelines.image_layers import FETCHED
from pipelines.image_samples import box_columns
from pipelines.passes import Passes
from pipelines.plan import Layer, fingerprint
from pipelines.progress import Pass

if TYPE_CHECKING:
    from core.scorer import Scorer

Json = dict[str, Any]
NAME = "draw thumbnails"
#: Samples of a rule's side that have a picture, pictures in all, pixels of the longer side, and bytes at most.
EACH, MOST, SIDE, BYTES = 8, 160, 96, 8_000
_FILE = "thumbnails.json"


@dataclass(frozen=True)
class Thumbnail:
    """Images drawn small, as a scorer, so that one that cannot be costs nothing but itself."""

    name: ClassVar[str] = "thumbnail"
    inputs: ClassVar[tuple[str, ...]] = ("bytes",)
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("jpeg", pa.binary())])
    blur: tuple[Box, ...] = ()

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        files = [_draw(data, self.blur) for data in batch.column(0).to_pylist()]
        return pa.RecordBatch.from_arrays([pa.array(files, pa.binary())], schema=self.schema)


def _draw(data: bytes, blur: Sequence[Box]) -> bytes | None:
    try:
        _, (made,) = convert(data, [Output(Resize(SIDE, "keep_ratio_largest", only_if_bigger=True), "jpeg", 60)], blur=blur)
    except ImageError:
        return None
    return made.data if len(made.data) <= BYTES else None


def thumbnails(context: Context, parts: Sequence[str], passes: Passes, samples: Sequence[Json], idle: bool) -> dict[str, str]:
    """Pictures of the samples of the table `images` (`publish` has them) as data URIs, by id in hex. What is not known yet is drawn
    unless the run was `idle`."""
    path = context.store.path("report", _FILE)
    try:
        known: dict[str, str] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        known = {}
    layers = _blurring(context)
    # What was drawn before faces were found, or when they were found otherwise, is drawn anew.
    marks = fingerprint(*(layer.method for layer in layers)) if layers else ""
    wanted = [f"{id}{marks}" for id in _wanted(samples)]
    missing = [id.removesuffix(marks) for id in wanted if id not in known]
    if missing and not idle:
        places = _places(context, parts, missing, [f"{layer.name}.{name}" for layer in layers for name in box_columns(layer)])
        if places:
            passes.turn_to(context)
            for result in passes.run(Pass(NAME, "draw_thumbnails", 1), [{"kind": "draw_thumbnails", "args": {"places": places}}]):
                known |= {f"{id}{marks}": uri for id, uri in result["drawn"].items()}
    found = {id: known[id] for id in wanted if id in known}
    context.store.write_bytes(path, json.dumps(found, sort_keys=True, indent=0).encode())
    return {id.removesuffix(marks): uri for id, uri in found.items() if uri}


def draw(context: Context, args: Json) -> Json:
    """Draws the images of [id, place (`pipelines.image_bytes`), boxes to blur]; empty where it cannot be."""
    files = ImageBytes(context)
    drawn: dict[str, str] = {}
    for id, place, boxes in args["places"]:
        # It has all that is asked of a scorer here.
        scorer = cast("Scorer", Thumbnail(tuple(map(tuple, boxes))))
        try:
            data = files.read([bytes.fromhex(id)], [place])
        except InputError:  # it was there when the run read it
            continue
        scored = isolate.score_in_child(scorer, pa.RecordBatch.from_arrays([data], names=["bytes"]), context.limits, lambda: None)
        jpeg = scored.columns.column(0)[0].as_py()
        drawn[id] = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""
    return {"drawn": drawn}


def _wanted(samples: Sequence[Json]) -> list[str]:
    """The ids of the samples that have a picture: the first of each rule and side by turns."""
    sides = [[sample["id"] for sample in rule[side][:EACH]] for rule in samples for side in ("dropped", "kept")]
    return list(dict.fromkeys(id for turn in zip_longest(*sides) for id in turn if id is not None))[:MOST]


def _blurring(context: Context) -> list[Layer]:
    """The layers whose places an output of the table blurs."""
    outputs = [output for output in context.recipe.output.values() if output.from_ == context.table.name]
    return [context.plan.by_name[name] for name in sorted({name for output in outputs for name in output.blur or ()})]


def _places(context: Context, parts: Sequence[str], ids: Sequence[str], boxes: Sequence[str]) -> list[list[Any]]:
    """Where the bytes of images are, of those that were got and of which all columns `boxes` are known, and what those have."""
    wanted = pa.array([bytes.fromhex(id) for id in ids], ID_TYPE)
    found: list[list[Any]] = []
    columns = ["id", f"{FETCHED}.status", *LYING, *boxes]
    for part in parts:
        try:
            with context.joined(part, columns[1:]) as view:
                for batch in view.batches():
                    known = [pc.is_in(batch["id"], value_set=wanted), pc.equal(batch[columns[1]], "ok").fill_null(False)]
                    known += [batch[name].is_valid() for name in boxes]
                    some = pa.RecordBatch.from_pydict({name: batch[name] for name in columns}).filter(reduce(pc.and_, known))
                    for row in some.to_pylist():
                        blur = [list(box.values())[:4] for name in boxes for box in row[name]]
                        found.append([row["id"].hex(), [row[name] for name in LYING], blur])
        except (StorageError, OSError):  # the next run sorts it out
            continue
    return sorted(found, key=lambda one: one[0])


def shown(stats: Mapping[str, Any]) -> list[Json]:
    """The samples of images in what `publish` gave."""
    return next((table["samples"] for table in stats["tables"] if table["name"] == "images"), [])
