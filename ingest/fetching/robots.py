"""robots.txt and tdmrep.json: what an origin lets us fetch and how fast, kept by origin and handed from one pass to the next.

RFC 9309: an answer 4xx allows all, 5xx or none disallows all, at least 500 KiB are read, a copy holds for a day. Parsed by
protego, which has Google's rules (longest match, `*` and `$`) and Crawl-delay.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from protego import Protego

from ingest.fetching.reservations import Reservations
from ingest.fetching.settings import FetchSettings

#: The files that an origin is asked for before anything else of it.
ROBOTS, TDMREP = "/robots.txt", "/.well-known/tdmrep.json"
#: Read of a robots.txt, in bytes (RFC 9309 §2.5).
ROBOTS_BYTES = 500 << 10
#: Redirects that are followed, to other hosts too (§2.3.1.2).
ROBOTS_REDIRECTS = 5
#: What is held: files of origins, their bytes, and those that are parsed.
HELD_RECORDS, HELD_BYTES, PARSED = 131_072, 64 << 20, 2_048
#: Rules with a wildcard, each of which costs a search in every URL; more of them are left out.
_MOST_WILDCARDS = 10_000

_Key = tuple[str, str]

_AGENT_LINE = re.compile(r"\s*user[- ]?agent(?:\s*:|\s)\s*([^\s/#]*)", re.IGNORECASE)
_SITE_LINE = re.compile(r"\s*(?:sitemaps?|site-map|host)\b", re.IGNORECASE)
#: Anything else that ends the list of a group's robots: a field, known or not.
_RULE_LINE = re.compile(
    r"\s*(?:[^\s:#][^:#]*:|(?:dis+al+[ao]w|diasllow|allow|crawl[- ]delay|request[- ]rate|visit[- ]time)\s)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class RobotsRecord:
    """What one origin (`https://example.org`, port named unless it is the scheme's) answered, and when (Unix seconds).

    `body` is None if it has no such file, so that all is allowed. An origin that gave no answer has no record. `file` is ROBOTS
    or TDMREP.
    """

    origin: str
    body: bytes | None
    fetched_at: float
    file: str = ROBOTS


class Rules:
    """What one robots.txt means for us."""

    def __init__(self, record: RobotsRecord, agent: str) -> None:
        self.agent = agent
        self._parsed: Protego | None = None
        if record.body is not None:
            text = record.body.decode("utf-8-sig", "replace").replace("\x00", "")
            self._parsed = Protego.parse(_for_us(text, agent))

    def allows(self, url: str) -> bool:
        """Whether a URL may be fetched."""
        return self._parsed is None or self._parsed.can_fetch(url, self.agent)

    @property
    def delay(self) -> float:
        """Seconds between requests that it asks for: the larger of Crawl-delay and Request-rate; 0 if it asks for none."""
        if self._parsed is None:
            return 0.0
        rate = self._parsed.request_rate(self.agent)
        return max(self._parsed.crawl_delay(self.agent) or 0.0, rate.seconds / rate.requests if rate else 0.0)

    @property
    def sitemaps(self) -> list[str]:
        """URLs of sitemaps, as written."""
        return list(self._parsed.sitemaps) if self._parsed is not None else []


class RobotsCache:
    """Records by origin and file, bounded in number and bytes; a record is used as long as the settings let it be."""

    def __init__(self, records: Iterable[RobotsRecord] = ()) -> None:
        self._records: OrderedDict[_Key, RobotsRecord] = OrderedDict()
        self._parsed: OrderedDict[_Key, Rules | Reservations] = OrderedDict()
        self._bytes = 0
        for record in records:
            self.put(record)

    def put(self, record: RobotsRecord) -> None:
        """Keeps a record, in place of an older one of its origin."""
        key = record.origin, record.file
        old = self._records.pop(key, None)
        if old is not None:
            self._bytes -= len(old.body or b"")
        self._parsed.pop(key, None)
        self._records[key] = record
        self._bytes += len(record.body or b"")
        while len(self._records) > HELD_RECORDS or (self._bytes > HELD_BYTES and len(self._records) > 1):
            key, dropped = self._records.popitem(last=False)
            self._bytes -= len(dropped.body or b"")
            self._parsed.pop(key, None)

    def rules(self, origin: str, now: float, settings: FetchSettings) -> Rules | None:
        """What robots.txt means for an origin at a time (Unix seconds); None if it has to be asked."""
        rules = self._found((origin, ROBOTS), now, settings)
        return rules if isinstance(rules, Rules) else None

    def reservations(self, origin: str, now: float, settings: FetchSettings) -> Reservations | None:
        """What tdmrep.json means for an origin at a time; None if it has to be asked."""
        reservations = self._found((origin, TDMREP), now, settings)
        return reservations if isinstance(reservations, Reservations) else None

    def known(self, origin: str, settings: FetchSettings) -> Rules | None:
        """What robots.txt means for an origin, however old; None if nothing is known of it."""
        record = self._records.get((origin, ROBOTS))
        return self.rules(origin, record.fetched_at, settings) if record is not None else None

    def export(self) -> list[RobotsRecord]:
        """The records that are held, sorted by origin."""
        return sorted(self._records.values(), key=lambda record: (record.origin, record.file))

    def _found(self, key: _Key, now: float, settings: FetchSettings) -> Rules | Reservations | None:
        record = self._records.get(key)
        if record is None or not 0 <= now - record.fetched_at + 60 <= settings.robots_ttl_seconds + 60:
            return None
        self._records.move_to_end(key)
        parsed = self._parsed.get(key)
        if parsed is None or (isinstance(parsed, Rules) and parsed.agent != settings.agent):
            parsed = Rules(record, settings.agent) if record.file == ROBOTS else Reservations(record.body)
            self._parsed[key] = parsed
            if len(self._parsed) > PARSED:
                self._parsed.popitem(last=False)
        self._parsed.move_to_end(key)
        return parsed


def record_of(origin: str, http_status: int, body: bytes, now: float, file: str = ROBOTS) -> RobotsRecord | None:
    """The record that an answer makes; None if it counts as none (429, 5xx), so that nothing may be fetched for now."""
    if 200 <= http_status < 300:
        if file == TDMREP:  # a page that is shown for all that there is not, is not kept
            return RobotsRecord(origin, None if Reservations(body).empty else body, now, file)
        return RobotsRecord(origin, body[:ROBOTS_BYTES], now)
    return RobotsRecord(origin, None, now, file) if http_status < 500 and http_status != 429 else None


def _for_us(text: str, agent: str) -> str:
    """The groups of a robots.txt that name us or all robots, and what holds for the whole site.

    A group is ours if a name in it is ours without regard to case (RFC 9309 §2.2.1), also with a version (`ourbot/1.0`) or `*`
    behind it. That protego takes the beginning of a name for the whole, and works for agents times lines, so does not matter.
    """
    kept: list[str] = []
    ours, in_rules, wildcards = False, True, 0
    for line in text.splitlines():
        match = _AGENT_LINE.match(line)
        if match is not None:
            if in_rules:
                ours, in_rules = False, False
            named = match.group(1).lower()
            name = "*" if named == "*" else named.replace("*", "")
            if name in ("*", agent.lower()):
                ours = True
                if kept[-1:] != [f"User-agent: {name}"]:
                    kept.append(f"User-agent: {name}")
        elif _SITE_LINE.match(line):
            kept.append(line)
        elif _RULE_LINE.match(line):
            in_rules = True
            wildcards += ours and "*" in line
            if ours and ("*" not in line or wildcards <= _MOST_WILDCARDS):
                kept.append(line)
    return "\n".join(kept)
