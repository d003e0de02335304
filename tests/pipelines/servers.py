"""Servers for the tests, each a real one: a job server of Beam's without Java, a worker pool, a REST interface like Flink's."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
JOB_SERVER = """
import threading
from apache_beam.runners.portability.local_job_service import LocalJobServicer
print("port", LocalJobServicer().start_grpc_server(0), flush=True)
threading.Event().wait()
"""


def python(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """A Python process that has the checkout's packages; its output is read as text."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *(p for p in sys.path if p)])}
    return subprocess.Popen([sys.executable, *arguments], env=environment, text=True, **options)


def wait_until(true: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `true` gives once that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def job_server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A job server in a process of its own, and its address."""
    process = python("-c", JOB_SERVER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        yield process, f"localhost:{process.stdout.readline().split()[1]}"
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def worker_pool(logs: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`web2shards worker-pool` on a free port, and its address."""
    logs.mkdir(parents=True, exist_ok=True)
    said = logs / "pool.out"
    with said.open("w") as output:
        process = python("-m", "web2shards", "worker-pool", "--port", "0", "--logs", str(logs), *arguments, stderr=output)
    try:
        found = wait_until(lambda: re.search(r"worker pool on (\S+),", said.read_text()))
        yield process, found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        finally:
            process.kill()


class Flink:
    """Answers like Flink's REST interface; `paths` are what it was asked."""

    def __init__(self, **overview: Any) -> None:
        self.overview = {"taskmanagers": 2, "slots-total": 2, "slots-available": 2, "flink-version": "1.20.5", **overview}
        self.config = [{"key": "restart-strategy.type", "value": "fixed-delay"}]
        self.jobs: list[dict[str, str]] = []
        self.paths: list[str] = []

    def answer(self, method: str, path: str) -> Any:
        self.paths.append(f"{method} {path}")
        if method == "PATCH":
            for job in self.jobs:
                if path == f"/jobs/{job['jid']}?mode=cancel":
                    job["state"] = "CANCELED"
            return {}
        if path.startswith("/jobs/") and path != "/jobs/overview":
            return next(job for job in self.jobs if path.endswith(job["jid"]))
        return {"/overview": self.overview, "/jobmanager/config": self.config, "/jobs/overview": {"jobs": self.jobs}}[path]

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Its address while the block runs."""
        flink = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(flink.answer(self.command, self.path)).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            do_PATCH = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
