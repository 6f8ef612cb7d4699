"""One process of one client: shares as often as asked, and prints what that cost as one line of JSON.

With --cold nothing but the shares is done or imported, for a parent that measures the
whole process.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from .clients import CLIENTS, Place

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 5
"""Shares that are made first and not counted."""


def main() -> None:
    """Read the one argument, a JSON object, and do what it says."""
    given = json.loads(sys.argv[1])
    place = Place(*given["place"])
    if place.scheme == "https":
        _lead_google_to(place.port)
    share = CLIENTS[given["client"]](place)
    shares = given["shares"]
    if given["kind"] == "cold":
        for number in range(shares):
            share(_recipient(number))
        return
    if given["kind"] == "instructions":
        _steadily(share, shares)
        return
    measure = {"cpu": _cpu, "counts": _counts, "threads": _threads, "memory": _memory}[given["kind"]]
    print(json.dumps(measure(share, shares, given)))


def _recipient(name: object) -> str:
    """Make one that no other process has given access to: each share has to write."""
    return f"user{os.getpid()}.{name}@acme.com"


def _lead_google_to(port: int) -> None:
    """Let Google's names stand for the server on loopback, in this process only."""
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def place(host: Any, asked_port: Any) -> tuple[Any, Any]:
        return ("127.0.0.1", port) if str(host).endswith(".googleapis.com") else (host, asked_port)

    def look_up_here(host: Any, asked_port: Any, *others: Any, **named: Any) -> Any:
        return look_up(*place(host, asked_port), *others, **named)

    def connect_here(self: socket.socket, address: Any) -> None:  # httplib2 connects to the name itself
        connect(self, place(*address))

    socket.getaddrinfo = look_up_here
    socket.socket.connect = connect_here  # type: ignore[method-assign,assignment]


def _steadily(share: Callable[[str], object], shares: int) -> None:
    """Share so that runs of different lengths differ by later shares alone."""
    import gc

    for number in range(WARM_UP):
        share(_recipient(f"warm{number}"))
    # Or a pass over all that was imported falls into some runs and not into others.
    gc.collect()
    gc.freeze()
    for number in range(10, 10 + shares):
        share(_recipient(number))


def _cpu(share: Callable[[str], object], shares: int, _: Any) -> Any:
    """Return the CPU seconds of each share, the warm-up left out."""
    spent = []
    for number in range(WARM_UP + shares):
        before = time.process_time()
        share(_recipient(number))
        spent.append(time.process_time() - before)
    return spent[WARM_UP:]


def _counts(share: Callable[[str], object], shares: int, given: Any) -> Any:
    """Return what each share asked of the server, as counts by kind; `same` shares with one recipient."""
    from http.client import HTTPConnection

    server = HTTPConnection("127.0.0.1", given["counts_port"])

    def counts() -> dict[str, int]:
        server.request("GET", "/counts")
        found: dict[str, int] = json.loads(server.getresponse().read())
        return found

    steps = [counts()]
    for number in range(shares):
        share(_recipient("same") if given.get("same") else _recipient(number))
        steps.append(counts())
    return [{key: after[key] - before[key] for key in after} for before, after in itertools.pairwise(steps)]


def _threads(share: Callable[[str], object], shares: int, given: Any) -> Any:
    """Return shares a second of as many threads, each of which is warm and starts with the others."""
    import threading

    count = given["threads"]
    barrier = threading.Barrier(count)
    times = []

    def run(thread: int) -> None:
        share(_recipient(f"warm{thread}"))
        barrier.wait()
        times.append(time.monotonic())
        for number in range(shares):
            share(_recipient(f"{thread}.{number}"))
        times.append(time.monotonic())

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count * shares / (max(times) - min(times))


def _memory(share: Callable[[str], object], _: int, given: Any) -> Any:
    """Return MiB that the process grew by at its highest, for one share after one by id."""
    CLIENTS[f"{given['client']}_by_id"](Place(*given["place"]))(_recipient("warm"))
    before = _highest()
    share(_recipient(0))
    return _highest() - before


def _highest() -> float:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 -- no import that would count
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
