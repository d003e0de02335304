"""Hands addresses to img2dataset (github.com/rom1504/img2dataset 1.47) and takes its shards back, as outcomes of our own fetcher.

For those who run it already: it knows no robots.txt, no pace of a host and no addresses that are not to be reached.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from ingest.fetching.formats import format_of
from ingest.fetching.outcomes import Job, Outcome, is_retryable
from ingest.fetching.settings import FetchSettings

#: The column by which its rows are found again; rows of one of its shards, and images that are read of it at a time.
PLACE = "web2shards_place"
SHARD_ROWS, READ_ROWS = 1000, 64
#: Seconds that it may take beside its requests, and between two looks whether it is still there.
START_SECONDS, LOOK_SECONDS = 120.0, 1.0
#: What it says of a failure (the messages of urllib) and what that is here; the first that fits.
_REASONS = (
    (re.compile(r"disallowed by X-Robots-Tag"), "opt_out"),
    (re.compile(r"timed out"), "timeout"),
    (re.compile(r"Name or service not known|No address associated|nodename nor servname"), "dns_not_found"),
    (re.compile(r"Temporary failure in name resolution"), "dns"),
    (re.compile(r"CERTIFICATE|SSL|certificate"), "tls"),
    (re.compile(r"unknown url type|no host given|nonnumeric port|Invalid URL"), "invalid_url"),
    (re.compile(r"IncompleteRead"), "truncated"),
    (re.compile(r"would lead to an infinite loop|redirect error"), "redirects"),
)
_HTTP = re.compile(r"HTTP Error (\d{3})")


def fetch_by_img2dataset(
    jobs: Iterable[Job], settings: FetchSettings, folder: Path, alive: Callable[[], None] = lambda: None
) -> Generator[Outcome]:  # fmt: skip
    """The outcome of each job, once all are there. Of the settings only `concurrency` (its threads), `read_seconds` (its
    timeout), `retries`, `opt_out`, the agent, `formats`, `max_bytes` and `deadline_seconds` say something to it.

    `folder` is made and removed; `alive` is called every second while it works. InputError: it cannot be run.
    """
    wanted = list(jobs)
    folder.mkdir(parents=True)
    try:
        table, out = folder / "table.parquet", folder / "out"
        columns = {"url": [job.url for job in wanted], PLACE: list(range(len(wanted)))}
        pq.write_table(pa.table(columns), table)
        _run(table, out, settings, len(wanted), alive)
        left = set(range(len(wanted)))
        for place, outcome in _outcomes(out, wanted, settings):
            if place in left:
                left.remove(place)
                yield outcome
        for place in sorted(left):
            yield _failed(wanted[place], "not_reached", "img2dataset left it", settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(table: Path, out: Path, settings: FetchSettings, rows: int, alive: Callable[[], None]) -> None:
    """Runs it in a process of its own, which it forks others from; they end with it, or when their time is up."""
    options = {
        "url_list": str(table), "output_folder": str(out), "thread_count": min(settings.concurrency, max(rows, 1)),
        "timeout": max(1, round(settings.read_seconds)), "retries": settings.retries, "user_agent_token": settings.agent,
        "disallowed_header_directives": list(settings.opt_out), "number_sample_per_shard": SHARD_ROWS,
        "save_additional_columns": [PLACE],
    }  # fmt: skip
    tries = (settings.retries + 1) * (rows / settings.concurrency + 2)
    seconds = settings.deadline_seconds or START_SECONDS + tries * (settings.connect_seconds + settings.total_seconds)
    log = table.with_name("log.txt")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "NO_ALBUMENTATIONS_UPDATE": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest.img2dataset_job", json.dumps(options)], stdout=output, stderr=subprocess.STDOUT,
            env=environment, cwd=table.parent, start_new_session=True,
        )  # fmt: skip
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_SECONDS)
                    break
                alive()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode > 0:
        said = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise InputError(
            f"img2dataset ended with {process.returncode}: {said[0][:500]}",
            "install it with `pip install 'web2shards[img2dataset]'`, or leave `images.fetch.engine` out",
        )


def _outcomes(out: Path, jobs: list[Job], settings: FetchSettings) -> Iterator[tuple[int, Outcome]]:
    """What stands in its finished shards, by place."""
    for path in sorted(out.glob("*.parquet")):
        if not path.with_name(f"{path.stem}_stats.json").exists():  # it was ended while it wrote
            continue
        file = pq.ParquetFile(path)
        for batch in file.iter_batches(READ_ROWS, columns=[PLACE, "status", "error_message", "jpg"], use_threads=False):
            for row in batch.to_pylist():
                yield row[PLACE], _outcome(jobs[row[PLACE]], row, settings)
        file.close()


def _outcome(job: Job, row: dict[str, Any], settings: FetchSettings) -> Outcome:
    if row["status"] != "success":
        status = reason_of(row["error_message"] or "")
        found = _HTTP.search(row["error_message"] or "")
        return _failed(job, status, row["error_message"] or "", settings, int(found[1]) if found else None)
    body: bytes = row["jpg"] or b""
    format = format_of(body[:4096])
    if not body:
        return _failed(job, "empty", "", settings)
    if len(body) > settings.max_bytes:
        return _failed(job, "too_large", f"{len(body):,} bytes", settings)
    if settings.formats and format not in settings.formats:
        return _failed(job, "not_an_image", "", settings)
    return Outcome(
        job.index, job.url, "ok", False, http_status=200, body=body, format=format, sha256=hashlib.sha256(body).hexdigest(),
        fetched_at=time.time(),
    )  # fmt: skip


def reason_of(message: str) -> str:
    """Our reason for one of its messages."""
    http = _HTTP.search(message)
    return f"http_{http[1]}" if http else next((reason for pattern, reason in _REASONS if pattern.search(message)), "connect")


def _failed(job: Job, status: str, detail: str, settings: FetchSettings, http: int | None = None) -> Outcome:
    again = is_retryable(status, settings.retry_statuses)
    return Outcome(job.index, job.url, status, again, detail=detail, http_status=http, fetched_at=time.time())
