"""RESULTS.md's table of extraction, made of results/extraction.json (extraction/compare.py)."""

from __future__ import annotations

from typing import Any

from goals import Goal

Row = dict[str, Any]


def engines(result: Row) -> tuple[list[str], list[list[str]]]:
    """Header and rows: word F1 over all pages and by type, precision, recall, time as a share of resiliparse's."""
    found: Row = result["engines"]
    types = [kind for kind in found["resiliparse"]["scores"] if kind != "all"]
    header = ["Main text of pages, word F1", "all", "precision", "recall", *types, "time", "older news", "manuals kept", "left"]
    rows: list[list[str]] = []
    for name, row in sorted(found.items(), key=lambda item: -item[1]["scores"]["all"][0]):
        news, books = result["older"].get(name), result["manuals"].get(name)
        rows.append([
            name, *(_share(x) for x in row["scores"]["all"]), *(_share(row["scores"][kind][0]) for kind in types),
            f"{row['ratio']:.2f}×" if row["ratio"] < 10 else f"{row['ratio']:.0f}×", _share(news["F1"]) if news else "–",
            *((_share(books["kept"]), _share(books["left"])) if books else ("–", "–")),
        ])  # fmt: skip
    return header, rows


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def goals(result: Row) -> list[Goal]:
    """What was wanted of the extractor in cross-validation."""
    found: Row = result["engines"]
    full, fast = found["web2shards"], found["web2shards-fast"]
    news, books = result["older"]["web2shards"], result["manuals"]["web2shards"]
    of_fast = result["manuals"]["web2shards-fast"]
    return [
        Goal("word F1 on WCXB's development pages, cross-validated", 88.0, 100 * full["scores"]["all"][0], "%", least=True),
        Goal("time of web2shards as a share of resiliparse's", 1.0, full["ratio"], "×"),
        Goal("word F1 of web2shards-fast, cross-validated", 87.2, 100 * fast["scores"]["all"][0], "%", least=True),
        Goal("time of web2shards-fast as a share of resiliparse's", 0.5, fast["ratio"], "×"),
        Goal("F1 of marked segments of older pages, cross-validated", 92, 100 * news["F1"], "%", least=True),
        Goal("marked text of manuals that is kept, cross-validated", 98, 100 * books["kept"], "%", least=True),
        Goal("marked boilerplate of manuals that is left, cross-validated", 2, 100 * books["left"], "%"),
        Goal("marked boilerplate of manuals that web2shards-fast leaves, cross-validated", 2, 100 * of_fast["left"], "%"),
    ]
