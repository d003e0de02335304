"""Takes removed pages and removed images out of the table `images`: captions, scores, and the bytes themselves.

The rows of removed images keep id and address. What follows from the captions that pages gave is computed anew, as the
pages are fewer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import StorageError
from core.hashing import ID_TYPE
from pipelines.image_layers import FETCHED, REACHED, SEGMENTS
from pipelines.layers import ID, SCORED, Footer, LayerWriter, layer_path, read_footer, read_layer
from pipelines.plan import DUPLICATES, FATE, IDENTITY
from pipelines.removal import Removals
from pipelines.segments import Segments, SegmentWriter
from pipelines.store import Store

Bools = npt.NDArray[np.bool_]
TABLE, FIRST = "images", "image"
#: What the first layer says of an image beside its captions.
_TOLD = ("extra", "document_id", "warc", "offset", "length")
#: Layers that are deleted where something is to go, and made anew.
_ANEW = (REACHED, FATE, IDENTITY, DUPLICATES)


def redact_images(store: Store, removals: Removals, documents: pa.Array) -> tuple[list[bytes], int]:
    """Cleans the table of the removed `documents` (ids) and images; the ids of images that lost something, of which samples
    are to go, and the files that were written anew or deleted.

    A part's first layer, which tells what is left to do, is written last: whoever is killed before does all of it again.
    Bytes are deleted once nothing that is committed points at them.
    """
    lost: list[bytes] = []
    files = 0
    work: list[_Part] = []
    for path in sorted(store.path(TABLE, FIRST).glob("*.parquet")):
        store.check_lease()
        try:
            image = read_layer(path).combine_chunks()
        except StorageError:  # nobody can tell what its rows are: they are made again
            files += _delete(store, path.stem, _layers(store))
            continue
        ids, urls = (image.column(name).combine_chunks() for name in ("id", "url"))
        gone = removals.mask(ids, urls)
        said = _rows_that_say(image, documents)
        lost += [id for id, hit in zip(ids.to_pylist(), gone | said, strict=True) if hit]
        if (gone | said).any() and not _is_clean(store, path.stem, image, gone, said):
            work.append(_Part(path.stem, gone))
    files += _clean_bytes(store, work)
    for part in work:
        store.check_lease()
        files += _delete(store, part.name, _ANEW)
        store.path("statistics", TABLE, f"{part.name}.json").unlink(missing_ok=True)
        for layer in _layers(store):
            if layer not in (FIRST, FETCHED, *_ANEW):
                files += _rewrite(store, layer, part, {})
        files += _rewrite_first(store, part, documents)
    return lost, files


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of which something is to go, and which of its rows are removed."""

    name: str
    gone: Bools


def _layers(store: Store) -> list[str]:
    return sorted(p.name for p in store.path(TABLE).glob("*") if p.is_dir() and p.name not in (SEGMENTS, "robots"))


def _delete(store: Store, part: str, layers: Collection[str]) -> int:
    paths = [store.path(TABLE, layer, f"{part}.parquet") for layer in layers]
    there = [path for path in paths if path.exists()]
    for path in there:
        path.unlink()
    return len(there)


def _rows_that_say(image: pa.Table, documents: pa.Array) -> Bools:
    """The images that have a caption, or further columns, of one of these pages or rows."""
    captions = image.column("captions").combine_chunks()
    found = np.zeros(len(captions), bool)
    if "document_id" in image.column_names:  # those of earlier versions have none
        found |= pc.is_in(image.column("document_id"), value_set=documents).to_numpy()
    flat = pc.struct_field(captions.flatten(), "document_id")
    rows = np.asarray(pc.list_parent_indices(captions))
    found[rows[np.asarray(pc.is_in(flat, value_set=documents))]] = True
    return found


def _is_clean(store: Store, part: str, image: pa.Table, gone: Bools, said: Bools) -> bool:
    """Whether only removed images are meant, and they are blank already. (Of one without a caption, of the web, the first layer
    was blank from the beginning.)"""
    if (said & ~gone).any():
        return False
    removed = image.filter(pa.array(gone))
    lengths = pc.list_value_length(removed.column("captions")).fill_null(0).to_numpy()
    if lengths.any() or any(removed.column(name).null_count < len(removed) for name in _TOLD if name in removed.column_names):
        return False
    return all(_is_blank(store, layer, part, gone) for layer in _layers(store) if layer not in (FIRST, *_ANEW))


def _is_blank(store: Store, layer: str, part: str, gone: Bools) -> bool:
    """Whether a layer knows nothing of the removed rows."""
    path = layer_path(store, TABLE, layer, part)
    if not path.exists():
        return True
    try:
        table = read_layer(path)
    except StorageError:
        return False
    if len(table) != len(gone):
        return False
    removed = table.filter(pa.array(gone))
    return all(removed.column(f.name).null_count == len(removed) for f in table.schema if f.name not in (ID.name, SCORED.name))


