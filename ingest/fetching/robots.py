"""robots.txt: what it lets us fetch and how fast, kept by origin and handed from one pass to the next.

RFC 9309: an answer 4xx allows all, 5xx or none disallows all, at least 500 KiB are read, a copy holds for a day. Parsed by
protego, which has Google's rules (longest match, `*` and `$`) and Crawl-delay.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from protego import Protego

from ingest.fetching.settings import FetchSettings

#: Read of a robots.txt, in bytes (RFC 9309 §2.5).
ROBOTS_BYTES = 500 << 10
#: Redirects that are followed, to other hosts too (§2.3.1.2).
ROBOTS_REDIRECTS = 5
#: What is held: origins, bytes of their files, and origins with their rules parsed.
HELD_ORIGINS, HELD_BYTES, PARSED = 65_536, 64 << 20, 1_024
#: Rules with a wildcard, each of which costs a search in every URL; more of them are left out.
_MOST_WILDCARDS = 10_000

_AGENT_LINE = re.compile(r"\s*user[- ]?agent(?:\s*:|\s)\s*([^\s/#]*)", re.IGNORECASE)
_SITE_LINE = re.compile(r"\s*(?:sitemaps?|site-map|host)\b", re.IGNORECASE)
#: Anything else that ends the list of a group's robots: a field, known or not.
_RULE_LINE = re.compile(
    r"\s*(?:[^\s:#][^:#]*:|(?:dis+al+[ao]w|diasllow|allow|crawl[- ]delay|request[- ]rate|visit[- ]time)\s)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class RobotsRecord:
    """What one origin (`https://example.org`, port named unless it is the scheme's) answered, and when (Unix seconds).

    `body` is None if it has no such file, so that all is allowed. An origin that gave no answer has no record.
    """

    origin: str
    body: bytes | None
    fetched_at: float


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
    """Records by origin, bounded in number and bytes; a record is used as long as the settings let it be."""

    def __init__(self, records: Iterable[RobotsRecord] = ()) -> None:
        self._records: OrderedDict[str, RobotsRecord] = OrderedDict()
        self._rules: OrderedDict[str, Rules] = OrderedDict()
        self._bytes = 0
        for record in records:
            self.put(record)

    def put(self, record: RobotsRecord) -> None:
        """Keeps a record, in place of an older one of its origin."""
        old = self._records.pop(record.origin, None)
        if old is not None:
            self._bytes -= len(old.body or b"")
        self._rules.pop(record.origin, None)
        self._records[record.origin] = record
        self._bytes += len(record.body or b"")
        while len(self._records) > HELD_ORIGINS or (self._bytes > HELD_BYTES and len(self._records) > 1):
            origin, dropped = self._records.popitem(last=False)
            self._bytes -= len(dropped.body or b"")
            self._rules.pop(origin, None)

    def rules(self, origin: str, now: float, settings: FetchSettings) -> Rules | None:
        """What holds for an origin at a time (Unix seconds); None if it has to be asked."""
        record = self._records.get(origin)
        if record is None:
            return None
        if not 0 <= now - record.fetched_at + 60 <= settings.robots_ttl_seconds + 60:
            return None
        self._records.move_to_end(origin)
        rules = self._rules.get(origin)
        if rules is None or rules.agent != settings.agent:
            rules = self._rules[origin] = Rules(record, settings.agent)
            if len(self._rules) > PARSED:
                self._rules.popitem(last=False)
        self._rules.move_to_end(origin)
        return rules

    def known(self, origin: str, settings: FetchSettings) -> Rules | None:
        """What holds for an origin, however old; None if nothing is known of it."""
        record = self._records.get(origin)
        return self.rules(origin, record.fetched_at, settings) if record is not None else None

    def export(self) -> list[RobotsRecord]:
        """The records that are held, sorted by origin."""
        return sorted(self._records.values(), key=lambda record: record.origin)


def record_of(origin: str, http_status: int, body: bytes, now: float) -> RobotsRecord | None:
    """The record that an answer makes; None if it counts as none (429, 5xx), so that nothing may be fetched for now."""
    if 200 <= http_status < 300:
        return RobotsRecord(origin, body[:ROBOTS_BYTES], now)
    return RobotsRecord(origin, None, now) if http_status < 500 and http_status != 429 else None


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
