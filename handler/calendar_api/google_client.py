"""Google's client library: it builds the requests, and we send them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import httplib2
from googleapiclient import discovery, errors

from ..installation import broken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .transport import Answer

CALENDAR_FIELDS = "nextPageToken,items(id,summary,summaryOverride,accessRole,dataOwner,primary)"
TOLD = frozenset({"content-type", "x-http-method-override"})
"""Headers that say how to read a request: an address of over 2,048 characters travels as a form."""
NOT_READ = (ValueError, RecursionError, errors.Error, httplib2.HttpLib2Error)
"""What the library raises about an answer that it cannot read."""


class Client(NamedTuple):
    """The library's parts that are used, and the request that is the same for every account."""

    calendars: Any
    rules: Any
    first_page: Any


@functools.lru_cache(4)  # a megabyte each; a process that starts one emulator after the other would keep them all
def client_for(api_url: str) -> Client:
    """Return the client for an address; it is kept, as the library makes its methods anew each time."""
    try:
        service = discovery.build(
            "calendar",
            "v3",
            http=_NoHttp(),
            # The universe is named too: an environment variable could name another one.
            client_options={"api_endpoint": api_url, "universe_domain": "googleapis.com"},
            static_discovery=True,
            cache_discovery=False,
        )
    except Exception as error:
        # No request was made: the library was installed without its description of Google Calendar.
        raise broken(error, "googleapiclient.discovery_cache.documents") from error
    calendars = service.calendarList()
    return Client(calendars, service.acl(), page_request(calendars, None))


def page_request(calendars: Any, page_token: str | None) -> Any:
    """Return the request for a page of the calendar list, hidden entries included."""
    return calendars.list(maxResults=250, showHidden=True, pageToken=page_token, fields=CALENDAR_FIELDS)


class SendingHttp:
    """What the library calls `http`: passes the request on, and the answer back.

    Only successful answers go back. The library's own HttpError would hide the reason and quote
    the address (googleapiclient/errors.py).
    """

    def __init__(self, send_signed: Callable[..., Answer]) -> None:
        """Take what sends a method, an address and a body."""
        self._send_signed = send_signed

    def request(
        self, uri: str, method: str = "GET", body: str | None = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> tuple[httplib2.Response, bytes]:
        """Send a request, with the library's headers that say how to read it; the sender sets all others."""
        kept = {name: value for name, value in (headers or {}).items() if name.lower() in TOLD}
        answer = self._send_signed(method, uri, body.encode() if body else None, kept)
        return httplib2.Response({"status": str(answer.status)}), answer.body


class _NoHttp:
    """A placeholder while the service is built; each call brings its own."""

    def request(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a request without an account")
