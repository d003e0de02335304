"""One spelling for the URLs of one page, so that copies of a page are found by their address.

RFC 3986 §6.2 (case, percent-encoding, dot segments, default port) and, of the Internet Archive's rules for its index
(github.com/internetarchive/surt), those that hold for nearly all sites; the case of a path is kept, which surt lowers.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pyarrow as pa

#: Longer URLs are compared as they are.
LONGEST_URL = 16_384

_PORTS = {"http": 80, "https": 443}
#: surt's IAURLCanonicalizer drops `www.`, `www2.` and so on.
_WWW = re.compile(r"^(?:www\d*\.)+(?=[^.]+\.)")
#: Session ids, after surt's URLRegexTransformer: in the path (servlets, ASP.NET), and names of parameters.
_PATH_SESSION = re.compile(r";jsessionid=[0-9a-z_.!~-]*|/\((?:[a-z]\([0-9a-z]{24}\))+\)(?=/)", re.IGNORECASE)
_SESSION = re.compile(r"(?:jsessionid|phpsessid|aspsessionid[a-z]*|cfid|cftoken)", re.IGNORECASE)
_SID = re.compile(r"sid=[0-9a-z]{32}", re.IGNORECASE)
#: Parameters that say where a reader came from: Google, Meta, Microsoft, Mailchimp, Yandex, HubSpot.
_TRACKING = re.compile(
    r"utm_\w+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|mc_cid|mc_eid|yclid|_ga|_gl|_hsenc|_hsmi",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
#: What RFC 3986 lets stand in a path or query; the rest is percent-encoded.
_ENCODED = re.compile(r"[^!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


def canonical_url(url: str) -> str:
    """The canonical form of a URL: two URLs with one form are taken for one page.

    http and https, `www.`, user names, default ports, fragments, a slash at the end, doubled slashes, the order of
    parameters, session ids and tracking parameters make no difference. What is no http or https URL, is longer than
    LONGEST_URL characters or cannot be parsed comes back as it is, without space around it. Never raises.
    """
    url = url.strip()
    if len(url) > LONGEST_URL:
        return url
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return url
    if scheme not in _PORTS or not host:
        return url
    place = _host(host)
    if port is not None and port != _PORTS[scheme]:
        place += f":{port}"
    query = _query(parts.query)
    return f"https://{place}{_path(parts.path)}{'?' + query if query else ''}"


def url_host(url: str | None) -> str:
    """The host of a URL in its canonical form, without port; empty if there is none."""
    if not url or len(url) > LONGEST_URL:
        return ""
    try:
        host = urlsplit(url.strip()).hostname
    except ValueError:
        return ""
    return _host(host) if host else ""


def url_hosts(urls: pa.Array) -> pa.Array:
    """`url_host` of a string column: a string column, empty where there is no URL."""
    return pa.array([url_host(url) for url in urls.to_pylist()], pa.string())


def _host(host: str) -> str:
    host = host.lower().rstrip(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            host = _encode(host).lower()  # as the host of a URL that has it encoded
    return f"[{host}]" if ":" in host else _WWW.sub("", host)


def _path(path: str) -> str:
    path = _decode(path)
    while (shorter := _PATH_SESSION.sub("", path)) != path:
        path = shorter
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    return "/" + _encode("/".join(segments)) if segments else "/"


def _query(query: str) -> str:
    kept: list[str] = []
    for pair in query.split("&"):
        pair = _decode(pair)
        name = pair.partition("=")[0]
        if pair and not (_SESSION.fullmatch(name) or _SID.fullmatch(pair) or _TRACKING.fullmatch(name)):
            kept.append(_encode(pair))
    return "&".join(sorted(kept))


def _decode(text: str) -> str:
    """Unreserved characters plain, the hex digits of others in upper case (RFC 3986 §6.2.2)."""

    def replace(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if _UNRESERVED.fullmatch(character) else match[0].upper()

    return _PERCENT.sub(replace, text)


def _encode(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))

    return _ENCODED.sub(replace, text)
