"""`remove` as a whole: looks up what is meant, writes it into the list, cleans what is there, brings shards up to date.

With copies, a document takes its whole cluster of duplicates with it: those of the same page or text, and the near
copies, whose texts are alike but not the same, if the recipe looks for them. How many are near copies is told before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import InputError
from core.hashing import ID_TYPE
from core.remote_path import place
from pipelines.got_input import EMPTY, FOLDER, WARCS
from pipelines.plan import DUPLICATES, KEPT_BEFORE
from pipelines.progress import Progress
from pipelines.redaction import Redacted, settle
from pipelines.remote_lease import lease_for
from pipelines.removal import Removals, Takedown, add_takedowns, read_removals
from pipelines.runfile import parts_of, read_run, recipe_of
from pipelines.stored import Run

if TYPE_CHECKING:
    from pipelines.run import RunOptions

#: Documents by id, with their URL and the keys that they share with copies.
Members = dict[str, tuple[str, tuple[tuple[int, bytes | None], ...]]]
#: Documents that are listed one by one.
MOST_LISTED = 1000


@dataclass(frozen=True)
class Match:
    """A document that a takedown takes out. `copies` are the other documents of its duplicate cluster, by id; `near` those
    of them that are joined to none of the takedown by the same page or text, only by texts that are alike.

    `copy` says what it is itself if it goes because of another: `copy` or `near copy`; `image` is one that is no page.
    """

    id: str
    url: str
    copies: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    copy: str = ""


@dataclass(frozen=True)
class Taken:
    """What a takedown came to: the documents found (`matches`, not all if there are many), how many they are, what was
    cleaned. `others` are copies of them that stay, `near` how many of the copies, taken or staying, are near copies;
    `earlier` is how many are copies of what an earlier run (`against`) keeps, which a takedown here does not reach, and `warcs` how
    many WARCs the run got from the web itself, which it does not reach either.
    """

    takedowns: tuple[Takedown, ...]
    matches: tuple[Match, ...]
    documents: int
    others: int = 0
    near: int = 0
    earlier: int = 0
    warcs: int = 0
    redacted: Redacted | None = None
    samples: int | None = None


def look_up(out: str, takedowns: Sequence[Takedown], with_copies: bool = False) -> Taken:
    """What the takedowns would take out of a run; with copies, also the other documents of their clusters."""
    run = Run(out)
    already = read_removals(out).takedowns
    matches = list(_matches(run, Removals(frozenset(takedowns) - already)))
    clusters = _clusters(run, matches)
    named = {m.id for m in matches}
    distinct = {id(members): members for members in clusters.values()}.values()
    near = {id for members in distinct for id in members.keys() - _joined(members, named)}
    others = {id: url for members in distinct for id, (url, _) in members.items() if id not in named}
    matches[:MOST_LISTED] = [_with_copies(m, clusters.get(m.id, {}), near) for m in matches[:MOST_LISTED]]
    wanted = list(dict.fromkeys(takedowns))
    if with_copies:
        wanted += [Takedown("id", id) for id in sorted(others)]
        matches += [Match(id, others[id], copy="near copy" if id in near else "copy") for id in sorted(others)]
    staying = 0 if with_copies else len(others)
    earlier, warcs = _kept_before(run, matches), place(out).joinpath(FOLDER, WARCS)
    got = sum(path.name != EMPTY for path in warcs.iterdir()) if warcs.exists() else 0
    return Taken(tuple(wanted), tuple(matches[:MOST_LISTED]), len(matches), staying, len(near), earlier, got)


def take_down(options: RunOptions, looked_up: Taken, note: str = "", progress: Progress | None = None) -> Taken:
    """Takes out what `look_up` found in `options.out`, and what the takedowns hit in later runs."""
    from pipelines.run import run

    out = options.out
    recipe, info = recipe_of(out), read_run(out)
    with lease_for(out) as lease:
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
    if "image.url" not in run.images.known:
        return
    for batch in run.images.reader(["id", "image.url"]):
        for row in np.flatnonzero(removals.mask(batch.column("id"), batch.column("image.url"))).tolist():
            yield Match(batch.column("id")[row].as_py().hex(), batch.column("image.url")[row].as_py() or "", copy="image")


def _clusters(run: Run, matches: Sequence[Match]) -> Mapping[str, Members]:
    """The members of each match's cluster of duplicates, itself among them."""
    column = f"{DUPLICATES}.cluster"
    if not matches or column not in run.documents.known:
        return {}
    ids = pa.array([bytes.fromhex(m.id) for m in matches], pa.binary(16))
    mine: dict[str, bytes] = {}
    for batch in run.documents.reader(["id", column]):
        here = batch.filter(pc.and_(pc.is_in(batch.column("id"), value_set=ids), pc.is_valid(batch.column(column))))
        mine |= {id.hex(): cluster for id, cluster in zip(*(c.to_pylist() for c in here.columns), strict=True)}
    clusters = pa.array(sorted(set(mine.values())), pa.binary(16))
    members: dict[bytes, Members] = {}
    for batch in run.documents.reader(["id", column, "page.url", *_keys(run)]):
        here = batch.filter(pc.is_in(batch.column(column), value_set=clusters))
        for id, cluster, url, *keys in zip(*(c.to_pylist() for c in here.columns), strict=True):
            members.setdefault(cluster, {})[id.hex()] = url or "", tuple(enumerate(keys))
    return {id: members[cluster] for id, cluster in mine.items()}


def _kept_before(run: Run, matches: Sequence[Match]) -> int:
    """How many of the documents an earlier run kept out, as it keeps another of their cluster."""
    if not matches or KEPT_BEFORE not in run.documents.known:
        return 0
    ids = pa.array([bytes.fromhex(m.id) for m in matches], ID_TYPE)
    return sum(
        len(batch.filter(pc.and_(pc.is_in(batch.column("id"), value_set=ids), pc.fill_null(batch.column(KEPT_BEFORE), False))))
        for batch in run.documents.reader(["id", KEPT_BEFORE])
    )


def _keys(run: Run) -> list[str]:
    """The columns that are equal in documents of the same page or text."""
    layers = [entry["layer"] for entry in run.info["plan"]["layers"] if entry["dedup"]]
    return [name for name, f in run.documents.known.items() if name.partition(".")[0] in layers and f.type == ID_TYPE]


def _joined(members: Members, named: set[str]) -> set[str]:
    """Those of a cluster that are joined to one of `named` by keys that are equal, if need be through others."""
    by_key: dict[tuple[int, bytes | None], list[str]] = {}
    for id, (_, keys) in members.items():
        for key in keys:
            by_key.setdefault(key, []).append(id)
    found = named & members.keys()
    waiting = list(found)
    while waiting:
        for key in members[waiting.pop()][1]:
            fresh = set(by_key.pop(key, ())) - found if key[1] is not None else set[str]()
            found |= fresh
            waiting += fresh
    return found


def _with_copies(match: Match, members: Members, near: set[str]) -> Match:
    copies = sorted(members.keys() - {match.id})
    return replace(match, copies=tuple(copies), near=tuple(id for id in copies if id in near))
