"""Finds the exception that urllib3 wrapped."""

from __future__ import annotations

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


def behind(error: object, kind: type[E]) -> E | None:
    """Return the error, or the first one behind it, that is of a kind; None if there is none.

    urllib3 keeps what it wraps as a cause, a context or an argument.
    """
    while isinstance(error, BaseException):
        if isinstance(error, kind):
            return error
        error = error.__cause__ or error.__context__ or (error.args[-1] if error.args else None)
    return None
