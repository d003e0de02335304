"""Measures a finished run against the truth of a web corpus: what was read, decoded, merged, named, dropped and kept.

    python benchmarks/quality_web.py OUT --warc dev.warc.gz --truth dev-truth.jsonl.gz --gold dev-gold-text.jsonl.gz

Shares come with Wilson's 95% interval; extraction is scored by word F1 as in WCXB (arXiv 2605.21097), with
ideographs and kana counted one by one.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

import web_corpus
from shares import Result, Row, measure, table
from web_corpus import Run

from dedup.shingles import shingles

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
#: Damaged records and bodies: to mend one and keep it is as right as to drop it.
EITHER = ("damage:", "encoding:")
#: Share of the runs of five words that near copies have in common.
ALIKE = 0.75
LENGTHS = ((200, "under 200"), (1_000, "200–999"), (5_000, "1,000–4,999"), (math.inf, "5,000 and more"))


def dirt(row: Row, _: Any) -> list[str]:
    return row["dirt"] or ["clean"]


def where(row: Row, document: Row | None) -> Row:
    found = {} if document is None else {"reason": document["fate.reason"], "label": document.get("language.label")}
    return {"url": row["url"], "offset": row["offset"], "dirt": row["dirt"], "lang": row.get("lang"), **found}


def records_accounted(run: Run, warcs: Iterable[Path]) -> Result:
    """Every member of the WARCs has exactly one row in `records`; a damaged one has a reason."""
    found: dict[tuple[str, int], list[Row]] = defaultdict(list)
    several = list(warcs)
    for row in run.records:
        name = Path(row.get("record.warc") or several[0].name).name
        found[(name, row["record.offset"])].append(row)
    rows: list[tuple[Row, Any]] = []
    for path in several:
        for member in web_corpus.members(path):
            one = {"url": member.url, "offset": member.offset, "type": member.type if member.whole else "damaged"}
            rows.append((one, found.pop((path.name, member.offset), [])))
    extra = [{"warc": key[0], "offset": key[1], "rows": len(value)} for key, value in found.items()]
    result = measure(
        "records accounted for", rows,
        lambda one, got: len(got) == 1 and (one["type"] != "damaged" or bool(got[0]["record.reason"])),
        {"type": lambda one, _: [one["type"]],
         "reason": lambda _, got: [str(row["record.reason"] or "page or no reason") for row in got]},
        lambda one, got: one | {"rows": len(got)},
    )  # fmt: skip
    result.note = f"{len(extra)} rows stand where no record starts" if extra else ""
    result.faults += extra
    return result


def pages_found(run: Run) -> Result:
    """Pages of the truth (good or junk) that became documents; empty bodies are left out."""
    rows = run.pages(lambda row: row["quality"] in ("ok", "junk") and row["bytes"] > 0)
    again = {row["record.offset"] for row in run.records if row["record.reason"] == "same_record"}
    return measure("pages read as documents", rows,
                   lambda row, document: document is not None or row["offset"] in again,
                   {"dirt": dirt}, where)  # fmt: skip


def charset_right(run: Run, warcs: Iterable[Path]) -> Result:
    """Pages decoded as they should be: by a charset of the same family, or to the same text."""
    rows = run.pages(lambda row: bool(row.get("charset_true")) and row["quality"] != "n/a")
    rows = [(row, document) for row, document in rows if document is not None]
    doubtful = {
        (row["url"], row["offset"])
        for row, document in rows
        if web_corpus.family(document["page.charset"] or "") != web_corpus.family(row["charset_true"])
    }
    offsets = {offset for _, offset in doubtful}
    bodies = {
        (member.url, member.offset): web_corpus.body(member.block)
        for path in warcs if doubtful
        for member in web_corpus.members(path) if member.offset in offsets
    }  # fmt: skip

    def right(row: Row, document: Row) -> bool:
        key = (row["url"], row["offset"])
        if key not in doubtful:
            return True
        body = bodies.get(key, b"")
        read = document["page.charset"]
        return bool(body and read) and web_corpus.decode(body, read) == web_corpus.decode(body, row["charset_true"])

    return measure("charset right", rows, right,
                   {"charset": lambda row, _: [row["charset_true"]], "dirt": dirt},
                   lambda row, document: where(row, document) | {"true": row["charset_true"],
                                                                 "read": document["page.charset"]})  # fmt: skip


def duplicates_found(run: Run) -> Result:
    """Pairs of exact duplicates in one cluster, of which at most one page is kept: a near copy may stand for both.

    Pairs of which a page was dropped before the election are not counted.
    """
    originals = {row["url"]: row for row in run.truth if not row.get("dup_of")}
    again = {row["record.offset"] for row in run.records if row["record.reason"] == "same_record"}
    rows: list[tuple[Row, Any]] = []
    early = 0
    for row in run.truth:
        first = originals.get(row.get("dup_of") or "")
        if first is None:
            continue
        pair = run.document(row), run.document(first)
        if any(one is not None and one["duplicates.cluster"] is None and not one["fate.kept"] for one in pair):
            early += 1
        else:
            rows.append((row, pair))

    def right(row: Row, pair: tuple[Row | None, Row | None]) -> bool:
        a, b = pair
        if a is None or b is None:
            return b is not None and row["offset"] in again
        if a["id"] == b["id"] or "same_record" in (a["fate.reason"], b["fate.reason"]):
            return not (a["fate.kept"] and b["fate.kept"])
        same = a["duplicates.cluster"] is not None and a["duplicates.cluster"] == b["duplicates.cluster"]
        return same and not (a["duplicates.kept"] and b["duplicates.kept"])

    note = f"{early} pairs were dropped before the election" if early else ""
    return measure("exact duplicates found", rows, right, {"dirt": dirt},
                   lambda row, pair: where(row, pair[0]) | {"dup_of": row["dup_of"]}, note)  # fmt: skip


def groups(truth: Iterable[Row]) -> dict[str, str]:
    """The URL that stands for all pages that the truth says are copies, near or exact, of one another."""
    head: dict[str, str] = {}

    def find(url: str) -> str:
        while (above := head.setdefault(url, url)) != url:
            url = above
        return url

    for row in truth:
        for other in (row.get("dup_of"), row.get("near_dup_of"), *(row.get("same_bytes_as") or ())):
            if other:
                head[find(row["url"])] = find(other)
    return {url: find(url) for url in list(head)}


def not_merged(run: Run) -> list[Result]:
    """Pages that stand in a cluster without being a copy of its kept page.

    The first result takes every such page as wrong, the second only those whose text differs from the kept one's, the
    third those that share less than ALIKE of the runs of five words with it.
    """
    group = groups(run.truth)
    sha256 = {(row["url"], row["offset"]): row["sha256"] for row in run.truth}
    by_id = {document["id"]: document for document in run.documents.values()}
    rows: list[tuple[Row, Any]] = []
    for row, document in run.pages(lambda row: row["quality"] != "n/a"):
        if document is not None:
            kept = by_id.get(document["duplicates.cluster"])
            rows.append((row, (document, kept)))

    def listed(row: Row, pair: tuple[Row, Row | None]) -> bool:
        kept = pair[1]
        if kept is None or sha256.get((kept["page.url"], kept["page.offset"])) == row["sha256"]:
            return True
        return group.get(row["url"], row["url"]) == group.get(kept["page.url"], kept["page.url"])

    def same(row: Row, pair: tuple[Row, Row | None]) -> bool:
        return listed(row, pair) or pair[0].get("text.text") == (pair[1] or {}).get("text.text")

    def alike(row: Row, pair: tuple[Row, Row | None]) -> bool:
        if same(row, pair):
            return True
        a, b = (set(shingles((one or {}).get("text.text") or "", 5, "word")) for one in pair)
        return len(a & b) >= ALIKE * len(a | b)

    def fault(row: Row, pair: tuple[Row, Row]) -> Row:
        return where(row, pair[0]) | {"kept": pair[1]["page.url"]}

    return [measure("not merged beyond the truth", rows, listed, {"dirt": dirt}, fault),
            measure("  or of the same text", rows, same, {"dirt": dirt}, fault),
            measure("  or of nearly the same text", rows, alike, {"dirt": dirt}, fault)]  # fmt: skip


def language_right(run: Run) -> Result:
    """Good pages of one language that are labelled with it; mixed and unknown ones are left out."""
    rows = run.pages(
        lambda row: row["quality"] == "ok" and not row.get("dup_of") and (row.get("lang") or "und").isalpha()
        and row.get("lang", "und") != "und"
    )  # fmt: skip
    rows = [(row, document) for row, document in rows if document is not None]

    def length(_: Row, document: Row) -> list[str]:
        size = len(document.get("text.text") or "")
        return [next(name for limit, name in LENGTHS if size < limit)]

    return measure("language right", rows, lambda row, document: document["language.label"] == row["lang"],
                   {"language": lambda row, _: [row["lang"]], "characters": length, "dirt": dirt}, where)  # fmt: skip


def junk_dropped(run: Run) -> Result:
    """Junk pages that are not kept, whatever the reason."""
    return measure("junk dropped", run.pages(lambda row: row["quality"] == "junk"),
                   lambda _, document: document is None or not document["fate.kept"],
                   {"dirt": dirt, "reason": lambda _, document: [reason(document)]}, where)  # fmt: skip


def reason(document: Row | None) -> str:
    return "no document" if document is None else document["fate.reason"] or "kept"


def good_kept(run: Run) -> Result:
    """Good pages, copies apart, that are kept, or whose place a kept page of their cluster takes."""
    kept = {document["id"] for document in run.documents.values() if document["fate.kept"]}
    rows = run.pages(lambda row: row["quality"] == "ok" and not row.get("dup_of") and not row.get("near_dup_of"))
    return measure(
        "good pages kept", rows,
        lambda _, document: document is not None and not kept.isdisjoint(
            (document["id"], document.get("duplicates.cluster"))
        ),
        {"language": lambda row, _: [row.get("lang") or "und"], "dirt": dirt,
         "reason": lambda _, document: [reason(document)]},
        where,
    )  # fmt: skip


def others_out(run: Run) -> Result:
    """Records that are no pages (errors, redirects, files, images) and so are not kept as documents."""
    known = [row for row in run.truth if row["quality"] == "n/a" and not any(d.startswith(EITHER) for d in row["dirt"])]
    rows = [(row, run.document(row)) for row in known]
    return measure("what is no page left out", rows, lambda _, document: document is None or not document["fate.kept"],
                   {"dirt": dirt, "kind": lambda row, _: [row["kind"]]}, where)  # fmt: skip


def word_f1(got: str, gold: str) -> float:
    """F1 in 0..1 of the words of two texts, as bags."""
    left, right = Counter(WORD.findall(got.lower())), Counter(WORD.findall(gold.lower()))
    if not left or not right:
        return float(not left and not right)
    return 2 * (left & right).total() / (left.total() + right.total())


def extraction(run: Run, gold: Sequence[Row]) -> tuple[Row, list[Result]]:
    """Mean and median word F1 of the extracted text, and the segments that must and must not be in it."""
    texts = {url: document.get("text.text") or "" for (url, _), document in run.documents.items()}
    truth = {row["url"]: row for row in run.truth}
    rows = [row | {"dirt": truth[row["url"]]["dirt"], "offset": 0} for row in gold if row["url"] in truth]
    scores: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        score = word_f1(texts.get(row["url"], ""), row["text"])
        for kind in ("all", *dirt(row, None), truth[row["url"]].get("lang") or "und"):
            scores[kind].append(score)
    f1 = {kind: {"pages": len(found), "mean": round(fmean(found), 4), "median": round(median(found), 4)}
          for kind, found in scores.items()}  # fmt: skip
    bare = {url: re.sub(r"\s+", "", text) for url, text in texts.items()}

    def holds(row: Row, segment: str) -> bool:
        return re.sub(r"\s+", "", segment) in bare.get(row["url"], "")

    def segments(name: str) -> list[tuple[Row, str]]:
        return [(row, segment) for row in rows for segment in row[name]]

    def fault(row: Row, segment: str) -> Row:
        return {"url": row["url"], "segment": segment[:200]}

    return f1, [
        measure("wanted segments in the text", segments("must_contain"), holds, {"dirt": dirt}, fault),
        measure("unwanted segments not in it", segments("must_not_contain"),
                lambda row, segment: not holds(row, segment), {"dirt": dirt}, fault),
    ]  # fmt: skip


def evaluate(out: Path, warcs: Sequence[Path], truths: Sequence[Path], gold: Path | None = None) -> Row:
    """All measures of a run: `results` (by name), `f1` when there is a gold text, `rows` counted."""
    run = web_corpus.load(out, truths)
    columns = set(next(iter(run.documents.values()), {}))
    results = [records_accounted(run, warcs), pages_found(run), charset_right(run, warcs)]
    if "language.label" in columns:
        results.append(language_right(run))
    if "duplicates.cluster" in columns:
        results += [duplicates_found(run), *not_merged(run)]
    results += [junk_dropped(run), good_kept(run), others_out(run)]
    f1: Row = {}
    if gold is not None and "text.text" in columns:
        f1, more = extraction(run, web_corpus.read_rows(gold))
        results += more
    counts = {"records": len(run.records), "documents": len(run.documents), "truth": len(run.truth)}
    counts["kept"] = sum(document["fate.kept"] for document in run.documents.values())
    return {"rows": counts, "results": {result.name.strip(): result.json() for result in results}, "f1": f1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the out folder of a finished run")
    parser.add_argument("--warc", type=Path, action="append", required=True, help="a WARC of it; may be repeated")
    parser.add_argument("--truth", type=Path, action="append", required=True, help="its truth; may be repeated")
    parser.add_argument("--gold", type=Path, help="main texts, for the extraction's F1")
    parser.add_argument("--by", action="append", default=[], help="dirt, language, charset, characters, reason, type")
    parser.add_argument("--json", type=Path, help="write everything there, faults too")
    options = parser.parse_args()
    measured = evaluate(options.out, options.warc, options.truth, options.gold)
    print(table(measured, options.by))
    if options.json:
        options.json.write_text(json.dumps(measured, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
