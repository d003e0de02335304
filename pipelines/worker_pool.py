"""A pool of Beam workers on one host, for the EXTERNAL environment: one process and one bounded log file a worker.

Beam's own pool (apache_beam/runners/worker/worker_pool_main.py) listens on every interface, stops workers by ids that
TaskManagers share, and gives workers a pipe for output that nobody reads; this one does none of that. A worker ends when
its runner closes the control stream, and when the pool ends, however that does. A runner waits without an end for a worker
that it has asked for (ExternalEnvironmentFactory in github.com/apache/beam, runners/java-fn-execution): so one that dies
before it has reached the runner is started again, by the next pool at the address too, and the runner is told at last.
"""

# Beam's own types are loose.
# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # read when grpc is imported

import grpc
from apache_beam.portability.api import beam_fn_api_pb2 as messages
from apache_beam.portability.api import beam_fn_api_pb2_grpc as services

from core.errors import ClusterError
from core.files import storage_errors
from pipelines import launch
from pipelines.handshake import Json, current_identity, try_paths
from pipelines.worker import LOG_BYTES, cut, safe

#: What a driver may ask beside Beam's own service: JSON in, JSON out.
STATUS = "/web2shards.WorkerPool/Status"
#: So many logs of workers that have ended are kept.
LOGS_KEPT = 100
STOP_SECONDS = 5.0
#: A worker that ends before it has reached the runner is started so often.
STARTS = 3
#: What is asked for and not there yet stands in files beside the logs, for the pool that comes after this one.
_ASKED = ".asked"
_LOOK_SECONDS = 0.5
_MOST_REQUEST_BYTES = 1 << 20


@dataclass
class Worker:
    """A worker: its process, its log, the runner's address, where it tells that it has `reached` it, and when it began."""

    id: str
    process: subprocess.Popen[bytes]
    log: Path
    control: str
    heard: int
    starts: int = 1
    reached: bool = False
    began: float = field(default_factory=time.time)

    def hear(self) -> None:
        """Looks whether it has told that it has reached the runner."""
        with contextlib.suppress(BlockingIOError):
            if not self.reached and os.read(self.heard, 1):
                self.reached = True
                self.forget()

    def forget(self) -> None:
        """Nobody needs to start it again."""
        self.log.with_suffix(_ASKED).unlink(missing_ok=True)

    def told(self) -> Json:
        return {
            "id": self.id, "pid": self.process.pid, "log": str(self.log), "began": self.began, "code": self.process.returncode,
        }  # fmt: skip


