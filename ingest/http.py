"""HTTP responses as crawlers store them: status line, header, and the body without its transfer and content codings.

RFC 9112 (chunked), RFC 9110 §8.4 (content codings), RFC 8288 (links); what is declared and not so is taken as it is.
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass, field

import brotli
import zstandard

_STATUS = re.compile(rb"(?:HTTP|ICY)(?:/\d+(?:\.\d+)?)?[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]{0,4096})?(?:\r\n|\n|\r)")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: What a server says may be done with a page, and bytes of it that are kept; such fields may stand several times.
RIGHTS = {"tdm-reservation": 256, "tdm-policy": 1024, "x-robots-tag": 8192, "link": 2048}
#: Stands for the licences that found no room: whatever they are, the page has not one alone.
_ANOTHER = "another"
_VALUE = r"""(?:"((?:[^"\\]|\\.)*+)"|'([^']*+)'|([^\s;,"'<>]*+))"""
_PARAMETER = re.compile(rf"""\s*+;\s*+(?:([^\s=;,"'<>]++)(?:\s*+=\s*+{_VALUE})?+)?+""", re.DOTALL)
_TARGET = re.compile(r"<([^<>]+)>")
_FORBIDS = re.compile(r"\bno(?:ai|imageai|index|ne)\b", re.IGNORECASE)
_STEP = 1 << 12
ZSTD_MAX_WINDOW = 1 << 27


@dataclass(slots=True)
class Response:
    """`status` is None when there was no status line; `fields` has names in lower case."""

    status: int | None
    fields: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


def parse_response(block: bytes) -> Response:
    """Status, header and stored body of a response record's block; a block without a header is all body."""
    match = _STATUS.match(block)
    if match is None:
        return Response(None, {}, block)
    end = _HEAD_END.search(block)
    head, body = (block[: end.start()], block[end.end() :]) if end else (block, b"")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    fields: dict[str, str] = {}
    codings: dict[str, list[str]] = {}
    rights: dict[str, list[str]] = {}
    for line in text.split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            name, value = name.strip().lower(), value.strip()
            fields[name] = value
            if name.endswith("-encoding"):
                codings.setdefault(name, []).append(value)
            elif name in RIGHTS:
                rights.setdefault(name, []).append(value)
    fields |= {name: ", ".join(values) for name, values in codings.items()}
    fields |= {name: "\n".join(values) for name, values in rights.items()}
    return Response(int(match.group(1)), fields, body)


def rights_of(fields: dict[str, str]) -> str:
    """The header's fields that say what may be done with the page, as lines `name: value`; of links those to its licence.

    A field has room of its own, so that a long one takes none from another; what forbids comes first. What finds no room never
    counts as permission: its directives that forbid are told as those for all robots, and of licences that there is another.
    """
    lines: list[str] = []
    for name, room in RIGHTS.items():
        value = fields.get(name, "")
        values = _licence_links(value) if name == "link" else value.split("\n")
        values = list(dict.fromkeys(" ".join(value.split()) for value in values if value.strip()))
        values.sort(key=lambda value: value != "1" and _FORBIDS.search(value) is None)
        left: list[str] = []
        for value in values:
            line = f"{name}: {value.encode('utf-8', 'replace').decode()}"
            if len(line.encode()) + 1 > room:
                left.append(line)
                if name == "x-robots-tag":  # at a comma, as a directive's beginning may be another
                    line = line.encode()[: max(room - 1, 0)].decode("utf-8", "ignore").rpartition(",")[0]
            if line and (size := len(line.encode()) + 1) <= room:
                lines.append(line)
                room -= size
        if name == "x-robots-tag" and (forbidden := {word.lower() for line in left for word in _FORBIDS.findall(line)}):
            lines.append(f"{name}: {', '.join(sorted(forbidden))}")
        elif name == "link" and left:
            lines.append(f"{name}: {_ANOTHER}")
    return "\n".join(lines)


def _licence_links(value: str) -> list[str]:
    """The targets of links with rel=license that speak of the page itself (RFC 8288, §3)."""
    found: list[str] = []
    at = 0
    while (target := _TARGET.search(value, at)) is not None:
        at = target.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(value, at)) is not None:
            at = parameter.end()
            if parameter[1]:
                parameters.setdefault(parameter[1].lower(), next((g for g in parameter.groups()[1:] if g is not None), ""))
        if "license" in parameters.get("rel", "").lower().split() and "anchor" not in parameters:
            found.append(target[1])
    return found


def media_type(content_type: str) -> str:
    """`text/html` of `Text/HTML; charset=x`; empty if there is none."""
    match = _MEDIA_TYPE.match(content_type.strip())
    return match.group(0).lower() if match else ""


def charset_parameter(content_type: str) -> str:
    """The charset that a Content-Type names, as written; empty if none."""
    match = _CHARSET.search(content_type)
    return match.group(1) if match else ""


