"""Which encoding some bytes are in, as the candidate under which their text costs the fewest bits.

The cost of a text is its code length under letter-pair models of the languages an encoding is used for, and
character frequencies for Chinese, Japanese and Korean (after universal charset detection: Li & Momoi, 19th
International Unicode Conference, 2001; and chardetng, github.com/hsivonen/chardetng).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.encodings import decode_as
from ingest.letters import STEP, cases, models

SAMPLE = 16 << 10
_UNKNOWN = 20 * STEP
#: A long sample's candidates are cut down on its first bytes.
_HEAT, _FINALISTS = 2048, 6
#: How much a language is held against an encoding: by its ASCII letters (a share of their bits, up to a limit),
#: and by the language that the page declares.
#: Bits that a declaration is trusted for, and more for each byte that the better reading reads differently.
_TRUST, _TRUST_A_BYTE = 10.0, 12.0
_ASCII_WEIGHT, _MAX_HANDICAP, _HINT_BITS = 0.1, 12.0, 6.0
#: What a malformed sequence costs, and up to how many bytes count as few.
_BROKEN, _FEW = 30.0, 20
UTF8 = "utf-8"

_WEST = "en de fr es it pt nl da sv nb fi is ca gl eu ga fo sq af lb xx"
_EAST = "pl cs sk hu sl sh ro de en"

#: Languages that each encoding was used for; those of CJK name a table of character frequencies.
LANGUAGES: dict[str, tuple[str, ...]] = {
    name: tuple(languages.split())
    for name, languages in {
        "windows-1252": _WEST,
        "windows-1251": "ru bg uk be sr mk",
        "windows-1250": _EAST,
        "iso-8859-2": _EAST,
        "windows-1253": "el",
        "iso-8859-7": "el",
        "windows-1254": "tr ku",
        "windows-1255": "he yi",
        "iso-8859-8": "he",
        "windows-1256": "ar fa",
        "iso-8859-6": "ar",
        "windows-1257": "lt lv et",
        "iso-8859-13": "lt lv et",
        "iso-8859-4": "lt lv et",
        "windows-1258": "vi",
        "windows-874": "th",
        "koi8-r": "ru bg",
        "koi8-u": "uk ru",
        "iso-8859-5": "ru bg mk sr be",
        "ibm866": "ru be",
        "macintosh": _WEST,
        "x-mac-cyrillic": "ru uk bg sr mk",
        "iso-8859-15": _WEST + " et",
        "iso-8859-1": _WEST,
        "iso-8859-9": "tr ku",
        "iso-8859-16": "ro pl hu sl sh fr",
        "iso-8859-3": "eo mt tr",
        "iso-8859-10": "is fo nb sv fi et lt",
        "iso-8859-14": "cy ga en",
        "shift_jis": "ja",
        "euc-jp": "ja",
        "iso-2022-jp": "ja",
        "euc-kr": "ko",
        "gb18030": "zh",
        "gbk": "zh",
        "big5": "tw",
    }.items()
}

#: Candidates when nothing is declared, with what their rarity on the web costs in bits (w3techs.com, rounded logs).
CANDIDATES: dict[str, float] = {
    "windows-1252": 0,
    "windows-1251": 2,
    "shift_jis": 2,
    "euc-jp": 3,
    "gb18030": 2,
    "euc-kr": 2,
    "big5": 3,
    "windows-1250": 4,
    "iso-8859-2": 4.5,
    "windows-1254": 5,
    "windows-1253": 5,
    "iso-8859-7": 5.5,
    "windows-1255": 5,
    "windows-1256": 4,
    "windows-874": 5,
    "koi8-r": 5,
    "windows-1257": 7,
    "iso-8859-15": 4,
    "windows-1258": 9,
    "iso-8859-5": 9,
    "koi8-u": 9,
    "ibm866": 12,
    "macintosh": 14,
}

_CJK = {"shift_jis", "euc-jp", "iso-2022-jp", "euc-kr", "gb18030", "gbk", "big5"}
_OPENER = re.compile(rb"<(?:(script|style)\b|(!--)|[a-zA-Z/!?])", re.I)
_SCRIPT_END = re.compile(rb"</(?:script|style)", re.I)
_TAG = re.compile(rb"<[a-zA-Z/!?][^<>]{0,4096}>")


@dataclass(frozen=True)
class Fit:
    """How well an encoding fits: code length in bits, the language it is shortest in, and malformed sequences."""

    encoding: str
    bits: float
    language: str
    malformed: int


def sample_of(body: bytes) -> bytes:
    """At most SAMPLE bytes of `body` that matter for its encoding: lines with bytes over 0x7F, without markup.

    No encoding looked at has `<`, `>` or a newline as part of another character.
    """
    lines: list[bytes] = []
    size = 0
    for line in _without_markup(body[: 64 * SAMPLE]).split(b"\n"):
        if not line.isascii():
            lines.append(line[: SAMPLE - size])
            size += len(line) + 1
            if size >= SAMPLE:
                break
    return b"\n".join(lines)


def _without_markup(body: bytes) -> bytes:
    """A space for each script, style, comment and tag; what is not closed is looked for once, not once an opener."""
    parts: list[bytes] = []
    at = start = 0
    scripts = comments = True
    while opener := _OPENER.search(body, start):
        start, end = opener.start(), -1
        if opener.lastindex == 1 and scripts:
            closer = _SCRIPT_END.search(body, opener.end())
            scripts, end = closer is not None, closer.end() if closer else -1
        elif opener.lastindex == 2 and comments:
            found = body.find(b"-->", opener.end())
            comments, end = found >= 0, found + 3 if found >= 0 else -1
        if end < 0:
            tag = _TAG.match(body, start)
            end = tag.end() if tag else -1
        if end < 0:
            start += 1
            continue
        parts += [body[at:start], b" "]
        at = start = end
    parts.append(body[at:])
    return b"".join(parts)


def fit(sample: bytes, encoding: str, handicaps: dict[str, float] | None = None) -> Fit:
    """The code length of `sample` read as `encoding`; `handicaps` are bits to add by language."""
    pairs, frequencies, symbol, letter = models()
    text = decode_as(sample, encoding)
    malformed = text.count("\ufffd")
    units: npt.NDArray[np.uint16] = np.frombuffer(text.encode("utf-16-le", "replace"), np.uint16)
    languages = LANGUAGES.get(encoding, LANGUAGES["windows-1252"])
    if encoding in _CJK:
        eaten = np.count_nonzero(np.frombuffer(sample, np.uint8) < 128) - np.count_nonzero(units < 128)
        high = units[units >= 128]
        language = languages[0]
        bits = float(frequencies[language][high].sum()) / STEP + 4.0 * max(0, int(eaten))
        return Fit(encoding, bits + _BROKEN * malformed, language, malformed)
    lower: npt.NDArray[np.uint16] = np.frombuffer(_folded(text).encode("utf-16-le", "replace"), np.uint16)
    before, after = lower[:-1].astype(np.uint32), lower[1:].astype(np.uint32)
    foreign = (units >= 128) & letter[units]
    near = foreign[:-1] | foreign[1:]
    kinds, counts = np.unique(before[near] << 16 | after[near], return_counts=True)
    left, right = kinds >> 16, kinds & 0xFFFF
    fixed = float(symbol[units[(units >= 128) & ~foreign]].sum()) / STEP
    fixed += _BROKEN * malformed + _case_bits(units) + _odd_bits(units, letter)
    best, shortest = languages[0], float("inf")
    for language in languages:
        model = pairs[language]
        i, j = model.index[left], model.index[right]
        known = (i != 255) & (j != 255)
        cost = np.full(len(kinds), _UNKNOWN, np.int64)
        cost[known] = model.bits[i[known], j[known]]
        bits = float((cost * counts).sum()) / STEP + (handicaps.get(language, 0.0) if handicaps else 0.0)
        if bits < shortest:
            best, shortest = language, bits
    return Fit(encoding, fixed + shortest, best, malformed)


def best_fit(sample: bytes, declared: Sequence[str] = (), hint: str = "") -> Fit:
    """The encoding with the shortest code for `sample`, with trust in what was `declared`.

    A declared encoding gives way only where another reads the bytes on which they differ much better. `hint` is
    the language that the page declares, if any.
    """
    handicaps = _handicaps(sample, hint)
    legacy = [name for name in declared if name in LANGUAGES]
    names = list(dict.fromkeys([*legacy, *CANDIDATES]))
    if len(sample) > 2 * _HEAT:
        first = _ranked(sample[:_HEAT], names, handicaps)[:_FINALISTS]
        names = list(dict.fromkeys([*legacy, *(found.encoding for found in first)]))
    fits = _ranked(sample, names, handicaps)
    best = fits[0]
    for found in fits[1:]:
        times = declared.count(found.encoding) - declared.count(best.encoding)
        if times > 0:
            differing = _differing(sample, found.encoding, best.encoding)
            if found.bits - best.bits <= times * _TRUST + _TRUST_A_BYTE * _doubt(best, handicaps) * differing:
                best = found
    return _broken_utf8(sample, best, handicaps, declared.count(UTF8)) or best


def _doubt(found: Fit, handicaps: dict[str, float]) -> float:
    """How little the page's ASCII letters look like the languages of an encoding, 0 to 1."""
    return min(1.0, min(handicaps.get(language, 0.0) for language in LANGUAGES[found.encoding]) / _MAX_HANDICAP)


