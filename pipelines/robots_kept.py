"""What hosts answered to be asked for robots.txt and tdmrep.json, kept in the out folder for the next round or run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipelines.store import Store

if TYPE_CHECKING:
    from ingest.fetching import RobotsCache


def read_robots(store: Store, *path: str) -> RobotsCache:
    """What the file at `path` of the out folder has, as of a group of hosts; nothing if it is not there or damaged."""
    from ingest.fetching import RobotsCache, RobotsRecord

    try:
        rows: list[Any] = json.loads(store.path(*path).read_bytes())
        return RobotsCache(
            RobotsRecord(origin, None if body is None else body.encode("latin-1"), float(at), file)
            for origin, body, at, file in rows
        )
    except (OSError, ValueError, TypeError):  # asked for again
        return RobotsCache()


def write_robots(store: Store, robots: RobotsCache, *path: str) -> None:
    """Keeps it."""
    rows = [
        [record.origin, None if record.body is None else record.body.decode("latin-1"), record.fetched_at, record.file]
        for record in robots.export()
    ]  # fmt: skip
    store.write_bytes(store.path(*path), json.dumps(rows).encode())
