"""Whether the host or URL of a page is on a list, such as UT1's, a file of hosts, or a filter list of ad blockers.

RefinedWeb and FineWeb drop what UT1 lists (arXiv 2306.01116, appendix G.1; huggingface/datatrove, pipeline/filters/url_filter.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import pyarrow as pa

from core.columns import utf8_view
from core.named_files import NamedFile
from core.scorer import column
from filters.host_lists import HostTable, Source, digest_of, require_entries, sources_of, table_of
from filters.host_table import BLOCKED, look_up


@dataclass(frozen=True)
class Hosts:
    """Looks a page's host and URL up in lists.

    `lists`: paths of a UT1 folder (each of its categories is a list; `categories` chooses some), of files with a host or
    URL a line (also as `0.0.0.0 host`), or of filter lists, of which `||host^`, `||host/path` and their exceptions count
    if they are about whole pages. A host stands for all under it, a URL for all behind it in its path. A list is named
    as its file or category. http and https, `www.`, ports and the case of a host make no difference. A page without a
    URL is on no list.

    It needs no text: put it first, and its rule before all others.
    """

    name: ClassVar[str] = "hosts"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    lists: tuple[str, ...]
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.lists or not all(self.lists):
            raise ValueError("lists: give the path of at least one list")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("page.host", "page.url")

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("listed", pa.bool_(), "its host or URL is on a list"),
            column("lists", pa.string(), "the names of the lists it is on, in order, with commas between; empty if none"),
            column("host", pa.string(), "the host that was looked up, empty if there is none"),
        ])  # fmt: skip

    def files(self) -> list[NamedFile]:
        chosen = partial(sources_of, self.lists, self.categories)
        return [
            *(NamedFile(("lists", i), path, partial(require_entries, path, self.categories)) for i, path in enumerate(self.lists)),
            *([NamedFile(("categories",), "", chosen)] if self.categories else []),
        ]

    def weights_digest(self) -> str:
        return digest_of(self._sources())

    def open(self) -> None:
        self.table()

    def table(self) -> HostTable:
        """The lists as one table, with the number of entries and of lines that say nothing of pages. Raises ScorerError."""
        return table_of(self._sources())

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        hosts, urls = batch.column("page.host"), batch.column("page.url")
        table = self.table()
        hits = np.zeros((len(hosts), len(table.names) + 1), np.uint8)
        look_up(*utf8_view(hosts), *utf8_view(urls), table.keys, table.values, hits)
        on = hits[:, :-1] == BLOCKED
        listed = on.any(axis=1)
        names = [""] * len(hosts)
        for row in np.flatnonzero(listed).tolist():
            names[row] = ",".join(table.names[place] for place in np.flatnonzero(on[row]).tolist())
        columns = [pa.array(listed), pa.array(names, pa.string()), hosts.fill_null("")]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _sources(self) -> list[Source]:
        return sources_of(self.lists, self.categories)
