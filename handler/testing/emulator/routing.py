"""Routes: which method of the API a request means, and who does its work."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from .answers import Reply
from .google_errors import GoogleError

if TYPE_CHECKING:
    from .sign_in import SignIn
    from .state import State

SECRET = frozenset(
    ("access_token", "assertion", "client_secret", "code", "id_token", "key", "oauth_token", "refresh_token", "token")
)


@dataclass(frozen=True)
class World:
    """Everything that requests read and change."""

    state: State
    sign_in: SignIn
    page_size: int | None
    """The server's own limit of items in a page, under that of maxResults."""


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    http_method: str
    path: str
    """Still percent-encoded."""
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case."""
    body: bytes = field(repr=False)

    def form(self) -> dict[str, str]:
        """Return the body read as a form."""
        return read_form(self.body.decode("utf-8", "replace"))

    def json(self) -> Any:
        """Return the body read as JSON, None if it is empty; raises ValueError."""
        try:
            return json.loads(self.body) if self.body.strip() else None
        except RecursionError as error:
            message = "nested too deeply"
            raise ValueError(message) from error


Work = Callable[[World, Request, Mapping[str, str]], Reply]
"""What a route does; the mapping holds the values in its path, decoded."""


@dataclass(frozen=True)
class Route:
    """One HTTP method on one path."""

    method_id: str
    """As in Google's discovery document, without the leading `calendar.`."""
    http_method: str
    path: str
    prefix: str
    work: Work = field(repr=False)
    error_form: Callable[[GoogleError], Reply] = field(repr=False)
    query: tuple[str, ...] = ()
    """Query parameters beside those that every method takes."""
    scopes: tuple[str, ...] = ()
    """OAuth scopes of which a token needs one."""

    def values(self, request: Request) -> dict[str, str] | None:
        """Return the values in a request's path, None if this is another route."""
        if request.http_method != self.http_method:
            return None
        found = self._pattern.fullmatch(request.path)
        return found and {name: unquote(value) for name, value in found.groupdict().items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        whole = re.escape(self.prefix + self.path)
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", whole))

    def answer(self, world: World, request: Request, values: Mapping[str, str]) -> Reply:
        """Do the work, or answer why not in this route's form."""
        try:
            return self.work(world, request, values)
        except GoogleError as error:
            return self.error_form(error)


def read_form(text: str) -> dict[str, str]:
    """Return a form or a query; of a name that is there twice, the last value."""
    return dict(parse_qsl(text, keep_blank_values=True))


def find(routes: Sequence[Route], request: Request) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a request and the values in its path, if there is one."""
    for route in routes:
        values = route.values(request)
        if values is not None:
            return route, values
    return None


def safe_query(query: Mapping[str, str]) -> dict[str, str]:
    """Return a query without what could sign somebody in."""
    return {name: "***" if name in SECRET else value for name, value in query.items()}
