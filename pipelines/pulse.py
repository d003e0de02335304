"""What a task that waits for the web notes: that it is alive, for as long as the web may be silent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pipelines.notes import NoteBook

if TYPE_CHECKING:
    from ingest.fetching import FetchSettings


def quiet_seconds(settings: FetchSettings) -> float:
    """How long the fetcher may go without an outcome: every request has an end, and hosts may ask for pauses between tries."""
    pause = max(
        settings.longest_pause_seconds, settings.max_retry_after_seconds, settings.max_crawl_delay_seconds,
        settings.host_interval_seconds,
    )  # fmt: skip
    one = settings.dns_seconds + settings.total_seconds + pause
    return 2 * (settings.retries + 1) * one  # robots.txt may be asked for first


class Pulse:
    """Notes what a task has at hand. While it waits for the web its clock goes on, but no longer than the fetcher may be silent;
    while one image is read the clock stands, so that what hangs is seen as stuck."""

    def __init__(self, notes: NoteBook, quiet_seconds: float) -> None:
        self._notes, self._quiet = notes, quiet_seconds
        self._waits: tuple[str, int] | None = None
        self._since = 0.0

    def reading(self, layer: str, row: int) -> None:
        """One image is at hand."""
        self._waits = None
        self._notes.scoring(layer, row, row + 1)

    def waiting(self, layer: str, rows: int) -> None:
        """The web is asked for some of the part's rows."""
        rows = max(rows, 2)  # one row alone is one that is read
        self._since = time.monotonic()
        self._waits = layer, rows
        self._notes.scoring(layer, 0, rows)

    def done(self) -> None:
        """One image more is through."""
        self._waits = None
        self._notes.done(1)

    def beat(self) -> None:
        """Called every few seconds, by another thread."""
        waits = self._waits
        if waits is not None and time.monotonic() - self._since < self._quiet:
            self._notes.scoring(waits[0], 0, waits[1])
