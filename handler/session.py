"""One account for one piece of work: its deadline, log, connection and retries."""

from __future__ import annotations

import functools
import logging
import os
import threading
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .acting import acting_user, list_owner
from .descriptor import load
from .installation import installed
from .retry import Deadline, Policy, current_clock, repeat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .calendar_api import Accounts, Connection, Limits
    from .retry import Clock

T = TypeVar("T")

# A fixed name: a handler loaded by path goes by any module name.
logger = logging.getLogger("google_apps_calendar_share")

# Python's import locks are not made anew in a child: a fork waits until nobody else is
# importing. "Nobody else", as a signal handler that runs during our own import may fork too.
_importing = threading.RLock()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_importing.release
    )


class Run(NamedTuple):
    """What many pieces of work have in common."""

    clock: Clock | None = None
    """The time that this piece goes by; None: the common clock."""
    turn: Callable[[str], None] | None = None
    """Waits until one more request may be made as a user."""
    recipients: Accounts | None = None
    """Recipients who stay signed in for as long as the run lasts."""
    log: Callable[..., None] | None = None
    """Writes to the log; None: as a run of its own."""


ALONE = Run()


class Session:
    """One account for one piece of work, whose deadline counts from now; makes no request by itself."""

    def __init__(
        self,
        info: Mapping[str, str],
        attempts: int | None = None,
        *,
        act_as: str = "",
        reads_only: bool = False,
        run: Run = ALONE,
    ) -> None:
        """Take the info values; `attempts` None leaves the descriptor's.

        `act_as` is the user that a service account acts as, "" for the installation's own;
        one that `reads_only` makes do with fewer OAuth scopes. `run` is what it has in
        common with other pieces of work.
        """
        self.log = run.log or log_of(info)
        self._info = info
        self._policy = policy_of(attempts)
        self._run = run
        self._clock = run.clock or current_clock()
        self._deadline = Deadline(self._clock, self._policy.deadline_seconds)
        self._act_as = act_as
        self._reads_only = reads_only
        self._connection: Connection | None = None
        self._list: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The account's connection.

        Raises InvalidInput if the environment names no usable server, and Refused
        (policy_refused) if the guard rails do not let the service account act as the user.
        """
        if self._connection is None:
            user = acting_user(self._info, self._act_as)
            with _importing:
                # Google's client takes longer to import than a share takes; whoever only reads the
                # descriptor, or parses a file that imports us, should not pay for it.
                with installed():
                    from .calendar_api import connect

                self._connection = connect(self._info, self.limits, user, reads_only=self._reads_only)
        return self._connection

    def list_of(self, recipient: str) -> Connection:
        """Return the connection to the recipient's own list of calendars.

        Raises Refused (policy_refused) if the guard rails do not let a calendar be put there.
        """
        user = list_owner(self._info, recipient)
        with _importing, installed():
            from .calendar_api import connect_once

            self._list = connect_once(self._info, self._limits(user.address), user, accounts=self._run.recipients)
        return self._list

    def with_scope(self, scope: str) -> Connection:
        """Return a service account's connection as the same user, for this OAuth scope alone.

        Raises Refused (policy_refused) as `connection` does.
        """
        user = acting_user(self._info, self._act_as)
        with _importing, installed():
            from .calendar_api import connect_once

            return connect_once(self._info, self.limits, user, (scope,))

    @property
    def limits(self) -> Limits:
        """How long each request may take; none is made after the session's deadline."""
        return self._limits(self._act_as)

    def attempt(self, do: Callable[[], T]) -> T:
        """Do it, and retry as the policy says; raises the last attempt's HandlerError."""
        renewed: set[Connection] = set()

        def renew() -> bool:
            """Let an account whose token was refused sign in anew; each does so once."""
            accounts = (self._connection, self._list)
            refused = {one for one in accounts if one and one not in renewed and one.renew()}
            renewed.update(refused)
            return bool(refused)

        return repeat(do, self._policy, self._deadline, self._clock, renew=renew, log=self.log)

    def _limits(self, user: str) -> Limits:
        with _importing, installed():
            from .calendar_api import Limits
        turn = functools.partial(self._run.turn, user) if self._run.turn else None
        return Limits(self._policy.connect_seconds, self._policy.read_seconds, self._deadline.left, turn)


def log_of(info: Mapping[str, str]) -> Callable[..., None]:
    """Return what writes the stages of a run to the log, at the level that Enable Debug Logging asks for.

    Each line begins with an id of the run, as others may write theirs in between.
    """
    level = logging.INFO if info.get("enable_debug_logging") == "Yes" else logging.DEBUG
    run_id = os.urandom(4).hex()

    def log(message: str, *values: object) -> None:
        logger.log(level, "%s %s", run_id, message % values if values else message, stacklevel=2)

    return log


def policy_of(attempts: int | None) -> Policy:
    """Return the descriptor's retry, with another number of attempts if one is given."""
    policy = Policy(**load().document["retry"])
    return policy if attempts is None else policy._replace(attempts=attempts)
