"""Lists of robots directives, of X-Robots-Tag and <meta name=robots>: each with the robot that it is for.

developers.google.com/search/docs/crawling-indexing/robots-meta-tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Directives with a value; what else stands before a colon is the name of a robot.
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_AGENT = re.compile(r"\s*([\w*-]+)\s*:\s*(.*)", re.DOTALL)


def directives(value: str, agent: str) -> Iterator[tuple[str, str]]:
    """Robot and directive of each item of a list, as they stand: those before the first that names a robot are for `agent`."""
    for item in value.split(","):
        match = _AGENT.fullmatch(item)
        if match is not None and match[1].lower() not in _VALUED:
            agent, item = match[1], match[2]
        yield agent, item
