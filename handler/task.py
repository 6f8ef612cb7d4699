"""A step of a workflow: check, connect, share, answer."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from .descriptor import invalid_input, load
from .errors import HandlerError, InvalidDescriptor
from .results import Results
from .retry import SYSTEM_CLOCK, Clock, Deadline, Policy, repeat
from .share import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A fixed name: a handler loaded by path goes by any module name.
logger = logging.getLogger("google_apps_calendar_share")


def execute(
    info: Mapping[str, str | bool | None],
    params: Mapping[str, str | bool | None],
    *,
    attempts: int | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Results:
    """Make sure that a recipient has the given access to a calendar.

    `info` and `params` are held to handler.yaml before any request. `attempts` (1 or
    more) takes the place of the descriptor's; 1 never waits, for engines that retry by
    themselves. `clock` is for tests. Raises HandlerError, or one of its children, as
    handler.yaml lists them; with Error Handling "Error Message" only
    InvalidDescriptor and a wrong Error Handling are raised, and the rest is a result.
    """
    descriptor = load()
    info_values, info_problems = descriptor.info.read(info)
    values, problems = descriptor.parameters.read(params)
    level = logging.INFO if info_values.get("enable_debug_logging") == "Yes" else logging.DEBUG
    log = functools.partial(logger.log, level)
    try:
        if attempts is not None and (type(attempts) is not int or attempts < 1):
            problems = {**problems, "attempts": "must be a whole number from 1 on"}
        if info_problems or problems:
            raise invalid_input({**info_problems, **problems})
        log("input checked")
        policy = Policy(**descriptor.document["retry"])
        if attempts is not None:
            policy = policy._replace(attempts=attempts)
        found = _run(info_values, values, policy, clock, log)
    except HandlerError as error:
        log("%s: %s", error.code, error.message)
        if values.get("error_handling") != "Error Message" or isinstance(error, InvalidDescriptor):
            raise
        found = {"handler_error_message": error.message, "handler_error_code": error.code}
    return Results(descriptor.titles, found)


def _run(
    info: Mapping[str, str], params: Mapping[str, str], policy: Policy, clock: Clock, log: Callable[[str], None]
) -> dict[str, str]:
    deadline = Deadline(clock, policy.deadline_seconds)
    # Google's client takes longer to import than a share takes; whoever only reads the
    # descriptor, or parses a file that imports us, must not pay for it.
    from .calendar_api import Limits, connect

    connection = connect(info, Limits(policy.connect_seconds, policy.read_seconds, deadline.left))
    step = Share(connection, params, log)
    return repeat(step, policy, deadline, clock, renew=connection.renew, log=log)
