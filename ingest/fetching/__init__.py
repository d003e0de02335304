"""Fetches URLs by the thousand: politely, within limits, and from no address that is not public.

A `Job` is one URL, an `Outcome` what came of it; the caller owns the order of jobs, the files and the processes:

    settings = FetchSettings(user_agent="mybot/1.0 (+https://example.org/bot)", deadline_seconds=600)
    robots = RobotsCache(RobotsRecord(...) for row in what an earlier pass exported)
    for outcome in fetch_in_thread(jobs, settings, robots=robots):   # or: async for outcome in fetch(jobs, settings, …)
        ...                                                          # outcomes come as they are ready, in any order
    robots.export()                                                  # list[RobotsRecord], to be given to the next pass

Every job has exactly one outcome. `Outcome.status` is `ok` or a reason (see `outcomes.REASONS`), `Outcome.retryable` says
that a later pass may get it: not reached, timed out, the host down. `body` is there only if the status is `ok`.
Jobs come from any iterable, best in runs of one host; `FetchSettings.look_ahead` of them are held at most, dealt out to
their hosts. One host's jobs are asked for in order, as many at a time and as often as settings, robots.txt and Retry-After
allow. Memory is bounded by the look-ahead, `concurrency` x 256 kB and `buffer_bytes`. Closing the generator early (or
leaving the loop) cancels what is under way. What a pass spent is counted in a `Spent` that is given to it.

Addresses that are not public are refused (`addresses`); `FetchSettings.open_networks` opens some, for intranets and tests.
A `Lookup` is where host names are resolved: c-ares unless another is given.
"""

from ingest.fetching.fetch import fetch, fetch_in_thread
from ingest.fetching.outcomes import Job, Outcome, Spent
from ingest.fetching.resolver import CaresLookup, Lookup, NoSuchHost
from ingest.fetching.robots import RobotsCache, RobotsRecord
from ingest.fetching.settings import FetchSettings

__all__ = [
    "CaresLookup",
    "FetchSettings",
    "Job",
    "Lookup",
    "NoSuchHost",
    "Outcome",
    "RobotsCache",
    "RobotsRecord",
    "Spent",
    "fetch",
    "fetch_in_thread",
]
