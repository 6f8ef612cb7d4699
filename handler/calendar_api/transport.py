"""Sends one HTTP request, and raises the reason why there is no answer.

Never follows a redirect, and never sends a request that may change something twice.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import urllib3

from ..errors import Unavailable
from .connection_pools import pool_for
from .http_answers import TooLongError, current
from .interruptions import let_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NEVER = urllib3.Retry(False)  # noqa: FBT003 -- urllib3's way to say it


class Limits(NamedTuple):
    """How long a request may take: seconds for each of its waits, and what is left in all."""

    connect_seconds: float
    read_seconds: float
    left: Callable[[], float]
    turn: Callable[[], None] | None = None
    """Waits until one more request to the Calendar API may be made; None: no waiting."""


class Answer(NamedTuple):
    """An answer as it came; header names may be read in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@let_out
def send(
    method: str, url: str, body: bytes | None, headers: dict[str, str], limits: Limits, *, repeatable: bool
) -> Answer:
    """Send a request and read the whole answer, whatever its status.

    A `repeatable` request is sent once more if a kept connection turns out to be dead.
    Raises Unavailable if there is no complete answer, HandlerError (unexpected_answer)
    if it is too long, the certificate does not verify or a proxy refuses, InvalidInput
    if the environment names an unusable proxy or CA file.
    """
    scheme, _, place = url.partition("://")
    authority, _, target = place.partition("/")
    pool = pool_for(scheme, authority, limits)
    current.limits = limits
    for last in (not repeatable, True):
        left = limits.left()
        if left <= 0:
            raise Unavailable("google_unavailable", f"The time for the step ran out before {pool.host} was asked.")
        timeout = _timeout(min(limits.connect_seconds, left), min(limits.read_seconds, left))
        current.stage, current.surplus = "kept", False
        try:
            answer = pool.urlopen(
                method,
                f"/{target}",
                body,
                headers,
                NEVER,
                redirect=False,
                assert_same_host=False,
                timeout=timeout,
                decode_content=False,
            )
            return Answer(answer.status, answer.headers, answer.data)
        except (TooLongError, urllib3.exceptions.HTTPError) as error:
            if not last and current.stage == "kept" and error.args and isinstance(error.args[-1], OSError):
                continue  # the kept connection was dead
            from .network_errors import no_answer  # only needed to explain

            failed = no_answer(pool, error, timeout, limits, repeatable=repeatable)
        raise failed  # out here, as the original exception may hold a part of the answer
    raise AssertionError("the second round returns or raises")


@functools.lru_cache(16)  # the same two numbers for all but the last requests of a long step
def _timeout(connect_seconds: float, read_seconds: float) -> urllib3.Timeout:
    return urllib3.Timeout(connect=connect_seconds, read=read_seconds)
