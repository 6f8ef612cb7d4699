"""Lets an exception that the caller's signal handler raised leave a request unchanged.

A handler may raise anything, a TimeoutError too: alarms and the time limits of engines
do. It is raised inside urllib3, which would take it for a network error.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

P = ParamSpec("P")
T = TypeVar("T")


class _Interruption(BaseException):
    """Carries an exception past every handler that would catch one of its class."""

    def __init__(self, raised: Exception) -> None:
        super().__init__(raised)
        self.raised = raised


def carry_out(call: Callable[P, T]) -> Callable[P, T]:
    """Make sure that only `let_out` catches what a signal handler raises during the call."""

    @functools.wraps(call)
    def carrying(*arguments: P.args, **named: P.kwargs) -> T:
        before = sys.exc_info()[1]
        try:
            return call(*arguments, **named)
        except Exception as error:
            raised = raised_by_signal_handler(error, before)
            if raised is None:
                raise
            raise _Interruption(raised) from None

    return carrying


def let_out(call: Callable[P, T]) -> Callable[P, T]:
    """Raise the original exception again."""

    @functools.wraps(call)
    def letting(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return call(*arguments, **named)
        except _Interruption as interruption:
            raised = interruption.raised
        raise raised  # out here it gets no other context

    return letting


def raised_by_signal_handler(error: BaseException, before: BaseException | None) -> Exception | None:
    """Return the error, or the one behind it, that a signal handler raised; None if none did.

    `before` is what was being handled already, and is not looked at.
    """
    found = None
    for one in _chain(error, before):
        trace = one.__traceback__
        while trace and trace.tb_next:
            if isinstance(one, Exception) and _was_given(trace.tb_next.tb_frame, trace.tb_frame):
                found = one  # and on: urllib3 gives the traceback of what it caught to its own error
            trace = trace.tb_next
    return found


def _was_given(called: FrameType, interrupted: FrameType) -> bool:
    # Only a signal handler is passed the very frame that was interrupted.
    found = called.f_locals.values()
    return any(value is interrupted for value in found) or any(
        item is interrupted for value in found if type(value) is tuple for item in value
    )


def _chain(error: BaseException, before: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and every exception behind it."""
    waiting: list[BaseException | None] = [error]
    seen: list[BaseException | None] = [None, before]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        waiting += [one.__context__, one.__cause__]
