"""Processes of a test on an engine: each with a log of its own, and none outlives the test, not even one that is killed.

All that is started, by whomever, carries a mark in its environment; a watcher ends what carries it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

_WATCHER = """
import os, sys, time
sys.stdin.buffer.read()  # ends when the test closes it, or is no more
mark = sys.argv[1].encode()
for _ in range(100):
    found = False
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read():
                    found = True
                    os.kill(int(pid), 9)
        except OSError:
            pass
    if not found:
        break
    time.sleep(0.05)
"""


@dataclass(frozen=True)
class Host:
    """Where a process runs: its address, and the words before the command (for a network namespace)."""

    name: str = "local"
    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()


LOCAL = Host()


def free_port() -> int:
    """A port on which nothing listens on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Processes:
    """The processes of one test; logs, temporary files and whatever they leave lie in `folder`."""

    folder: Path
    mark: str = field(default_factory=lambda: f"web2shards-engines-{uuid.uuid4().hex}")
    #: What is added to the environment of all that is started from here on.
    more: dict[str, str] = field(default_factory=dict[str, str])

    def __enter__(self) -> Processes:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._watcher = subprocess.Popen([sys.executable, "-c", _WATCHER, self.mark], stdin=subprocess.PIPE, start_new_session=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        self._watcher.wait(30)

    @property
    def watcher(self) -> int:
        """The watcher's process."""
        return self._watcher.pid

    def environment(self, more: Mapping[str, str] | None = None, host: Host = LOCAL) -> dict[str, str]:
        """What every process gets: the mark, temporary files and state in a folder of its host, this checkout on the path."""
        temporary = self.folder / (f"tmp-{host.name}" if host.prefix else "tmp")
        temporary.mkdir(exist_ok=True)
        foreign = ("FLINK_", "SPARK_", "HADOOP_", "AWS_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        return {
            **kept, "WEB2SHARDS_ENGINES_MARK": self.mark, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT),
            "JDK_JAVA_OPTIONS": f"-Djava.io.tmpdir={temporary}", "COLUMNS": "200",
            "XDG_STATE_HOME": str(temporary / "state"), "AWS_EC2_METADATA_DISABLED": "true", **self.more, **(more or {}),
        }  # fmt: skip

    def start(
        self, name: str, words: Sequence[Any], *, host: Host = LOCAL, more: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts a command in a session of its own; what it says goes to `folder/<name>.out`."""
        with open(self.folder / f"{name}.out", "ab") as log:
            return subprocess.Popen(
                [*host.prefix, *map(str, words)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=self.environment(more, host), cwd=cwd or self.folder, start_new_session=True,
            )  # fmt: skip

    def said(self, name: str) -> str:
        """What a process said."""
        return (self.folder / f"{name}.out").read_text(errors="replace")


def wait_for(what: str, there: Callable[[], bool], seconds: float = 60.0) -> float:
    """Waits until `there` is true; returns how long it took."""
    began = time.monotonic()
    while not there():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what}: not there after {seconds:.0f} s")
        time.sleep(0.2)
    return time.monotonic() - began


def listens(port: int, host: Host = LOCAL, address: str = "127.0.0.1") -> bool:
    """Whether something accepts connections on a host, on its loopback if no address is given."""
    probe = f"import socket; socket.create_connection(({address!r}, {port}), 1)"
    if host.prefix:
        return subprocess.run([*host.prefix, sys.executable, "-c", probe], stderr=subprocess.DEVNULL, check=False).returncode == 0
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def asked(url: str, host: Host = LOCAL) -> dict[str, Any]:
    """The JSON that a server on a host gives; nothing while it does not answer."""
    ask = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=2).read().decode())"
    try:
        if host.prefix:
            words = [*host.prefix, sys.executable, "-c", ask]
            return json.loads(subprocess.run(words, capture_output=True, check=False, timeout=10).stdout)
        with urllib.request.urlopen(url, timeout=2) as answer:
            return json.load(answer)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process at once, with its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
