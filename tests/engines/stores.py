"""An object store for engines: versitygw over a folder of the test's own, which may be taken away and brought back.

Its keys have names of their own, so that nobody finds them but who is told by a cluster profile.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engines.clusters import Profile
from tests.engines.processes import LOCAL, ROOT, Host, Processes, free_port, kill, listens, wait_for
from tests.engines.runs import Job
from tests.faults.outfolder import contents, differences
from tests.storage.conftest import BINARY, BUCKET, KEYS

#: What the environment calls the keys of the store.
ACCESS, SECRET = "CRAWL_STORE_ACCESS", "CRAWL_STORE_SECRET"
_KEYS = {ACCESS: KEYS["AWS_ACCESS_KEY_ID"], SECRET: KEYS["AWS_SECRET_ACCESS_KEY"]}


@dataclass
class ObjectStore:
    """The store on one host; `started` are the processes that hold its keys in their environment."""

    processes: Processes
    host: Host = LOCAL
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def root(self) -> Path:
        return self.processes.folder / "store"

    @property
    def folder(self) -> Path:
        """The bucket's objects, as files."""
        return self.root / BUCKET

    def start(self) -> ObjectStore:
        if not BINARY.is_file() and not shutil.which(str(BINARY)):
            pytest.skip("needs an S3 server: `make test-storage` builds one, WEB2SHARDS_VERSITYGW names one")
        self.folder.mkdir(parents=True, exist_ok=True)
        keys = ["--access", _KEYS[ACCESS], "--secret", _KEYS[SECRET]]
        words = [BINARY, "--port", f"{self.host.address}:{self.port}", *keys, "--quiet", "posix", self.root]
        self.process = self.processes.start("store", words, host=self.host)
        wait_for("the object store", lambda: listens(self.port, self.host, self.host.address))
        self.processes.more.update(_KEYS)
        return self

    def stop(self) -> None:
        """Kills it; what it holds stays."""
        assert self.process is not None
        kill(self.process)

    def profile(self) -> Profile:
        """What a cluster profile says of it."""
        endpoint = f"http://{self.host.address}:{self.port}"
        told = {"endpoint": endpoint, "region": "us-east-1", "access_key_env": ACCESS, "secret_key_env": SECRET}
        return {"storage": told}

    def input_of(self, job: Job) -> Job:
        """A job of the demo that reads from the store."""
        folders = {"in": ROOT / "examples", "in/pictures": ROOT / "examples" / "pictures"}
        for name, folder in folders.items():
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            for path in folder.glob("*.warc.gz"):
                shutil.copyfile(path, self.folder / name / path.name)
        patterns = ", ".join(f"s3://{BUCKET}/{name}/*.warc.gz" for name in folders)
        return Job(job.recipe, (*job.settings, f"input.warcs=[{patterns}]"))

    def differences(self, name: str, sound: dict[str, str]) -> list[str]:
        """What an out folder on it lacks, has too much or has otherwise than a local one, and what a run left there."""
        out = self.folder / name
        about_input = "report/stats.json"  # it names the input
        told = differences(out, {key: value for key, value in sound.items() if key != about_input})
        return [line for line in told if line != f"has {about_input} too much"]


def sound_of(job: Job, processes: Processes, out: Path) -> dict[str, str]:
    """What DirectRunner writes on a local disk."""
    done = job.run(processes, out)
    assert done.code == 0, done.said
    return contents(out)
