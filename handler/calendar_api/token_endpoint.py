"""Posts a form to the token endpoint, to exchange a refresh token, an assertion or a consent's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .error_bodies import json_or_none
from .transport import send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..errors import HandlerError
    from .transport import Answer, Limits

LONGEST_LIFETIME = 10_000_000
"""Seconds; longer than any token lives, and short enough for a date."""


def post_form(
    token_url: str,
    form: Mapping[str, str],
    limits: Limits,
    refused: Callable[[Answer], HandlerError],
    *,
    repeatable: bool,
    seen: Callable[[Answer], None] | None = None,
) -> dict[str, Any]:
    """Return the answer, whose access_token and expires_in are good; other fields are as they came.

    `refused` returns the error to raise for any other answer, and `repeatable` is as for `send`; `seen` is called
    with each answer first. Raises that error, or Unavailable.
    """
    # google-auth would take a refresh_token of the answer for the account's own, and
    # by itself sleeps and asks up to three times (google/oauth2/_client.py).
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = send("POST", token_url, urlencode(form).encode(), headers, limits, repeatable=repeatable)
    if seen:
        seen(answer)
    found = _read(answer) if answer.status == 200 else None
    if found is None:
        raise refused(answer)
    return found


def _read(answer: Answer) -> dict[str, Any] | None:
    """Return the fields of an answer, None if it holds no access token that could be sent."""
    found = json_or_none(answer.body)
    if not isinstance(found, dict):
        return None
    token, lifetime = found.get("access_token"), found.get("expires_in", 0)
    usable = isinstance(token, str) and token.isascii() and token.isprintable() and token and " " not in token
    return found if usable and isinstance(lifetime, int) and 0 <= lifetime <= LONGEST_LIFETIME else None
