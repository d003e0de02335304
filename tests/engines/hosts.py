"""Hosts with networks of their own on one machine: network namespaces joined by a bridge, seen by the test's processes only.

A namespace lives as long as the process that made it, so that nothing is left when a test is killed.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from tests.engines.processes import Host, Processes, wait_for

#: 198.18.0.0/15 is kept for tests between devices (RFC 2544).
_NETWORK = "198.18.7"


def allowed() -> str:
    """Why namespaces cannot be made here; empty if they can."""
    lacking = [tool for tool in ("ip", "unshare", "nsenter") if shutil.which(tool) is None]
    if lacking:
        return f"{', '.join(lacking)} missing"
    done = subprocess.run(
        ["unshare", "--net", "ip", "link", "add", "name", "probe0", "type", "bridge"], capture_output=True, check=False
    )
    return done.stderr.decode().strip() if done.returncode else ""


def _namespace(processes: Processes, name: str) -> tuple[str, ...]:
    """The words that run a command in a new namespace."""
    # Its pid is known once unshare has become sleep: it says so through the namespace that it is in then.
    holder = processes.start(f"namespace-{name}", ["unshare", "--net", "sleep", "infinity"])
    prefix = ("nsenter", "--target", str(holder.pid), "--net", "--")
    own = subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, check=True).stdout

    def made() -> bool:
        done = subprocess.run([*prefix, "readlink", "/proc/self/ns/net"], capture_output=True, check=False)
        return done.returncode == 0 and done.stdout != own

    wait_for("a network namespace", made, 10)
    return prefix


def hosts(processes: Processes, names: Sequence[str]) -> list[Host]:
    """A host of each name, all in one network."""
    switch = _namespace(processes, "switch")
    _do(switch, "link add bridge type bridge", "link set bridge up")
    found: list[Host] = []
    for i, name in enumerate(names, start=1):
        prefix = _namespace(processes, name)
        _do(switch, f"link add port{i} type veth peer name eth0 netns {prefix[2]}", f"link set port{i} master bridge up")
        _do(prefix, "link set lo up", f"addr add {_NETWORK}.{i}/24 dev eth0", "link set eth0 up")
        found.append(Host(name, f"{_NETWORK}.{i}", prefix))
    return found


def _do(prefix: Sequence[str], *commands: str) -> None:
    for command in commands:
        done = subprocess.run([*prefix, "ip", *command.split()], capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"ip {command}: {done.stderr.decode().strip()}")
