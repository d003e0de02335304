"""Whether the numbers of `stats.json` add up: every record of the input is a document or has a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import CheckError
from reports.publish import error_reason

Json = Mapping[str, Any]


def verify(stats: Json) -> list[str]:
    """What does not add up, a sentence each; empty if all does."""
    problems = list(_records(stats))
    for table in stats["tables"]:
        problems += [f"{table['name']}: {problem}" for problem in _table(table)]
    return problems + list(_outputs(stats))


def ensure(stats: Json) -> None:
    """Raises CheckError if the numbers do not add up."""
    problems = verify(stats)
    if problems:
        raise CheckError(
            "the report's numbers do not add up: " + "; ".join(problems[:5]),
            "the layers of this run disagree: run `web2shards check`, then run the recipe again; "
            "if that does not mend it, please report it with stats.json",
        )


def _equal(what: str, left: int, right: int) -> Iterator[str]:
    if left != right:
        yield f"{what}: {left:,} is not {right:,}"


def _records(stats: Json) -> Iterator[str]:
    records = stats["records"]
    if records is None:
        return
    if records["one_in"] == 1:
        counted = sum(row["records"] for row in records["reasons"])
        yield from _equal("records by reason and the input's records", counted, records["total"])
        pages = sum(row["records"] for row in records["reasons"] if not row["reason"])
        yield from _equal("records without a reason and pages", pages, records["pages"])
    for table in stats["tables"]:
        if table["name"] == "documents":
            yield from _equal("pages among the records and documents", records["pages"], table["total"])


def _table(table: Json) -> Iterator[str]:
    total, kept = table["total"], table["kept"]
    yield from _equal("kept and dropped by reason, and all", kept + sum(table["reasons"].values()), total)
    left = total - sum(table["apart"].values())
    for rule in table["rules"]:
        yield from _equal(f"alive before {rule['reason']}", rule["before"], left)
        left -= rule["dropped"]
        yield from _equal(f"left after {rule['reason']}", rule["left"], left)
    yield from _equal("left after the last rule, and kept", left, kept)
    tokens = table.get("tokens")  # a report of before there were any has none
    if tokens is not None:
        left = tokens["total"] - sum(tokens["apart"].values())
        for rule in table["rules"]:
            left -= rule["tokens"]["dropped"]
            yield from _equal(f"tokens left after {rule['reason']}", rule["tokens"]["left"], left)
        yield from _equal("tokens left after the last rule, and kept", left, tokens["kept"])
    if table["disagreeing"]:
        yield f"{table['disagreeing']:,} rows have another fate than their rules give them"
    for error in table["errors"]:
        reason = error_reason(error["scorer"])
        yield from _equal(f"rows with {reason}", error["records"], table["reasons"].get(reason, 0))
    for column in table["columns"]:
        if column["kind"] == "histogram":
            for side, whole in (("all", total), ("kept", kept)):
                ends = sum(column[part][side] for part in ("below", "above", "nulls", "not_finite"))
                yield from _equal(f"{column['name']} ({side})", sum(column[side]) + ends, whole)
        else:
            yield from _facet(column["name"], column["values"], total, kept)
    for name, facet in table["facets"].items():
        yield from _facet(name, facet, total, kept)


def _facet(name: str, facet: Json, total: int, kept: int) -> Iterator[str]:
    if facet["one_in"] > 1:
        return
    for side, whole in (("all", total), ("kept", kept)):
        counted = sum(row[side] for row in facet["values"]) + facet["nulls"][side] + facet["rest"][side]
        yield from _equal(f"by {name} ({side})", counted, whole)


def _outputs(stats: Json) -> Iterator[str]:
    repeats = {table["name"]: table["repeat"] for table in stats["tables"]}
    written: dict[tuple[str, str], int] = {}
    for output in stats["outputs"]:
        if output["table"]:
            key = output["name"], output["table"]
            written[key] = written.get(key, 0) + output["samples"]
    for (name, table), samples in sorted(written.items()):
        samples += sum(stats.get("left_out", {}).get(name, {}).values())
        what = f"samples of the output {name}, with those left out, and rows of {table} to write"
        yield from _equal(what, samples, repeats.get(table, 0))
