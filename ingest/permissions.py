"""What a page says may be done with it: robots directives, a reservation of text and data mining, and its licence.

X-Robots-Tag and <meta name=robots> (developers.google.com/search/docs/crawling-indexing/robots-meta-tag), DeviantArt's noai and
noimageai, the W3C community group's TDM Reservation Protocol, and rel=license with Creative Commons' URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

import numpy as np
import pyarrow as pa

from core.characters import Bytes
from core.columns import utf8_view
from core.scorer import column
from ingest.permissions_scan import ANCHOR, MAX_TAGS, META, Places, find_tags, make_needles
from ingest.references import unescape
from ingest.robots_directives import directives

_ATTRIBUTE = re.compile(r"""(?<![^\s"'<>/=])([^\s"'<>/=]{1,64})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))""")
_CC = re.compile(
    r"creativecommons\.org/(?:(?:licen[sc]es)/([a-z+-]{2,16})|publicdomain/(zero|mark|certification))(?:/(\d\.\d))?", re.IGNORECASE
)
_GFDL = re.compile(r"gnu\.org/(?:copyleft|licenses)/(?:old-licenses/)?fdl(?:-(\d\.\d))?", re.IGNORECASE)
#: The order of a licence's conditions, as Creative Commons writes them since 2.0; `by-nd-nc` is of 1.0.
_CONDITIONS = ("by", "nc", "nd", "sa")
_LICENCE_WORDS = ("licen", "creativecommons.org", "copyright", "rights")
#: Where a licence was named, the one that is trusted most first.
PLACES = ("header", "head", "rel", "link")
_MAX_URL = 512

Marks = dict[str, list[tuple[str, str, str]]]  # by place: licence, version, URL


@dataclass(slots=True)
class Found:
    """What was found out about a page."""

    directives: set[str] = field(default_factory=set[str])
    tdm: set[str] = field(default_factory=set[str])
    policy: str = ""
    marks: Marks = field(default_factory=dict[str, list[tuple[str, str, str]]])


@dataclass(frozen=True)
class Permissions:
    """What a page and its HTTP header say may be done with it; what neither says is false or empty.

    Directives count that are for all robots or for one of `agents`. `noindex` is also said by `none`. The licence is
    the one named where it is trusted most: in the HTTP header, by <link> or <meta>, by a link with rel=license, by any
    link to Creative Commons; `several` if different ones are named there, so that no rule for one of them keeps the page.
    A row of a text table or a WET file says nothing. robots.txt is no part of a page; /.well-known/tdmrep.json counts where
    the crawl that got the page noted it (`web2shards crawl` does).
    """

    name: ClassVar[str] = "permissions"
    version: ClassVar[int] = 2
    costly: ClassVar[bool] = False

    agents: tuple[str, ...] = ("googlebot", "bingbot", "ccbot", "gptbot", "google-extended", "claudebot")

    def __post_init__(self) -> None:
        wrong = [agent for agent in self.agents if not re.fullmatch(r"[A-Za-z0-9_-]{2,60}", agent)]
        if wrong:
            raise ValueError(f"agents: {wrong[0]!r} is no name of a robot, such as googlebot")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("page.content", "page.form", "page.rights")

    @property
    def schema(self) -> pa.Schema:
        kinds = "cc-by, cc-by-sa, cc-by-nc-nd, …, cc0, cc-pdm, gfdl; `other`, `several`, or empty if none is named"
        return pa.schema([
            column("noindex", pa.bool_(), "robots are told not to index it"),
            column("noai", pa.bool_(), "robots are told not to train on it (noai)"),
            column("noimageai", pa.bool_(), "robots are told not to train on its images (noimageai)"),
            column("tdm_reserved", pa.bool_(), "text and data mining is reserved (tdm-reservation: 1)"),
            column("tdm_policy", pa.string(), "URL of the policy under which mining is allowed, empty if there is none"),
            column("licence", pa.string(), kinds),
            column("licence_version", pa.string(), "its version, such as 4.0; empty if not said"),
            column("licence_url", pa.string(), "what the link leads to"),
            column("licence_place", pa.string(), "where it is named: `header`, `head` (link or meta), `rel` or `link`; empty"),
            column("licences", pa.int32(), "different licences that the page names, wherever", low=0, high=10),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        self._tags(np.frombuffer(b"<p>", np.uint8))

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        content, form, rights = (batch.column(name) for name in self.inputs)
        offsets, data = utf8_view(content)
        rows: list[tuple[object, ...]] = []
        for i, valid in enumerate(content.is_valid().to_pylist()):
            if not valid:
                rows.append((None,) * len(self.schema))
                continue
            found = Found()
            self._read_header(rights[i].as_py() or "", found)
            if form[i].as_py() != "text":
                for kind, attributes in self._tags(data[offsets[i] : offsets[i + 1]]):
                    self._read_tag(kind, attributes, found)
            rows.append(_row(found))
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.schema)
        arrays = [pa.array(values, f.type) for values, f in zip(columns, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _tags(self, raw: Bytes) -> Iterator[tuple[int, dict[str, str]]]:
        """The tags of a page that may say something: its kind, and attributes by name in small letters."""
        tags = np.empty((MAX_TAGS, 3), np.int32)
        for kind, start, end in tags[: find_tags(raw, *_needles(self.agents), tags)].tolist():
            attributes: dict[str, str] = {}
            for match in _ATTRIBUTE.finditer(raw[start:end].tobytes().decode("utf-8", "replace")):
                value = next(group for group in (*match.groups()[1:], "") if group is not None)
                attributes.setdefault(match[1].lower(), unescape(value).strip())
            yield kind, attributes

    def _read_header(self, rights: str, found: Found) -> None:
        for line in rights.split("\n"):
            name, _, value = line.partition(": ")
            if name == "x-robots-tag":
                found.directives |= self._directives(value, "robots")
            elif name == "link":
                _mark(found, "header", value, named=True)
            elif name.startswith("tdm-"):
                _reserve(found, name, value)

    def _read_tag(self, kind: int, attributes: dict[str, str], found: Found) -> None:
        if kind == META:
            name = (attributes.get("name") or attributes.get("property") or attributes.get("itemprop") or "").lower()
            value = attributes.get("content", "")
            if name.startswith("tdm-"):
                _reserve(found, name, value)
            elif name == "robots" or name in _lower(self.agents):
                found.directives |= self._directives(value, name)
            elif any(word in name for word in _LICENCE_WORDS):
                _mark(found, "head", value, named="licen" in name and "://" in value)
        else:
            target = attributes.get("href", "")
            named = "license" in attributes.get("rel", "").lower().split()
            place = ("rel" if named else "link") if kind == ANCHOR else "head"
            if named or kind == ANCHOR:
                _mark(found, place, target, named=named)

    def _directives(self, value: str, agent: str) -> set[str]:
        """The directives of a list that are for all robots or for one of `agents`."""
        for_us = {"robots", "*", *_lower(self.agents)}
        found: set[str] = set()
        for robot, directive in directives(value.lower(), agent):
            if robot in for_us:
                found.update(directive.split())
        return found


def _mark(found: Found, place: str, value: str, *, named: bool) -> None:
    """Notes a licence; a link that is not `named` one by the page counts if it leads to Creative Commons."""
    match = _CC.search(value)
    if match is not None:
        what = (match[1] or "").lower()
        public = {"zero": "cc0", "mark": "cc-pdm", "certification": "cc-pdm"}.get((match[2] or "").lower())
        conditions = set(re.split(r"[-+]", what)) if what else set[str]()
        if public is None and not conditions <= {*_CONDITIONS}:
            licence = "other"  # sampling+, devnations and others that were given up
        else:
            licence = public or "-".join(["cc", *(word for word in _CONDITIONS if word in conditions)])
        first = max(value.rfind(c, 0, match.start()) for c in " \t\n(<[\"'") + 1  # the address may stand in a sentence
        mark = (licence, match[3] or "", re.split(r"[\s()<>\[\]\"']", value[first:], maxsplit=1)[0][:_MAX_URL])
    elif named and value:
        gfdl = _GFDL.search(value)
        mark = ("gfdl", gfdl[1] or "", value[:_MAX_URL]) if gfdl else ("other", "", value[:_MAX_URL])
    else:
        return
    found.marks.setdefault(place, []).append(mark)


def _reserve(found: Found, name: str, value: str) -> None:
    if name == "tdm-reservation":
        found.tdm.add(value.strip())
    elif name == "tdm-policy":
        found.policy = found.policy or value.strip()[:_MAX_URL]


def _row(found: Found) -> tuple[object, ...]:
    """A row of the schema."""
    directives = found.directives
    place = next((place for place in PLACES if place in found.marks), "")
    marks = found.marks.get(place, [("", "", "")])
    licence, version, url = marks[0]
    if len({mark[0] for mark in marks}) > 1:
        licence, version = "several", ""
    elif len({mark[1] for mark in marks}) > 1:
        version = ""
    named = {mark[:2] for listed in found.marks.values() for mark in listed}
    return (
        bool(directives & {"noindex", "none"}), "noai" in directives, "noimageai" in directives, "1" in found.tdm, found.policy,
        licence, version, url, place, len(named),
    )  # fmt: skip


@lru_cache(maxsize=16)
def _lower(agents: tuple[str, ...]) -> frozenset[str]:
    return frozenset(agent.lower() for agent in agents)


@lru_cache(maxsize=16)
def _needles(agents: tuple[str, ...]) -> tuple[Bytes, Places, Bytes, Places]:
    """What the tags are searched for: <meta>, then links."""
    return *make_needles(["robots", "tdm-", *_LICENCE_WORDS, *agents]), *make_needles(["license", "creativecommons.org"])
