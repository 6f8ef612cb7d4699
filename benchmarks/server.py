"""A lean stand-in for Google: one account with many calendars, and access rules in memory.

Costs less a request than any client, which the emulator does not, and has what the
measurements need: `fields`, pages, kept connections, HTTP and HTTPS, a latency and
counts. It checks nothing, refuses nothing and does not compress.

Run as a program it prints its two ports as one line of JSON, and serves until killed.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import re
import ssl
import sys
from typing import Any
from urllib.parse import parse_qs, unquote

LIST_PATH = "/calendar/v3/users/me/calendarList"
ACL_PATH = re.compile(r"/calendar/v3/calendars/([^/]+)/acl(?:/([^/]+))?")
DEFAULT_PAGE, LARGEST_PAGE = 100, 250
WORD = re.compile(r"[A-Za-z]+|[(),]")

Answer = tuple[int, bytes]


class Google:
    """The account's state, and what was asked of it."""

    def __init__(self, calendars: int) -> None:
        self._calendars = [_calendar(number) for number in range(calendars)]
        self._rules: dict[tuple[str, str], str] = {}
        self._page = functools.cache(self._new_page)
        self.counts = {"connections": 0, "token": 0, "list": 0, "get": 0, "write": 0}

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Return the status and body for a request."""
        path, _, query = target.partition("?")
        if path == LIST_PATH:
            self.counts["list"] += 1
            return 200, self._page(query)
        if match := ACL_PATH.fullmatch(path):
            return self._acl(method, match, query, body)
        if path == "/token":
            self.counts["token"] += 1
            return 200, b'{"access_token": "a-token-of-the-benchmark", "expires_in": 3599, "token_type": "Bearer"}'
        if path == "/counts":
            return 200, json.dumps(self.counts).encode()
        return 404, b'{"error": {"code": 404, "message": "Not Found"}}'

    def _new_page(self, query: str) -> bytes:
        given = parse_qs(query)
        size = min(int(given.get("maxResults", [DEFAULT_PAGE])[0]), LARGEST_PAGE)
        start = int(given.get("pageToken", ["0"])[0])
        page: dict[str, Any] = {"kind": "calendar#calendarList", "etag": '"p33g"', "nextSyncToken": "CPDAlvWDx70C"}
        if start + size < len(self._calendars):
            page["nextPageToken"] = str(start + size)
        page["items"] = self._calendars[start : start + size]
        return _body(page, given)

    def _acl(self, method: str, match: re.Match[str], query: str, body: bytes) -> Answer:
        calendar, rule = unquote(match[1]), unquote(match[2] or "")
        self.counts["get" if method == "GET" else "write"] += 1
        if method in {"POST", "PUT"}:
            wanted = json.loads(body)
            rule = rule or ":".join(wanted["scope"].values())
            self._rules[calendar, rule] = wanted["role"]
        role = self._rules.get((calendar, rule))
        if role is None:
            return 404, b'{"error": {"code": 404, "message": "Not Found", "errors": [{"reason": "notFound"}]}}'
        kind, _, value = rule.partition(":")
        found = {
            "kind": "calendar#aclRule", "etag": '"00001"', "id": rule, "role": role,
            "scope": {"type": kind, "value": value},
        }  # fmt: skip
        return 200, _body(found, parse_qs(query))


class Connection(asyncio.Protocol):
    """One kept connection; requests on it come one after the other."""

    def __init__(self, google: Google, latency: float) -> None:
        self._google = google
        self._latency = latency
        self._received = b""
        self._counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- for the type checker
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not end or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        method, target, _ = head.decode("latin-1").split(" ", 2)
        if not self._counted and target != "/counts":
            self._counted = True
            self._google.counts["connections"] += 1
        status, content = self._google.answer(method, target, body)
        answer = (
            b"HTTP/1.1 %d OK\r\nContent-Type: application/json; charset=UTF-8\r\nVary: Origin, X-Origin, Referer\r\n"
            b"Cache-Control: private\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nServer: ESF\r\nX-XSS-Protection: 0\r\n"
            b"X-Frame-Options: SAMEORIGIN\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%b"
            % (status, len(content), content)
        )
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)
        else:
            self._transport.write(answer)


def _calendar(number: int) -> dict[str, Any]:
    """Make an entry as long as Google's are."""
    return {
        "kind": "calendar#calendarListEntry",
        "etag": f'"{1600000000000000 + number}"',
        "id": f"c_{number:064x}@group.calendar.google.com",
        "summary": f"Project calendar {number:05}",
        "description": "What the project team plans, and when the rooms are booked.",
        "timeZone": "Europe/Berlin",
        "colorId": "17",
        "backgroundColor": "#9a9cff",
        "foregroundColor": "#000000",
        "selected": True,
        "accessRole": "owner",
        "dataOwner": "owner@example.com",
        "defaultReminders": [{"method": "popup", "minutes": 30}],
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }


def _body(document: dict[str, Any], given: dict[str, list[str]]) -> bytes:
    """Write what `fields` asks for; Google indents unless told not to."""
    if "fields" in given:
        document = _masked(document, _mask(iter(WORD.findall(given["fields"][0]))))
    pretty = given.get("prettyPrint") != ["false"]
    return json.dumps(document, indent=1 if pretty else None, ensure_ascii=False).encode()


def _mask(words: Any) -> dict[str, Any]:
    """Read `a,b(c,d)` as {"a": {}, "b": {"c": {}, "d": {}}}."""
    mask: dict[str, Any] = {}
    last = ""
    for word in words:
        if word == "(":
            mask[last] = _mask(words)
        elif word == ")":
            break
        elif word != ",":
            mask[last := word] = {}
    return mask


def _masked(found: Any, mask: dict[str, Any]) -> Any:
    if not mask:
        return found
    if isinstance(found, list):
        return [_masked(entry, mask) for entry in found]
    return {key: _masked(value, mask[key]) for key, value in found.items() if key in mask}


async def serve(calendars: int, latency: float, certificate: str) -> None:
    """Listen on two free ports of loopback, HTTP and HTTPS."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    google = Google(calendars)
    plain, secure = [
        await loop.create_server(lambda: Connection(google, latency), "127.0.0.1", 0, ssl=tls, backlog=256)
        for tls in (None, context)
    ]
    ports = [listener.sockets[0].getsockname()[1] for listener in (plain, secure)]
    sys.stdout.write(json.dumps({"http": ports[0], "https": ports[1]}) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("certificate", help="PEM file of the server's certificate and key")
    parser.add_argument("--calendars", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that each answer is held back")
    given = parser.parse_args()
    asyncio.run(serve(given.calendars, given.latency, given.certificate))


if __name__ == "__main__":
    main()
