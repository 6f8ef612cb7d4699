"""Methods that Google has and the emulator does not play: each says so, with status 501.

A client that was told 404 would take the calendar for unknown.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .calendar_routes import ROUTES as CALENDAR_ROUTES
from .calls import PREFIX
from .error_forms import api_form, token_form
from .google_errors import GoogleError
from .routing import Request, Route, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .answers import Reply

CALENDAR_METHODS = """\
acl.watch POST calendars/{calendarId}/acl/watch
calendarList.delete DELETE users/me/calendarList/{calendarId}
calendarList.patch PATCH users/me/calendarList/{calendarId}
calendarList.update PUT users/me/calendarList/{calendarId}
calendarList.watch POST users/me/calendarList/watch
calendars.clear POST calendars/{calendarId}/clear
calendars.delete DELETE calendars/{calendarId}
calendars.insert POST calendars
calendars.patch PATCH calendars/{calendarId}
calendars.transferOwnership POST calendars/{calendarId}/transferOwnership
calendars.update PUT calendars/{calendarId}
channels.stop POST channels/stop
colors.get GET colors
events.delete DELETE calendars/{calendarId}/events/{eventId}
events.get GET calendars/{calendarId}/events/{eventId}
events.import POST calendars/{calendarId}/events/import
events.insert POST calendars/{calendarId}/events
events.instances GET calendars/{calendarId}/events/{eventId}/instances
events.list GET calendars/{calendarId}/events
events.move POST calendars/{calendarId}/events/{eventId}/move
events.patch PATCH calendars/{calendarId}/events/{eventId}
events.quickAdd POST calendars/{calendarId}/events/quickAdd
events.update PUT calendars/{calendarId}/events/{eventId}
events.watch POST calendars/{calendarId}/events/watch
freebusy.query POST freeBusy
settings.get GET users/me/settings/{setting}
settings.list GET users/me/settings
settings.watch POST users/me/settings/watch
"""
"""As in Google's discovery document: id, HTTP method, path."""

BATCHES = """\
batch POST batch/calendar/v3
batch POST batch
"""

SIGN_IN_METHODS = """\
oauth2.revoke POST revoke
oauth2.revoke POST o/oauth2/revoke
oauth2.tokeninfo GET tokeninfo
oauth2.tokeninfo POST tokeninfo
oauth2.tokeninfo GET oauth2/{version}/tokeninfo
oauth2.tokeninfo POST oauth2/{version}/tokeninfo
oauth2.certs GET oauth2/{version}/certs
"""

PLAYED = ", ".join(route.method_id for route in CALENDAR_ROUTES)


def _routes(table: str, prefix: str, form: Callable[[GoogleError], Reply] | None = None) -> list[Route]:
    return [
        Route(
            method_id=method_id,
            http_method=http_method,
            path=path,
            prefix=prefix,
            work=partial(_refuse, method_id),
            error_form=form or partial(api_form, method_id=method_id, scopes=()),
        )
        for method_id, http_method, path in map(str.split, table.splitlines())
    ]


def _refuse(method_id: str, world: World, request: Request, values: Mapping[str, str]) -> Reply:
    del world, request, values
    message = f"This is an emulator of Google Calendar, which does not play {method_id}; it plays {PLAYED}."
    raise GoogleError(reason="notImplemented", status=501, message=message)


ROUTES = (*_routes(CALENDAR_METHODS, PREFIX), *_routes(BATCHES, "/"), *_routes(SIGN_IN_METHODS, "/", token_form))