def _rewrite_first(store: Store, part: _Part, documents: pa.Array) -> int:
    """Writes the first layer anew, without captions of removed pages and of removed images."""
    path = layer_path(store, TABLE, FIRST, part.name)
    footer = read_footer(path)
    assert footer is not None
    image = read_layer(path)
    out = {bytes(id) for id in documents.to_pylist()}
    rows = image.to_pylist()
    for row, removed in zip(rows, part.gone, strict=True):
        if removed:
            row |= {"captions": [], **dict.fromkeys(_TOLD)}
        else:
            if row.get("document_id") in out:
                row |= {"extra": None, "document_id": None}
            row["captions"] = [caption for caption in row["captions"] if caption["document_id"] not in out]
    schema = pa.schema([f for f in image.schema if f.name != ID.name])
    with LayerWriter(store, TABLE, FIRST, part.name, schema) as writer:
        writer.write(pa.array([row["id"] for row in rows], ID_TYPE), pa.RecordBatch.from_pylist(rows, schema=schema))
        # Another digest than any that is gathered: it is written again once that is done.
        writer.commit(footer.method, source={**footer.source, "digest": ""}, extra=footer.extra)
    return 1


def _rewrite(store: Store, layer: str, part: _Part, renamed: Mapping[str, str]) -> int:
    """Nulls the removed rows of a layer, and tells the new names of segments; one that reads captions is deleted, as it is
    computed anew."""
    path = layer_path(store, TABLE, layer, part.name)
    gone = part.gone
    try:
        footer = read_footer(path)
        if footer is None:
            return 0
        if "input" in footer.extra or footer.rows != len(gone):
            path.unlink()
            return 1
        if not gone.any() and renamed.keys().isdisjoint(footer.extra.get("segments", ())):
            return 0
        table = read_layer(path).combine_chunks()
    except StorageError:
        path.unlink(missing_ok=True)
        return 1
    schema = pa.schema([f for f in table.schema if f.name != ID.name])
    take = pa.array(np.arange(len(gone)), mask=gone)
    columns = {f.name: table.column(f.name).combine_chunks().take(take) for f in schema}
    extra = {**footer.extra}
    if layer == FETCHED:
        columns["segment"] = pa.array([renamed.get(name, name) for name in columns["segment"].to_pylist()], pa.string())
        extra["segments"] = sorted(set(columns["segment"].drop_null().to_pylist()))
        if gone.any():
            extra |= {"told": "", "marks": ""}
    elif "got" in extra:
        extra["got"] = ""  # it is looked at again, and the rest carried over
    scored = int(pc.sum(columns[SCORED.name]).as_py() or 0) if SCORED.name in columns else footer.scored
    with LayerWriter(store, TABLE, layer, part.name, schema) as writer:
        arrays = [columns[f.name] for f in schema]
        writer.write(table.column(ID.name).combine_chunks(), pa.RecordBatch.from_arrays(arrays, schema=schema))
        writer.commit(footer.method, scored=scored, source=footer.source, extra=extra)
    return 1


def _clean_bytes(store: Store, work: Sequence[_Part]) -> int:
    """Writes the segments that hold removed images anew, with nothing in their place, then what points into them, and deletes
    what nothing points into any more; the files that were written anew."""
    renamed = {segment: _without(store, segment, rows) for segment, rows in sorted(_removed_rows(store, work).items())}
    marked = {part.name: part for part in work}
    files = 0
    used: set[str] = set()
    for path in sorted(store.path(TABLE, FETCHED).glob("*.parquet")):
        store.check_lease()
        footer = _footer(path)
        part = marked.get(path.stem, _Part(path.stem, np.zeros(footer.rows if footer else 0, bool)))
        files += _rewrite(store, FETCHED, part, renamed)
        footer = _footer(path)
        used.update(footer.extra["segments"] if footer is not None else ())
    for path in sorted(store.path(TABLE, SEGMENTS).glob("*.parquet")):
        if path.stem not in used:
            path.unlink()
    return files


def _footer(path: Path) -> Footer | None:
    try:
        return read_footer(path)
    except StorageError:  # it is deleted, and its images are got anew
        return None


def _removed_rows(store: Store, work: Sequence[_Part]) -> dict[str, set[int]]:
    """The rows of removed images by segment."""
    found: dict[str, set[int]] = {}
    for part in work:
        path = layer_path(store, TABLE, FETCHED, part.name)
        footer = _footer(path)
        if footer is None or footer.rows != len(part.gone) or not part.gone.any():
            continue
        try:
            table = read_layer(path, ["segment", "row"])
        except StorageError:
            continue
        for row in table.filter(pa.array(part.gone)).to_pylist():
            if row["segment"] is not None:
                found.setdefault(row["segment"], set()).add(row["row"])
    return found


def _without(store: Store, segment: str, out: Collection[int]) -> str:
    """Writes a segment anew without the bytes of these rows; its name."""
    store.check_lease()
    writer = SegmentWriter(store, segment.rpartition("-")[0])
    try:
        for row, (id, data) in enumerate(Segments(store).all(segment)):
            writer.add(id, b"" if row in out else data)
        return writer.commit()
    finally:
        writer.discard()
