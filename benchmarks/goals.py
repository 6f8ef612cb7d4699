"""The figures and their goals, each measured within one run: ratios of medians, or exact counts."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from . import bulk
from .bench import Server, has_callgrind, in_turn, serving
from .kinetic import commands, has_jruby, steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = "MiB"


class Figure(NamedTuple):
    """A figure and what it should be; `goal` None is for information."""

    name: str
    value: float
    goal: float | None
    relation: str
    """One of `<=`, `>=` and `=`."""
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        if self.goal is None:
            return True
        if self.relation == "=":
            return self.value == self.goal
        return self.value <= self.goal if self.relation == "<=" else self.value >= self.goal


def requests(_: int) -> Iterator[Figure]:
    """Count requests and connections, share by share."""
    with serving() as server:
        title = server.run("ours", "counts", 3)
        by_id = server.run("ours_by_id", "counts", 3)
        same = server.run("ours", "counts", 3, same=True)
        threads = server.run("ours", "counts", 3, "https")
    yield Figure("requests: first share of a process", _asked(title[0]), 4, "=")
    yield Figure("requests: first share, by id", _asked(by_id[0]), 3, "=")
    yield Figure("requests: later share", _asked(title[2]), 3, "=")
    yield Figure("requests: later share, by id", _asked(by_id[2]), 2, "=")
    yield Figure("requests: later share, nothing to change", _asked(same[2]), 2, "=")
    later = [*title[1:], *by_id[1:], *same[1:], *threads[1:]]
    yield Figure("token requests: all later shares", sum(share["token"] for share in later), 0, "=")
    yield Figure("new connections: all later shares", sum(share["connections"] for share in later), 0, "=")


def _asked(share: dict[str, int]) -> int:
    return sum(count for kind, count in share.items() if kind != "connections")


def later_share(rounds: int) -> Iterator[Figure]:
    """Compare a later share with raw http.client, the usual script and gcsa."""
    with serving() as server:
        if has_callgrind():
            ours = server.instructions("ours")
            yield Figure("later share / raw http.client, instructions", ours / server.instructions("raw"), 2.4, "<=")
            ratio = server.instructions("ours_as_a_user") / ours
            yield Figure("later share as one of 50 users / with a refresh token, instructions", ratio, 1.05, "<=")
        plain = in_turn(rounds, {name: _cpu(server, name) for name in ("raw", "ours", "kept", "gcsa", "usual")})
        secure = in_turn(rounds, {name: _cpu(server, name, "https") for name in ("raw", "ours", "usual")})
    yield Figure("later share, CPU over HTTP", plain["ours"] * 1000, None, "", "ms")
    yield Figure("later share / raw http.client, CPU", plain["ours"] / plain["raw"], 3.0, "<=")
    yield Figure("later share / raw http.client, CPU over HTTPS", secure["ours"] / secure["raw"], None, "")
    yield Figure("usual script / ours, CPU over HTTPS", secure["usual"] / secure["ours"], 35, ">=")
    yield Figure("usual script / ours, CPU over HTTP", plain["usual"] / plain["ours"], 4, ">=")
    yield Figure("usual script, service and token kept / ours, CPU over HTTP", plain["kept"] / plain["ours"], None, "")
    yield Figure("gcsa, object kept / ours, CPU over HTTP", plain["gcsa"] / plain["ours"], 5, ">=")


def _cpu(server: Server, client: str, scheme: str = "http") -> Callable[[], float]:
    shares = 20 if client == "usual" else 60
    return lambda: statistics.median(server.run(client, "cpu", shares, scheme))


def cold_share(rounds: int) -> Iterator[Figure]:
    """Compare whole processes that make one share."""
    clients = ("ours", "usual_with_files", "usual", "raw")
    with serving() as server:
        for client in clients:
            server.process_cpu(client, "https")  # compiles what is not compiled yet
        cpu = in_turn(rounds, {client: lambda client=client: server.process_cpu(client, "https") for client in clients})
    yield Figure("cold process with one share, CPU over HTTPS", cpu["ours"] * 1000, None, "", "ms")
    yield Figure(
        "cold / usual script with yaml and jsonschema, CPU over HTTPS", cpu["ours"] / cpu["usual_with_files"], 0.8, "<="
    )
    yield Figure("cold / usual script, CPU over HTTPS", cpu["ours"] / cpu["usual"], None, "")
    yield Figure("cold / raw http.client, CPU over HTTPS", cpu["ours"] / cpu["raw"], None, "")


def threads(rounds: int) -> Iterator[Figure]:
    """Compare shares a second of many threads, with 20 ms a request."""
    with serving(latency=0.02) as server:
        for count, goal in ((16, 0.85), (64, 0.65)):
            speed = in_turn(rounds, {client: _speed(server, client, count) for client in ("raw", "ours")})
            yield Figure(f"{count} threads at 20 ms: shares a second", speed["ours"], None, "", "/s")
            yield Figure(f"{count} threads at 20 ms / raw http.client", speed["ours"] / speed["raw"], goal, ">=")


def _speed(server: Server, client: str, count: int) -> Callable[[], Any]:
    return lambda: server.run(client, "threads", 25, threads=count)


def many_calendars(rounds: int) -> Iterator[Figure]:
    """Share by title in an account with 10,000 calendars."""
    with serving(calendars=10_000) as server:
        counts = server.run("ours", "counts", 1)
        growth = server.run("ours", "memory", 1)
        cpu = in_turn(rounds, {client: _few(server, client) for client in ("ours", "kept")})
    yield Figure("10,000 calendars: list requests", counts[0]["list"], 40, "=")
    yield Figure("10,000 calendars: memory growth", growth, 5, "<=", MIB)
    yield Figure("10,000 calendars / default paging, CPU", cpu["ours"] / cpu["kept"], 0.35, "<=")


def _few(server: Server, client: str) -> Callable[[], float]:
    return lambda: statistics.median(server.run(client, "cpu", 3))


def many_rows(_: int) -> Iterator[Figure]:
    """Share one calendar 10,000 times in one go."""
    cost = bulk.measure()
    over = cost.requests - cost.bound
    yield Figure(f"10,000 rows: {cost.requests:,} requests less rows, pages and sign-in", over, 0, "<=")
    yield Figure("10,000 rows: memory growth", cost.growth, 20, "<=", MIB)


def kinetic_step(rounds: int) -> Iterator[Figure]:
    """Compare a step of Kinetic Task with a command that makes the same share."""
    if not has_jruby():
        return
    with serving() as server, steps(server) as step:
        spent = in_turn(rounds, {"step": step, "command": commands(server)})
    yield Figure("step of Kinetic Task on JRuby, wall time over HTTP", spent["step"] * 1000, None, "", "ms")
    yield Figure(
        "step of Kinetic Task / python -m handler share, wall time", spent["step"] / spent["command"], 1.3, "<="
    )


GROUPS = {
    group.__name__: group
    for group in (requests, later_share, cold_share, threads, many_calendars, many_rows, kinetic_step)
}
