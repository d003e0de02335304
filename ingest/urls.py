"""One spelling for the URLs of one page, for exact duplicates, and the host of a URL.

RFC 3986 §6 (normalisation), and the rewriting that crawlers agree on: surt (github.com/internetarchive/surt) and
ClearURLs' tracking parameters (github.com/ClearURLs/Rules). Meant to be safe rather than complete.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pyarrow as pa

_TRACKING = frozenset(
    "fbclid gclid gclsrc dclid wbraid gbraid msclkid yclid ymclid ysclid twclid ttclid igshid igsh li_fat_id mc_cid "
    "mc_eid mkt_tok _ga _gl _hsenc _hsmi __hssc __hstc __hsfp hsctatracking oly_anon_id oly_enc_id vero_id vero_conv "
    "rb_clickid s_cid wickedid _openstat openstat from_source spm scm ncid cmpid xtor at_medium at_campaign "
    "trk_contact trk_msg trk_module trk_sid ns_source ns_mchannel ns_campaign ns_linkname ns_fee epik "
    "guce_referrer guce_referrer_sig guccounter ref_src ref_url".split()
)
_TRACKING_PREFIX = ("utm_", "hmb_", "pk_", "piwik_", "mtm_", "matomo_", "stm_", "wt_", "wt.")
_SESSION = frozenset(
    "jsessionid phpsessid aspsessionid asp.net_sessionid cfid cftoken sid sessionid session_id sessid "
    "phpsession osid oscsid zenid xtcsid s_id".split()
)
#: Session ids look like one: long and without words.
_SESSION_VALUE = re.compile(r"[0-9a-zA-Z_.,~!*-]{8,}\Z")
#: Ask for the same page in another dress; only with a value that says yes.
_PRINT = frozenset("print printable printer_friendly printerfriendly printview".split())
_YES = frozenset(("", "1", "y", "yes", "true", "on"))
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|xhtml|shtml|php[345]?|aspx?|jspx?|cgi|cfm)\Z", re.I)
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid|sessionid)=[^;/?#]*", re.I)
_ASP_SESSION = re.compile(r"/\((?:[a-z]\([0-9a-z]{24}\))+\)(?=/)|/\([0-9a-z]{24}\)(?=/)", re.I)
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")
_PORT = re.compile(r":(\d{0,5})\Z")
_SCHEMES = {"http": "80", "https": "443"}
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_KEEP = _UNRESERVED | frozenset("!$&'()*+,;=:@/%")
_WHITESPACE = str.maketrans("", "", "\t\r\n")
MAX_URL = 1 << 16


def canonical_url(url: str) -> str:
    """The spelling of `url` that stands for all that name the same page; idempotent, and never raises.

    https stands for http and https, the bare host for `www.`; default ports, fragments, dot segments, empty
    segments, index files, tracking parameters, session ids and print flags go; parameters are sorted. What is no
    http URL is only trimmed.
    """
    trimmed = url.strip().translate(_WHITESPACE).strip()
    if len(trimmed) > MAX_URL:
        return trimmed
    try:
        parts = urlsplit(trimmed)
        scheme = parts.scheme.lower()
        if scheme not in _SCHEMES or not parts.netloc:
            return trimmed
        authority = _authority(parts.netloc, scheme)
    except ValueError:
        return trimmed
    if not authority:
        return trimmed
    query = _query(parts.query)
    return f"https://{authority}{_path(parts.path)}{'?' + query if query else ''}"


def host(url: str) -> str:
    """The host of a URL in lower case, in ASCII, without `www.` and port; empty if it has none."""
    try:
        return _host_name(urlsplit(url.strip().translate(_WHITESPACE)).netloc)[0]
    except ValueError:
        return ""


def canonical_urls(urls: pa.Array) -> pa.Array:
    """`canonical_url` of each element; nulls stay. Shape (n,), string."""
    return _mapped(urls, canonical_url)


def hosts(urls: pa.Array) -> pa.Array:
    """`host` of each element; nulls stay. Shape (n,), string."""
    return _mapped(urls, host)


def _mapped(urls: pa.Array, function: object) -> pa.Array:
    assert callable(function)
    return pa.array([None if url is None else function(url) for url in urls.to_pylist()], pa.string())


def _host_name(netloc: str) -> tuple[str, str]:
    """Host and port of an authority."""
    name = netloc.rpartition("@")[2]
    port = ""
    match = _PORT.search(name)
    if match and (name.startswith("[") or name.count(":") == 1):
        port, name = match.group(1), name[: match.start()]
    name = _unquoted(name).lower().strip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            name = name.encode("utf-8", "replace").decode("utf-8")
    rest = name
    while rest.startswith("www.") and rest.count(".") > 1:
        rest = rest[4:]
    return rest, port


def _authority(netloc: str, scheme: str) -> str:
    name, port = _host_name(netloc)
    if not name or any(c in name for c in "/?#@ \\<>\"") or (":" in name and not name.startswith("[")):
        return ""
    user = netloc.rpartition("@")[0]
    prefix = f"{user}@" if user and "@" not in user and not any(c in user for c in "/?#") else ""
    number = port.lstrip("0")
    return f"{prefix}{name}" + (f":{number}" if number and number not in (_SCHEMES[scheme], "80", "443") else "")


def _unquoted(text: str) -> str:
    return _PERCENT.sub(_decoded, text) if "%" in text else text


def _decoded(match: re.Match[str]) -> str:
    char = chr(int(match.group(1), 16))
    return char if char in _UNRESERVED else f"%{match.group(1).upper()}"


def _quoted(text: str, keep: frozenset[str]) -> str:
    """Percent-encoding as RFC 3986 §6.2.2 wants it: unreserved characters bare, the rest in upper-case hex."""
    text = _unquoted(text)
    if all(c in keep for c in set(text)) and "%" not in text:
        return text
    out: list[str] = []
    for i, c in enumerate(text):
        if (c == "%" and not _PERCENT.match(text, i)) or c not in keep:
            out += [f"%{b:02X}" for b in c.encode("utf-8", "replace")]
        else:
            out.append(c)
    return "".join(out)


def _path(path: str) -> str:
    path = _ASP_SESSION.sub("", _PATH_SESSION.sub("", _quoted(path.replace("\\", "/"), _KEEP)))
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    path = _INDEX.sub("", "/" + "/".join(segments))
    return path or "/"


def _query(query: str) -> str:
    kept: list[str] = []
    for parameter in query.replace("&amp;", "&").split("&"):
        name, equals, value = parameter.partition("=")
        name, value = _quoted(name, _KEEP | {"?"}), _quoted(value, _KEEP | {"?"})
        bare = name.lower()
        if not bare and not value:
            continue
        if bare in _TRACKING or bare.startswith(_TRACKING_PREFIX):
            continue
        if (bare in _SESSION or bare.startswith("aspsessionid")) and _SESSION_VALUE.match(value):
            continue
        if bare in _PRINT and value.lower() in _YES:
            continue
        kept.append(f"{name}={value}" if equals else name)
    return "&".join(sorted(kept))
