"""A step of a workflow: check, connect, share, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .acting import misplaced
from .descriptor import invalid_input, load, wrong_number
from .errors import HandlerError
from .guard_rails import allowed_wish
from .installation import is_of_the_installation
from .results import Results
from .session import Run, Session, log_of
from .share import Share

if TYPE_CHECKING:
    from collections.abc import Mapping


def execute(
    info: Mapping[str, str | bool | None],
    params: Mapping[str, str | bool | None],
    *,
    attempts: int | None = None,
    raise_retryable: bool = False,
) -> Results:
    """Make sure that a recipient has the given access to a calendar.

    `info` and `params` are checked against handler.yaml before any request. `attempts`
    (1 or more) replaces the descriptor's; 1 never waits, for engines that retry by
    themselves. Raises HandlerError, or one of its children, as handler.yaml lists them;
    with Error Handling "Error Message" only InvalidDescriptor, installation_broken and a
    wrong Error Handling are raised, and the rest is a result, except, with
    `raise_retryable`, what an engine is to retry.
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
        if wrong := {
            **info_problems,
            **problems,
            **both,
            **misplaced(info_values, values),
            **wrong_number("attempts", attempts),
        }:
            raise invalid_input(wrong)
        wish = allowed_wish(info_values, values)
        log("input checked")
        session = Session(info_values, attempts, act_as=wish.act_as, reads_only=wish.dry_run, run=Run(log=log))
        own_list = session.list_of(wish.recipient) if wish.add_to_list else None
        found = session.attempt(Share(session.connection, wish, log, own_list=own_list))
    except HandlerError as error:
        log("%s: %s", error.code, error.message)
        always = is_of_the_installation(error) or (raise_retryable and error.retryable)
        if always or values.get("error_handling") != "Error Message":
            raise
        found = {"handler_error_message": error.message, "handler_error_code": error.code}
    return Results(descriptor.titles, found)
