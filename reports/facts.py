"""What the report says of a run that no layer holds: its recipe, versions, outputs and times.

`RunFacts` and `Output` are functions of recipe and input; what a clock or a machine decides is in `Timing`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RunFacts:
    """The run: the recipe's name and text, the versions of what computed it, its inputs as the user wrote them.

    `versions`: name → version ("web2shards" → "0.1.0", "scorer gopher" → "3"). `settings`: more of the same kind
    for the report's foot ("seed" → "0").
    """

    name: str
    recipe: str = ""
    versions: dict[str, str] = field(default_factory=dict[str, str])
    inputs: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Output:
    """One split of one output: shards, samples and bytes. `path` is relative to the out folder.

    `table` names the table whose kept rows it holds, each as often as `repeat` says; the sums are checked
    against it. Empty: not checked.
    """

    name: str
    split: str
    format: str
    path: str
    shards: int
    samples: int
    bytes: int
    table: str = ""


@dataclass(frozen=True)
class ScorerTime:
    """Seconds that a scorer ran, over all workers, and the rows it scored."""

    name: str
    seconds: float
    rows: int


@dataclass(frozen=True)
class Timing:
    """When the run was and how long it took. `started`, `finished`: ISO 8601; `seconds`: by the wall clock."""

    started: str = ""
    finished: str = ""
    seconds: float | None = None
    workers: int | None = None
    runner: str = ""
    scorers: tuple[ScorerTime, ...] = ()
    passes: tuple[ScorerTime, ...] = ()
