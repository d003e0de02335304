"""`remove` as a whole: looks up what is meant, writes it into the list, cleans what is there, brings shards up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError
from pipelines.lease import Lease
from pipelines.plan import DUPLICATES
from pipelines.progress import Progress
from pipelines.redaction import Redacted, settle
from pipelines.removal import Removals, Takedown, add_takedowns, read_removals
from pipelines.runfile import parts_of, read_run, recipe_of
from pipelines.stored import Run

if TYPE_CHECKING:
    from pipelines.run import RunOptions

#: Documents that are listed one by one.
MOST_LISTED = 1000


@dataclass(frozen=True)
class Match:
    """A document that a takedown takes out. `copies` are the other documents of its duplicate cluster, by id."""

    id: str
    url: str
    copies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taken:
    """What a takedown came to: the documents found, those of them that were new to the list, what was cleaned."""

    takedowns: tuple[Takedown, ...]
    matches: tuple[Match, ...]
    documents: int
    redacted: Redacted | None = None
    samples: int | None = None


def look_up(out: str, takedowns: Sequence[Takedown], with_copies: bool = False) -> Taken:
    """What the takedowns would take out of a run; with copies, also the documents of the same text or URL elsewhere."""
    run = Run(out)
    already = read_removals(out).takedowns
    matches = list(_matches(run, Removals(frozenset(takedowns) - already)))
    copies = _copies(run, matches)
    matches = [replace(m, copies=tuple(sorted(copies.get(m.id, set())))) for m in matches]
    wanted = list(dict.fromkeys(takedowns))
    if with_copies:
        found = sorted({id for m in matches for id in m.copies} - {m.id for m in matches})
        wanted += [Takedown("id", id) for id in found]
        matches += [Match(id, "") for id in found]
    return Taken(tuple(wanted), tuple(matches[:MOST_LISTED]), len(matches))


def take_down(options: RunOptions, looked_up: Taken, note: str = "", progress: Progress | None = None) -> Taken:
    """Takes out what `look_up` found in `options.out`, and what the takedowns hit in later runs."""
    from pipelines.run import run

    out = options.out
    recipe, info = recipe_of(out), read_run(out)
    with Lease(out) as lease:
        add_takedowns(lease.store, looked_up.takedowns, note)
        redacted = settle(lease.store)
    result = run(recipe, replace(options, limit=info["limit"]), progress, stored=parts_of(out))
    samples = sum(total["samples"] for output in result.outputs.values() for total in output["totals"].values())
    return replace(looked_up, redacted=redacted, samples=samples)


def by_id(out: str, digits: str) -> Takedown:
    """The takedown of an id of which the first digits are given. InputError if none or several documents have them."""
    if len(digits) == 32:
        return Takedown.of("id", digits)
    from pipelines.inspection import find

    found = [record.id for record in find(Run(out), digits) if record.id.startswith(digits.lower())]
    if len(set(found)) != 1:
        raise InputError(f"{digits}: {len(set(found))} documents have an id that begins so", "give more digits of it")
    return Takedown("id", found[0])


def _matches(run: Run, removals: Removals) -> Iterator[Match]:
    if not removals:
        return
    for batch in run.documents.reader(["id", "page.url"]):
        for row in np.flatnonzero(removals.mask(batch.column("id"), batch.column("page.url"))).tolist():
            yield Match(batch.column("id")[row].as_py().hex(), batch.column("page.url")[row].as_py() or "")


def _copies(run: Run, matches: Sequence[Match]) -> Mapping[str, set[str]]:
    """The ids of the other members of each match's duplicate cluster."""
    column = f"{DUPLICATES}.cluster"
    if not matches or column not in run.documents.known:
        return {}
    ids = pa.array([bytes.fromhex(m.id) for m in matches], pa.binary(16))
    mine: dict[str, bytes] = {}
    for batch in run.documents.reader(["id", column]):
        here = batch.filter(pc.and_(pc.is_in(batch.column("id"), value_set=ids), pc.is_valid(batch.column(column))))
        mine |= {id.hex(): cluster for id, cluster in zip(*(c.to_pylist() for c in here.columns), strict=True)}
    clusters = pa.array(sorted(set(mine.values())), pa.binary(16))
    members: dict[bytes, set[str]] = {}
    for batch in run.documents.reader(["id", column]):
        here = batch.filter(pc.is_in(batch.column(column), value_set=clusters))
        for id, cluster in zip(*(c.to_pylist() for c in here.columns), strict=True):
            members.setdefault(cluster, set()).add(id.hex())
    return {id: members[cluster] - {id} for id, cluster in mine.items()}
