"""/.well-known/tdmrep.json: which paths of an origin are reserved from text and data mining, and under which policy.

The TDM Reservation Protocol of a W3C community group (w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240202, §6.1): a list of
rules with a `location`, a pattern of paths as in robots.txt (RFC 9309 §2.2.3), a `tdm-reservation` and a `tdm-policy`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlsplit

#: Read of the file, in bytes; rules of it; characters and stars of a pattern, and characters of a policy's URL.
RESERVATIONS_BYTES = 256 << 10
MAX_RULES, MAX_PATTERN, MAX_STARS, MAX_POLICY = 1_000, 2_048, 16, 2_048
#: What a file that is cut or no JSON still says.
_RESERVES = re.compile(r'"tdm-reservation"\s{0,8}:\s{0,8}"?(?:1|true)\b', re.IGNORECASE)
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Reservation:
    """What holds for a path: `said` is whether any rule speaks of it, `policy` a URL or empty."""

    said: bool = False
    reserved: bool = False
    policy: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The same as fields of an HTTP header."""
        told = {"tdm-reservation": str(int(self.reserved))} if self.said else {}
        return told | ({"tdm-policy": self.policy} if self.policy else {})


@dataclass(frozen=True, slots=True)
class _Rule:
    pieces: tuple[str, ...]
    whole: bool
    length: int
    reserved: bool
    policy: str

    def matches(self, path: str) -> bool:
        """Pieces between stars are looked for one after the other: nothing is gone through twice."""
        first, *rest = self.pieces
        if not path.startswith(first):
            return False
        at = len(first)
        if not rest:
            return not self.whole or at == len(path)
        for piece in rest[:-1] if self.whole else rest:
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return not self.whole or (path.endswith(rest[-1]) and len(path) - len(rest[-1]) >= at)


class Reservations:
    """What one file says. Nothing is reserved by a file that is none: many sites answer all paths with a page."""

    def __init__(self, body: bytes | None) -> None:
        self._rules = _rules_of(body) if body else []

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return not self._rules

    def of(self, path: str) -> Reservation:
        """What holds for a path with its query, as it is asked for.

        Readers of such files take the first rule that matches or, as of robots.txt, the longest: what either reserves is
        reserved.
        """
        matching = [rule for rule in self._rules if rule.matches(path)]
        if not matching:
            return Reservation()
        longest = max(rule.length for rule in matching)
        said = [matching[0], *(rule for rule in matching if rule.length == longest)]
        reserved = [rule for rule in said if rule.reserved]
        return Reservation(True, bool(reserved), next((rule.policy for rule in reserved or said if rule.policy), ""))


def _rules_of(body: bytes) -> list[_Rule]:
    text = body.decode("utf-8-sig", "replace")
    if text.lstrip()[:1] not in ("[", "{"):
        return []
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):  # cut, or with a comma too many: it still says that something is reserved
        return [_Rule(("/",), False, 1, True, "")] if _RESERVES.search(text) else []
    listed = cast("list[Any]", value if isinstance(value, list) else [value])
    rules = [_rule(cast("dict[str, Any]", item)) for item in listed[:MAX_RULES] if isinstance(item, dict)]
    found = [rule for rule in rules if rule is not None]
    if len(listed) > MAX_RULES and _RESERVES.search(text):
        found.append(_Rule(("/",), False, MAX_PATTERN + 1, True, ""))  # what was not read may hold for any path
    return found


def _rule(item: dict[str, Any]) -> _Rule | None:
    location, reservation, policy = item.get("location"), item.get("tdm-reservation"), item.get("tdm-policy")
    if not isinstance(location, str) or reservation is None:
        return None
    if location.lower().startswith(("http://", "https://")):
        try:
            parts = urlsplit(location)
        except ValueError:
            return None
        location = parts.path + (f"?{parts.query}" if parts.query else "")
    reserved = reservation not in (0, "0", False)
    long = len(location) > MAX_PATTERN
    pattern = quote(location.strip()[:MAX_PATTERN], safe=_ASCII, errors="replace")
    if not pattern.startswith(("/", "*")):
        pattern = f"/{pattern}"
    whole = pattern.endswith("$") and not long
    pieces = tuple(re.sub(r"\*+", "*", pattern.removesuffix("$")).split("*"))
    if len(pieces) > MAX_STARS + 1:
        long, whole, pieces = True, False, (*pieces[:MAX_STARS], "")
    if long and not reserved:  # its beginning is read, which holds for more than it says
        return None
    url = policy if isinstance(policy, str) and len(policy) <= MAX_POLICY and policy.isprintable() else ""
    return _Rule(pieces, whole, len(pattern), reserved, url)
