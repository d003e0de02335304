"""The documents, or images, of a duplicate cluster, with how alike their signatures are to one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import UserError
from pipelines.plan import DUPLICATES, KEPT_BEFORE
from pipelines.stored import Run, Table
from pipelines.view import Columns

Bools = npt.NDArray[np.bool_]
#: Members that are listed of one cluster.
MOST_MEMBERS = 50


@dataclass(frozen=True)
class Member:
    """A document, or image, of a duplicate cluster. `alike` is the share of equal values of the two signatures, an estimate of the
    Jaccard similarity, None without signatures; `earlier` is the out folder of an earlier run that it is of, if it is."""

    id: str
    url: str | None
    kept: bool | None
    part: str
    row: int
    alike: float | None = None
    earlier: str = ""


def members(run: Run, table: Table, values: Mapping[str, Any]) -> tuple[list[Member], list[str]]:
    """The rows of the duplicate cluster of a table that `values` is of, at most MOST_MEMBERS; none if it stands alone.

    If an earlier run (the recipe's `against`) keeps one of them, that one comes first; if it is not to be found, the
    second list says why. Earlier runs are not looked at for other clusters.
    """
    cluster = values.get(f"{DUPLICATES}.cluster")
    if cluster is None or (values.get(f"{DUPLICATES}.size") or 0) < 2:
        return [], []
    signatures = [name for name in table.known if name.endswith(".signature") and values.get(name) is not None]
    found: list[Member] = []
    untold: list[str] = []
    if values.get(KEPT_BEFORE):
        first, untold = _earlier(run, cluster, values, signatures)
        found += [first] if first is not None else []
    for member in _of_cluster(table, cluster, values, signatures):
        found.append(member)
        if len(found) == min(int(values[f"{DUPLICATES}.size"]), MOST_MEMBERS):
            break
    return found, untold


def _of_cluster(table: Table, cluster: bytes, values: Mapping[str, Any], signatures: Sequence[str]) -> Iterator[Member]:
    columns = [f"{DUPLICATES}.cluster", f"{DUPLICATES}.kept", table.url, *signatures]
    for part in table.parts:
        start = 0
        for batch in batches(table, part, columns):
            same = true(pc.equal(batch[f"{DUPLICATES}.cluster"], pa.scalar(cluster, pa.binary(16))))
            for row in np.flatnonzero(same).tolist():
                yield _member(batch, row, batch[f"{DUPLICATES}.kept"][row].as_py(), part, start, values, signatures, url=table.url)
            start += len(batch["id"])


def _earlier(
    run: Run, id: bytes, values: Mapping[str, Any], signatures: Sequence[str]
) -> tuple[Member | None, list[str]]:  # fmt: skip
    """The document of an id in the earlier runs; else why it is not found."""
    untold: list[str] = []
    for root in run.info["recipe"]["documents"].get("against", []):
        if root.endswith(".parquet"):
            untold.append(f"{root}: a table of signatures, which says nothing of its documents")
            continue
        try:
            for member in _of_earlier(Run(root).documents, id, values, signatures, root):
                return member, []
        except UserError as error:
            untold.append(error.message)
    return None, untold or ["no earlier run has it any more"]


def _of_earlier(
    table: Table, id: bytes, values: Mapping[str, Any], signatures: Sequence[str], root: str
) -> Iterator[Member]:  # fmt: skip
    for part in table.parts:
        start = 0
        for batch in batches(table, part, ["page.url", *(name for name in signatures if name in table.known)]):
            for row in np.flatnonzero(true(pc.equal(batch["id"], pa.scalar(id, pa.binary(16))))).tolist():
                yield _member(batch, row, True, part, start, values, signatures, root)
            start += len(batch["id"])


def _member(
    batch: Columns, row: int, kept: bool | None, part: str, start: int, values: Mapping[str, Any], signatures: Sequence[str],
    earlier: str = "", url: str = "page.url",
) -> Member:  # fmt: skip
    alike = None
    for name in signatures:
        theirs = batch[name][row].as_py() if name in batch else None
        if theirs is not None and len(theirs) == len(values[name]):
            alike = float(np.mean(np.frombuffer(theirs, "<u4") == np.frombuffer(values[name], "<u4")))
    return Member(batch["id"][row].as_py().hex(), batch[url][row].as_py(), kept, part, start + row, alike, earlier)


def batches(table: Table, part: str, columns: Sequence[str]) -> Iterator[Columns]:
    """Columns of a part, with `id`."""
    with table.joined(part, columns) as view:
        yield from view.batches()


def true(mask: pa.Array) -> Bools:
    """A mask as NumPy has it; null is False."""
    return np.array(mask.fill_null(False).to_numpy(zero_copy_only=False), dtype=bool)
