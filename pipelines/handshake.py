"""What driver and workers have to agree on: versions of Python, Beam and web2shards, and a storage that both see.

A worker pool is asked before anything starts; every worker looks again when it is handed its first task.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import platform
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import xxhash

from core.errors import ClusterError, UserError
from core.remote import file_system
from core.remote_path import RemotePath, place, put
from core.retries import PATIENCE_VARIABLE
from pipelines.doctor import ROOMS

Json = dict[str, Any]
#: Names that libraries of object stores know, by the profile's.
_VARIABLES = {
    "access_key_env": "AWS_ACCESS_KEY_ID", "secret_key_env": "AWS_SECRET_ACCESS_KEY", "session_token_env": "AWS_SESSION_TOKEN",
}  # fmt: skip
_HOME = Path(__file__).resolve().parent.parent
#: A process that tries paths on object stores has so long.
FAR_SECONDS = 20.0
#: The key of a task's setup that holds what its worker has to agree with.
DRIVER = "driver"


@functools.cache
def identity() -> Json:
    """What this process is: host, versions, and a digest of web2shards' sources, since versions change seldom."""
    return current_identity()


def current_identity() -> Json:
    """The same by what is installed now: what a process that is started now would be."""
    try:
        version = metadata.version("web2shards")
    except metadata.PackageNotFoundError:
        version = "not installed"
    return {
        "host": platform.node(), "python": platform.python_version(), "beam": metadata.version("apache-beam"),
        "web2shards": version, "sources": sources_digest(_HOME),
    }  # fmt: skip


