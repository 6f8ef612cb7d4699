"""One attempt at a step, for engines that try again by themselves.

What each of their adapters needs and none should write twice: an account by name,
errors that the engine can act on, and no foreign text where a secret could be in it.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..descriptor import invalid_input
from ..errors import HandlerError, masked, quote
from ..session import logger
from ..task import execute

T = TypeVar("T")

InfoOf = Callable[[str], Mapping[str, Any]]
"""Gives the info values of a connection; raises KeyError for one that it does not know."""

DEFAULT_CONNECTION = "default"
FRAME = '  File "'
"""How the part of a traceback begins that holds source code, and no values."""
LOOKS_SECRET = re.compile(r"[\w.~+/=-]{20,}")
"""As long as an access token, which nobody here knows by its value."""


class Unexpected(Exception):
    """An exception that is none of the handler's: its text is the other's class name, and no more."""


def attempt(info_of: InfoOf, connection: Any, parameters: Any) -> dict[str, str]:
    """Do a step once with the info values of a connection, and give its results.

    No connection ("" or None) is the one called `default`. Raises as `shielded` does;
    what an engine is to try again whatever Error Handling says; and InvalidInput for a
    connection that is unknown.
    """
    return shielded(lambda: _known(info_of, connection or DEFAULT_CONNECTION), lambda info: one_step(info, parameters))


def one_step(info: Any, parameters: Any) -> dict[str, str]:
    """Do a step once, and give its results; raises HandlerError, as `execute` does for an engine."""
    return dict(execute(info, parameters, attempts=1, raise_retryable=True))


def shielded(find_info: Callable[[], Any], do: Callable[[Any], T]) -> T:
    """Do something with info values, so that no foreign text reaches the engine.

    Raises HandlerError as it comes; and Unexpected for any other exception, after the
    rest of that was written to the log, redacted.
    """
    info: Any = None
    try:
        info = find_info()
        return do(info)
    except HandlerError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever it is, its text must not reach the engine
        logger.error("a step failed unexpectedly\n%s", redacted(error, info))
        failed = Unexpected(type(error).__name__)
    raise failed  # here, so that the error itself is no context of it


def redacted(error: BaseException, info: Any) -> str:
    """Give a traceback without any info value, and without what may be an access token.

    As long as the info values are not known, that is class name and source lines.
    """
    if not isinstance(info, Mapping):
        return "".join([*traceback.format_tb(error.__traceback__), type(error).__name__])
    hidden = [value.strip() for value in info.values() if isinstance(value, str)]
    return "".join(_masked(part, hidden) for part in traceback.format_exception(error)).rstrip()


def _known(info_of: InfoOf, connection: Any) -> Mapping[str, Any]:
    if not isinstance(connection, str):
        problem = f"is of the type {type(connection).__name__}, but must be text"
        raise invalid_input({"connection": problem})
    try:
        return info_of(connection)
    except KeyError:
        problem = f"{quote(connection)} is not known here; name one that the worker was started with"
        raise invalid_input({"connection": problem}) from None


def _masked(part: str, hidden: list[str]) -> str:
    if part.startswith(FRAME):
        return part
    return LOOKS_SECRET.sub("***", masked(part, hidden))
