"""The figures of runbooks/capacity.md."""

from __future__ import annotations

import capacity
from machine import load


def test_the_page_has_what_the_results_say() -> None:
    found = load("capacity")
    assert found is not None
    page = capacity.PAGE.read_text(encoding="utf-8")
    assert capacity.rendered(page, capacity.Costs(**found["costs"])) == page


def test_what_grows_with_the_dumps() -> None:
    costs = capacity.Costs(
        pages=1000, input_bytes=10_000_000, kept=250, bands=14, dedup_ways=2,
        core_seconds={"extract and score": 3.0, "find duplicates": 0.1, "decide fates": 0.1, "write text": 0.1},
        layer_bytes={"documents/page": 1000, "documents/text": 3_000_000}, statistics_bytes_a_part=300_000,
        shard_bytes=2_000_000, signature_core_seconds=1e-5,
    )  # fmt: skip
    one, ten = ({row["pass"]: row for row in capacity.passes(costs, dumps)} for dumps in (1, 10))
    assert one["extract and score"]["low"] == capacity.PAGES * 3e-3 / 3600
    assert ten["extract and score"]["high"] == 10 * one["extract and score"]["high"]
    assert one["find duplicates"]["pointers"] < 2e8 < 40 * one["find duplicates"]["pointers"] < ten["find duplicates"]["pointers"]
    assert ten["write shards"]["pointers"] < 11 * one["write shards"]["pointers"]  # senders × runs of shards
