"""A step of a workflow: check, connect, share, answer."""

from __future__ import annotations

import functools
import logging
import os
import threading
from typing import TYPE_CHECKING

from .descriptor import invalid_input, load
from .errors import HandlerError, InvalidDescriptor
from .guard_rails import uphold
from .installation import CODE as INSTALLATION_BROKEN
from .installation import installed
from .results import Results
from .retry import SYSTEM_CLOCK, Clock, Deadline, Policy, repeat
from .share import Share, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .calendar_api import Connection
    from .descriptor import Descriptor

# A fixed name: a handler loaded by path goes by any module name.
logger = logging.getLogger("google_apps_calendar_share")

# Python's import locks are not made anew in a child: a fork waits until nobody else is
# importing. Nobody else: a signal handler that comes while we import may fork, too.
_beginning = threading.RLock()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_beginning.acquire, after_in_parent=_beginning.release, after_in_child=_beginning.release
    )


def execute(
    info: Mapping[str, str | bool | None],
    params: Mapping[str, str | bool | None],
    *,
    attempts: int | None = None,
    raise_retryable: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> Results:
    """Make sure that a recipient has the given access to a calendar.

    `info` and `params` are held to handler.yaml before any request. `attempts` (1 or
    more) takes the place of the descriptor's; 1 never waits, for engines that retry by
    themselves. `clock` is for tests. Raises HandlerError, or one of its children, as
    handler.yaml lists them; with Error Handling "Error Message" only
    InvalidDescriptor, installation_broken and a wrong Error Handling are raised, and the
    rest is a result - except, with `raise_retryable`, what an engine is to try again.
    """
    descriptor = load()
    info_values, info_problems = descriptor.info.read(info)
    values, problems = descriptor.parameters.read(params)
    log = log_of(info_values)
    try:
        both = {
            name: f"{info_problems[name]}; in the parameters it {problems[name]}"
            for name in info_problems.keys() & problems
        }
        if wrong := {**info_problems, **problems, **both, **wrong_number("attempts", attempts)}:
            raise invalid_input(wrong)
        wish = wish_of(info_values, values)
        log("input checked")
        policy = policy_of(descriptor, attempts)
        connection, deadline = begin(info_values, policy, clock)
        found = repeat(Share(connection, wish, log), policy, deadline, clock, renew=connection.renew, log=log)
    except HandlerError as error:
        log("%s: %s", error.code, error.message)
        always = is_of_the_installation(error) or (raise_retryable and error.retryable)
        if always or values.get("error_handling") != "Error Message":
            raise
        found = {"handler_error_message": error.message, "handler_error_code": error.code}
    return Results(descriptor.titles, found)


def is_of_the_installation(error: HandlerError) -> bool:
    """Say whether every step of this installation would end with the error, whatever it asks for."""
    return isinstance(error, InvalidDescriptor) or error.code == INSTALLATION_BROKEN


def wish_of(info: Mapping[str, str], params: Mapping[str, str]) -> Wish:
    """Give what a step asks for, if it is allowed: every way in passes here before any request.

    Raises Refused if a guard rail forbids it, and InvalidDescriptor if a parameter is
    absent that a step cannot do without.
    """
    try:
        uphold(info, params)
        return Wish.of(params)
    except KeyError as missing:
        message = f"handler.yaml lets {missing.args[0]} be left out, and gives no default for it"
        raise InvalidDescriptor("invalid_descriptor", message) from None


def wrong_number(name: str, number: object) -> dict[str, str]:
    """Give the problem of a number by its name, {} if there is none; None means not given."""
    if number is None or (type(number) is int and number >= 1):
        return {}
    return {name: "must be a whole number from 1 on"}


def policy_of(descriptor: Descriptor, attempts: int | None) -> Policy:
    """Give the descriptor's retry, with another number of attempts if one is given."""
    policy = Policy(**descriptor.document["retry"])
    return policy if attempts is None else policy._replace(attempts=attempts)


def log_of(info: Mapping[str, str]) -> Callable[..., None]:
    """Give what writes a stage to the log, at the level that Enable Debug Logging asks for."""
    level = logging.INFO if info.get("enable_debug_logging") == "Yes" else logging.DEBUG
    return functools.partial(logger.log, level)


def begin(
    info: Mapping[str, str], policy: Policy, clock: Clock, turn: Callable[[], None] | None = None
) -> tuple[Connection, Deadline]:
    """Give a connection that makes no request after the deadline, which begins now, nor before its `turn`."""
    deadline = Deadline(clock, policy.deadline_seconds)
    with _beginning:
        # Google's client takes longer to import than a share takes; whoever only reads the
        # descriptor, or parses a file that imports us, must not pay for it.
        with installed():
            from .calendar_api import Limits, connect

        return connect(info, Limits(policy.connect_seconds, policy.read_seconds, deadline.left, turn)), deadline
