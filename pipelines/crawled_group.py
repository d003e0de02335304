"""What one group of hosts has come to in a crawl: its WARCs, a journal for each, and pieces of the one that is being written.

A WARC grows in a draft on this machine. Every so often what is new of it is put into the out folder as a piece with its journal,
and the group's state says so; when it is full, or the round ends, it is put there whole, and its pieces are deleted.
"""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import xxhash

from core.errors import StorageError
from ingest.crawling import Summary
from ingest.crawling.frontier import PAGE
from ingest.crawling.journal import Entry
from ingest.crawling.warc import WarcWriter
from ingest.fetching import Outcome
from pipelines.got_input import FOLDER, warc_path
from pipelines.store import Store

Json = dict[str, Any]
CRAWL = "crawl"
STATE, JOURNAL, PIECES = "state", "journal", "pieces"
#: A WARC ends at so many bytes, or lines of its journal; its pieces follow each other after so many seconds.
WARC_BYTES, WARC_LINES, WRITE_SECONDS = 128 << 20, 200_000, 5.0


@dataclass
class State:
    """What is known of a group: `warcs` by name with bytes and records (a round without records has none), the `journals`, the
    `pieces` (stem, bytes) of the WARC that is being written, and what came of it all.

    `sent` are the URLs that it led to, by group; `got` those that other groups have led to and that are seen to.
    """

    warcs: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    journals: list[str] = field(default_factory=list[str])
    pieces: list[list[Any]] = field(default_factory=list[list[Any]])
    statuses: dict[str, int] = field(default_factory=dict[str, int])
    left: dict[str, int] = field(default_factory=dict[str, int])
    records: int = 0
    waiting: int = 0
    again: int = 0
    seeds: str = ""
    sent: dict[str, int] = field(default_factory=dict[str, int])
    got: dict[str, int] = field(default_factory=dict[str, int])
    #: Whether the round has come to its end.
    whole: bool = False

    @property
    def to_do(self) -> int:
        """URLs that are to be asked for, again or at all."""
        return self.waiting + self.again


def path_of(store: Store, *parts: str) -> Any:
    """Where a file of the crawl lies in the out folder."""
    return store.path(FOLDER, CRAWL, *parts)


