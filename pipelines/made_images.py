"""Images in the size of an output, made as they come or where it is told whether they can be decoded: each is decoded once.

They are scratch, a file a part: what is not there is made when samples are, to the same bytes. Only where one machine does all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.ipc as ipc

from core.files import storage_errors
from core.hashing import ID_TYPE
from pipelines.context import Context
from pipelines.plan import READABLE, Layer
from pipelines.recipe import Output
from pipelines.recipe_images import image_file
from pipelines.tables import DECODED

if TYPE_CHECKING:
    from core.images import Encoded

#: Images that are written at a time.
_BATCH = 32
_SCHEMA = pa.schema([
    pa.field("id", ID_TYPE), pa.field("data", pa.large_binary()), pa.field("width", pa.int32()), pa.field("height", pa.int32()),
])  # fmt: skip


def output_to_make(context: Context, layers: Sequence[Layer]) -> Output | None:
    """The output whose images are made while these layers are: the only one, if none looks at pixels but to see if there are any.

    (Several outputs come from one decoding at the scale of the largest, or each from its own: those are not the same bytes. What
    is to be blurred is not known yet.)
    """
    looking = [layer.name for layer in layers if DECODED in layer.scorer.inputs]
    outputs = [output for output in context.recipe.output.values() if output.from_ == context.table.name]
    if looking != [READABLE] or len(outputs) != 1 or outputs[0].blur or context.store.shared:
        return None
    # What stays as it came is not made, and what lies in the input has no segment that would tell its part.
    stays = image_file(outputs[0].resize, outputs[0].encode) is None or context.recipe.input.held is not None
    return None if stays else outputs[0]


class MadeWriter:
    """Makes images of a part, and writes them; a context manager, after which they are there, or not if it failed. `stage` is
    who makes them: the fetch, and after it the pass that scores, which makes those that the fetch did not."""

    def __init__(self, context: Context, part: str, output: Output, stage: Literal["fetch", "score"]) -> None:
        self._path = _path(context, part, stage)
        self._known = MadeImages(_path(context, part, "fetch")) if stage == "score" else None
        self._draft = context.store.temporary(self._path.name)
        file = image_file(output.resize, output.encode)
        assert file is not None
        self._file = file
        self._rows: list[tuple[bytes, bytes, int, int]] = []
        with storage_errors(self._draft):
            self._sink = pa.OSFile(str(self._draft), "wb")
            self._writer = ipc.new_file(self._sink, _SCHEMA)

    def __enter__(self) -> MadeWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        with storage_errors(self._draft):
            self._flush()
            self._writer.close()
            self._sink.close()
            if kind is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(self._draft, self._path)
        self._draft.unlink(missing_ok=True)

    def known(self, id: bytes) -> bool:
        """Whether an image was made by the fetch."""
        return self._known is not None and self._known.has(id)

    def make(self, id: bytes, file: bytes) -> bool:
        """Makes an image; False if it cannot be."""
        from core.images import ImageError, convert

        try:
            _, (one,) = convert(file, [self._file])
        except ImageError:
            return False
        self._rows.append((id, one.data, one.width, one.height))
        if len(self._rows) >= _BATCH:
            self._flush()
        return True

    def decoded(self, ids: pa.Array, files: Sequence[bytes | None]) -> pa.Array:
        """`image.decoded` of files without their pixels: whether there are any. None: of those that are known."""
        from core.images import columns as image_columns

        good = pa.array([{"error": None}], image_columns.DECODED)
        return pa.concat_arrays([
            good if file is None or self.make(id, file)
            else image_columns.decoded(pa.array([file], pa.large_binary()))  # it may be the size that cannot be made
            for id, file in zip(ids.to_pylist(), files, strict=True)
        ])  # fmt: skip

    def _flush(self) -> None:
        if self._rows:
            columns = zip(zip(*self._rows, strict=True), _SCHEMA, strict=True)
            batch = pa.RecordBatch.from_arrays([pa.array(values, f.type) for values, f in columns], schema=_SCHEMA)
            self._rows = []
            with storage_errors(self._draft):
                self._writer.write_batch(batch)


class MadeImages:
    """The images of a part that were made, by id."""

    def __init__(self, *paths: Path) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._places: dict[bytes, tuple[int, int]] = {}
        for path in paths:
            if path.exists():
                with pa.memory_map(str(path)) as source, ipc.open_file(source) as reader:
                    self._batches += [reader.get_batch(i) for i in range(reader.num_record_batches)]
        for number, batch in enumerate(self._batches):
            for row, id in enumerate(batch.column("id").to_pylist()):
                self._places[id] = number, row

    def has(self, id: bytes) -> bool:
        """Whether an image is there."""
        return id in self._places

    def get(self, id: bytes) -> Encoded | None:
        """An image; None if it was not made."""
        from core.images import Encoded

        place = self._places.get(id)
        if place is None:
            return None
        _, *values = self._batches[place[0]].slice(place[1], 1).columns
        data, width, height = (column[0].as_py() for column in values)
        return Encoded(data, width, height)


def made_of(context: Context, segment: str) -> MadeImages:
    """Those of the part that a segment is of."""
    part = segment.rpartition("-")[0]
    return _made(_path(context, part, "fetch"), _path(context, part, "score"))


@lru_cache(maxsize=2)
def _made(*paths: Path) -> MadeImages:
    return MadeImages(*paths)


def _path(context: Context, part: str, stage: str) -> Path:
    return context.store.scratch("made", f"{part}-{stage}.arrow")
