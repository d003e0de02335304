"""Takes a URL apart and judges it before anything is asked of the network: scheme, credentials, host, port.

What a host that ends in a number means is left to no library: the WHATWG URL standard reads `2130706433`, `0x7f.1` and
`0177.0.0.1` as 127.0.0.1 (url.spec.whatwg.org, "ends in a number checker"); here only the plain dotted form is an address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from yarl import URL

from ingest.fetching.addresses import may_connect
from ingest.fetching.settings import FetchSettings

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ENDS_IN_A_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9A-Fa-f]*)$")
_DOTTED = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class Refused(Exception):
    """A URL that is not asked for: `status` is its reason, `detail` a line for people."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for. `host` is in ASCII and lower case, without a dot at its end; IPv6 without brackets."""

    url: URL
    host: str
    #: The host is an IP address, which was found open.
    literal: bool

    @property
    def origin(self) -> str:
        """Scheme, host and port: what one robots.txt holds for."""
        return str(self.url.origin())

    @property
    def path(self) -> str:
        """Path and query, as they are asked for."""
        return self.url.raw_path_qs


def target_of(url: str, settings: FetchSettings, base: URL | None = None) -> Target:
    """The target of a URL, relative to `base` if that is given; raises Refused."""
    url = url.strip("\t\n\f\r ")
    if not url or len(url) > settings.max_url_length:
        raise Refused("invalid_url", f"a URL of {len(url):,} characters")
    scheme = _SCHEME.match(url)
    if scheme is None and base is None:
        raise Refused("invalid_url", "no absolute URL")
    if scheme is not None and scheme.group(1).lower() not in settings.schemes:
        raise Refused("scheme_refused", f"the scheme is {scheme.group(1).lower()[:32]}")
    authority = _AUTHORITY.match(url)
    if authority is not None and _FORBIDDEN.search(authority.group(1)):
        raise Refused("invalid_url", "a character that no host has")
    if authority is None and scheme is not None:
        raise Refused("invalid_url", "no host")
    try:
        parsed = URL(url)
        parsed = (base.join(parsed) if base is not None else parsed).with_fragment(None)
        port, host = parsed.port, parsed.raw_host
        credentials = parsed.raw_user is not None or parsed.raw_password is not None
    except Exception as error:  # ValueError most often, but an IndexError of yarl's too: any text comes here
        raise Refused("invalid_url", f"{type(error).__name__}: {error}"[:200]) from None
    if parsed.scheme not in settings.schemes:
        raise Refused("scheme_refused", f"the scheme is {parsed.scheme[:32]}")
    if credentials or (authority is not None and "@" in authority.group(1)):
        raise Refused("credentials_refused", "the URL has a user name or a password")
    if not host or not port or ("[" in url[:16] and ":" not in host):
        raise Refused("invalid_url", "no host")
    if settings.ports and port not in settings.ports:
        raise Refused("port_refused", f"the port is {port}")
    host, literal = _host(host, settings)
    try:
        return Target(parsed if host == parsed.raw_host else parsed.with_host(host), host, literal)
    except Exception as error:
        raise Refused("invalid_url", f"{type(error).__name__}: {error}"[:200]) from None


def _host(host: str, settings: FetchSettings) -> tuple[str, bool]:
    host = host.lower()
    if ":" in host:
        if not may_connect(host, settings.networks):
            raise Refused("address_refused", f"{host} is not public")
        return host, True
    host = host.removesuffix(".")
    if _ENDS_IN_A_NUMBER.search(host):
        if not _DOTTED.fullmatch(host):
            raise Refused("address_refused", f"{host[:64]} is an address in another notation")
        if not may_connect(host, settings.networks):
            raise Refused("address_refused", f"{host} is not public")
        return host, True
    if not _NAME.fullmatch(host):
        raise Refused("invalid_url", f"{host[:64]} is no host name")
    return host, False
