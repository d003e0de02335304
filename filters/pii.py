"""Personal data in a text as masks: e-mail and machine addresses, phone and account numbers, cards, keys.

As FineWeb does with datatrove's PIIFormatter (huggingface/datatrove, pipeline/formatters/pii.py; arXiv 2406.17557), which
knows e-mail and IPv4 addresses alone; here a placeholder follows from the value, not from the order in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from core.characters import CLASSES, Bytes
from core.columns import utf8_view, with_nulls
from core.scorer import MASK, TITLE_MASK, column
from core.spans import mask_array
from filters import pii_scan as scan
from filters.lexicon import Lexicon, make_lexicon
from filters.pii_again import Finding, Kind, look_again
from filters.pii_bytes import narrowed
from filters.pii_checks import email_span, iban_lengths, is_card, is_iban, is_public_ip4, is_public_ip6, plain_email
from filters.pii_keys import PREFIXES, is_password, key_span
from filters.pii_phones import REGIONS, is_phone, library_version, region_of
from filters.pii_words import CUES, HINTS

KINDS: tuple[Kind, ...] = get_args(Kind)

#: What stands for a value, by kind. E-mail and IPv4: datatrove's, of addresses that answer to nobody. IPv6: RFC 3849. Phones:
#: set aside for fiction (NANP 555-01XX). IBANs: the examples of SWIFT's registry. Cards: test numbers that all payment
#: services publish. Keys: StarCoder's (arXiv 2305.06161).
PLACEHOLDERS: Mapping[Kind, tuple[str, ...]] = {
    "emails": ("email@example.com", "firstname.lastname@example.org"),
    "ips": ("22.214.171.124", "126.96.36.199", "188.8.131.52", "184.108.40.206", "220.127.116.11", "18.104.22.168"),
    "phones": ("202-555-0113", "202-555-0125", "202-555-0138", "202-555-0142", "202-555-0167", "202-555-0189"),
    "ibans": ("DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"),
    "cards": ("4111 1111 1111 1111", "5555 5555 5555 4444"),
    "keys": ("<KEY>",),
}
PLACEHOLDERS_IP6 = ("2001:db8::1", "2001:db8::2", "2001:db8::3")

_KIND_OF: Mapping[int, Kind] = {
    scan.EMAIL: "emails", scan.IP4: "ips", scan.IP6: "ips", scan.PHONE: "phones", scan.HINTED: "phones", scan.CALLED: "phones",
    scan.IBAN: "ibans", scan.CARD: "cards", scan.KEY: "keys", scan.PASSWORD: "keys",
}  # fmt: skip
#: Which candidate is asked first where two overlap.
_ORDER = {kind: place for place, kind in enumerate(
    (scan.KEY, scan.PASSWORD, scan.EMAIL, scan.IBAN, scan.CARD, scan.IP6, scan.IP4, scan.CALLED, scan.HINTED, scan.PHONE)
)}  # fmt: skip
_CONTEXT = 40  # bytes of the line before and after that checks see
#: Number shapes of a text that the library is asked about, which takes it 0.1 ms each.
MOST_PHONES = 2000

_LEAST_GIVEN = 6

#: Values that are one whether written with spaces and signs or without.
_SPELLED = frozenset({"phones", "ibans", "cards"})
_SPELLING = re.compile(r"[^0-9A-Za-z+]")

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class PII:
    """Masks personal data, and counts it by kind.

    `kinds`: what is looked for. `placeholders`: by kind what stands in its place, one or more; the same value gets the
    same one everywhere, and a value that is a placeholder already is left alone. Numbers without a country code are
    phone numbers of `regions` (ISO 3166: `[DE, AT]`), or by default of the countries of the page's language, and where that is
    not known (`und`) of the country that the page's host is under (`.de`). With
    `edit: false` nothing is masked: the counts are there for rules alone. The title that samples get is masked as the text
    is; the counts are of the text, and `in_title` counts all kinds in the title.

    Masked are addresses that are public only: no private networks, nor what RFC 6890 sets aside. A number without a
    country code counts if it has the shape of one (a leading 0 and groups, or as in 202-555-0113), or a word or sign
    before it announces it (`tel`, `call us at`), and if no word says that it is something else (`order number`, `points`).
    Of a text with more than 2,000 such shapes the first are looked at, those with such a word before the others; if half of
    them are phone numbers the rest is masked as such, else it is left. `unchecked` counts the rest.
    A rule: `pii.emails <= 10`, which drops lists of addresses.
    Full-width digits and letters (１２３) and ＠ are read as others are.

    Of a masked text nothing more is masked, but for a text with `unchecked` numbers, which is looked through once, and one in
    which placeholders bring to light more than four times, one after the other, what was none before.
    """

    name: ClassVar[str] = "pii"
    version: ClassVar[int] = 5
    costly: ClassVar[bool] = False

    kinds: tuple[Kind, ...] = KINDS
    placeholders: dict[str, tuple[str, ...] | str] = field(default_factory=dict[str, "tuple[str, ...] | str"])
    regions: tuple[str, ...] | None = None
    edit: bool = True

    def __post_init__(self) -> None:
        unknown = [kind for kind in (*self.kinds, *self.placeholders) if kind not in KINDS]
        if unknown:
            where = "kinds" if unknown[0] in self.kinds else "placeholders"
            raise ValueError(f"{where}: {unknown[0]!r} is none of {', '.join(KINDS)}")
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise ValueError("kinds: name each kind once, and at least one")
        if not all(_listed(values) for values in self.placeholders.values()):
            raise ValueError("placeholders: give at least one for each kind that is named")
        wrong = [region for region in self.regions or () if not (len(region) == 2 and region.isascii() and region.isupper())]
        if wrong:
            raise ValueError(f"regions: {wrong[0]!r} is no country; write it as DE")

    @property
    def inputs(self) -> tuple[str, ...]:
        by_language = "phones" in self.kinds and self.regions is None
        return ("text.text", "text.title", *(["language.label", "page.host"] if by_language else []))

    @property
    def schema(self) -> pa.Schema:
        docs = {
            "emails": "e-mail addresses", "ips": "public IPv4 and IPv6 addresses", "phones": "phone numbers",
            "ibans": "bank accounts (IBAN)", "cards": "card numbers", "keys": "keys, tokens and private keys",
        }  # fmt: skip
        return pa.schema([
            *([pa.field("mask", MASK, metadata={"doc": "spans to mask"})] if self.edit else []),
            *([pa.field(TITLE_MASK, MASK, metadata={"doc": "spans of the title to mask"})] if self.edit else []),
            *(column(kind, pa.int32(), docs[kind], low=0, high=20) for kind in KINDS if kind in self.kinds),
            *([column("unchecked", pa.int32(), "number shapes beyond those that were looked at", low=0, high=1000)]
              if "phones" in self.kinds else []),
            column("in_title", pa.int32(), "what the title has of all that", low=0, high=5),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        """The version of the library that knows the plans of phone numbers."""
        return f"phonenumbers {library_version()}" if "phones" in self.kinds else ""

    def open(self) -> None:
        _tables()
        if "phones" in self.kinds:
            library_version()

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text, title = batch.column("text.text"), batch.column("text.title")
        offsets, found, unchecked = self._find(batch, text)
        title_offsets, in_title, _ = self._find(batch, title)
        columns = [with_nulls(_counts(offsets, found, kind), text) for kind in KINDS if kind in self.kinds]
        if "phones" in self.kinds:
            columns.append(with_nulls(unchecked, text))
        columns.append(with_nulls(np.diff(title_offsets), title))
        if self.edit:
            columns[:0] = [_masks(offsets, found, text), _masks(title_offsets, in_title, title)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _find(self, batch: pa.RecordBatch, text: pa.Array) -> tuple[Numbers, list[Finding], Numbers]:
        """What is found in the texts of a column, which of it are a row's (offsets of shape (n + 1,)), and how many phone
        numbers of each row were not looked at."""
        offsets, data = utf8_view(text)
        starts, ends, kinds, first, wide = self._scan(offsets, data)
        counts, unchecked = np.zeros(len(text), np.int32), np.zeros(len(text), np.int32)
        found: list[Finding] = []
        for row in np.flatnonzero((np.diff(first) > 0) | (wide > 0)).tolist():
            raw = data[offsets[row] : offsets[row + 1]]
            regions = self._regions(batch, row)
            if wide[row]:
                mine, unchecked[row] = self._in_narrowed(raw, regions)
            else:
                some = slice(first[row], first[row + 1])
                places = (starts[some] - offsets[row], ends[some] - offsets[row], kinds[some])
                mine, unchecked[row] = self._decide(raw.tobytes(), places, regions)
            if mine and not unchecked[row]:
                mine = self._settled(raw.tobytes(), mine, regions)
            found += mine
            counts[row] = len(mine)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32), found, unchecked

    def _scan(self, offsets: Numbers, data: Bytes) -> tuple[Numbers, Numbers, Bytes, Numbers, Bytes]:
        """The candidates of texts, and which texts have full-width digits or letters, as `scan.scan_texts` gives them."""
        lexicon, lengths = _tables()
        wanted = np.array([_KIND_OF[kind] in self.kinds for kind in range(scan.N_KINDS)], np.uint8)
        first, wide = np.zeros(len(offsets), np.int32), np.zeros(len(offsets) - 1, np.uint8)
        found = scan.scan_texts(offsets, data, wanted, CLASSES, scan.ACTIONS, lexicon, lengths, first, wide)
        return *found, first, wide

    def _settled(self, raw: bytes, found: list[Finding], regions: Sequence[str]) -> list[Finding]:
        """What is found, with what only shows once that is masked."""

        def look(lines: bytes) -> list[Finding]:
            text = np.frombuffer(lines, np.uint8)
            starts, ends, kinds, _, wide = self._scan(np.array([0, len(text)], np.int32), text)
            if wide[0]:
                return self._in_narrowed(text, regions)[0]
            return self._decide(lines, (starts, ends, kinds), regions)[0] if len(starts) else []

        return look_again(raw, found, look, _CONTEXT)

    def _holds_placeholder(self, raw: bytes, start: int, end: int) -> bool:
        """Whether a placeholder stands in a value, or a part of one."""
        pattern, most = _placeholders(tuple(value for kind in KINDS for value in _listed(self.placeholders.get(kind, ()))))
        first = max(start - most, 0)
        return any(m.start() + first < end and m.end() + first > start for m in pattern.finditer(raw[first : end + most]))

    def _in_narrowed(self, text: Bytes, regions: Sequence[str]) -> tuple[list[Finding], int]:
        """As `_decide`, of a text with full-width digits or letters."""
        data, places = narrowed(text)
        offsets = np.array([0, len(data)], np.int32)
        starts, ends, kinds, *_ = self._scan(offsets, data)
        found, unchecked = self._decide(data.tobytes(), (starts, ends, kinds), regions)
        return [(int(places[start]), int(places[end]), kind, mask) for start, end, kind, mask in found], unchecked

    def _regions(self, batch: pa.RecordBatch, row: int) -> Sequence[str]:
        if self.regions is not None or "phones" not in self.kinds:
            return self.regions or ()
        known = REGIONS.get(batch.column("language.label")[row].as_py() or "")
        return region_of(batch.column("page.host")[row].as_py() or "") if known is None else known

    def _decide(
        self, raw: bytes, candidates: tuple[Numbers, Numbers, Bytes], regions: Sequence[str]
    ) -> tuple[list[Finding], int]:  # fmt: skip
        """What is personal data of the candidates of a text, in the order of the text; no two overlap. And how many of them were
        not looked at."""
        places = sorted(zip(*(array.tolist() for array in candidates), strict=True), key=lambda place: _ORDER[place[2]])
        found: list[Finding] = []
        taken = bytearray(len(raw))
        asked = phones = unchecked = 0
        for start, end, kind in places:
            is_number = kind in (scan.PHONE, scan.HINTED, scan.CALLED)
            if is_number and asked >= MOST_PHONES:
                unchecked += 1
                if 2 * phones < asked:
                    continue
            else:
                start, end = _checked(raw, start, end, kind, regions)
                asked += is_number
            if start == end or taken.find(1, start, end) >= 0:
                continue
            phones += is_number
            if self._holds_placeholder(raw, start, end):
                continue
            replacement = self._placeholder(kind, raw[start:end].decode())
            if replacement is not None:
                found.append((start, end, _KIND_OF[kind], replacement))
                taken[start:end] = b"\1" * (end - start)
        return sorted(found), unchecked

    def _placeholder(self, kind: int, shown: str) -> str | None:
        """What stands for a value; None if the value is a placeholder itself."""
        name = _KIND_OF[kind]
        given = self.placeholders.get(name)
        choices = _listed(given) if given is not None else PLACEHOLDERS_IP6 if kind == scan.IP6 else PLACEHOLDERS[name]
        if shown in choices or shown in PLACEHOLDERS[name]:
            return None
        if kind == scan.EMAIL:
            shown = plain_email(shown)
        value = shown if name == "keys" else _SPELLING.sub("", shown).lower() if name in _SPELLED else shown.lower()
        return choices[xxhash.xxh3_64_intdigest(value.encode()) % len(choices)]


def _counts(offsets: Numbers, found: Sequence[Finding], kind: Kind) -> Numbers:
    """How many of a kind each row has."""
    before = np.cumsum([0, *(finding[2] == kind for finding in found)])
    return np.diff(before[offsets]).astype(np.int32)


def _masks(offsets: Numbers, found: Sequence[Finding], text: pa.Array) -> pa.Array:
    spans = np.array([finding[:2] for finding in found], np.int32).reshape(-1, 2)
    flat = np.ascontiguousarray(spans.T)
    return mask_array(offsets, flat[0], flat[1], pa.array([finding[3] for finding in found], pa.string()), text)


def _checked(raw: bytes, start: int, end: int, kind: int, regions: Sequence[str]) -> tuple[int, int]:
    """Where exactly in a candidate the value is; the same place twice if it is none."""
    if kind == scan.KEY:
        return key_span(raw, start, end)
    shown = raw[start:end].decode()
    after = raw[end : end + _CONTEXT].split(b"\n", 1)[0].decode("utf-8", "ignore")
    if kind == scan.EMAIL:
        first, last = email_span(shown, after)
        return start + len(shown[:first].encode()), start + len(shown[:last].encode())
    before = raw[max(start - _CONTEXT, 0) : start].rsplit(b"\n", 1)[-1].decode("utf-8", "ignore")
    if kind == scan.IP4:
        right = is_public_ip4(shown, before, after)
    elif kind == scan.IP6:
        right = is_public_ip6(shown.lower())
    elif kind == scan.PASSWORD:
        right = is_password(shown)
    elif kind == scan.IBAN:
        right = is_iban(shown)
    elif kind == scan.CARD:
        right = is_card(shown, before)
    else:
        right = is_phone(shown, before, after, kind - scan.PHONE, regions)
    return (start, end) if right else (start, start)


@lru_cache(maxsize=16)
def _placeholders(given: tuple[str, ...]) -> tuple[re.Pattern[bytes], int]:
    """What finds placeholders, and how many bytes the longest has. Given ones that are shorter may stand in any value."""
    given = tuple(word for word in given if len(word) >= _LEAST_GIVEN)
    words = sorted({*given, *PLACEHOLDERS_IP6, *(word for words in PLACEHOLDERS.values() for word in words)}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, words)).encode()), max(len(word.encode()) for word in words)


def _listed(values: tuple[str, ...] | str) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@lru_cache(maxsize=1)
def _tables() -> tuple[Lexicon, Bytes]:
    """The lexicon of prefixes and cues, and the lengths of IBANs."""
    return (
        make_lexicon([map(_ascii_lower, words) for words in (PREFIXES, CUES, HINTS)]), iban_lengths(),
    )  # fmt: skip


def _ascii_lower(word: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in word)