def _broken_utf8(sample: bytes, best: Fit, handicaps: dict[str, float], times: int) -> Fit | None:
    """UTF-8 with few broken bytes and none that are right, where it is declared and little speaks for another."""
    if not times:
        return None
    doubt = _doubt(best, handicaps)
    malformed = sample.decode("utf-8", "replace").count("\ufffd")
    bits = (_BROKEN - 0.5 * _BROKEN * doubt) * malformed
    high = min(_FEW, int(np.count_nonzero(np.frombuffer(sample, np.uint8) >= 128)))
    trusted = times * _TRUST + _TRUST_A_BYTE * doubt * high
    return Fit(UTF8, bits, "", malformed) if bits - best.bits <= trusted else None


def _ranked(sample: bytes, names: Iterable[str], handicaps: dict[str, float]) -> list[Fit]:
    fits: list[Fit] = []
    for name in names:
        found = fit(sample, name, handicaps)
        fits.append(Fit(name, found.bits + CANDIDATES.get(name, 10.0), found.language, found.malformed))
    return sorted(fits, key=lambda found: found.bits)


def _differing(sample: bytes, one: str, other: str) -> int:
    """How many bytes over 0x7F read differently in two encodings."""
    data: npt.NDArray[np.uint8] = np.frombuffer(sample, np.uint8)
    if one in _CJK or other in _CJK:
        return int(np.count_nonzero(data >= 128))
    every = bytes(range(256))
    differs = np.array([a != b for a, b in zip(decode_as(every, one), decode_as(every, other), strict=True)])
    return int(np.count_nonzero(differs[data]))


