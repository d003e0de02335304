"""Shards by many senders and runs: the same bytes however samples travel, and a bounded number of what travels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from core.hashing import ID_TYPE, digest
from pipelines import partitions, shard_exchange, shard_plan
from pipelines.chunks import in_order, orders_of, with_order
from pipelines.exchange import Pointer
from pipelines.shard_plan import Sender, sender_of, shards_a_run
from pipelines.tasks import Inline
from sharding.order import argsort, samples_of
from tests.pipelines.runs import hashes, recipe, small_run

SETTINGS = ("output.text.samples=7", "input.part=100kB")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("plain") / "out"
    small_run(out, recipe(settings=SETTINGS))
    return hashes(out, "shards")


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What tasks emit, by kind."""
    found: dict[str, list[Any]] = {}
    inner = Inline.run

    def run(self: Inline, tasks: Any) -> Any:
        for task, result in inner(self, tasks):
            found.setdefault(task.kind, []).extend(result.get("emit", []))
            yield task, result

    monkeypatch.setattr(Inline, "run", run)
    return found


@pytest.mark.parametrize(
    ("senders", "runs", "slab", "slabs"), [(4096, 4096, 1, 8), (4096, 4, 1, 1), (2, 2, 1, 2), (1, 1, 20_000, 1), (3, 4096, 1, 0)]
)
def test_the_same_shards_however_samples_travel(
    tmp_path: Path, plain: dict[str, str], monkeypatch: pytest.MonkeyPatch, emitted: dict[str, list[Any]],
    senders: int, runs: int, slab: int, slabs: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(shard_plan, "MOST_SENDERS", senders)
    monkeypatch.setattr(partitions, "MOST_GROUPS", runs)
    monkeypatch.setattr(shard_exchange, "MOST_SLAB_BYTES", slab)
    monkeypatch.setattr(shard_exchange, "MOST_SLABS", slabs)
    small_run(tmp_path / "out", recipe(settings=SETTINGS))
    assert hashes(tmp_path / "out", "shards") == plain
    assert len(emitted["plan_shards"]) <= senders
    keys = {json.dumps(key) for key, _ in emitted["send_samples"]}
    assert len(keys) <= runs + 1  # each split ends with a run that may not be full
    if slabs < 8:
        assert len(emitted["send_samples"]) <= len(emitted["plan_shards"]) * len(keys)
    else:
        assert len(emitted["send_samples"]) > len(keys) * 2


def test_slabs_are_put_together_up_to_a_size(
    tmp_path: Path, plain: dict[str, str], monkeypatch: pytest.MonkeyPatch, emitted: dict[str, list[Any]]
) -> None:
    monkeypatch.setattr(shard_exchange, "MOST_SLAB_BYTES", 1)
    monkeypatch.setattr(shard_exchange, "MOST_SLABS", 2)
    monkeypatch.setattr(shard_exchange, "MERGED_BYTES", 20_000)
    small_run(tmp_path / "out", recipe(settings=SETTINGS))
    assert hashes(tmp_path / "out", "shards") == plain
    sizes = [Pointer.from_json(pointer).size for _, pointer in emitted["send_samples"]]
    assert 5_000 < np.mean(sizes) < 40_000


def test_another_output_from_its_counts_alone(tmp_path: Path, plain: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_plan, "MOST_SENDERS", 2)
    small_run(tmp_path / "out", recipe(settings=("output.text.samples=9", "input.part=100kB")))
    small_run(tmp_path / "out", recipe(settings=SETTINGS))  # fates are there: the pipeline begins with the senders
    assert hashes(tmp_path / "out", "shards") == plain


def test_parts_have_senders_of_their_own_until_they_are_many() -> None:
    names = [f"crawl/part-{i:06d}" for i in range(20_000)]
    assert [sender_of(name, 4096) for name in names[:4096]] == names[:4096]
    senders = [sender_of(name, len(names)) for name in names]
    assert 4000 < len(set(senders)) <= 4096
    assert senders == [sender_of(name, 1_000_000) for name in names]


@pytest.mark.parametrize(
    ("shards", "samples", "most", "run"),
    [
        (0, 10_000, 4096, 1), (4096, 10_000, 4096, 1), (4097, 10_000, 4096, 2), (1000, 10_000, 512, 2), (75_000, 10_000, 4096, 19),
        (10**6, 100_000, 4096, 40), (9000, 10**7, 4096, 1),
    ],
)
def test_runs_of_shards(shards: int, samples: int, most: int, run: int) -> None:
    assert shards_a_run(shards, samples, most) == run


def test_a_sender_travels_as_json() -> None:
    end = (2**64 - 1, 0, 5, 1)
    sender = Sender(("a", "b"), {"0": ["x", 0, 8, 1]}, ["c", 0, 8, 2], (3, 1), 19, ("p", "q"), ["o", 0, 8, 3], end)
    assert Sender.from_json(json.loads(json.dumps(sender.to_json()))) == sender


def test_pieces_are_merged_in_order() -> None:
    payload = pa.table({"id": pa.array([digest(str(i)) for i in range(300)], ID_TYPE), "text": [f"t{i}" for i in range(300)]})
    samples = samples_of(payload.column("id").combine_chunks(), np.arange(300) % 3, 5)
    where = np.random.default_rng(0).integers(0, 4, len(samples))
    pieces = [with_order(payload, samples.rows[where == i], samples.orders[where == i]) for i in range(4)]
    merged = in_order(pieces)
    assert merged.equals(with_order(payload, samples.rows, samples.orders))
    assert (argsort(orders_of(merged)) == np.arange(len(samples))).all()
