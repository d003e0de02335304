"""Opt-outs that an HTTP header states: X-Robots-Tag directives, and a reservation of text and data mining.

developers.google.com/search/docs/crawling-indexing/robots-meta-tag, DeviantArt's noai and noimageai (2022), and the TDM
Reservation Protocol of a W3C community group (w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240202).
"""

from __future__ import annotations

from ingest.fetching.settings import FetchSettings
from ingest.robots_directives import directives

#: What stands for others.
_MEANS = {"none": ("noindex", "nofollow")}


def robots_directives(fields: dict[str, str], settings: FetchSettings) -> list[str]:
    """What X-Robots-Tag says to us, in lower case and in its order.

    `fields` has names in lower case and the values of a repeated field joined by newlines. Directives behind the name of a
    robot count for that robot alone: ours is `settings.agent`.
    """
    found: list[str] = []
    for value in fields.get("x-robots-tag", "").split("\n"):
        for robot, part in directives(value, "*"):
            if robot.lower() in ("*", settings.agent.lower()):
                directive = part.strip().lower()
                found += _MEANS.get(directive, (directive,))
    return found


def opted_out(fields: dict[str, str], settings: FetchSettings) -> str:
    """The directive by which a header opts out for us, empty if none does; `fields` as for `robots_directives`."""
    if settings.tdm_reservation and "1" in (value.strip() for value in fields.get("tdm-reservation", "").split("\n")):
        return "tdm-reservation"
    return next((directive for directive in robots_directives(fields, settings) if directive in settings.opt_out), "")
