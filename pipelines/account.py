"""What a run did, layer by layer: what was there already, what was carried over or computed, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Before the name of an output.
SHARDS = "shards/"


@dataclass
class Done:
    """Of one layer or pass of a table: `computed` names the parts that were done, of `parts` there are, each with its reason;
    `rows` were computed in them, and `carried` taken over by id."""

    table: str
    name: str
    parts: int = 0
    computed: dict[str, str] = field(default_factory=dict[str, str])
    rows: int = 0
    carried: int = 0

    @property
    def reused(self) -> int:
        """The parts that were there already."""
        return self.parts - len(self.computed)

    @property
    def why(self) -> str:
        """The reasons, those of most parts first."""
        told = list(self.computed.values())
        ranked = sorted(set(told), key=lambda reason: (-told.count(reason), reason))
        return "; ".join(ranked)


class Account:
    """The layers and passes of a run in the order in which it came to them."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, str], Done] = {}

    @property
    def done(self) -> tuple[Done, ...]:
        return tuple(self._done.values())

    def add(
        self, table: str, name: str, parts: int, computed: Mapping[str, str] | Iterable[tuple[str, str]] = (), rows: int = 0,
        carried: int = 0,
    ) -> None:  # fmt: skip
        """So many parts there are of a layer, and those were `computed`; what is told twice, as when a damaged file was
        found on the way, adds up."""
        done = self._done.setdefault((table, name), Done(table, name))
        done.parts = parts
        done.computed |= dict(computed)
        done.rows += rows
        done.carried += carried
