"""What a run does for `input: {common_crawl: …}`: it chooses records by the files of the index, and copies them in slices.

What was chosen stays: selections lie in the out folder, and a slice that was copied is not copied again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import StorageError
from core.files import storage_errors
from pipelines.context import Context
from pipelines.got_input import FOLDER, WARCS, warc_path
from pipelines.passes import Passes
from pipelines.progress import Pass
from pipelines.store import Store

Json = dict[str, Any]
NAME, CHOOSING = "copy records", "choose records"
COMMON_CRAWL = "common-crawl"
_ABOUT = "chosen.json"


class CommonCrawlRun:
    """The records of a dump, as an out folder has them (`pipelines.got_input.GotInput`)."""

    name = NAME

    def __init__(self, context: Context) -> None:
        common = context.recipe.input.common_crawl
        assert common is not None
        self._context, self._common = context, common
        self._about: Json = self._read_about()
        if self._about:
            self._require_same()

    @property
    def parts(self) -> int:
        slices = self._about.get("slices")
        return sum(slices) if slices is not None else len(self._about.get("index", ()))

    @property
    def left(self) -> Mapping[str, int]:
        slices = self._about.get("slices")
        if slices is None:
            return {"records are to be chosen": len(self._about["index"]) if self._about else 1}
        missing = sum(slices) - len(self.files)
        return {"not copied yet": missing} if missing else {}

    @property
    def files(self) -> Mapping[str, int]:
        slices = self._about.get("slices")
        if slices is None:
            return {}
        wanted = {self._name(file, piece) for file, many in enumerate(slices) for piece in range(many)}
        folder = self._context.store.path(FOLDER, WARCS)
        there = folder.iterdir() if folder.exists() else ()
        return {path.name: path.stat().st_size for path in there if path.name in wanted}

    @property
    def outcomes(self) -> Json | None:
        return None

    def get(self, passes: Passes) -> None:
        from ingest.crawling.dump import index_files

        store = self._context.store
        if not self._about:
            self._write_about(identity=self._common.identity, index=index_files(self._common.source), kept=None, slices=None)
        numbers = range(len(self._about["index"]))
        if self._about["kept"] is None:
            missing = [number for number in numbers if not _selection(store, number).exists()]
            index: list[str] = self._about["index"]
            tasks = [{"kind": "choose_records", "args": {"number": number, "file": index[number]}} for number in missing]
            if tasks:
                passes.run(Pass(CHOOSING, "choose_records", len(tasks)), tasks)
            self._write_about(kept=self._kept())
        if not self.left:
            return
        kept: list[int] = list(self._about["kept"] or ())
        tasks = [{"kind": "slice_records", "args": {"number": n, "kept": kept[n]}} for n in numbers if kept[n]]
        steps = (("slice_records", {}), ("copy_records", {}))
        results = passes.run(Pass(NAME, "copy_records", self.parts, steps=steps), tasks) if tasks else []
        slices = {result["number"]: result["slices"] for result in results if "slices" in result}
        self._write_about(slices=[slices.get(number, 0) for number in numbers])

    def _require_same(self) -> None:
        now, then = self._common.identity, self._about["identity"]
        changed = ", ".join(name for name in now if now[name] != then.get(name))
        if changed:
            raise StorageError(
                f"{self._context.store.root}: holds records of Common Crawl that were chosen by another {changed}",
                "choose another --out, or say it as it was: what was chosen stays",
            )

    def _kept(self) -> list[int]:
        """How many records of each selection are kept, so that all are within the limit."""
        from ingest.crawling.common_crawl import shares

        paths = [_selection(self._context.store, number) for number in range(len(self._about["index"]))]
        if not self._common.limit:
            return [pq.read_metadata(path).num_rows for path in paths]

        def hashes() -> Iterator[npt.NDArray[np.uint64]]:
            yield from (pq.read_table(path, columns=["hash"])["hash"].to_numpy() for path in paths)

        return shares(hashes(), self._common.limit)

    def _name(self, file: int, piece: int) -> str:
        return warc_name(self._common.dump, file, piece)

    def _read_about(self) -> Json:
        path = self._context.store.path(FOLDER, COMMON_CRAWL, _ABOUT)
        try:
            about = json.loads(path.read_bytes())
            return {name: about[name] for name in ("identity", "index", "kept", "slices")}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            mend = f"delete the folder {path.parent}: records are then chosen anew"
            raise StorageError(f"{path}: does not say what was chosen ({error})", mend, str(path)) from None

    def _write_about(self, **told: Any) -> None:
        self._about |= told
        store = self._context.store
        store.write_bytes(store.path(FOLDER, COMMON_CRAWL, _ABOUT), json.dumps(self._about).encode())


def warc_name(dump: str, file: int, piece: int) -> str:
    """The WARC of a slice of what a file of the index has."""
    return f"{dump}-{file:05d}-{piece:05d}.warc.gz"


def choose_records(context: Context, args: Json) -> Json:
    """Writes what one file of the index has for us."""
    from ingest.crawling.common_crawl import select

    common = context.recipe.input.common_crawl
    assert common is not None
    table = select(common.source, args["file"])
    final = _selection(context.store, args["number"])
    draft = context.store.temporary(final.name)
    with storage_errors(final):
        try:
            pq.write_table(table, draft, compression="zstd")
            context.store.commit(draft, final)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    return {"rows": len(table)}


def slice_records(context: Context, args: Json) -> Json:
    """Cuts a selection into what goes into a WARC each; emits ["copy", number, slice] → [first row, rows]."""
    from ingest.crawling.common_crawl import slices

    number = args["number"]
    emit: list[list[Any]] = []
    first = 0
    for piece, records in enumerate(slices(_kept_of(context, number, args["kept"]))):
        emit.append([["copy", number, piece], [args["kept"], first, len(records)]])
        first += len(records)
    return {"number": number, "slices": len(emit), "rows": first, "emit": emit}


def copy_records(context: Context, args: Json) -> Json:
    """Copies the records of a slice into a WARC of the out folder, unless it is there."""
    from ingest.crawling.common_crawl import copy_records as copy

    common = context.recipe.input.common_crawl
    assert common is not None
    _, number, piece = args["key"]
    ((kept, first, rows),) = args["values"]
    final = warc_path(context.store, warc_name(common.dump, number, piece))
    if not final.exists():
        draft = context.store.temporary(final.name)
        try:
            copy(common.source, _kept_of(context, number, kept).slice(first, rows), draft)
            context.store.commit(draft, final)
        finally:
            draft.unlink(missing_ok=True)
    return {"rows": rows}


def _kept_of(context: Context, number: int, kept: int) -> pa.Table:
    from ingest.crawling.common_crawl import SELECTED, smallest

    table = pq.read_table(_selection(context.store, number), schema=SELECTED)
    return smallest(table.unify_dictionaries(), kept)


def _selection(store: Store, number: int) -> Any:
    return store.path(FOLDER, COMMON_CRAWL, f"selected-{number:05d}.parquet")
