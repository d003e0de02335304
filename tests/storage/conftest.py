"""An S3 server on loopback for the tests: versitygw (github.com/versity/versitygw) over a folder of the test's own.

`make test-storage` builds it into tests/storage/.bin; WEB2SHARDS_VERSITYGW names another binary.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core import retries
from tests.storage.faulty import Proxy, Rule, wait_for

BINARY = Path(os.environ.get("WEB2SHARDS_VERSITYGW") or Path(__file__).parent / ".bin" / "versitygw")
KEYS = {"AWS_ACCESS_KEY_ID": "storage-test", "AWS_SECRET_ACCESS_KEY": "of-the-test-only", "AWS_REGION": "us-east-1"}
BUCKET = "crawl"


@dataclass
class S3:
    """The server: `folder` holds the bucket's objects as files; `stop` and `start` take it away and bring it back."""

    root: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    proxies: list[Proxy] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.root / BUCKET

    def start(self) -> None:
        log = open(self.root.parent / "versitygw.log", "ab")  # noqa: SIM115 - the server's, which inherits it
        keys = ["--access", KEYS["AWS_ACCESS_KEY_ID"], "--secret", KEYS["AWS_SECRET_ACCESS_KEY"]]
        command = [str(BINARY), "--port", f"127.0.0.1:{self.port}", *keys, "--quiet", "posix", str(self.root)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        wait_for(self.port)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def proxy(self, rule: Rule | None = None) -> Proxy:
        """A proxy in front of the server; `use` makes it the endpoint."""
        self.proxies.append(Proxy(self.port, rule))
        return self.proxies[-1]

    def put(self, name: str, data: bytes) -> str:
        """An object of the bucket; its URI."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"s3://{BUCKET}/{name}"


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[S3]:
    """A fresh server with one bucket, which the environment names as the endpoint."""
    if not BINARY.is_file() and not shutil.which(str(BINARY)):
        pytest.skip("needs an S3 server: `make test-storage` builds one, WEB2SHARDS_VERSITYGW names one")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    root = tmp_path / "s3"
    (root / BUCKET).mkdir(parents=True)
    server = S3(root, port)
    for name, value in {**KEYS, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    server.start()
    retries._given_up.clear()  # pyright: ignore[reportPrivateUsage]
    try:
        yield server
    finally:
        server.stop()
        for proxy in server.proxies:
            proxy.close()


@pytest.fixture
def through(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Callable[[Rule | None], Proxy]:
    """Makes a proxy with a rule the endpoint from here on."""

    def use(rule: Rule | None = None) -> Proxy:
        proxy = s3.proxy(rule)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        return proxy

    return use


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time limits of seconds in place of half minutes."""
    from core import remote

    monkeypatch.setattr(retries, "CALL_SECONDS", 2.0)
    monkeypatch.setattr(remote, "SILENT_SECONDS", 1.0)
    remote._s3.cache_clear()  # pyright: ignore[reportPrivateUsage]


