"""Takes removed records out of what is on disk: layer files, statistics, report and shards.

Every file that holds a removed record is written anew without it, or deleted where a run makes it again. The lease
must be held, so that nothing is written beside.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import StorageError
from core.files import storage_errors
from pipelines.fates import REMOVED
from pipelines.layers import ID, SCORED, Footer, LayerWriter, RowReader, read_footer
from pipelines.page_references import reasons_of
from pipelines.plan import FATE, IDENTITY
from pipelines.redaction_images import redact_images
from pipelines.removal import Removals, note_settled, read_removals
from pipelines.store import Store
from pipelines.survey import MANIFEST, manifest_json
from sharding.index import INDEX, retract_index

#: Layers that hold no content of a page and nothing computed of it.
_FIRST = frozenset({"page", IDENTITY})
_ROWS = 1 << 12

Bools = npt.NDArray[np.bool_]


@dataclass
class Redacted:
    """What was done: documents that are removed now, images that are or lost captions, layer files written anew or deleted,
    shards deleted."""

    documents: int = 0
    images: int = 0
    files: int = 0
    shards: int = 0


def settle(store: Store) -> Redacted | None:
    """Makes the out folder clean of all takedowns, if it is not yet; None if there was nothing to do."""
    removals = read_removals(store.root)
    if not removals or removals.settled:
        return None
    done = redact(store, removals)
    note_settled(store, removals, vars(done))
    return done


def redact(store: Store, removals: Removals) -> Redacted:
    """Takes the records of `removals` out of all layers and shards on disk, also of parts and layers of earlier plans."""
    done = Redacted()
    ids: list[bytes] = []
    layers = sorted(p for p in store.path("documents").glob("*") if p.is_dir() and p.name not in _FIRST)
    parts = {path.stem for layer in layers for path in layer.glob("*.parquet")}
    for part in sorted(parts | {path.stem for path in store.path("documents", "page").glob("*.parquet")}):
        store.check_lease()
        page = _page(store.path("documents", "page", f"{part}.parquet"), removals)
        if page is None or page.mask.any():
            store.path("statistics", f"{part}.json").unlink(missing_ok=True)
        for layer in layers:
            path = layer / f"{part}.parquet"
            footer = _footer(path)
            if footer is None or page is None or footer.rows_digest != page.rows_digest:
                # Rows that no first layer explains cannot be told apart; what is deleted is computed again.
                done.files += path.exists()
                path.unlink(missing_ok=True)
            elif page.mask.any():
                done.files += _rewrite(store, path, footer, page.mask)
        references = store.path("references", "reference", f"{part}.parquet")
        if page is None:
            done.files += references.exists()
            references.unlink(missing_ok=True)
        elif page.mask.any():
            done.files += _drop_references(store, references, page.ids.filter(pa.array(page.mask)))
        if page is not None:
            done.documents += int(page.mask.sum())
            ids += [id for id, gone in zip(page.ids.to_pylist(), page.mask, strict=True) if gone]
    images, files = redact_images(store, removals, pa.array(ids, pa.binary(16)))
    done.images, done.files = len(images), done.files + files
    if ids or images:
        for name in ("index.html", "stats.json"):
            store.path("report", name).unlink(missing_ok=True)
        done.shards = _clean_shards(store, pa.array([*ids, *images], pa.binary(16)))
    return done


@dataclass(frozen=True)
class _Page:
    ids: pa.Array
    mask: Bools
    rows_digest: str


def _page(path: Path, removals: Removals) -> _Page | None:
    """Which rows of a part are removed; None if its first layer is missing or damaged."""
    try:
        footer = read_footer(path)
        if footer is None:
            return None
        reader = RowReader(path, ["id", "url"])
        try:
            batches = list(reader.batches(1 << 15))
        finally:
            reader.close()
    except StorageError:
        return None
    masks = [removals.mask(batch.column("id"), batch.column("url")) for batch in batches]
    ids = pa.concat_arrays([batch.column("id") for batch in batches]) if batches else pa.array([], pa.binary(16))
    return _Page(ids, np.concatenate([np.zeros(0, bool), *masks]), footer.rows_digest)


def _footer(path: Path) -> Footer | None:
    try:
        return read_footer(path)
    except StorageError:
        return None


def _rewrite(store: Store, path: Path, footer: Footer, mask: Bools) -> int:
    """Writes a layer file anew with null in the removed rows; 0 if they are null already."""

    def cleaned(batch: pa.RecordBatch, start: int) -> pa.RecordBatch:
        return _blank(footer.layer, batch, mask[start : start + len(batch)])

    return _written_anew(store, path, footer, cleaned)


def _drop_references(store: Store, path: Path, documents: pa.Array) -> int:
    """Writes the references of a part anew without those of `documents`; 0 if there are none."""
    footer = _footer(path)
    if footer is None:  # missing, or damaged: what it holds cannot be cleaned, and is read again
        there = path.exists()
        path.unlink(missing_ok=True)
        return int(there)

    reasons = Counter[str]()

    def cleaned(batch: pa.RecordBatch, start: int) -> pa.RecordBatch:
        rest = batch.filter(pc.invert(pc.is_in(batch.column("document_id"), value_set=documents)))
        reasons.update(reasons_of([rest]))
        return rest

    return _written_anew(store, path, footer, cleaned, lambda: {"reasons": dict(reasons)})


def _written_anew(
    store: Store, path: Path, footer: Footer, cleaned: Callable[[pa.RecordBatch, int], pa.RecordBatch],
    extra: Callable[[], dict[str, Any]] = dict,
) -> int:  # fmt: skip
    """Writes a layer file anew with each batch as `cleaned` makes it of the batch and the number of its first row; 0, and the
    file as it was, if that changes nothing. What `extra` gives then goes into the footer."""
    try:
        reader = RowReader(path)
        try:
            schema = pa.schema([f for f in reader.schema if f.name != ID.name])
            with LayerWriter(store, path.parent.parent.name, footer.layer, footer.part, schema) as writer:
                changed, unscored, start = False, 0, 0
                for batch in reader.batches(_ROWS):
                    rest = cleaned(batch, start)
                    start += len(batch)
                    changed = changed or not rest.equals(batch)
                    unscored += _scored(batch) - _scored(rest)
                    writer.write(rest.column(ID.name), rest.select(schema.names))
                if changed:
                    told = footer.extra | extra()
                    writer.commit(footer.method, scored=footer.scored - unscored, source=footer.source, extra=told)
        finally:
            reader.close()
    except StorageError as error:
        if error.path != str(path):
            raise
        path.unlink(missing_ok=True)  # damaged: what it holds cannot be cleaned, and is computed again
        return 1
    if changed:
        _note_in_manifest(store, path)
    return int(changed)


def _scored(batch: pa.RecordBatch) -> int:
    """How many rows of a batch are scored, which a column tells; of rows that may not be skipped, how many there are."""
    return pc.sum(batch.column(SCORED.name)).as_py() or 0 if SCORED.name in batch.schema.names else len(batch)


def _blank(layer: str, batch: pa.RecordBatch, gone: Bools) -> pa.RecordBatch:
    """Null in the rows that are gone, but for their ids."""
    if not gone.any():
        return batch
    mask = pa.array(gone)
    arrays: list[pa.Array] = []
    for f, array in zip(batch.schema, batch.columns, strict=True):
        if f.name == ID.name:
            arrays.append(array)
            continue
        value = pa.scalar(None, f.type)
        if layer == FATE:
            value = pa.scalar({"kept": False, "reason": REMOVED, "repeat": 0}[f.name], f.type)
        elif f.name == SCORED.name:
            value = pa.scalar(False)
        if pa.types.is_nested(f.type):
            # if_else knows no nested types; taking by an index with nulls does the same.
            index = pa.array(np.arange(len(batch)), mask=gone)
            arrays.append(array.take(index))
        else:
            arrays.append(pc.if_else(mask, value, array))
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _note_in_manifest(store: Store, path: Path) -> None:
    """Tells `_layer.json` of the file as it is now, or the next run would read it whole to see why it changed."""
    manifest = path.parent / MANIFEST
    try:
        value = json.loads(manifest.read_bytes())
        entry = value["parts"][path.stem]
    except (OSError, ValueError, KeyError, TypeError):
        return
    stat, footer = path.stat(), read_footer(path)
    if footer is not None:
        entry |= {"bytes": stat.st_size, "changed": stat.st_mtime_ns, "footer": vars(footer)}
        store.write_bytes(manifest, manifest_json(value))


def _clean_shards(store: Store, ids: pa.Array) -> int:
    """Deletes the shards that hold one of `ids`, with their sidecars; their output then has no index."""
    deleted = 0
    gone = {id.hex() for id in ids.to_pylist()}
    for folder in sorted(p for p in store.path("shards").glob("*") if p.is_dir()):
        store.check_lease()
        for path in sorted(p for p in folder.iterdir() if p.is_file() and p.name != INDEX):
            tar = path.with_suffix(".tar")
            if path.suffix == ".tar":
                continue
            if _holds(path, gone):
                retract_index(folder)
                with storage_errors(path):
                    path.unlink()
                    tar.unlink(missing_ok=True)
                deleted += 1
        for tar in folder.glob("*.tar"):  # without its sidecar nobody can tell what is in it but by reading it
            if not tar.with_suffix(".parquet").exists():
                retract_index(folder)
                tar.unlink()
                deleted += 1
    return deleted


def _holds(path: Path, ids: set[str]) -> bool:
    """Whether a table of samples has one of the ids; true if it cannot be read."""
    try:
        return any(key.partition("-")[0] in ids for key in _keys(path))
    except (OSError, ValueError, KeyError, EOFError, pa.ArrowException):
        return True


def _keys(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["key"]):
                yield from batch.column("key").to_pylist()
        return
    with gzip.open(path) as lines:
        for line in lines:
            yield json.loads(line)["key"]
