"""How fast all threads together send one user's requests, and when all of them pause."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from ..retry import Stopped, acquired

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..retry import Clock

FIRST_HOLD, LONGEST_HOLD = 10.0, 60.0
"""Seconds that all requests of a user pause if Google does not say how long: its quotas are counted by the minute
(https://developers.google.com/workspace/calendar/api/guides/quota), and three pauses last longer than one."""


class Stop:
    """Ends a run, once and for all; a signal handler may do so.

    Not a threading.Event: setting one takes a lock, which the thread that the signal
    interrupts may hold itself.
    """

    def __init__(self) -> None:
        """Start with a run that goes on."""
        self._ended = False
        self._gate = threading.Lock()
        self._gate.acquire()

    def set(self) -> None:
        """End the run and every wait."""
        self._ended = True
        self._open()

    def is_set(self) -> bool:
        """Return whether the run was ended."""
        return self._ended

    def wait(self, seconds: float) -> None:
        """Wait until the run is ended, but no longer than this."""
        if acquired(self._gate, seconds):
            self._open()  # for the next one that waits

    def _open(self) -> None:
        with suppress(RuntimeError):  # it was open
            self._gate.release()


class Pace:
    """Spreads a user's requests evenly, so that no minute has more of them than allowed."""

    def __init__(self, per_minute: int | None, clock: Clock, stopped: Callable[[], bool]) -> None:
        """Start now; `per_minute` None sets no limit, and `stopped` returns whether the run was ended."""
        self._between = 60.0 / per_minute if per_minute else 0.0
        self._clock = clock
        self._stopped = stopped
        self._lock = threading.Lock()
        self._next = self._held_until = clock.now()
        self._holds = 0

    def wait(self) -> float:
        """Wait until one more request may be made, and return the seconds waited; raises Stopped."""
        waited = 0.0
        while not self._stopped():
            with self._lock:
                now = self._clock.now()
                left = max(self._next, self._held_until) - now
                if left <= 0:
                    self._next = now + self._between
                    return waited
            # Another thread may have taken the turn, or a pause begun: look again.
            self._clock.sleep(left)
            waited += left
        raise Stopped

    def hold(self, seconds: float | None) -> None:
        """Pause all requests of the user; without a duration, back off until one passes."""
        with self._lock:
            now = self._clock.now()
            if seconds is None:
                if now < self._held_until:
                    return  # another thread's request met the same limit
                seconds = min(FIRST_HOLD * 2**self._holds, LONGEST_HOLD)
                self._holds += 1
            self._held_until = max(self._held_until, now + seconds)

    def passed(self) -> None:
        """End the back-off: the next pause is short again."""
        self._holds = 0


class Turns:
    """The turns of one step: waiting for them takes none of the step's own time."""

    def __init__(self, pace_of: Callable[[str], Pace], clock: Clock) -> None:
        """Take what returns a user's pace, and the clock that it waits by."""
        self._pace_of = pace_of
        self._waited = 0.0
        self.clock = clock._replace(now=lambda: clock.now() - self._waited)
        """The step's own time."""

    def __call__(self, user: str) -> None:
        """Wait for a turn of this user; raises Stopped."""
        self._waited += self._pace_of(user).wait()
