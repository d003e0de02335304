"""What each rule dropped and what it would have dropped alone, from the verdicts of all rules.

A record's reason is the first rule that it fails; the counts here are made from the verdicts and compared with
the reasons, so that a fate that disagrees with its rules is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reports.plan import RulePlan

NOT_SCORED = "not_scored"
#: Reasons come from recipes and code, so more than this is a mistake.
MOST_REASONS = 10_000

#: The counts of a rule. `dropped`: first failed here; `not_scored`: those of them without a verdict; `judged`
#: and `failed`: over all rows with a verdict; `only`: failed, and no other rule that judged the row failed it;
#: `audit_judged` and `audit_failed`: over the audit sample.
MEASURES = ("dropped", "not_scored", "judged", "failed", "only", "audit_judged", "audit_failed")

Bools = npt.NDArray[np.bool_]
TRUE, FALSE, NULL = 1, 0, -1


class RuleCounts:
    """Counts by rule and by reason; mergeable in any order."""

    def __init__(self, rules: Sequence[RulePlan]) -> None:
        self.reasons_of_rules = [rule.reason for rule in rules]
        self.table = np.zeros((len(rules), len(MEASURES)), np.int64)
        self.reasons: dict[str, int] = {}
        #: Reasons of records that no rule dropped: same_record, error:<scorer>, …
        self.apart: dict[str, int] = {}
        self.disagreeing = 0

    def update(
        self, reason: pa.Array, kept: Bools, verdicts: Sequence[pa.Array], audit: Bools
    ) -> npt.NDArray[np.int64]:
        """Adds rows; returns what dropped each: a rule's index, the number of rules if kept, -1 if something else."""
        n, rules = len(kept), len(self.reasons_of_rules)
        verdict = np.empty((rules + 1, n), np.int8)
        for i, column in enumerate(verdicts):
            filled = np.asarray(column.fill_null(False)).astype(np.int8)
            verdict[i] = np.where(np.asarray(column.is_null()), NULL, filled) if column.null_count else filled
        verdict[rules] = FALSE
        first = np.argmax(verdict != TRUE, axis=0)
        verdict = verdict[:rules]

        encoded = reason.fill_null("").dictionary_encode()
        names: list[str] = encoded.dictionary.to_pylist()
        code = np.asarray(encoded.indices, dtype=np.int64)
        dropper = np.full(n, -1, np.int64)
        for value, name in enumerate(names):
            rows = code == value
            dropper[rows] = self._dropper(name, first[rows], verdict[:, rows])
            if name:
                # A kept record with a reason is counted as dropped, which the sums will show.
                self._count(self.reasons, name, int(rows.sum()))
                outside = int((rows & (dropper < 0)).sum())
                if outside:
                    self._count(self.apart, name, outside)
            self.disagreeing += int((kept[rows] != (name == "")).sum())
        self._measure(verdict, dropper, audit)
        return dropper

    def _dropper(self, name: str, first: npt.NDArray[np.int64], verdict: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        rules = len(self.reasons_of_rules)
        if not name:
            self.disagreeing += int((first != rules).sum())
            return np.full(len(first), rules, np.int64)
        if name != NOT_SCORED and name not in self.reasons_of_rules:
            return np.full(len(first), -1, np.int64)
        named = np.array([reason == name for reason in (*self.reasons_of_rules, "")])
        blank = np.vstack([verdict == NULL, np.zeros((1, len(first)), np.bool_)])
        agrees = blank[first, np.arange(len(first))] if name == NOT_SCORED else named[first]
        self.disagreeing += int((~agrees).sum())
        instead = -1 if name == NOT_SCORED else self.reasons_of_rules.index(name)
        return np.where(agrees, first, instead)

    def _count(self, counts: dict[str, int], name: str, n: int) -> None:
        counts[name] = counts.get(name, 0) + n
        if len(counts) > MOST_REASONS:
            raise ValueError(f"more than {MOST_REASONS} reasons; the last was {name[:100]!r}")

    def _measure(self, verdict: npt.NDArray[np.int8], dropper: npt.NDArray[np.int64], audit: Bools) -> None:
        rules = len(self.reasons_of_rules)
        failed = verdict == FALSE
        judged = verdict != NULL
        alone = failed.sum(axis=0) == 1
        by_rule = np.bincount(dropper[(dropper >= 0) & (dropper < rules)], minlength=rules)
        at = np.flatnonzero((dropper >= 0) & (dropper < rules))
        blank = at[verdict[dropper[at], at] == NULL]
        columns = (
            by_rule,
            np.bincount(dropper[blank], minlength=rules),
            judged.sum(axis=1),
            failed.sum(axis=1),
            (failed & alone).sum(axis=1),
            (judged & audit).sum(axis=1),
            (failed & audit).sum(axis=1),
        )
        self.table += np.stack(columns, axis=1).astype(np.int64)

    def merge(self, other: RuleCounts) -> None:
        self.table += other.table
        for mine, theirs in ((self.reasons, other.reasons), (self.apart, other.apart)):
            for name, n in theirs.items():
                self._count(mine, name, n)
        self.disagreeing += other.disagreeing

    def of(self, rule: int) -> dict[str, int]:
        """The counts of a rule by the names of MEASURES."""
        return dict(zip(MEASURES, self.table[rule].tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        return {
            "table": self.table.tolist(),
            "reasons": dict(sorted(self.reasons.items())),
            "apart": dict(sorted(self.apart.items())),
            "disagreeing": self.disagreeing,
        }

    @classmethod
    def from_json(cls, rules: Sequence[RulePlan], value: Mapping[str, Any]) -> RuleCounts:
        self = cls(rules)
        self.table = np.array(value["table"], np.int64).reshape(self.table.shape)
        self.reasons = dict(value["reasons"])
        self.apart = dict(value["apart"])
        self.disagreeing = value["disagreeing"]
        return self
