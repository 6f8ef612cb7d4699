"""The step as an activity of Temporal, packaged as a plugin for any worker.

Parameters and the name of a connection travel to it, and stand in Temporal's history;
the info values of that name are looked up here, on the worker. Needs the extra `temporal`.
"""

from __future__ import annotations

import contextvars
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin

from ..descriptor import load
from ..errors import HandlerError
from .attempt import Unexpected, attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .attempt import InfoOf


def plugin(info_of: InfoOf) -> SimplePlugin:
    """Return what lets a worker do the step: `Worker(..., plugins=[plugin(info_of)])`.

    `info_of` gives the info values of a connection, at every step anew, and raises
    KeyError for one it does not know. The worker needs an `activity_executor` of threads.
    """
    return SimplePlugin(load().document["id"].replace("_", "-"), activities=[activity_of(info_of)])


def activity_of(info_of: InfoOf) -> Callable[..., dict[str, str]]:
    """Return the activity, which has the id in handler.yaml as its name."""

    # Without the flag a cancellation would be raised in the middle of a request, and
    # nobody could tell whether Google has done what was asked.
    @activity.defn(name=load().document["id"], no_thread_cancel_exception=True)
    def step(*given: Any) -> dict[str, str]:
        """Do the step: one object with the parameters and, if need be, a `connection`."""
        parameters = given[0] if len(given) == 1 else list(given)
        connection = None
        if isinstance(parameters, dict):
            parameters = dict(parameters)
            connection = parameters.pop("connection", None)
        try:
            with _heartbeats():
                return attempt(info_of, connection, parameters)
        except HandlerError as error:
            failed = _failure(error)
        except Unexpected as error:
            failed = ApplicationError(f"{error}; the worker's log has more", type=str(error))
        raise failed  # here, as Temporal writes down what was being handled too

    return step


def _failure(error: HandlerError) -> ApplicationError:
    wait = None if error.retry_after is None else timedelta(seconds=error.retry_after)
    return ApplicationError(
        error.message,
        error.to_dict(),
        type=error.code,
        non_retryable=not error.retryable,
        next_retry_delay=wait,
    )


@contextmanager
def _heartbeats() -> Iterator[None]:
    """Tell the engine from a second thread, three times as often as it asks for, that the step is alive."""
    allowed, ended = activity.info().heartbeat_timeout, threading.Event()

    def beat(seconds: float) -> None:
        while not ended.wait(seconds):
            with suppress(Exception):  # a beat that does not get through is one missed, and no reason to stop
                activity.heartbeat()

    if not allowed:
        yield
        return
    context = contextvars.copy_context()  # which step it is stands in the context of its thread
    thread = threading.Thread(target=context.run, args=(beat, allowed.total_seconds() / 3), name="heartbeats")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
