"""A bound on the memory that all bodies take together: who wants to hold a large one reserves its size first, in turn.

A reservation is made once and whole, so that two holders never wait for each other.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Buffers:
    """Bytes that may be reserved, handed out in the order in which they were asked for."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def reserve(self, size: int) -> Reservation:
        """Waits until `size` bytes are free; never more than the capacity is reserved at once."""
        size = min(size, self.capacity)
        if not self._waiting and size <= self.free:
            self.free -= size
            return Reservation(self, size)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back(size)
            else:
                self._hand_out()
            raise
        return Reservation(self, size)

    def give_back(self, size: int) -> None:
        self.free += size
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting:
            size, future = self._waiting[0]
            if future.done():
                self._waiting.popleft()
            elif size <= self.free:
                self._waiting.popleft()
                self.free -= size
                future.set_result(None)
            else:
                return


class Reservation:
    """Bytes that are held until `release`."""

    __slots__ = ("_buffers", "_size")

    def __init__(self, buffers: Buffers, size: int) -> None:
        self._buffers = buffers
        self._size = size

    def release(self) -> None:
        """Gives the bytes back; once is enough, twice does no harm."""
        size, self._size = self._size, 0
        if size:
            self._buffers.give_back(size)