class WorkerPool(services.BeamFnExternalWorkerPoolServicer):
    """Starts workers, at most `most` at a time. All processes are children of the thread that runs `serve`: a child dies
    with the thread that made it."""

    def __init__(self, logs: Path, most: int, log_bytes: int = LOG_BYTES, say: Callable[[str], None] = print) -> None:
        self.logs, self.most, self.log_bytes, self._say = logs, most, log_bytes, say
        self.address = ""
        self._asked: queue.SimpleQueue[tuple[str, str, Future[str]]] = queue.SimpleQueue()
        self._workers: list[Worker] = []
        self._ended: list[Worker] = []
        self._stop = threading.Event()
        self._count = 0

    def StartWorker(self, request: Any, context: Any) -> Any:
        """Beam asks for a worker."""
        answer: Future[str] = Future()
        self._asked.put((request.worker_id, request.control_endpoint.url, answer))
        try:
            error = answer.result(timeout=60)
        except TimeoutError:
            error = "the worker pool is stopping"
        return messages.StartWorkerResponse(error=error)

    def StopWorker(self, request: Any, context: Any) -> Any:
        """Beam asks to stop the worker of an id, which a neighbour's may have too: it ends by itself."""
        return messages.StopWorkerResponse()

    def status(self, request: bytes, context: Any) -> bytes:
        """Who this pool is, what its workers do, and what of the paths asked for cannot be used here."""
        asked: Mapping[str, Any] = json.loads(request) if len(request) <= _MOST_REQUEST_BYTES else {}
        read, write, proof = [str(p) for p in asked.get("read", [])], str(asked.get("write", "")), str(asked.get("proof", ""))
        wrong = try_paths(read, write, proof, asked.get("storage"))
        workers = [worker.told() for worker in [*self._workers, *self._ended]]
        told = {"logs": str(self.logs), "most": self.most, "workers": workers, "wrong": wrong}
        return json.dumps({**current_identity(), **told}).encode()

    def serve(self, host: str, port: int, ready: Callable[[str], None]) -> None:
        """Listens until `stop`; `ready` gets the address. ClusterError if the address cannot be had."""
        with storage_errors(self.logs):
            self.logs.mkdir(parents=True, exist_ok=True)
        server = grpc.server(
            ThreadPoolExecutor(16, thread_name_prefix="pool"),
            options=[("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0), ("grpc.so_reuseport", 0)],
        )
        services.add_BeamFnExternalWorkerPoolServicer_to_server(self, server)
        handler = grpc.unary_unary_rpc_method_handler(self.status)
        service, _, method = STATUS[1:].partition("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        self.address = f"{host}:{_bind(server, host, port)}"
        server.start()
        ready(self.address)
        try:
            self._start_what_was_asked()
            while not self._stop.is_set():
                self._look()
        finally:
            server.stop(0)
            self._end_workers()

    def stop(self) -> None:
        """Ends `serve`, from any thread or a signal handler."""
        self._stop.set()

    def _look(self) -> None:
        """Starts what is asked for, buries what has ended, cuts logs."""
        with contextlib.suppress(queue.Empty):
            worker_id, control, answer = self._asked.get(timeout=_LOOK_SECONDS)
            try:
                answer.set_result(self._start(worker_id, control))
            except OSError as error:
                answer.set_result(f"the worker pool on {self.address} cannot start a worker: {error}")
        for worker in list(self._workers):
            ended = worker.process.poll() is not None  # before it is heard, so that its last word is
            worker.hear()
            if ended:
                self._bury(worker)
            else:
                cut(worker.log, self.log_bytes)
        while len(self._ended) > LOGS_KEPT:
            old = self._ended.pop(0).log
            for path in (old, old.with_name(old.name + ".1")):
                path.unlink(missing_ok=True)

    def _bury(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._ended.append(worker)
        os.close(worker.heard)
        self._say(f"worker {worker.id} (process {worker.process.pid}) ended with code {worker.process.returncode}")
        if worker.reached:
            return
        if answers(worker.control):
            if worker.starts < STARTS:
                with contextlib.suppress(OSError):
                    self._start(worker.id, worker.control, worker.starts + 1)
            else:
                self._say(f"worker {worker.id} ended {STARTS} times before it reached {worker.control}: its task fails")
                threading.Thread(target=hang_up, args=(worker.id, worker.control), name="hang up", daemon=True).start()
        worker.forget()

    def _start_what_was_asked(self) -> None:
        """Starts the workers that a pool at this address had been asked for when it ended, if their runners still wait."""
        for path in sorted(self.logs.glob("*" + _ASKED)):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                asked = json.loads(path.read_text())
                if asked["address"] != self.address:  # a neighbour's, whose logs are in the same folder
                    continue
                path.unlink()
                if answers(asked["control"]):
                    self._start(asked["id"], asked["control"], asked["starts"])

    def _start(self, worker_id: str, control: str, starts: int = 1) -> str:
        """Starts a worker; returns what is wrong, empty if nothing is."""
        if len(self._workers) >= self.most:
            return (
                f"the worker pool on {self.address} has {self.most} workers, and starts no more (--max-workers): "
                "they end with their jobs; look for jobs that were left behind"
            )
        self._count += 1
        log = self.logs / f"worker-{safe(worker_id)}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{self._count}.log"
        asked = {"id": worker_id, "control": control, "address": self.address, "starts": starts}
        log.with_suffix(_ASKED).write_text(json.dumps(asked))
        heard, tells = os.pipe()
        os.set_blocking(heard, False)
        command = [sys.executable, "-P", "-m", "pipelines.worker", f"--id={worker_id}", f"--control_endpoint={control}"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        try:
            with open(log, "ab") as file:
                process = subprocess.Popen(
                    launch.command([*command, f"--pooled={tells}"]), stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                    env=environment, start_new_session=True, pass_fds=[tells],
                )  # fmt: skip
        except OSError:
            os.close(heard)
            log.with_suffix(_ASKED).unlink(missing_ok=True)
            raise
        finally:
            os.close(tells)
        self._workers.append(Worker(worker_id, process, log, control, heard, starts))
        self._say(f"worker {worker_id} (process {process.pid}) for {control} logs to {log}")
        return ""

    def _end_workers(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()


def answers(control: str) -> bool:
    """Whether a runner still listens at the address where its control is."""
    host, _, port = control.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), 2).close()
    except (OSError, ValueError):
        return False
    return True


def hang_up(worker_id: str, control: str) -> None:
    """Opens a worker's control stream and closes it: the runner takes the worker for lost, and waits no longer."""
    from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor

    with contextlib.suppress(grpc.RpcError), grpc.insecure_channel(control) as channel:
        stub = services.BeamFnControlStub(grpc.intercept_channel(channel, WorkerIdInterceptor(worker_id)))
        for _ in stub.Control(iter(()), timeout=STOP_SECONDS):
            pass


def _bind(server: grpc.Server, host: str, port: int) -> int:
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        bound = 0
    if not bound:
        mend = "is another one running? Choose another --port, or a --host of this machine"
        raise ClusterError(f"{host}:{port}: the worker pool cannot listen there", mend)
    return bound


def serve(host: str, port: int, logs: Path, most: int, say: Callable[[str], None]) -> None:
    """A pool until SIGTERM or SIGINT."""
    pool = WorkerPool(logs, most, say=say)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: pool.stop())
    pool.serve(host, port, lambda address: say(f"worker pool on {address}, at most {most} workers, logs in {logs}"))
    say("worker pool stopped, and its workers with it")


def ask(
    address: str, read: Sequence[str] = (), write: str = "", proof: str = "", storage: Json | None = None, seconds: float = 10.0,
) -> Json:  # fmt: skip
    """What the pool at an address says of itself. grpc.RpcError if none answers, or it is none of this module."""
    request = json.dumps({"read": list(read), "write": write, "proof": proof, "storage": storage}).encode()
    with grpc.insecure_channel(address) as channel:
        return json.loads(channel.unary_unary(STATUS)(request, timeout=seconds))
