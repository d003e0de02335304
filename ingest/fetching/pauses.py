"""How long to wait before something is tried again: growing pauses with jitter that follows from the URL, and Retry-After.

Jitter as in Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), here over the upper half, so that a pause
is never near nothing; RFC 9110 §10.2.3.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

import xxhash

from ingest.fetching.settings import FetchSettings


def pause(key: str, attempt: int, settings: FetchSettings) -> float:
    """Seconds before try number `attempt` (from 1) of what `key` names: the same for the same seed, key and number."""
    whole = min(settings.first_pause_seconds * 2.0 ** min(attempt - 1, 62), settings.longest_pause_seconds)
    drawn = xxhash.xxh3_64_intdigest(f"{attempt}\n{key}".encode("utf-8", "replace"), settings.seed) / 2**64
    return whole * (0.5 + drawn / 2)


def retry_after(value: str, now: float) -> float | None:
    """Seconds that a Retry-After asks for, as a number or a date, from `now` (Unix seconds); None if it says neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)  # without a zone it is GMT
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
