"""What a run does for `input: {crawl: …}`: rounds in which groups of hosts are crawled and send on what they lead to in others.

A round crawls all that its groups know of; a link into another group is followed in the next one. A link is one step further
from a seed, so that there are hardly more rounds than the crawl is deep.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from core.errors import StorageError
from pipelines.context import Context
from pipelines.crawl_tasks import SEEDS, group_name
from pipelines.crawled_group import State, outcomes_of, path_of, read_state
from pipelines.partitions import power
from pipelines.passes import Passes
from pipelines.plan import fingerprint
from pipelines.progress import Pass

Json = dict[str, Any]
NAME = "crawl"
#: Groups of hosts, of so many hosts of seeds each: a power of two, which a crawl keeps.
FEWEST_GROUPS, MOST_GROUPS, GROUP_HOSTS = 4, 1024, 256
#: Redirects from host to host need no depth: so many rounds more, then they are left to the next run.
MORE_ROUNDS = 4
_ABOUT = "crawl.json"


class CrawlRun:
    """The crawl of a recipe, as its out folder has it (`pipelines.got_input.GotInput`)."""

    name = NAME

    def __init__(self, context: Context) -> None:
        crawl = context.recipe.input.crawl
        assert crawl is not None
        self._context, self._crawl = context, crawl
        self._settings = crawl.settings(context.recipe.seed)
        self._asked = 0
        self._about: Json = self._read_about()
        if self._about:
            self._require_same()
        self.look()

    def look(self) -> None:
        """Looks at what there is."""
        store = self._context.store
        numbers = range(int(self._about.get("groups", 0)))
        found = {number: read_state(store, group_name(len(numbers), number)) for number in numbers}
        self._states: dict[int, State] = {number: state for number, state in found.items() if state is not None}

    @property
    def parts(self) -> int:
        return self.groups

    @cached_property
    def groups(self) -> int:
        """How many groups of hosts there are, or will be."""
        known = int(self._about.get("groups", 0))
        hosts = len({self._host(seed) for seed in self._seeds}) if not known else 0
        if self._settings.scope != "host":
            hosts += self._settings.hosts
        return known or min(max(power(hosts, GROUP_HOSTS), FEWEST_GROUPS), MOST_GROUPS)

    @property
    def left(self) -> Mapping[str, int]:
        return Counter(self._why(True).values())

    @property
    def files(self) -> Mapping[str, int]:
        return {name: size for state in self._states.values() for name, (size, _) in state.warcs.items()}

    @property
    def outcomes(self) -> Json:
        return outcomes_of(self._states.values(), self._refused)

    def get(self, passes: Passes) -> None:
        store = self._context.store
        if not self._about:
            self._about = {"groups": self.groups, "identity": self._settings.identity}
            store.write_bytes(path_of(store, _ABOUT), json.dumps(self._about).encode())
        first = True
        for _ in range(self._settings.depth + 1 + MORE_ROUNDS):
            needed = self._why(first)
            if not needed:
                return
            self._round(passes, sorted(needed))
            self.look()
            first = False

    def _require_same(self) -> None:
        now, then = self._settings.identity, self._about["identity"]
        changed = ", ".join(name for name in now if now[name] != then.get(name))
        if changed:
            raise StorageError(
                f"{self._context.store.root}: holds a crawl with another {changed}",
                "choose another --out, or say it as it was: links that were not followed then are not known any more",
            )

    def _round(self, passes: Passes, needed: Sequence[int]) -> None:
        context = self._context
        pages = self._shares(needed)
        needed = [number for number in needed if number in pages] if pages else needed
        context.store.write_bytes(context.store.scratch(SEEDS), json.dumps(self._seeds).encode())
        sources = [n for n, state in self._states.items() if any(int(to) in set(needed) for to in state.sent)]
        tasks = [
            {"kind": "send_links", "args": {"source": source, "groups": self.groups, "to": needed, "first": i == 0}}
            for i, source in enumerate(sources or needed[:1])
        ]  # fmt: skip
        told = {
            "groups": self.groups, "seeds": {str(n): self._digests[n] for n in needed},
            "pages": {str(number): share for number, share in pages.items()},
        }  # fmt: skip
        steps = (("send_links", {}), ("crawl_hosts", told))
        for result in passes.run(Pass(NAME, "crawl_hosts", len(needed), steps=steps), tasks):
            if "group" in result:
                self._asked += result["rows"]

    def _why(self, first: bool) -> dict[int, str]:
        """The groups that there is something to do for, and what. What failed is asked for again in the first round of a run."""
        found: dict[int, str] = {}
        if 0 < self._crawl.pages <= self._asked:
            return found
        mail: dict[int, dict[str, int]] = {}
        for source, state in self._states.items():
            for to, number in state.sent.items():
                mail.setdefault(int(to), {})[str(source)] = number
        for number in range(self.groups):
            state = self._states.get(number)
            if state is None:
                if number in self._seeded or number in mail:
                    found[number] = "not crawled yet"
            elif not state.whole:
                found[number] = "was not crawled to its end"
            elif any(state.got.get(source) != sent for source, sent in mail.get(number, {}).items()):
                found[number] = "other hosts lead there"
            elif first and state.to_do:
                found[number] = "URLs are to be asked for, or again"
            elif number in self._seeded and state.seeds != self._digests[number]:
                found[number] = "seeds changed"
        return found

    def _shares(self, needed: Sequence[int]) -> dict[int, int]:
        """Of the pages that a run asks for, those that are left for each group; none where there is no bound, or no page left."""
        pages = self._crawl.pages - self._asked
        shares = {number: (pages + len(needed) - 1 - i) // len(needed) for i, number in enumerate(needed)}
        return {number: share for number, share in shares.items() if self._crawl.pages and share > 0}

    def _read_about(self) -> Json:
        path = path_of(self._context.store, _ABOUT)
        try:
            about = json.loads(path.read_bytes())
            return {"groups": int(about["groups"]), "identity": dict(about["identity"])}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            mend = f"delete the folder {path_of(self._context.store)}: the crawl then begins anew"
            raise StorageError(f"{path}: is no crawl ({error})", mend, str(path)) from None

    @cached_property
    def _judged(self) -> tuple[list[str], Counter[str]]:
        from ingest.crawling import judged

        seeds, refused = judged(self._crawl.read_seeds(), self._settings)
        return seeds, Counter(error.status for error in refused.values())

    @property
    def _seeds(self) -> list[str]:
        """Those that may be crawled."""
        return self._judged[0]

    @property
    def _refused(self) -> Counter[str]:
        return self._judged[1]

    @cached_property
    def _seeded(self) -> set[int]:
        """The groups of the seeds."""
        return {self._group(seed) for seed in self._seeds}

    @cached_property
    def _digests(self) -> dict[int, str]:
        """What the seeds of each group are: of all of them, as they are the scope too."""
        return dict.fromkeys(range(self.groups), fingerprint(sorted(self._seeds)))

    def _host(self, url: str) -> str:
        from ingest.fetching.urls import target_of

        return target_of(url, self._settings.fetch).host.removeprefix("www.")

    def _group(self, url: str) -> int:
        from ingest.crawling import HostGroup

        return HostGroup(self.groups).of(self._host(url))
