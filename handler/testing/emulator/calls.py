"""What all methods of the Calendar API have in common, done before their own work.

That is the access token, its OAuth scopes, the query, the `fields` mask and the body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .accounts import SCOPE_ROOT
from .answers import Reply, json_answer
from .error_forms import api_form
from .google_errors import GoogleError
from .parameters import read_query
from .partial import read_mask, select
from .routing import Request, Route, World
from .rule_bodies import known_form

if TYPE_CHECKING:
    from .calendar_lists import Entry
    from .state import State

PREFIX = "/calendar/v3/"


@dataclass(frozen=True)
class Call:
    """A signed-in, well-formed call of one method."""

    world: World
    email: str
    values: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    if_match: str

    @property
    def state(self) -> State:
        """Calendars and rules."""
        return self.world.state

    def calendar(self, role: str) -> Entry:
        """Return the calendar in the path if the account has `role`, or raise."""
        return self.state.entry(self.email, self.values["calendarId"], role)

    @property
    def rule_id(self) -> str:
        """The rule id in the path; raises GoogleError if there can be no such rule."""
        return known_form(self.values["ruleId"])


Method = Callable[[Call], "dict[str, Any] | None"]


def declare_method(  # noqa: PLR0913 -- one argument for each thing that discovery declares
    routes: list[Route],
    method_id: str,
    http_method: str,
    path: str,
    *,
    scopes: Sequence[str],
    query: Sequence[str] = (),
    answers: str = "",
) -> Callable[[Method], Method]:
    """Add a function to `routes`; `answers` names the schema of what it answers."""
    needed = tuple(f"{SCOPE_ROOT}{scope}" for scope in scopes)

    def declare(method: Method) -> Method:
        def work(world: World, request: Request, values: Mapping[str, str]) -> Reply:
            grant = world.sign_in.grant(_bearer(request))
            if not grant.api_enabled:
                raise GoogleError(reason="accessNotConfigured")
            if not set(grant.scopes) & set(needed):
                raise GoogleError(reason="insufficientPermissions")
            if not grant.has_calendar:
                raise GoogleError(reason="notACalendarUser")
            read = read_query(query, request.query)
            fields = read.get("fields")
            mask = read_mask(fields, answers) if fields and answers else None
            call = Call(
                world=world,
                email=grant.email,
                values=values,
                query=read,
                body=_body(request),
                if_match=request.headers.get("if-match", ""),
            )
            with world.state.lock:
                found = method(call)
            return Reply(204) if found is None else json_answer(200, select(found, mask))

        routes.append(
            Route(
                method_id=method_id,
                http_method=http_method,
                path=path,
                prefix=PREFIX,
                work=work,
                error_form=partial(api_form, method_id=method_id, scopes=needed),
                query=tuple(query),
                scopes=needed,
            )
        )
        return method

    return declare


def _bearer(request: Request) -> str:
    header = request.headers.get("authorization", "")
    if not header:
        raise GoogleError(reason="required", status=401)
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = request.json()
    except ValueError:
        raise GoogleError(reason="parseError") from None
    if not isinstance(body, (dict, type(None))):
        raise GoogleError(reason="parseError")
    return body or {}
