"""Opt-outs that an HTTP header states: X-Robots-Tag directives, and a reservation of text and data mining.

developers.google.com/search/docs/crawling-indexing/robots-meta-tag, DeviantArt's noai and noimageai (2022), and the TDM
Reservation Protocol of a W3C community group (w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240202).
"""

from __future__ import annotations

import re

from ingest.fetching.settings import FetchSettings

_AGENT = re.compile(r"\s*([\w*-]+)\s*:\s*(.*)", re.DOTALL)
#: Directives with a value; any other word before a colon names a robot.
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
#: What stands for others.
_MEANS = {"none": ("noindex", "nofollow")}


def opted_out(fields: dict[str, str], settings: FetchSettings) -> str:
    """The directive by which a header opts out for us, empty if none does.

    `fields` has names in lower case and the values of a repeated field joined by newlines. Directives behind the name of a
    robot count for that robot alone: ours is `settings.agent`.
    """
    if settings.tdm_reservation and "1" in (value.strip() for value in fields.get("tdm-reservation", "").split("\n")):
        return "tdm-reservation"
    for value in fields.get("x-robots-tag", "").split("\n") if settings.opt_out else ():
        ours = True
        for part in value.split(","):
            match = _AGENT.fullmatch(part)
            if match and match.group(1).lower() not in _VALUED:
                ours = match.group(1).lower() in ("*", settings.agent.lower())
                part = match.group(2)
            directive = part.strip().lower()
            if ours:
                for meaning in _MEANS.get(directive, (directive,)):
                    if meaning in settings.opt_out:
                        return meaning
    return ""
