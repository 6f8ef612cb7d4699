"""Steps lost to Google's rate limit: many workers on one account, each step trying again by itself.

The policy of sharing, the error table and the retry are the handler's own. Google and time are
played: a request takes REQUEST_SECONDS, an account has QUOTA of them in any minute
(https://developers.google.com/workspace/calendar/api/guides/quota), those refused are not counted,
and a wait jumps the clock. The same seed gives the same figures on every machine.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop, heappush
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, cast

from handler.calendar_api.error_table import OF_A_REFRESH_TOKEN, calendar_error
from handler.calendar_api.resources import Calendar, Rule
from handler.calendar_api.transport import Answer
from handler.errors import HandlerError
from handler.retry import Clock, going_by
from handler.session import Session
from handler.share import Share, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from handler.calendar_api import Connection

STEPS, WORKERS = 2_000, (1, 2, 5, 10, 20, 50)
QUOTA, WINDOW_SECONDS = 600, 60.0
REQUEST_SECONDS = 0.15
ERROR = {"errors": [{"domain": "usageLimits", "reason": "rateLimitExceeded"}], "code": 403}
REFUSED = Answer(403, {}, json.dumps({"error": ERROR}).encode())
WISH = Wish("Example Calendar", "user", "jane@acme.com", "reader", notify=True, dry_run=False)


class Outcome(NamedTuple):
    """What came of all steps."""

    lost: int
    minutes: float
    """Until the last worker was done."""


class JumpingTime:
    """Time that stands still while a worker works, and jumps to whoever wakes next when all of them wait."""

    def __init__(self) -> None:
        self._now = 0.0
        self._asleep: list[tuple[float, int, Lock]] = []
        self._places = itertools.count()

    def now(self) -> float:
        """Return the seconds since the beginning."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let the others work until this worker's turn comes."""
        gate = self._gate_after(seconds)
        self._wake_next()
        gate.acquire()

    def run(self, works: list[Callable[[], int]]) -> list[int]:
        """Do each work in a thread of its own, one at a time, in an order that is always the same."""
        with ThreadPoolExecutor(len(works)) as threads:
            doing = [threads.submit(self._work, work, self._gate_after(0.0)) for work in works]
            self._wake_next()
            return [one.result() for one in doing]

    def _work(self, work: Callable[[], int], gate: Lock) -> int:
        gate.acquire()
        try:
            return work()
        finally:
            self._wake_next()

    def _gate_after(self, seconds: float) -> Lock:
        gate = Lock()
        gate.acquire()
        heappush(self._asleep, (self._now + seconds, next(self._places), gate))
        return gate

    def _wake_next(self) -> None:
        if self._asleep:
            self._now, _, gate = heappop(self._asleep)
            gate.release()


class Account:
    """The connection of one account, as far as a share of a calendar by its title needs one."""

    key_id = ""

    def __init__(self, time: JumpingTime, *, spread: bool) -> None:
        """Take the time that requests need; without `spread` a rate limit says nothing of how long to wait."""
        self._time = time
        self._spread = spread
        self._passed: deque[float] = deque()

    def calendars(self) -> Iterator[Calendar]:
        """Yield the one calendar."""
        self._ask("calendarList.list")
        yield Calendar("example@group.calendar.google.com", "Example Calendar", "", "owner", "", primary=False)

    def rule(self, *_: str) -> None:
        """Find no rule."""
        self._ask("acl.get")

    def insert(self, calendar_id: str, rule_id: str, role: str, *, notify: bool) -> Rule:
        """Add a rule."""
        del calendar_id, notify
        self._ask("acl.insert")
        return Rule(rule_id, role)

    def _ask(self, method: str) -> None:
        self._time.sleep(REQUEST_SECONDS)
        now, passed = self._time.now(), self._passed
        while passed and passed[0] <= now - WINDOW_SECONDS:
            passed.popleft()
        if len(passed) < QUOTA:
            passed.append(now)
            return
        error = calendar_error(method, REFUSED, str, OF_A_REFRESH_TOKEN)
        raise error if self._spread else type(error)(error.code, error.message)


def outcome(workers: int, *, spread: bool, steps: int = STEPS, seed: int = 1) -> Outcome:
    """Return what comes of so many steps, which the workers take one after another."""
    time = JumpingTime()
    clock = Clock(time.now, time.sleep, random.Random(seed).random)  # noqa: S311 -- no secret
    account = cast("Connection", Account(time, spread=spread))
    left = iter(range(steps))

    def work() -> int:
        return sum(not _passes(account) for _ in left)

    with going_by(clock):
        lost = sum(time.run([work] * workers))
    return Outcome(lost, time.now() / 60)


def _passes(account: Connection) -> bool:
    try:
        Session({}).attempt(Share(account, WISH, lambda *_: None))
    except HandlerError:
        return False
    return True


def markdown() -> str:
    """Return the table of docs/performance.md."""
    lines = [
        f"| Workers | Lost of {STEPS:,}, waits up to 1, 2, 4 s | minutes | Lost, waits of 15 to 45 s | minutes |",
        "| --- | --- | --- | --- | --- |",
    ]
    for workers in WORKERS:
        before, now = (outcome(workers, spread=spread) for spread in (False, True))
        cells = (workers, before.lost, f"{before.minutes:.0f}", now.lost, f"{now.minutes:.0f}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
