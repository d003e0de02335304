"""RESULTS.md's tables of classifiers, masks, repeated lines and evaluation sets, and of all stages together.

Made of results/quality.json, pii.json, paragraphs.json and all_stages.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goals import Goal, ratio, value_at

Row = dict[str, Any]
#: Files of results, by the name that a table's caption has for them.
STEPS = ("quality", "pii", "paragraphs")
#: What is compared: a row's name, the file, ours in it, and by peer the names of theirs that do the same.
COMPARED: tuple[tuple[str, str, str, Mapping[str, str]], ...] = (
    ("classifier, fastText with DCLM's settings", "quality", "quality (fastText, DCLM's settings)",
     {"datatrove": "FastTextClassifierFilter"}),
    ("classifier, logistic regression", "quality", "quality (linear, 2 ** 14 buckets)", {}),
    ("e-mail and IP addresses masked", "pii", "pii, emails and ips as FineWeb",
     {"datatrove": "PIIFormatter", "Data-Juicer": "clean_email_mapper, clean_ip_mapper"}),
    ("all kinds of personal data masked", "pii", "pii", {}),
    ("flagged words", "pii", "flagged_words", {"Data-Juicer": "flagged_words_filter"}),
    ("lines that stand on several pages", "paragraphs", "paragraphs: lines", {}),
    ("three lines in a row", "paragraphs", "paragraphs: 3 lines in a row", {"datatrove": "sentence dedup, 3 lines"}),
    ("13-grams of evaluation sets", "paragraphs", "decontaminate: 13 words", {"datatrove": "n-gram decontamination"}),
)  # fmt: skip
PEERS = ("datatrove", "Data-Juicer")
NONE = "–"
OURS, THEIRS = "web2shards", "datatrove, trafilatura"


def _median(part: Row, name: str) -> float | None:
    return value_at(part, "median_microseconds_a_document", name)


def steps(found: Mapping[str, Row]) -> tuple[list[str], list[list[str]]]:
    """Microseconds a document, ours and theirs, and how many times ours theirs is."""
    rows: list[list[str]] = []
    for title, file, name, peers in COMPARED:
        ours = _median(found.get(file, {}), name)
        if ours is None:
            continue
        cells = [title, f"{ours:.0f}"]
        for peer in PEERS:
            theirs = value_at(found[file], "peers", peer, "median", peers[peer]) if peer in peers else None
            cells.append(f"{theirs:,.0f} ({theirs / ours:.1f}×)" if theirs else NONE)
        rows.append(cells)
    return ["Curation of a text, µs a document", OURS, *PEERS], rows


def goals(found: Mapping[str, Row]) -> list[Goal]:
    """What was wanted of a classifier and of masks."""
    classifier = _median(found.get("quality", {}), "quality (fastText, DCLM's settings)")
    return [
        Goal("a classifier applied to a text", 300, classifier, " µs"),
        Goal("all kinds of personal data masked in a text", 100, _median(found.get("pii", {}), "pii"), " µs"),
    ]


def stages(result: Row) -> tuple[list[str], list[list[str]]]:
    """One run with every stage of the text side, over the damaged crawl and over the longer ones."""
    rows: list[list[str]] = []
    for name, runs in result["runs"].items():
        median = result["medians"][name]
        if "crashed" in median:
            rows.append([name, NONE, "crashed", NONE, NONE, NONE])
            continue
        rows.append([
            name, f"{runs[0]['pages']:,}", f"{median['documents_a_second']:.0f}", f"{median['cpu_ms_a_page']:.1f}",
            f"{median['peak_pss_mb']:,.0f}", f"{runs[0]['documents_kept']:,}",
        ])  # fmt: skip
    return ["All stages of the text side", "pages", "documents/s", "CPU ms a page", "peak MB", "kept"], rows


def _slope(result: Row, name: str) -> float | None:
    return value_at(result, "growth", name, "seconds_a_page")


def growth(result: Row) -> list[str]:
    """What a page costs beside start-up."""
    told = [
        f"{name} {grown['start_up_seconds']:.1f} s and {1e3 * grown['seconds_a_page']:.2f} ms a page"
        for name in (OURS, "datatrove")
        if (grown := value_at(result, "growth", name))
    ]
    return [f"By its runs on a short and a long crawl (start-up, then each page): {'; '.join(told)}."] if told else []


def stage_goals(result: Row) -> list[Goal]:
    """Twenty times the documents a second, start-up in both; and the same of what a page costs beside it."""
    rates = [value_at(result, "medians", name, "documents_a_second") for name in (OURS, THEIRS)]
    name = "documents/s of datatrove with Trafilatura, all stages, damaged crawl"
    beside = ratio(_slope(result, "datatrove"), _slope(result, OURS))
    return [
        Goal(name, 20, ratio(rates[0], rates[1]), "×", least=True),
        Goal("documents/s of datatrove with Trafilatura, all stages, by the slope beside start-up", 20, beside, "×", least=True),
    ]