def is_coded(fields: dict[str, str]) -> bool:
    """Whether the header says that the body is chunked or compressed."""
    return "transfer-encoding" in fields or "content-encoding" in fields


def decode_body(body: bytes, fields: dict[str, str], limit: int) -> tuple[bytes, str]:
    """The body without its codings, at most `limit` bytes; and what was wrong with them, empty if nothing."""
    problem = ""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body, problem = _without_chunks(body)
    codings = f"{fields.get('content-encoding', '')}, {fields.get('transfer-encoding', '')}".lower()
    for coding in reversed([c.strip() for c in codings.split(",")][-8:]):
        decoder = _DECODERS.get(coding)
        if decoder is not None and body:
            body, wrong = decoder(body, limit)
            problem = problem or wrong
    return body[:limit], problem


def gunzipped(body: bytes, limit: int) -> bytes:
    """The content of a gzip body that no header declares, at most `limit` bytes."""
    return _gunzip(body, limit)[0]


def _without_chunks(body: bytes) -> tuple[bytes, str]:
    parts: list[bytes] = []
    at = 0
    while match := _CHUNK.match(body, at):
        size = int(match.group(1), 16)
        if size == 0:
            return b"".join(parts), ""
        start = match.end()
        parts.append(body[start : start + size])
        at = start + size
        if at > len(body):
            return b"".join(parts), "the last chunk is cut"
        if body[at : at + 2] == b"\r\n":
            at += 2
        elif body[at : at + 1] in (b"\n", b"\r"):
            at += 1
    if not parts:
        return body, "declared chunked, is not" if body else ""
    return b"".join(parts), "the chunks are broken" if at < len(body) else "the last chunk is missing"


def _inflate(body: bytes, wbits: int, limit: int) -> tuple[bytes, str]:
    """Inflated as far as it goes: in steps, so that what came before an error is kept."""
    out: list[bytes] = []
    total = 0
    at = 0
    inflate = zlib.decompressobj(wbits)
    while at < len(body) and total < limit:
        chunk = body[at : at + _STEP]
        try:
            data = inflate.decompress(chunk, limit - total)
        except zlib.error as error:
            return b"".join(out), str(error)
        out.append(data)
        total += len(data)
        if inflate.eof:
            at += len(chunk) - len(inflate.unused_data)
            if wbits != 31 or body[at : at + 2] != b"\x1f\x8b":
                return b"".join(out), ""
            inflate = zlib.decompressobj(wbits)
        else:
            at += len(chunk) - len(inflate.unconsumed_tail)
    return b"".join(out), "" if total >= limit else "the compressed body is cut"


def _gunzip(body: bytes, limit: int) -> tuple[bytes, str]:
    if body[:2] != b"\x1f\x8b":
        return _deflated(body, limit) if body[:1] == b"\x78" and _zlib_header(body) else (body, "declared gzip, is not")
    return _inflate(body, 31, limit)


def _zlib_header(body: bytes) -> bool:
    return len(body) > 2 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _deflated(body: bytes, limit: int) -> tuple[bytes, str]:
    if body[:2] == b"\x1f\x8b":
        return _inflate(body, 31, limit)
    wrapped = _inflate(body, 15, limit) if _zlib_header(body) else (b"", "no zlib header")
    if wrapped[0]:
        return wrapped
    raw = _inflate(body, -15, limit)
    return raw if raw[0] else (body, "declared deflate, is not")


def _unbrotli(body: bytes, limit: int) -> tuple[bytes, str]:
    out: list[bytes] = []
    total = 0
    decoder = brotli.Decompressor()
    at = 0
    try:
        while total < limit and not decoder.is_finished():
            if decoder.can_accept_more_data():
                chunk = body[at : at + _STEP]
                if not chunk:
                    break
                at += len(chunk)
            else:
                chunk = b""
            data: bytes = decoder.process(chunk, output_buffer_limit=limit - total)
            out.append(data)
            total += len(data)
    except brotli.error:
        return (b"".join(out), "the br body is damaged") if total else (body, "declared br, is not")
    cut = total < limit and not decoder.is_finished()
    return b"".join(out), "the compressed body is cut" if cut else ""


def _unzstd(body: bytes, limit: int) -> tuple[bytes, str]:
    if body[:4] != b"\x28\xb5\x2f\xfd":
        return body, "declared zstd, is not"
    decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW)
    reader = decoder.stream_reader(io.BytesIO(body), read_size=_STEP, read_across_frames=True)
    out: list[bytes] = []
    total = 0
    try:
        while total < limit and (data := reader.read(min(1 << 16, limit - total))):
            out.append(data)
            total += len(data)
    except zstandard.ZstdError as error:
        return b"".join(out), str(error)
    return b"".join(out), ""


_DECODERS = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _deflated,
    "br": _unbrotli,
    "zstd": _unzstd,
}
