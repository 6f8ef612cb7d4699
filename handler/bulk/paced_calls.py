"""Calls Google on behalf of many rows: paced, retried, and stopped once every row would fail.

Google counts and refuses user by user, so pace and end are each user's own; only what
concerns the key, the project or Google as a whole ends the rows of all.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from ..delegation import OWN_LIST
from ..errors import HandlerError, Unavailable
from ..retry import Stopped, current_clock
from ..session import Run, Session, log_of
from ..share import CHANGE
from .pace import Pace, Stop, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

AWAY, RATE_LIMITED = "google_unavailable", "rate_limited"
SIGN_IN = "oauth2.token"
MEETS_USER = {
    "authorization_failed",
    "scope_missing",
    "not_a_calendar_user",
    "usage_limit",
    "delegation_missing",
    "act_as_rejected",
}
"""Error codes that every later row of the user would meet too."""
MOST_FAILURES = 10
"""Stop after this many consecutive rows without Google."""
LONGEST_RETRY_AFTER = 600.0
"""Seconds that all requests of a user pause if Google asks for it; if it asks for more, the user's rows stop."""
MOST_RECIPIENTS = 1000
"""Recipients who stay signed in, for calendars that are put into their lists; a table may name each once a calendar."""


class _User:
    """What one user's calls have met so far."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.failures = 0
        self.over: HandlerError | None = None


class Calls:
    """The calls of a run as any number of users, from any number of threads.

    A user is an address, or "" for the account that the info values name.
    """

    def __init__(self, info: Mapping[str, str], attempts: int | None, per_minute: int | None) -> None:
        """Take the info values, how often a row is tried, and how many requests a minute a user may have."""
        self.stopped = Stop()
        """Once set, the requests in flight finish, and no more are begun."""
        self.log = log_of(info)
        """Writes to the log of the run."""
        self._info = info
        self._attempts = attempts
        self._per_minute = per_minute
        clock = current_clock()
        self._clock = clock._replace(sleep=self._sleep) if clock.sleep is time.sleep else clock
        _ = Session(info).connection  # raises at once if the environment or the installation is at fault, not a row
        from ..calendar_api import Accounts  # imported by now, and by nobody who only reads the descriptor

        self._recipients = Accounts(MOST_RECIPIENTS)
        self._lock = threading.Lock()
        self._users: dict[str, _User] = {}
        self._failures = 0
        self._over: HandlerError | None = None

    def note(self, error: HandlerError | None, user: str = "") -> None:
        """Remember an error that all later rows, or all of this user, would meet; None stands for a row that passed."""
        one = self._user(user)
        code = error.code if error else ""
        their_own = error is not None and not _is_the_recipients(error, user)
        with self._lock:
            one.failures = one.failures + 1 if code == AWAY or (code == RATE_LIMITED and their_own) else 0
            self._failures = self._failures + 1 if code == AWAY else 0
            if error is None:
                return
            if code == "api_disabled" or "key_id" in error.details or self._failures >= MOST_FAILURES:
                self._over = self._over or error
            if one.failures >= MOST_FAILURES or (their_own and (code in MEETS_USER or _too_long(error))):
                one.over = one.over or error

    def begin(self, user: str = "", *, reads_only: bool = False) -> Session:
        """Return a session at the user's pace; raises Stopped, or the error that would meet every row of the user."""
        if self.stopped.is_set():
            raise Stopped
        if error := self._over or self._user(user).over:
            raise _not_tried(error)
        turns = Turns(self._pace, self._clock)
        run = Run(turns.clock, turns, self._recipients, self.log)
        return Session(self._info, self._attempts, act_as=user, reads_only=reads_only, run=run)

    def attempt(self, session: Session, do: Callable[[], T], user: str = "", recipient: str = "") -> T:
        """Do it, and again if it may pass, as a step does; a rate limit makes all calls of the user it met wait.

        `recipient` is the user whose list is changed by it, if there is one.
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
                limited = recipient if recipient and _is_the_recipients(error, user) else user
                self._pace(limited).hold(None if error.details.get("wait_chosen") else error.retry_after)
                # All wait, not only this one; who signs in before the first request has no turn to wait for.
                wait = error.retry_after if recipient and error.details.get("method") == SIGN_IN else None
                raise Unavailable(error.code, error.message, error.details, wait) from error
            self._pace(user).passed()
            if recipient:
                self._pace(recipient).passed()
            return found

        try:
            return session.attempt(once)
        except (Stopped, Unavailable):
            if failures:
                raise failures[-1] from None
            raise

    def _user(self, address: str) -> _User:
        if found := self._users.get(address):
            return found
        with self._lock:
            new = _User(Pace(self._per_minute, self._clock, self.stopped.is_set))
            return self._users.setdefault(address, new)

    def _pace(self, address: str) -> Pace:
        return self._user(address).pace

    def _sleep(self, seconds: float) -> None:
        self.stopped.wait(seconds)


def _is_the_recipients(error: HandlerError, user: str) -> bool:
    """Say whether a call failed that was made as the recipient, and not as the user whose row it is."""
    return error.details.get("method") in OWN_LIST or error.details.get("act_as", user) != user


def _too_long(error: HandlerError) -> bool:
    return error.code == RATE_LIMITED and (error.retry_after or 0.0) > LONGEST_RETRY_AFTER


def _not_tried(error: HandlerError) -> HandlerError:
    # What the row that met it may have changed is no business of this one.
    details = {name: value for name, value in error.details.items() if name not in CHANGE}
    message = f"Not tried, as this would meet it too: {error.message}"
    return type(error)(error.code, message, {**details, "not_tried": True}, error.retry_after)
