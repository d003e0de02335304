"""One address for several worker pools of one host: each connection goes to the next pool that answers.

    python forward.py PORT POOL_PORT POOL_PORT ...

A pipeline names one address for all its workers, and on a real cluster every host has a pool of its own there.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import threading


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def main(port: int, pools: list[int]) -> None:
    """Forwards until it is killed."""
    turn = itertools.cycle(pools)
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            client, _ = server.accept()
            for _ in pools:
                with contextlib.suppress(OSError):
                    pool = socket.create_connection(("127.0.0.1", next(turn)), 5)
                    pool.settimeout(None)
                    for pair in ((client, pool), (pool, client)):
                        threading.Thread(target=_pump, args=pair, daemon=True).start()
                    break
            else:
                client.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(port) for port in sys.argv[2:]])
