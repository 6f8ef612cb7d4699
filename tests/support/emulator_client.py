"""A client of the emulator that knows no library: it says what it sends, and sees what comes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from handler.testing.emulator import ACCOUNT, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

OPENED: list[HTTPConnection] = []


def closing() -> Iterator[None]:
    """Close, once a test has ended, what its clients have opened."""
    yield
    while OPENED:
        OPENED.pop().close()


@dataclass
class Got:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def reason(self) -> str:
        """Google's reason of an error."""
        return self.body["error"]["errors"][0]["reason"]


class Client:
    """A signed-in client with one connection that stays open."""

    def __init__(self, emulator: Emulator, **account: str) -> None:
        self.connection = HTTPConnection(emulator.host, timeout=10)
        OPENED.append(self.connection)
        self.account = {**ACCOUNT, **account}
        self.token = ""

    def send(self, method: str, path: str, body: str = "", **headers: str) -> Got:
        """Send one request as it stands."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body or None, named)
        answer = self.connection.getresponse()
        data, heads = answer.read(), dict(answer.headers)
        if data and "json" in heads["Content-Type"]:
            return Got(answer.status, json.loads(data), heads)
        return Got(answer.status, data.decode(), heads)

    def sign_in(self, **form: str) -> Got:
        """Ask for tokens, by default with the refresh token."""
        asked = {"grant_type": "refresh_token", **self.account, **form}
        got = self.send("POST", "/token", urlencode(asked))
        if got.status == 200:
            self.token = got.body["access_token"]
        return got

    def api(self, method: str, path: str, body: object = None, **headers: str) -> Got:
        """Call the API, signed in."""
        if not self.token:
            self.sign_in()
        text = body if isinstance(body, str) else json.dumps(body) if body else ""
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        return self.send(method, f"/calendar/v3/{path}", text, **headers)


def ids(got: Got) -> list[str]:
    """Return the ids of a page."""
    return [item["id"] for item in got.body["items"]]
