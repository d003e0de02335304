"""The addresses of one image by size: a `srcset` read as the HTML standard says (html.spec.whatwg.org §4.8.4.2), and the largest
under a stated side chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

#: Candidates that are read of one list.
MAX_CANDIDATES = 64
_SPACES = " \t\n\r\f"
_DESCRIPTOR = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([wxh])")


class Candidate(NamedTuple):
    """An address with its width in pixels, or its density in pixels of the device a pixel of the page; 0 if not said."""

    url: str
    width: float = 0.0
    density: float = 0.0


def parse_srcset(value: str) -> list[Candidate]:
    """The candidates of a list in its order; what has a damaged descriptor is left out, as the standard has it."""
    found: list[Candidate] = []
    i, end = 0, len(value)
    for _ in range(MAX_CANDIDATES):
        while i < end and (value[i] in _SPACES or value[i] == ","):
            i += 1
        if i >= end:
            break
        start = i
        while i < end and value[i] not in _SPACES:
            i += 1
        url = value[start:i]
        descriptors = ""
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            start = i
            depth = 0
            while i < end and (value[i] != "," or depth):
                depth += (value[i] == "(") - (value[i] == ")" and depth > 0)
                i += 1
            descriptors = value[start:i]
        candidate = _described(url, descriptors)
        if candidate is not None:
            found.append(candidate)
    return found


def _described(url: str, descriptors: str) -> Candidate | None:
    width = density = 0.0
    for word in descriptors.split():
        matched = _DESCRIPTOR.fullmatch(word)
        if matched is None:
            return None
        if matched[2] == "w":
            width = float(matched[1])
        elif matched[2] == "x":
            density = float(matched[1])
    return Candidate(url, width, density)


def largest(candidates: Iterable[Candidate], side: int) -> str:
    """The address of the widest candidate of at most `side` pixels, else of the narrowest; where no widths are told, of the highest
    density, the first of several; empty if there is none. Heights are not told by lists, so that a side is a width here."""
    given = [candidate for candidate in candidates if candidate.url]
    wide = [candidate for candidate in given if candidate.width > 0]
    small = [candidate for candidate in wide if candidate.width <= side]
    if small:
        return max(small, key=lambda candidate: candidate.width).url
    if wide:
        return min(wide, key=lambda candidate: candidate.width).url
    return max(given, key=lambda candidate: candidate.density or 1.0).url if given else ""
