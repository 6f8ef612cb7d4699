"""What goes back to a client: a status, headers and the bytes of a body."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON_TYPE = "application/json; charset=UTF-8"
HTML_TYPE = "text/html; charset=UTF-8"
UNCACHED = {
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "Mon, 01 Jan 1990 00:00:00 GMT",
    "Vary": "Origin, X-Origin, Referer",
}
"""As Google's APIs answer, so that nobody keeps it."""
BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True)
class Reply:
    """One complete answer, or the beginning of one."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    """Bytes of the body that go out before the connection closes; None: all."""
    interim: tuple[int, ...] = ()
    """Statuses of the interim answers that go out first."""
    padding: int = 0
    """Spaces that follow the body."""
    chunked: bool = False
    """Whether the body goes out in pieces, its length unannounced."""
    unasked: Reply | None = None
    """Another answer that follows, to no request."""


def json_answer(status: int, body: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Return `body` as a JSON answer; `headers` may replace the usual ones."""
    return Reply(status, json.dumps(body).encode(), _with({"Content-Type": JSON_TYPE, **UNCACHED}, headers or {}))


def html_answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return `text` as an HTML answer; `headers` may replace the content type."""
    return Reply(status, text.encode(), _with({"Content-Type": HTML_TYPE}, headers or {}))


def _with(usual: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    given = {name.lower() for name in headers}
    return {**{name: value for name, value in usual.items() if name.lower() not in given}, **headers}
