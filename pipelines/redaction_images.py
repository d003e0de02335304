"""Takes removed pages and removed images out of the table `images`: captions, scores, and the bytes themselves.

The rows of removed images keep id and address. What follows from the captions that pages gave is computed anew, as the
pages are fewer.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import StorageError
from core.hashing import ID_TYPE
from pipelines.image_layers import FETCHED, REACHED, SEGMENTS
from pipelines.layers import ID, SCORED, LayerWriter, read_footer, read_layer
from pipelines.plan import DUPLICATES, FATE, IDENTITY
from pipelines.removal import Removals
from pipelines.segments import Segments, SegmentWriter, segment_path
from pipelines.store import Store

Bools = npt.NDArray[np.bool_]
TABLE, FIRST = "images", "image"


def redact_images(store: Store, removals: Removals, documents: pa.Array) -> tuple[list[bytes], int]:
    """Cleans the table of the removed `documents` (ids) and images; the ids of images that lost something, of which samples
    are to go, and the files that were written anew or deleted."""
    lost: list[bytes] = []
    files = 0
    for path in sorted(store.path(TABLE, FIRST).glob("*.parquet")):
        store.check_lease()
        part = path.stem
        try:
            image = read_layer(path).combine_chunks()
        except StorageError:  # nobody can tell what its rows are: they are made again
            files += _delete(store, part, _layers(store))
            continue
        ids, urls = (image.column(name).combine_chunks() for name in ("id", "url"))
        gone = removals.mask(ids, urls)
        captions = image.column("captions").combine_chunks()
        said = _rows_that_say(captions, documents)
        if not (gone | said).any():
            continue
        lost += [id for id, hit in zip(ids.to_pylist(), gone | said, strict=True) if hit]
        if _is_clean(image, gone, said):
            continue
        files += _rewrite_first(store, path, image, gone, documents)
        files += _delete(store, part, [REACHED, FATE, IDENTITY, DUPLICATES])
        store.path("statistics", TABLE, f"{part}.json").unlink(missing_ok=True)
        for layer in _layers(store):
            if layer not in (FIRST, REACHED, FATE, IDENTITY, DUPLICATES):
                files += _rewrite(store, layer, part, gone)
    return lost, files


def _layers(store: Store) -> list[str]:
    return sorted(p.name for p in store.path(TABLE).glob("*") if p.is_dir() and p.name not in (SEGMENTS, "robots"))


def _delete(store: Store, part: str, layers: Collection[str]) -> int:
    paths = [store.path(TABLE, layer, f"{part}.parquet") for layer in layers]
    there = [path for path in paths if path.exists()]
    for path in there:
        path.unlink()
    return len(there)


def _rows_that_say(captions: pa.Array, documents: pa.Array) -> Bools:
    """The images that have a caption of one of these pages."""
    found = np.zeros(len(captions), bool)
    flat = pc.struct_field(captions.flatten(), "document_id")
    rows = np.asarray(pc.list_parent_indices(captions))
    found[rows[np.asarray(pc.is_in(flat, value_set=documents))]] = True
    return found


def _is_clean(image: pa.Table, gone: Bools, said: Bools) -> bool:
    """Whether only removed images are meant, and they are blank already."""
    lengths = pc.list_value_length(image.column("captions").combine_chunks()).fill_null(0).to_numpy(zero_copy_only=False)
    return not (said & ~gone).any() and not lengths[gone].any() and image.column("warc").combine_chunks().filter(
        pa.array(gone)
    ).null_count == int(gone.sum())  # fmt: skip


def _rewrite_first(store: Store, path: Path, image: pa.Table, gone: Bools, documents: pa.Array) -> int:
    """Writes the first layer anew, without captions of removed pages and of removed images."""
    footer = read_footer(path)
    assert footer is not None
    out = {bytes(id) for id in documents.to_pylist()}
    rows = image.to_pylist()
    for row, removed in zip(rows, gone, strict=True):
        if removed:
            row |= {"captions": [], "extra": None, "warc": None, "offset": None, "length": None}
        else:
            row["captions"] = [caption for caption in row["captions"] if caption["document_id"] not in out]
    schema = pa.schema([f for f in image.schema if f.name != ID.name])
    with LayerWriter(store, TABLE, FIRST, footer.part, schema) as writer:
        writer.write(pa.array([row["id"] for row in rows], ID_TYPE), pa.RecordBatch.from_pylist(rows, schema=schema))
        # Another digest than any that is gathered: it is written again once that is done.
        writer.commit(footer.method, source={**footer.source, "digest": ""}, extra=footer.extra)
    return 1


def _rewrite(store: Store, layer: str, part: str, gone: Bools) -> int:
    """Nulls the removed rows of a layer; one that reads captions is deleted, as it is computed anew."""
    path = store.path(TABLE, layer, f"{part}.parquet")
    try:
        footer = read_footer(path)
        if footer is None:
            return 0
        if "input" in footer.extra or footer.rows != len(gone):
            path.unlink()
            return 1
        if not gone.any():
            return 0
        table = read_layer(path).combine_chunks()
    except StorageError:
        path.unlink(missing_ok=True)
        return 1
    schema = pa.schema([f for f in table.schema if f.name != ID.name])
    take = pa.array(np.arange(len(gone)), mask=gone)
    columns = {f.name: table.column(f.name).combine_chunks().take(take) for f in schema}
    if SCORED.name in columns:
        columns[SCORED.name] = columns[SCORED.name].fill_null(False)
    extra = {**footer.extra}
    if layer == FETCHED:
        columns["segment"] = _without(store, part, table, gone, columns["segment"])
        extra |= {"told": "", "marks": "", "segments": sorted(set(columns["segment"].drop_null().to_pylist()))}
    elif "got" in extra:
        extra["got"] = ""  # it is looked at again, and the rest carried over
    scored = int(pc.sum(columns[SCORED.name]).as_py() or 0) if SCORED.name in columns else footer.scored
    with LayerWriter(store, TABLE, layer, part, schema) as writer:
        arrays = [columns[f.name] for f in schema]
        writer.write(table.column(ID.name).combine_chunks(), pa.RecordBatch.from_arrays(arrays, schema=schema))
        writer.commit(footer.method, scored=scored, source=footer.source, extra=extra)
    return 1


def _without(store: Store, part: str, fetched: pa.Table, gone: Bools, names: pa.Array) -> pa.Array:
    """Writes the segments that hold removed images anew, with nothing in their place; the names of the segments by row."""
    removed = fetched.filter(pa.array(gone))
    renamed: dict[str, str] = {}
    for segment in sorted(set(removed.column("segment").drop_null().to_pylist())):
        out = set(removed.filter(pc.equal(removed.column("segment"), segment)).column("row").to_pylist())
        writer = SegmentWriter(store, part)
        try:
            for row, (id, data) in enumerate(Segments(store).all(segment)):
                writer.add(id, b"" if row in out else data)
            renamed[segment] = writer.commit()
        finally:
            writer.discard()
    found = pa.array([renamed.get(name, name) for name in names.to_pylist()], pa.string())
    for old in renamed.keys() - set(renamed.values()):
        segment_path(store, old).unlink(missing_ok=True)
    return found

