"""What goes into a fetch and what comes out: a job with a URL, and its one outcome with a reason that a report can count.

Which reasons are worth another pass is decided here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Every status but `http_<number>`, with whether a later pass may have more luck.
REASONS: dict[str, bool] = {
    "ok": False,
    "invalid_url": False,  # no http URL, too long, or its host is no name
    "scheme_refused": False,
    "port_refused": False,
    "credentials_refused": False,
    "address_refused": False,  # the host's addresses, or the host as written, are not public
    "dns_not_found": False,  # there is no such host
    "dns": True,  # the name servers did not answer, or not in time
    "connect": True,  # refused, reset, unreachable
    "tls": False,
    "timeout": True,
    "slow": True,  # it came, but below the least rate
    "protocol": False,  # what came is no HTTP, or its header is beyond the limits
    "truncated": True,  # the connection ended before the body did
    "too_large": False,
    "redirects": False,  # too many, in a circle, or to nowhere
    "elsewhere": False,  # a redirect to another host, which is not for this pass to ask
    "robots": False,
    "robots_unreachable": True,
    "opt_out": False,
    "empty": False,
    "not_an_image": False,
    "hash_mismatch": False,
    "host_unreachable": True,  # given up for this pass: several failures in a row
    "host_busy": True,  # it asked to be left alone for longer than this pass waits
    "not_reached": True,  # the deadline or the budget came first
}
#: Header fields that an outcome keeps, in lower case: dates and names of the version, rights, where it came from.
KEPT_HEADERS = (
    "content-type", "content-length", "content-encoding", "last-modified", "etag", "date", "x-robots-tag", "tdm-reservation",
    "tdm-policy", "link", "content-disposition", "content-location", "retry-after",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Job:
    """`index` is the caller's; `sha256` in hex digits is what the body should have, if that is known."""

    index: int
    url: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job; `final_url`, `http_status` and `headers` are those of the last answer, if there was one."""

    index: int
    url: str
    status: str
    retryable: bool
    #: Without its content coding; None unless the status is `ok`.
    body: bytes | None = None
    #: As the server says it.
    content_type: str = ""
    #: As the content shows it (`jpeg`, `png`, `svg`, `html`, …), empty if it does not.
    format: str = ""
    #: Of the body, in hex digits; also with `hash_mismatch`.
    sha256: str = ""
    final_url: str = ""
    redirects: int = 0
    http_status: int | None = None
    #: Those of KEPT_HEADERS; values of a repeated field are joined by newlines.
    headers: dict[str, str] = field(default_factory=dict[str, str])
    #: All of them, if the settings ask for that.
    raw_headers: tuple[tuple[str, str], ...] = ()
    #: What the origin's tdmrep.json says of the URL, as fields of a header.
    rights: dict[str, str] = field(default_factory=dict[str, str])
    #: The address that answered.
    address: str = ""
    #: Requests that were made for it, redirects and retries with them; robots.txt not.
    requests: int = 0
    #: Bytes of bodies as they travelled.
    wire_bytes: int = 0
    #: Unix seconds; of the last answer or failure.
    fetched_at: float = 0.0
    #: One line on what went wrong, for people.
    detail: str = ""


def is_retryable(status: str, retry_statuses: tuple[int, ...]) -> bool:
    """Whether a later pass may get what has ended with `status`."""
    if status.startswith("http_"):
        return int(status[5:]) in retry_statuses
    return REASONS[status]


@dataclass(slots=True)
class Spent:
    """What passes have spent so far; may be read at any time."""

    requests: int = 0
    wire_bytes: int = 0
    lookups: int = 0
    hosts: int = 0
