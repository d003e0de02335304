"""Many web servers in one process, on addresses of 127.0.0.0/8: what `benchmarks/fetching.py` fetches from.

`python benchmarks/fetching_server.py FOLDER HANGING`: serves the files of a folder, and prints its port. What a host is like
follows from its address alone: each waits before it answers, one in twenty sends its bodies slowly, and of each hundred the
first HANGING take a request and never answer. Of the files three in a hundred are not there and one is an error of the server.
No host works on more than PER_HOST requests at a time; others wait in its queue.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import defaultdict
from pathlib import Path

from aiohttp import web

PER_HOST = 4
#: Seconds before an answer; pauses of a slow host, and into how many pieces it cuts a body.
DELAYS, SLOW_PAUSE, PIECES = (0.02, 0.4), 0.1, 10
HANGING_TURN, SLOW_TURN, TURNS = 100, 7, 20
MISSING, BROKEN = range(3), (3,)


def address(host: int) -> str:
    """The address of a host by its number, of 65,000 at most."""
    return f"127.1.{host // 250}.{host % 250 + 1}"


def number(address: str) -> int:
    """The host of an address."""
    *_, high, low = address.split(".")
    return 250 * int(high) + int(low) - 1


class Hosts:
    """Answers for all hosts; the path is `/<number>/<file>`."""

    def __init__(self, folder: Path, hanging: int) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        self._hanging = hanging
        self._turns: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_HOST))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        host = number(request.transport.get_extra_info("sockname")[0])
        image, name = int(request.match_info["number"]), request.match_info["file"]
        if host % HANGING_TURN < self._hanging:
            await asyncio.Event().wait()
        async with self._turns[host]:
            await asyncio.sleep(random.Random(host).uniform(*DELAYS))
            if image % 100 in MISSING:
                raise web.HTTPNotFound
            if image % 100 in BROKEN:
                raise web.HTTPInternalServerError
            body = self._files[name]
            if host % TURNS != SLOW_TURN:
                return web.Response(body=body, content_type="image/jpeg")
            response = web.StreamResponse(headers={"Content-Type": "image/jpeg", "Content-Length": str(len(body))})
            await response.prepare(request)
            step = -(-len(body) // PIECES)
            for at in range(0, len(body), step):
                await response.write(body[at : at + step])
                await asyncio.sleep(SLOW_PAUSE)
            return response


async def main(folder: Path, hanging: int) -> None:
    app = web.Application()
    app.router.add_get("/{number}/{file}", Hosts(folder, hanging).answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "0.0.0.0", 0, backlog=4096)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
