"""Calls Google on behalf of many rows: paced, retried, and stopped once every row would fail."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from ..errors import HandlerError, Unavailable
from ..retry import Stopped, current_clock
from ..session import Session
from ..share import CHANGE
from .pace import Pace, Stop, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

RATE_LIMITED = "rate_limited"
MEETS_ALL = {"authorization_failed", "scope_missing", "api_disabled", "not_a_calendar_user", "usage_limit"}
"""Error codes that every later row would meet too."""
MOST_FAILURES = 10
"""Stop after this many consecutive rows without Google."""
LONGEST_RETRY_AFTER = 600.0
"""Seconds that all requests pause if Google asks for it; if it asks for more, the run stops."""


class Calls:
    """One account's calls, from any number of threads."""

    def __init__(self, info: Mapping[str, str], attempts: int | None, per_minute: int | None) -> None:
        """Take the info values, how often a row is tried, and how many requests a minute may have."""
        self.stopped = Stop()
        """Once set, the requests in flight finish, and no more are begun."""
        self._info = info
        self._attempts = attempts
        clock = current_clock()
        self._clock = clock._replace(sleep=self._sleep) if clock.sleep is time.sleep else clock
        self._pace = Pace(per_minute, self._clock, self.stopped.is_set)
        _ = Session(info).connection  # raises at once if the environment or the installation is at fault, not a row
        self._lock = threading.Lock()
        self._failures = 0
        self._over: HandlerError | None = None

    def note(self, error: HandlerError | None) -> None:
        """Remember an error that all later rows would meet; None stands for a row that passed."""
        with self._lock:
            away = error is not None and error.code in {"google_unavailable", RATE_LIMITED}
            self._failures = self._failures + 1 if away else 0
            if error and (error.code in MEETS_ALL or self._failures >= MOST_FAILURES or _too_long(error)):
                self._over = self._over or error

    def begin(self) -> Session:
        """Return a session at the common pace; raises Stopped, or the error that would meet every row."""
        if self.stopped.is_set():
            raise Stopped
        if self._over:
            raise _not_tried(self._over)
        turns = Turns(self._pace, self._clock)
        return Session(self._info, self._attempts, clock=turns.clock, turn=turns)

    def attempt(self, session: Session, do: Callable[[], T]) -> T:
        """Do it, and again if it may pass, as a step does; a rate limit makes all wait.

        Raises Stopped if nothing was asked since the run was stopped.
        """
        failures: list[Unavailable] = []

        def once() -> T:
            try:
                found = do()
            except Unavailable as error:
                failures.append(error)
                if error.code != RATE_LIMITED or _too_long(error):
                    raise
                self._pace.hold(None if error.details.get("wait_chosen") else error.retry_after)
                raise Unavailable(error.code, error.message, error.details) from error  # all wait, not only this one
            self._pace.passed()
            return found

        try:
            return session.attempt(once)
        except (Stopped, Unavailable):
            if failures:
                raise failures[-1] from None
            raise

    def _sleep(self, seconds: float) -> None:
        self.stopped.wait(seconds)


def _too_long(error: HandlerError) -> bool:
    return error.code == RATE_LIMITED and (error.retry_after or 0.0) > LONGEST_RETRY_AFTER


def _not_tried(error: HandlerError) -> HandlerError:
    # What the row that met it may have changed is no business of this one.
    details = {name: value for name, value in error.details.items() if name not in CHANGE}
    message = f"Not tried, as this would meet it too: {error.message}"
    return type(error)(error.code, message, {**details, "not_tried": True}, error.retry_after)
