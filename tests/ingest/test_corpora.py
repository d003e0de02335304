"""The development corpora against their truth."""

from __future__ import annotations

import collections
import gzip
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from ingest.charset import decode
from ingest.encodings import codec, decode_as
from ingest.parts import list_parts

pytestmark = pytest.mark.corpora

Row = dict[str, Any]
ALIKE = {"iso-8859-1", "windows-1252", "iso-8859-15", "utf-8"}


@pytest.fixture(scope="module")
def truth(corpora: Path) -> list[Row]:
    with gzip.open(corpora / "web" / "dev-truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def reading(corpora: Path, read_all: Any) -> Any:
    return read_all(list_parts([str(corpora / "web" / "dev.warc.gz")], part_bytes=20 << 20))


def test_every_response_is_accounted_for(reading: Any, truth: list[Row]) -> None:
    rows = {row["offset"]: row for row in reading.records if row["kind"] == "response"}
    assert set(rows) == {row["offset"] for row in truth}
    counts = collections.Counter(row["kind"] for row in reading.records)
    assert counts == {"response": 5559, "request": 2808, "metadata": 109, "warcinfo": 1}
    for row in truth:
        found = rows[row["offset"]]
        assert (found["url"], found["status"]) == (row["url"], row["status"])
        if row["status"] >= 300:
            wanted = "redirect" if row["status"] < 400 else "http_error"
        elif row["bytes"] == 0:
            wanted = "empty_body"
        elif row["kind"] == "image" or row["content_type"] == "image/svg+xml":
            wanted = "image"
        elif row["kind"] == "html" or "image_url_returns_html" in row["dirt"]:
            wanted = None
        else:
            wanted = "not_html"
        assert found["reason"] == wanted, row["url"]


def test_charsets_are_right(reading: Any, truth: list[Row]) -> None:
    pages = {row["offset"]: row for row in reading.documents}
    rows = [row for row in truth if row.get("charset_true")]
    wrong: list[tuple[str, str, str]] = []
    for row in rows:
        page, true = pages[row["offset"]], row["charset_true"]
        # Another name is as good where it reads the same: the text goes there and back in the true encoding.
        body = page["content"].encode(codec(true), "replace")
        same = {page["charset"], true} <= ALIKE and decode_as(body, true) == decode_as(body, page["charset"]) == page["content"]
        if page["charset"] != true and not same:
            wrong.append((row["url"], true, page["charset"]))
    assert len(rows) > 2500
    assert len(wrong) <= 0.002 * len(rows), wrong


@pytest.fixture(scope="module")
def declaration(corpora: Path) -> dict[str, list[str]]:
    by: dict[str, list[str]] = collections.defaultdict(list)
    with gzip.open(corpora / "lid" / "dev-udhr.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            by[row["lang_bcp47"]].append(row["text"])
    return by


LEGACY = {
    "windows-1251": "ru bg uk be sr-Cyrl",
    "koi8-r": "ru",
    "koi8-u": "uk",
    "iso-8859-5": "ru bg",
    "windows-1250": "cs pl hu hr sk sl ro",
    "iso-8859-2": "cs pl hu hr sk sl ro",
    "windows-1253": "el-monoton",
    "iso-8859-7": "el-monoton",
    "windows-1254": "tr",
    "windows-1255": "he",
    "windows-1256": "ar fa",
    "windows-1257": "lt lv et",
    "iso-8859-1": "de-1996 fr es it pt-PT sv da fi is ca nb",
    "iso-8859-15": "fr fi",
    "big5": "zh-Hant",
    "gb18030": "zh",
    "shift_jis": "ja",
    "euc-jp": "ja",
    "euc-kr": "ko",
    "iso-2022-jp": "ja",
    "windows-874": "th",
}


@pytest.mark.parametrize("declared", ["", "utf-8", "windows-1252"])
def test_the_declaration_of_human_rights_in_old_encodings(declaration: dict[str, list[str]], declared: str) -> None:
    right = total = 0
    for name, languages in LEGACY.items():
        for language in languages.split():
            paragraphs = declaration[language]
            for i in range(0, len(paragraphs) - 3, 6):
                text = " ".join(paragraphs[i : i + 3]).translate({ord("ș"): "ş", ord("ț"): "ţ", ord("ی"): "ي", ord("ک"): "ك"})
                raw = unicodedata.normalize("NFC", text).encode(codec(name), "ignore")
                if raw.isascii() and name != "iso-2022-jp":
                    continue
                body = b"<html><body><p>" + raw + b"</p></body></html>"
                total += 1
                right += decode_as(raw, name) in decode(body, declared).text
    assert total > 300
    assert right >= 0.995 * total, (right, total)


def test_languages_without_a_model_keep_what_they_declare(declaration: dict[str, list[str]]) -> None:
    right = total = 0
    for paragraphs in declaration.values():
        text = " ".join(paragraphs[:4])
        raw = text.encode("cp1252", "ignore")
        if raw.isascii() or raw.decode("cp1252") != text:
            continue
        total += 1
        right += text in decode(b"<p>" + raw, "iso-8859-1").text
    assert total > 100
    assert right >= 0.97 * total
