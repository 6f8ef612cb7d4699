"""The retry of a whole step: when it is tried again, after which wait, and until when."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .errors import AuthorizationFailed, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Lock

T = TypeVar("T")

LONGEST_BLOCK = 0.5
"""Seconds that a main thread waits for another at a stretch: on Windows, before Python 3.14, it sees no Ctrl-C
while it waits for a lock (https://github.com/python/cpython/issues/125541)."""


def acquired(lock: Lock, seconds: float) -> bool:
    """Take a lock within so many seconds, and return whether it could be; Ctrl-C is seen in between."""
    end = time.monotonic() + seconds
    while not lock.acquire(timeout=max(min(end - time.monotonic(), LONGEST_BLOCK), 0.0)):
        if time.monotonic() >= end:
            return False
    return True


class Policy(NamedTuple):
    """The descriptor's `retry`: times in seconds, the first attempt counts."""

    attempts: int
    first_wait_seconds: float
    factor: float
    longest_wait_seconds: float
    deadline_seconds: float
    connect_seconds: float
    read_seconds: float


class Stopped(Exception):
    """Somebody ended the work before this request was made."""


class Clock(NamedTuple):
    """The source of time and randomness; tests replace it, so that none sleeps."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    """Uniformly distributed from 0.0 to 1.0."""
    epoch: Callable[[], float] = time.time
    """Seconds since 1970, for dates; `now` counts from anywhere."""


SYSTEM_CLOCK = Clock()
_clock = SYSTEM_CLOCK


def current_clock() -> Clock:
    """Return the clock that all sessions of the process use."""
    return _clock


@contextmanager
def going_by(clock: Clock) -> Iterator[None]:
    """Use another clock for all sessions that begin meanwhile, in any thread; for tests."""
    global _clock  # noqa: PLW0603 -- threads begin sessions, too, so that no context variable would do
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before


class Deadline:
    """The end of a step, on one clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        """Start now."""
        self._clock = clock
        self._end = clock.now() + seconds

    def left(self) -> float:
        """Return the seconds left, 0.0 or less after the end."""
        return self._end - self._clock.now()


def repeat(
    attempt: Callable[[], T],
    policy: Policy,
    deadline: Deadline,
    clock: Clock,
    *,
    renew: Callable[[], bool],
    log: Callable[[str], None],
) -> T:
    """Call `attempt` until it passes, fails for good, or attempts or time run out.

    Only Unavailable is retried, after a random wait between 0 and a growing bound, and
    not before its `retry_after`. `renew` is called after an AuthorizationFailed:
    if it returns True, one more attempt follows at once and is not counted. Raises the last attempt's HandlerError.
    """
    count = 1
    while True:
        try:
            return attempt()
        except AuthorizationFailed:
            if not renew():
                raise
        except Unavailable as error:
            if count >= policy.attempts:
                raise
            bound = min(policy.longest_wait_seconds, policy.first_wait_seconds * policy.factor ** (count - 1))
            wait = max(clock.chance() * bound, error.retry_after or 0.0)
            if wait >= deadline.left():
                raise
            count += 1
            log(f"{error.code}: attempt {count} of {policy.attempts} follows in {wait:.1f} s")
            clock.sleep(wait)
