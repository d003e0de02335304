"""Hosts and canonical forms of URLs."""

from __future__ import annotations

from urllib.parse import urlsplit

import pyarrow as pa


def host(url: str) -> str:
    """The host of a URL in small letters, without a port; empty if there is none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def hosts(urls: pa.Array) -> pa.Array:
    """The host of each URL; null where the URL is null."""
    return pa.array([None if u is None else host(u) for u in urls.to_pylist()], pa.string())


def canonical_url(url: str) -> str:
    """The URL in one of its equal forms."""
    return url.split("#")[0]
