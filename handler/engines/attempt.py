"""One attempt at a step, for engines that try again by themselves.

What each of their adapters needs and none should write twice: an account by name,
errors that the engine can act on, and no foreign text where a secret could be in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from traceback import StackSummary, walk_tb
from typing import Any, TypeVar

from ..descriptor import invalid_input, load
from ..errors import HandlerError, quote
from ..masking import masked
from ..session import logger
from ..task import execute

T = TypeVar("T")

InfoOf = Callable[[str], Mapping[str, Any]]
"""Gives the info values of a connection; raises KeyError for one that it does not know."""

DEFAULT_CONNECTION = "default"
MOST_FRAMES = 50
LOOKS_SECRET = re.compile(r"[\w.~+/=-]{20,}")
"""As long as an access token, which nobody here knows by its value."""


class Unexpected(Exception):
    """An exception that is none of the handler's: its text is the other's class name, and no more."""


def attempt(info_of: InfoOf, connection: Any, parameters: Any) -> dict[str, str]:
    """Do a step once with the info values of a connection, and return its results.

    No connection ("" or None) is the one called `default`. Raises as `shielded` does;
    what an engine is to try again whatever Error Handling says; and InvalidInput for a
    connection that is unknown.
    """
    return shielded(lambda: _known(info_of, connection or DEFAULT_CONNECTION), lambda info: one_step(info, parameters))


def one_step(info: Any, parameters: Any) -> dict[str, str]:
    """Do a step once, and return its results; raises HandlerError, as `execute` does for an engine."""
    return dict(execute(info, parameters, attempts=1, raise_retryable=True).items())


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
    """Return a traceback without any secret info value, and without what may be an access token.

    As long as the info values are not known, it is class names and places.
    """
    try:
        secrets = secrets_of(info)
    except Exception:  # noqa: BLE001 -- no mapping, or one that cannot be read
        return told(error, None)
    # In this order: what looks like a token may be the beginning of a secret with a blank in it.
    return told(error, lambda text: LOOKS_SECRET.sub("***", masked(text, secrets)))


def secrets_of(info: Mapping[str, Any]) -> list[Any]:
    """Return the values that handler.yaml calls secret, and those that it does not know."""
    try:
        fields = load().info.fields
    except HandlerError:
        return list(info.values())
    return [value for name, value in info.items() if name not in fields or fields[name].get("writeOnly")]


def told(error: BaseException, hide: Callable[[str], str] | None) -> str:
    """Return a traceback with the texts of exceptions, notes among them, as `hide` gives them; None: without them.

    Source lines are left out: somebody may have written a secret there.
    """
    return "\n".join(_lines(error, hide, set()))


def _lines(error: BaseException, hide: Callable[[str], str] | None, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _lines(before, hide, seen)
        yield "after which came" if error.__cause__ is None else "which was the cause of"
    for frame in StackSummary.extract(walk_tb(error.__traceback__), limit=-MOST_FRAMES, lookup_lines=False):
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    texts = _texts(error) if hide else ""
    yield f"{type(error).__qualname__}: {hide(texts)}" if hide and texts else type(error).__qualname__
    for inner in getattr(error, "exceptions", ()):  # of a group
        if isinstance(inner, BaseException) and id(inner) not in seen:
            yield from _lines(inner, hide, seen)


def _texts(error: BaseException) -> str:
    try:
        return "\n".join(map(str, (error, *getattr(error, "__notes__", ())))).rstrip()
    except Exception:  # noqa: BLE001 -- a text that cannot be had
        return ""


def _known(info_of: InfoOf, connection: Any) -> Mapping[str, Any]:
    if not isinstance(connection, str):
        problem = f"is of the type {type(connection).__name__}, but must be text"
        raise invalid_input({"connection": problem})
    try:
        return info_of(connection)
    except KeyError:
        problem = f"{quote(connection)} is not known here; name one that the worker was started with"
        raise invalid_input({"connection": problem}) from None
