"""A file on a web server, read by ranges (RFC 9110 §14), each of which is asked for again while the server is away or busy.

For archives that a user names, such as Common Crawl's: it goes where it is told, and is no way to fetch what a page links to.
"""

from __future__ import annotations

import http.client
import re
from collections import deque
from urllib.parse import urlsplit

from core.errors import InputError
from core.ranged_file import RANGE_BYTES, RangedFile
from core.remote import asked
from core.retries import CALL_SECONDS

#: Connections that are kept for the next request.
KEPT = 16
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class HttpRanges:
    """Ranges of a file at a URL; may be used by several threads. FileNotFoundError if there is none."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._parts = urlsplit(url)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise InputError(f"{url} is no http URL", "give an http or https URL, a path, or a URI of an object store")
        self._kept: deque[http.client.HTTPConnection] = deque(maxlen=KEPT)
        headers, _ = asked(f"{url}: open", lambda: self._request("HEAD", {}))
        self.size = int(headers.get("Content-Length") or 0)
        self._stamp = _stamp(headers)

    def read(self, at: int, size: int) -> bytes:
        """`size` bytes from `at`, fewer at the end of the file. InputError if the file was written anew since it was opened."""
        size = min(size, self.size - at)
        if size <= 0:
            return b""
        return asked(f"{self.url}: bytes {at:,} to {at + size:,}", lambda: self._range(at, size), size)

    def whole(self) -> bytes:
        """All bytes."""
        return b"".join(self.read(at, RANGE_BYTES) for at in range(0, self.size, RANGE_BYTES))

    def close(self) -> None:
        while self._kept:
            self._kept.pop().close()

    def _range(self, at: int, size: int) -> bytes:
        headers, body = self._request("GET", {"Range": f"bytes={at}-{at + size - 1}"})
        match = _RANGE.fullmatch(headers.get("Content-Range") or "")
        if match is None:
            raise InputError(f"{self.url}: its server gives no ranges", "copy the file, and name the copy", self.url)
        if _stamp(headers) != self._stamp or int(match.group(3)) != self.size:
            raise InputError(f"{self.url} was written anew while it was read", "run the same command again", self.url)
        if int(match.group(1)) != at or len(body) != size:
            raise ConnectionError(f"{len(body):,} of {size:,} bytes came")
        return body

    def _request(self, method: str, headers: dict[str, str]) -> tuple[http.client.HTTPMessage, bytes]:
        connection = self._kept.pop() if self._kept else self._connection()
        try:
            path = self._parts.path or "/"
            if self._parts.query:
                path += f"?{self._parts.query}"
            connection.request(method, path, headers={"Accept-Encoding": "identity", "User-Agent": "web2shards", **headers})
            response = connection.getresponse()
            _require(response.status, self.url)
            body = response.read(RANGE_BYTES + 1)
            keep = response.isclosed() and not response.will_close
        except http.client.HTTPException as error:
            connection.close()
            raise ConnectionError(f"{type(error).__name__}: {error}") from None
        except BaseException:
            connection.close()
            raise
        if keep and len(self._kept) < KEPT:
            self._kept.append(connection)
        else:
            connection.close()
        return response.headers, body

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        return kind(str(self._parts.hostname), self._parts.port, timeout=CALL_SECONDS)


class HttpFile(RangedFile):
    """The same as a file that can be sought in, for readers of Parquet."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._ranges = HttpRanges(url)

    @property
    def _length(self) -> int:
        return self._ranges.size

    def _range(self, at: int, size: int) -> bytes:
        return self._ranges.read(at, size)

    def close(self) -> None:
        if not self.closed and hasattr(self, "_ranges"):  # it is closed by Python too, also where it was not opened
            self._ranges.close()
        super().close()


def _stamp(headers: http.client.HTTPMessage) -> str:
    return headers.get("ETag") or headers.get("Last-Modified") or ""


def _require(status: int, url: str) -> None:
    """Raises the error of a status: one that passes, or none that does (`core.retries.passes`)."""
    if status in (200, 206):
        return
    if status in (404, 410):
        raise FileNotFoundError(f"{url}: there is no such file")
    if status in (401, 403):
        raise PermissionError(f"{url}: HTTP status {status}")
    if status == 429 or status >= 500:
        raise OSError(f"HTTP status {status}")
    raise InputError(f"{url}: HTTP status {status}", "check the URL", url)