def sources_digest(home: Path) -> str:
    """A digest of the modules of all rooms below `home`."""
    digest = xxhash.xxh3_64()
    for room in sorted(ROOMS):
        for path in sorted((home / room).rglob("*.py")):
            if "__pycache__" in path.parts:  # the report's templates, compiled by whoever made a report
                continue
            digest.update(str(path.relative_to(home)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def differences(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What keeps a worker (`other`) from working for a driver (`mine`): (what is different, the mend)."""
    found: list[tuple[str, str]] = []
    ours, theirs = (str(one["python"]).split(".")[:2] for one in (mine, other))
    if ours != theirs:
        found.append((
            f"runs Python {other['python']}, and this command {mine['python']}",
            f"install web2shards there under Python {'.'.join(ours)}, or run this command under {'.'.join(theirs)}",
        ))  # fmt: skip
    if mine["beam"] != other["beam"]:
        told = f"has apache-beam {other['beam']}, and this command {mine['beam']}"
        found.append((told, f"pip install apache-beam=={mine['beam']} there"))
    if mine["web2shards"] != other["web2shards"] or mine["sources"] != other["sources"]:
        found.append((
            f"has web2shards {other['web2shards']} (sources {other['sources'][:8]}), and this command "
            f"{mine['web2shards']} (sources {mine['sources'][:8]})",
            "install the same web2shards there, and start its worker-pool again",
        ))  # fmt: skip
    return found


def try_paths(read: Sequence[str], write: str, proof: str, storage: Mapping[str, Any] | None = None) -> dict[str, str]:
    """What cannot be done here, by path: read files, see the file `proof`, write a file into the folder `write`.

    What lies on object stores is tried by a process of its own, which finds them as a worker would: by `storage`.
    """
    far = [path for path in (*read, write) if "://" in path]
    near = [path for path in read if path not in far]
    wrong = _try(near, "" if write in far else write, proof)
    return wrong | _try_far(read, write, far, storage) if far else wrong


def _try(read: Sequence[str], write: str, proof: str) -> dict[str, str]:
    wrong: dict[str, str] = {}
    for path in [*read, *([proof] if proof else [])]:
        try:
            _read(path)
        except Exception as error:
            wrong[path] = _why(error)
    if write and write not in wrong:
        trial = place(write) / f".probe-{uuid.uuid4().hex}"
        try:
            if isinstance(trial, RemotePath):
                put(trial, b"web2shards")
            else:
                trial.write_bytes(b"web2shards")
            trial.unlink()
        except OSError as error:
            wrong[write] = f"{_why(error)}, as user {os.getuid()}"
        except UserError as error:
            wrong[write] = error.message.removeprefix(f"{trial}: ")
    return wrong


def _try_far(read: Sequence[str], write: str, far: Sequence[str], storage: Mapping[str, Any] | None) -> dict[str, str]:
    asked = {"read": [path for path in read if path in far], "write": write if write in far else "", "storage": storage}
    environment = {
        PATIENCE_VARIABLE: "5", **os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pipelines.handshake"], input=json.dumps(asked).encode(), capture_output=True,
            env=environment, timeout=FAR_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            return dict.fromkeys(far, told[-1] if told else f"the process that tried it ended with code {done.returncode}")
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return dict.fromkeys(far, f"no answer in {FAR_SECONDS:.0f} s")
    except (OSError, ValueError) as error:
        return dict.fromkeys(far, _why(error))


def _main() -> None:
    """Tries paths on object stores: JSON in, JSON out."""
    asked = json.load(sys.stdin)
    try:
        use_storage(asked["storage"], "there")
        wrong = _try(asked["read"], asked["write"], "")
    except UserError as error:
        wrong = dict.fromkeys(filter(None, [*asked["read"], asked["write"]]), f"{error.message}; {error.mend}")
    json.dump(wrong, sys.stdout)


def _read(uri: str) -> None:
    store, path = file_system(uri)
    with store.open_input_file(path) as file:
        file.read(1)


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return {errno.ENOENT: "there is no such file or folder"}.get(error.errno, os.strerror(error.errno).lower())
    return " ".join(str(error).split())[:300] or type(error).__name__


def use_storage(storage: Mapping[str, Any] | None, where: str) -> None:
    """Tells this process's libraries of object stores what the profile says. ClusterError if a variable is not set."""
    if not storage:
        return
    for key, known in _VARIABLES.items():
        name = storage.get(key)
        if name is None:
            continue
        if not os.environ.get(name):
            raise ClusterError(
                f"storage.{key}: the environment variable {name} is not set {where}",
                f"set {name} there: on workers, in the environment of the worker-pool or of the engine",
            )
        os.environ[known] = os.environ[name]
    # Each has two names, of which one goes before the other.
    names = {"endpoint": ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"), "region": ("AWS_REGION", "AWS_DEFAULT_REGION")}
    for key, known in names.items():
        for variable in known if storage.get(key) else ():
            os.environ[variable] = storage[key]


def greeting(storage: Mapping[str, Any] | None) -> Json:
    """What the driver sends with every task."""
    return {**identity(), "pid": os.getpid(), "folder": os.getcwd(), "storage": dict(storage) if storage else None}


def settle_in(driver: Json | None) -> None:
    """On a worker, before all else: object stores and relative paths are found as the driver finds them."""
    if driver is None or (identity()["host"] == driver["host"] and os.getpid() == driver["pid"]):
        return
    use_storage(driver["storage"], f"on the worker {identity()['host']}")
    with contextlib.suppress(OSError):  # relative paths start where the command runs
        os.chdir(driver["folder"])


def greet(driver: Json | None, folder: str) -> None:
    """On a worker, before its first task: ClusterError unless it agrees with the driver and sees the folder of results."""
    if driver is None:
        return
    mine = identity()
    where = f"on the worker {mine['host']}"
    wrong = differences(driver, mine)
    if wrong:
        raise ClusterError(f"the worker {mine['host']} " + "; and it ".join(told for told, _ in wrong), wrong[0][1])
    if "://" not in folder and not Path(folder).is_dir():
        raise ClusterError(
            f"{folder}: is not to be seen {where}: the out folder is on this machine's own disk",
            "give an --out that all hosts see under the same path: a shared file system, or an object store",
        )


if __name__ == "__main__":
    _main()