def read_state(store: Store, group: str) -> State | None:
    """The state of a group; None if it has none. StorageError if it is damaged."""
    path = path_of(store, STATE, f"{group}.json")
    try:
        return State(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        mend = f"delete {path}, its journals and WARCs: its hosts are then crawled anew"
        raise StorageError(f"{path}: is no state of a crawl ({error})", mend, str(path)) from None


def outcomes_of(states: Iterable[State], refused: Mapping[str, int]) -> Json:
    """What a crawl came to: URLs by status, seeds that were `refused` too, and links that were not followed, by the bound that they
    met."""
    statuses, left = Counter[str](refused), Counter[str]()
    pages = waiting = 0
    for state in states:
        statuses.update(state.statuses)
        left.update(state.left)
        pages, waiting = pages + state.records, waiting + state.waiting
    statuses.update({"not_reached": waiting} if waiting else {})
    return {
        "total": statuses.total(), "pages": pages, "statuses": dict(sorted(statuses.items())), "left": dict(sorted(left.items())),
    }  # fmt: skip


def entries_of(store: Store, state: State) -> Iterator[Entry]:
    """What was done in a group, in its order. StorageError if a journal is missing or damaged."""
    names = [(JOURNAL, name) for name in state.journals] + [(PIECES, f"{stem}.jsonl.gz") for stem, _ in state.pieces]
    for folder, name in names:
        path = path_of(store, folder, name)
        try:
            lines = gzip.decompress(path.read_bytes()).decode().splitlines()
            entries = [Entry(**json.loads(line)) for line in lines]
        except (OSError, EOFError, ValueError, TypeError) as error:
            mend = f"delete {path_of(store)} and {warc_path(store, '')}: the crawl then begins anew"
            raise StorageError(f"{path}: is no journal of a crawl ({error})", mend, str(path)) from None
        yield from entries


class GroupKeeper:
    """Keeps what a group's crawler gets (`ingest.crawling.Keeper`), for one round."""

    def __init__(self, store: Store, group: str, state: State, told: dict[str, str]) -> None:
        """`told` are the fields of the record that a WARC begins with."""
        self._store, self._group, self.state, self._told = store, group, state, told
        self._lines: list[str] = []
        self._new = 0  # lines that are in no piece yet
        self._records = 0
        self._written = time.monotonic()
        self._open()
        self._adopt()

    @property
    def bytes(self) -> int:
        return sum(size for size, _ in self.state.warcs.values()) + self._writer.offset - self._begin

    @property
    def due(self) -> bool:
        return self._is_full or time.monotonic() - self._written >= WRITE_SECONDS

    @property
    def _is_full(self) -> bool:
        return self._writer.offset >= WARC_BYTES or len(self._lines) >= WARC_LINES

    def entries(self) -> Iterator[Entry]:
        return entries_of(self._store, self.state)

    def response(self, outcome: Outcome) -> None:
        self._writer.response(outcome)
        self._records += 1

    def add(self, entry: Entry) -> None:
        self._lines.append(_line(entry))
        self._new += 1

    def write(self, summary: Summary) -> None:
        """Puts what is new into the out folder."""
        self._tell(summary)
        if self._is_full:
            self._end_warc()
            self._open()
        elif self._new:
            self._end_piece()
        self._written = time.monotonic()

    def close(self, summary: Summary, **told: Any) -> None:
        """The round has come to its end: the WARC is put there as it is; `told` goes into the state."""
        self._tell(summary)
        self.state.whole = True
        for name, value in told.items():
            setattr(self.state, name, value)
        self._end_warc()

    def discard(self) -> None:
        """Removes the draft."""
        self._writer.close()
        self._draft.unlink(missing_ok=True)

    def _tell(self, summary: Summary) -> None:
        state = self.state
        state.statuses, state.left = dict(summary.statuses), dict(summary.left)
        state.records, state.waiting, state.again = summary.records, summary.waiting, summary.again
        state.sent = {str(group): number for group, number in summary.sent.items()}
        state.whole = False

    def _open(self) -> None:
        self._draft = self._store.temporary(f"{self._group}.warc.gz")
        self._writer = WarcWriter(self._draft)
        self._writer.information(self._told)
        self._begin = self._in_pieces = self._writer.offset
        self._lines, self._new, self._records = [], 0, 0

    def _adopt(self) -> None:
        """Takes up the pieces that a round left which did not come to its end."""
        state = self.state
        if not state.pieces:
            return
        entries = list(entries_of(self._store, State(pieces=state.pieces)))
        self._lines = [_line(entry) for entry in entries]
        self._records = sum(entry.status == "ok" and entry.kind == PAGE for entry in entries)
        for stem, size in state.pieces:
            path = path_of(self._store, PIECES, f"{stem}.warc.gz")
            data = path.read_bytes() if size else b""
            if len(data) != size:
                mend = "delete the folder `input`: the crawl then begins anew"
                raise StorageError(f"{path}: {len(data):,} of {size:,} bytes", mend, str(path))
            self._writer.copy(data)
        self._in_pieces = self._writer.offset

    def _end_piece(self) -> None:
        self._writer.flush()
        with self._draft.open("rb") as file:
            file.seek(self._in_pieces)
            data = file.read(self._writer.offset - self._in_pieces)
        stem = f"{self._group}-{len(self.state.pieces):05d}-{uuid.uuid4().hex[:8]}"
        if data:
            self._store.write_bytes(path_of(self._store, PIECES, f"{stem}.warc.gz"), data)
        self._write_lines(self._lines[-self._new :], PIECES, stem)
        self.state.pieces.append([stem, len(data)])
        self._in_pieces, self._new = self._writer.offset, 0
        self._write_state()

    def _end_warc(self) -> None:
        """What is written has a name that tells its content: an attempt that does the same beside this one writes another."""
        self._writer.close()
        size = self._draft.stat().st_size
        state, pieces = self.state, self.state.pieces
        if self._lines:
            digest = xxhash.xxh3_64()
            with self._draft.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            stem = f"{self._group}-{len(state.journals):05d}-{digest.hexdigest()[:8]}"
            if self._records:
                self._store.commit(self._draft, warc_path(self._store, f"{stem}.warc.gz"))
                state.warcs[f"{stem}.warc.gz"] = [size, self._records]
            self._write_lines(self._lines, JOURNAL, stem)
            state.journals.append(f"{stem}.jsonl.gz")
        self._draft.unlink(missing_ok=True)
        state.pieces = []
        self._write_state()
        for stem, _ in pieces:
            for end in ("warc.gz", "jsonl.gz"):
                path_of(self._store, PIECES, f"{stem}.{end}").unlink(missing_ok=True)

    def _write_lines(self, lines: Sequence[str], folder: str, stem: str) -> None:
        data = gzip.compress("".join(f"{line}\n" for line in lines).encode(), 6, mtime=0)
        self._store.write_bytes(path_of(self._store, folder, f"{stem}.jsonl.gz"), data)

    def _write_state(self) -> None:
        self._store.write_bytes(path_of(self._store, STATE, f"{self._group}.json"), json.dumps(asdict(self.state)).encode())


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry), ensure_ascii=True, separators=(",", ":"))
