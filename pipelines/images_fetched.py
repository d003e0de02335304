"""Gets the images of a group of hosts, as one task: from the input's WARCs where they are there, else from the web.

What was got stays got; what failed in a way that may pass, or was not reached, is tried again by the next run.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ingest.parts import Part
from ingest.recorded import Records
from pipelines.context import Context
from pipelines.fetched_part import NOT_IN_INPUT, FetchedPart
from pipelines.memory import give_back
from pipelines.notes import NoteBook
from pipelines.pool import Suspect
from pipelines.progress import meanwhile
from pipelines.pulse import Pulse, quiet_seconds
from pipelines.robots_kept import read_robots, write_robots

if TYPE_CHECKING:
    from ingest.fetching import FetchSettings, RobotsCache, Spent

Json = dict[str, Any]
NAME = "fetch images"
#: Parts that are asked for at a time: what is known of their rows is held, and how long they take hangs on their slowest host.
OPEN_PARTS = 16
#: What a file of the input is, by its path: a scratch file.
INPUTS = "image-inputs.json"
#: Why there is no image that was not asked for, as the fetcher hung or the budget was spent.
NOT_REACHED = "not_reached"
_STROKE_SECONDS = 5.0


def fetch(context: Context, args: Json, suspects: Sequence[Suspect], notes: NoteBook) -> Json:
    """Gets the images of the parts of a group, in their order; returns how many were tried, and how many there are. `suspects`
    are what workers died of that did this before."""
    from ingest.fetching import Spent

    uris: Mapping[str, str] = json.loads(context.store.scratch(INPUTS).read_bytes())
    settings = context.recipe.fetch.settings(context.recipe.seed)
    kept = context.table.name, "robots", f"{args['group']}.json"
    robots = read_robots(context.store, *kept)
    budget = _Budget(settings, Spent())
    tried = ok = 0
    pulse = Pulse(notes, quiet_seconds(settings))
    with Records(context.ingest) as records, meanwhile(pulse.beat, _STROKE_SECONDS, "alive"):
        for start in range(0, len(args["parts"]), OPEN_PARTS):
            with ExitStack() as stack:
                parts = [
                    FetchedPart(context, name, args["older"].get(name, ()), pulse, suspects, stack)
                    for name in args["parts"][start : start + OPEN_PARTS]
                ]
                if not args["offline"]:
                    for part in parts:
                        part.record(records, uris, settings)
                    _ask(parts, context, budget, robots, pulse)
                tried, ok = tried + sum(part.tried for part in parts), ok + sum(part.write() for part in parts)
            del parts
            give_back()
    if budget.spent.requests:
        write_robots(context.store, robots, *kept)
    return {"group": args["group"], "rows": tried, "kept": ok, "requests": budget.spent.requests}


def write_inputs(context: Context, parts: Sequence[Part]) -> None:
    """Tells tasks where the files of the input are."""
    path = context.store.scratch(INPUTS)
    context.store.write_bytes(path, json.dumps({part.path: part.uri for part in parts}).encode())


class _Budget:
    """What is left of the time, requests and bytes that a task may take."""

    def __init__(self, settings: FetchSettings, spent: Spent) -> None:
        self._settings, self.spent = settings, spent
        self._began = time.monotonic()

    def left(self) -> FetchSettings | None:
        """The settings with what is left; None if nothing is."""
        settings, spent = self._settings, self.spent
        given = {
            "deadline_seconds": (settings.deadline_seconds, time.monotonic() - self._began),
            "max_requests": (settings.max_requests, spent.requests),
            "max_total_bytes": (settings.max_total_bytes, spent.wire_bytes),
        }  # fmt: skip
        rest = {name: most - taken for name, (most, taken) in given.items() if most}
        return replace(settings, **rest) if all(left > 0 for left in rest.values()) else None


def _ask(parts: Sequence[FetchedPart], context: Context, budget: _Budget, robots: RobotsCache, pulse: Pulse) -> None:
    """Asks the web for what the parts still want, for all of them at once: a host that is slow keeps none waiting."""
    from ingest.fetching import Job, fetch_in_thread

    hangs = [why for part in parts for why in part.hangs]  # whichever of them it was seen over: they were asked for together
    settings = budget.left() if len(hangs) < 2 else None
    for part in parts:
        if not context.recipe.fetch.web:
            part.leave(NOT_IN_INPUT, False, {})
        elif settings is None:
            detail = hangs[-1] if len(hangs) > 1 else "the deadline or the budget came first"
            part.leave(NOT_REACHED, True, {"source": "web", "detail": detail})
    wanted = [(i, row, url) for i, part in enumerate(parts) for row, url in part.wanted]
    if not wanted or settings is None:
        return

    def waiting() -> None:
        pulse.waiting(parts[wanted[0][0]].layer, len(wanted))

    waiting()
    jobs = (Job(place, url) for place, (_, _, url) in enumerate(wanted))
    if context.recipe.fetch.engine == "img2dataset":
        from ingest.img2dataset_engine import fetch_by_img2dataset

        folder = context.store.local("tmp", f"g{context.store.generation}", f"img2dataset-{uuid.uuid4().hex}")
        fetching = fetch_by_img2dataset(jobs, settings, folder, waiting)
        budget.spent.requests += len(wanted)
    else:
        fetching = fetch_in_thread(jobs, settings, robots=robots, spent=budget.spent)
    with closing(fetching) as outcomes:
        for outcome in outcomes:
            i, row, _ = wanted[outcome.index]
            parts[i].take(row, outcome)
