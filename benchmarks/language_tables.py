"""RESULTS.md's table of language identification, made of results/language.json (language.py)."""

from __future__ import annotations

from typing import Any

from goals import Goal, ratio

Row = dict[str, Any]
#: The set that nothing was learned or chosen from.
FRESH = "fresh"


def lengths(result: Row) -> tuple[list[str], list[list[str]]]:
    """Header and rows: ours and the bare model's macro accuracy on fresh sentences, whole and cut."""
    header = ["Language of fresh sentences", "sentences", "languages", "macro accuracy", result["model"], "worse by a point"]
    rows = [
        [
            f"{row['length']} characters" if row["length"] else "whole", f"{row['texts']:,}", str(row["languages"]),
            f"{100 * row['ours']:.1f}%", f"{100 * row['bare']:.1f}%", str(row["worse by more than .01"]),
            f"{100 * row['false und']:.2f}%",
        ]
        for row in result["accuracy"] if row["set"] == FRESH
    ]  # fmt: skip
    return [*header, "lost"], rows


def goals(result: Row) -> list[Goal]:
    """What was wanted beside the bare model, which is to be better nowhere, and of what is no language."""
    measured: list[Row] = result["accuracy"]
    fresh = {row["length"]: row for row in measured if row["set"] == FRESH}
    over = {length: ratio(row["ours"], row["bare"]) for length, row in fresh.items()}
    worse = max((row["worse by more than .01"] for row in fresh.values()), default=None)
    lost = max((row["false und"] for row in measured), default=None)
    least = min(result["und recall"].values(), default=None)
    return [
        Goal("macro accuracy on fresh sentences against the bare model's, whole sentences", 1, over.get(0), "×", least=True),
        Goal("macro accuracy on fresh sentences against the bare model's, 20 characters", 1, over.get(20), "×", least=True),
        Goal("languages worse by more than a point, at the worst length of fresh sentences", 0, worse, ""),
        Goal("what is no language told as `und`, the worst kind", 95, None if least is None else 100 * least, "%", least=True),
        Goal("sentences lost as no language, the worst set and length", 1, None if lost is None else 100 * lost, "%"),
    ]