def _handicaps(sample: bytes, hint: str) -> dict[str, float]:
    """Bits for languages that the ASCII letters do not look like, and that the page does not declare."""
    pairs = models()[0]
    letters: npt.NDArray[np.uint8] = np.frombuffer(sample.lower(), np.uint8)
    before, after = letters[:-1].astype(np.int64), letters[1:].astype(np.int64)
    is_letter = (letters >= 97) & (letters <= 122)
    kinds, counts = np.unique((before << 8 | after)[is_letter[:-1] & is_letter[1:]], return_counts=True)
    left, right = kinds >> 8, kinds & 255
    costs: dict[str, float] = {}
    for language, model in pairs.items():
        i, j = model.index[left], model.index[right]
        if model.index[101] == 255:  # no e: not written in Latin letters
            continue
        known = (i != 255) & (j != 255)
        bits = np.full(len(kinds), _UNKNOWN, np.int64)
        bits[known] = model.bits[i[known], j[known]]
        costs[language] = float((bits * counts).sum()) / STEP
    least = min(costs.values())
    handicaps = {language: min(_MAX_HANDICAP, _ASCII_WEIGHT * (bits - least)) for language, bits in costs.items()}
    if np.count_nonzero(is_letter) > 4 * np.count_nonzero(letters >= 128):
        handicaps |= {language: _MAX_HANDICAP for language in pairs if language not in handicaps}
    if hint in pairs:
        for language in pairs:
            if language != hint:
                handicaps[language] = handicaps.get(language, 0.0) + _HINT_BITS
    return handicaps


def _folded(text: str) -> str:
    """In lower case, each character still one UTF-16 unit."""
    return text.replace("İ", "i").lower()


def _case_bits(units: npt.NDArray[np.uint16]) -> float:
    """What capitals after small letters cost, where one of the two is no ASCII."""
    upper, lower = cases()
    a, b = units[:-1], units[1:]
    near = (a >= 128) | (b >= 128)
    odd = np.count_nonzero(near & lower[a] & upper[b])
    both = np.count_nonzero(near & upper[a] & upper[b])
    return 12.0 * float(odd) + 1.0 * float(both)


def _odd_bits(units: npt.NDArray[np.uint16], letter: npt.NDArray[np.bool_]) -> float:
    """What symbols inside words and words of one letter that is no ASCII cost: signs of another encoding."""
    is_letter = letter[units]
    high, inner = units[1:-1] >= 128, units[1:-1]
    lone = np.count_nonzero(high & is_letter[1:-1] & ~is_letter[:-2] & ~is_letter[2:])
    inside = high & ~is_letter[1:-1] & is_letter[:-2] & is_letter[2:] & (inner != 0x2019) & (inner != 0xAD)
    return 4.0 * lone + 8.0 * np.count_nonzero(inside & (inner != 0xA0)) + 5.0 * np.count_nonzero(inside & (inner == 0xA0))
