"""The order of turns, with time as a number: pace, caps of host and address, and that no job is lost."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.fetching import FetchSettings, Job
from ingest.fetching.hosts import Hop, Host, Turns
from ingest.fetching.urls import target_of


def hop(index: int, host: str) -> Hop:
    return Hop(Job(index, f"http://{host}/{index}"), target_of(f"http://{host}/{index}", FetchSettings()))


def never(_: Host, __: Hop) -> bool:
    return False


def resolve(turns: Turns, address: str = "") -> None:
    while turns.unresolved:
        host = turns.unresolved.popleft()
        turns.resolved(host, address or host.name)


def taken(turns: Turns, now: float) -> list[int]:
    found: list[int] = []
    while (turn := turns.take(now, never)) is not None:
        found.append(turn[1].job.index)
    return found


def test_a_host_is_asked_in_order_at_its_pace() -> None:
    turns = Turns(FetchSettings(host_interval_seconds=2.0, per_host=8))
    for i in range(3):
        turns.add(hop(i, "a.example"))
    assert turns.take(0.0, never) is None  # its address is not known
    resolve(turns)
    host = turns.host("a.example")
    host.answered = True
    assert taken(turns, 10.0) == [0]
    assert turns.next_at() == 12.0
    assert taken(turns, 11.9) == []
    assert taken(turns, 12.0) == [1]
    host.next_at = 100.0  # it asks to be left alone
    assert taken(turns, 50.0) == []
    assert taken(turns, 100.0) == [2]


def test_a_host_that_has_not_answered_is_asked_one_thing_at_a_time() -> None:
    turns = Turns(FetchSettings(host_interval_seconds=0.0, per_host=2))
    for i in range(4):
        turns.add(hop(i, "a.example"))
    resolve(turns)
    host = turns.host("a.example")
    assert taken(turns, 0.0) == [0]
    host.answered = True
    turns.done(host)
    assert taken(turns, 0.0) == [1, 2]
    turns.done(host)
    assert taken(turns, 0.0) == [3]


def test_hosts_at_one_address_share_a_cap() -> None:
    turns = Turns(FetchSettings(host_interval_seconds=0.0, per_address=2))
    for i in range(5):
        turns.add(hop(i, f"h{i}.example"))
    resolve(turns, "8.8.8.8")
    assert taken(turns, 0.0) == [0, 1]
    turns.add(hop(5, "other.example"))
    resolve(turns)
    assert taken(turns, 0.0) == [5]
    for i in range(3):
        turns.done(turns.host(f"h{i}.example"))
        assert taken(turns, 0.0) == [2 + i]


def test_a_host_whose_jobs_are_gone_passes_its_room_on() -> None:
    turns = Turns(FetchSettings(host_interval_seconds=0.0, per_address=1))
    for i in range(4):
        turns.add(hop(i, f"h{i}.example"))
    resolve(turns, "8.8.8.8")
    assert taken(turns, 0.0) == [0]
    assert [h.job.index for h in turns.drain(turns.host("h1.example"))] == [1]
    turns.done(turns.host("h0.example"))
    found = turns.take(0.0, lambda host, _: host.name == "h2.example")  # settled without a request
    assert found is not None
    assert found[1].job.index == 3
    assert turns.held == 0


def test_a_later_try_does_not_hold_up_the_rest() -> None:
    turns = Turns(FetchSettings(host_interval_seconds=0.0, per_host=4))
    turns.add(hop(0, "a.example"))
    resolve(turns)
    host = turns.host("a.example")
    host.answered = True
    assert taken(turns, 0.0) == [0]
    turns.add(hop(0, "a.example"), at=30.0)
    turns.done(host)
    assert turns.next_at() == 30.0
    turns.add(hop(1, "a.example"))
    turns.add(hop(2, "a.example"), first=True)
    assert taken(turns, 1.0) == [2, 1]
    assert taken(turns, 30.0) == [0]


def test_hosts_that_have_begun_come_before_new_ones() -> None:
    turns = Turns(FetchSettings(host_interval_seconds=0.0, per_host=1))
    for i in range(4):
        turns.add(hop(i, "a.example"))
    turns.add(hop(9, "b.example"))
    resolve(turns)
    order: list[int] = []
    while (turn := turns.take(0.0, never)) is not None:
        order.append(turn[1].job.index)
        turns.done(turn[0])
    assert order == [0, 1, 2, 3, 9]


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 3), st.sampled_from([0.0, 0.5, 3.0]))
@settings(max_examples=100, deadline=None)
def test_every_job_has_its_turn_and_no_cap_is_passed(seed: int, per_host: int, per_address: int, interval: float) -> None:
    draw = random.Random(seed)
    turns = Turns(FetchSettings(per_host=per_host, per_address=per_address, host_interval_seconds=interval))
    addresses = {f"h{i}.example": f"8.8.8.{draw.randrange(3)}" for i in range(8)}
    left = 60
    under_way: list[Host] = []
    done: list[int] = []
    last: dict[str, float] = {}
    now = 0.0
    while left or turns.held or under_way:
        for _ in range(min(left, draw.randrange(6))):
            left -= 1
            turns.add(hop(left, draw.choice(list(addresses))))
        while turns.unresolved:
            host = turns.unresolved.popleft()
            turns.resolved(host, addresses[host.name])
        while (turn := turns.take(now, lambda _, h: h.job.index % 7 == 0 and not done.append(h.job.index))) is not None:
            host, taken_hop = turn
            assert now >= last.get(host.name, -100.0) + interval
            last[host.name] = now
            under_way.append(host)
            if draw.random() < 0.1:
                turns.add(taken_hop, at=now + draw.random() * 5)
            else:
                done.append(taken_hop.job.index)
            for name, address in addresses.items():
                assert sum(h.name == name for h in under_way) <= per_host
                assert sum(addresses[h.name] == address for h in under_way) <= per_address
        if under_way and draw.random() < 0.7:
            host = under_way.pop(draw.randrange(len(under_way)))
            host.answered = True
            turns.done(host)
        elif not under_way and turns.held:
            at = turns.next_at()
            assert at is not None
            now = max(now, at)
        else:
            now += draw.random()
    assert sorted(done) == list(range(60))
    assert turns.held == 0
    assert turns.begun == 0


def test_hosts_without_work_are_forgotten_beyond_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.fetching.hosts.REMEMBERED", 10)
    turns = Turns(FetchSettings())
    for i in range(100):
        turns.add(hop(i, f"h{i}.example"))
        resolve(turns)
        turn = turns.take(0.0, never)
        assert turn is not None
        turn[0].given_up = ("host_busy", "")
        turns.done(turn[0])
    assert turns.host("h99.example").given_up is not None
    assert turns.host("h5.example").given_up is None
