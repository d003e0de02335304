"""A worker pool for EXTERNAL: one SDK process and one log file for each worker that an engine asks for.

It never kills by worker id: every TaskManager calls its first worker 1-1, and a host may have two of them.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2 as api
from apache_beam.portability.api import beam_fn_api_pb2_grpc as services

_WORKER = """
import ctypes, logging, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # a pool that is killed takes its workers along
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname).1s %(name)s %(message)s")
from apache_beam.runners.worker.sdk_worker import SdkHarness
SdkHarness(sys.argv[2], worker_id=sys.argv[1]).run()
"""


class Pool(services.BeamFnExternalWorkerPoolServicer):
    """Starts workers, whose logs go to `logs`."""

    def __init__(self, logs: Path) -> None:
        self._logs, self._count = logs, itertools.count(1)
        self._workers: list[subprocess.Popen[bytes]] = []

    def StartWorker(self, request: Any, context: Any) -> Any:
        words = [sys.executable, "-c", _WORKER, request.worker_id, request.control_endpoint.url]
        with open(self._logs / f"worker-{next(self._count)}-{request.worker_id}.log", "ab") as log:
            worker = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self._workers = [other for other in self._workers if other.poll() is None] + [worker]
        return api.StartWorkerResponse()

    def StopWorker(self, request: Any, context: Any) -> Any:
        """A worker ends by itself when its control stream closes."""
        return api.StopWorkerResponse()


def main(address: str, logs: str) -> None:
    """Listens on `address` until it is killed."""
    os.makedirs(logs, exist_ok=True)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    services.add_BeamFnExternalWorkerPoolServicer_to_server(Pool(Path(logs)), server)
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
