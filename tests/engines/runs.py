"""The command under test on an engine, in a process of its own as a user starts it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.engines.clusters import Profile
from tests.engines.processes import LOCAL, ROOT, Host, Processes, kill
from tests.faults.outfolder import contents


@dataclass(frozen=True)
class Engine:
    """An engine that runs: the processes of which it is made, and the cluster profile that tells where it is."""

    name: str
    processes: Processes
    profile: Profile


@dataclass(frozen=True)
class Done:
    """How a command ended: its code, what it said, and the seconds it took."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True)
class Job:
    """A recipe with its settings."""

    recipe: str
    settings: tuple[str, ...] = ()

    def start(
        self, processes: Processes, out: Path | str, profile: Profile | None = None, *, workers: int = 2, host: Host = LOCAL,
        more: Sequence[str] = (), environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:  # fmt: skip
        """Starts it, on DirectRunner if no profile is given; what it says goes to `<name of out>.out`."""
        name = Path(out).name
        words = [sys.executable, "-m", "web2shards", "run", self.recipe, "--out", str(out), "--workers", str(workers)]
        words += [word for setting in self.settings for word in ("--set", setting)]
        if profile is not None:
            path = processes.folder / f"{name}.yaml"
            path.write_text(json.dumps(profile, indent=1))  # JSON is YAML
            words += ["--cluster", str(path)]
        (processes.folder / f"{name}.out").unlink(missing_ok=True)
        return processes.start(name, [*words, *more], host=host, more=environment, cwd=ROOT)

    def run(
        self, processes: Processes, out: Path | str, profile: Profile | None = None, *, workers: int = 2, host: Host = LOCAL,
        more: Sequence[str] = (), seconds: float = 600,
    ) -> Done:  # fmt: skip
        """Runs it to its end, with `more` words; one that takes longer than `seconds` is ended, with code -999."""
        began = time.monotonic()
        process = self.start(processes, out, profile, workers=workers, host=host, more=more)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill(process)
            code = -999
        return Done(code, processes.said(Path(out).name), time.monotonic() - began)


def shards(out: Path) -> dict[str, str]:
    """sha256 of every shard."""
    return {name: digest for name, digest in contents(out).items() if name.endswith(".tar")}


def digest(found: dict[str, str]) -> str:
    """One sha256 of the lines `<sha256>  <name>` of all shards by name, as `sha256sum` writes them."""
    return hashlib.sha256("".join(f"{of}  {name}\n" for name, of in sorted(found.items())).encode()).hexdigest()
