"""The emulator as a whole: its lifetime, its record of requests, and who answers."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from time import time
from typing import TYPE_CHECKING, Any

from ...documents import rules_of
from .accounts import read_accounts
from .calendar_routes import ROUTES as CALENDAR_ROUTES
from .calls import PREFIX
from .error_forms import unknown_page
from .fault_queue import Faults
from .faults import KINDS, Turn
from .google_errors import GoogleError
from .oauth_routes import ROUTES as OAUTH_ROUTES
from .robot_keys import key_document
from .robot_sign_in import GRANT_TYPE, RobotSignIn, read_assertion
from .routing import Request, Route, World, find, safe_query
from .sign_in import SignIn
from .state import State
from .unplayed import ROUTES as UNPLAYED_ROUTES
from .wire import Server
from .workspace import people, read_robots, read_users

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from .answers import Reply

SCHEMA = Path(__file__).parent.parent / "case.schema.json"
"""Says what a state may hold, too."""

CALENDAR_API = f"{__package__.rpartition('.testing.')[0]}.calendar_api"
NAMES = ("127.0.0.1", "localhost")
"""How an emulator's host may be written."""

ROUTES = (*OAUTH_ROUTES, *CALENDAR_ROUTES)

METHODS = tuple(dict.fromkeys(route.method_id for route in ROUTES))
"""Id of every method that the emulator plays."""

FAULT_KINDS = tuple(KINDS)
"""Name of every kind of fault that can be ordered."""

UNKNOWN = "unknown"

KEPT = 100_000
"""How many of the newest requests are kept, unless told otherwise: some 100 MB."""


@dataclass
class Record:
    """One request that came in. It holds no token, secret or code."""

    method: str
    """Id of the method, `unknown` if Google has none with this path and HTTP method."""
    http_method: str
    path: str
    query: dict[str, str]
    body: Any = None
    """The JSON body; of a token request the grant_type only, and what an assertion asks for: iss, sub and scope."""
    status: int | None = field(default=None)
    """Status answered; None if none was, or not yet."""


class Emulator:
    """A local Google Calendar on 127.0.0.1, from `start` to `stop` or as a context."""

    def __init__(self, state: Mapping[str, Any] | None = None, *, port: int = 0, kept: int = KEPT) -> None:
        """Remember where to begin; `port` 0 is any free one, `kept` how many of the newest requests to keep.

        `state` holds dicts and lists as JSON has them, each key optional: account or accounts, calendars,
        rules, users, service_accounts, aliases, page_size, clock_offset, faults, as `google` does in a
        parameter file. Raises ValueError, with every mistake, for a state that would be refused there.
        """
        given = {} if state is None else state
        if mistakes := rules_of(SCHEMA, "google").problems(given):
            raise ValueError("; ".join(mistakes))
        self._accounts, users, self._robots = read_accounts(given), read_users(given), read_robots(given)
        self._clock_offset: int = given.get("clock_offset", 0)
        self._world = World(
            State(people(self._accounts, users, self._robots), given.get("rules", {}), given.get("aliases", {})),
            SignIn(self._accounts, RobotSignIn(self._robots, users, self._now)),
            given.get("page_size"),
        )
        self._faults = Faults(given.get("faults", ()), METHODS)
        self._port = port
        self._lock = Lock()
        self._records: deque[Record] = deque(maxlen=kept)
        self._stopping = Event()
        self._server: Server | None = None

    def __enter__(self) -> Emulator:  # noqa: PYI034 -- typing.Self needs Python 3.11
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Bind the port and serve; raises OSError if the port is taken."""
        if self._server is None:
            self._stopping.clear()
            self._server = Server(self._port, self._answer, self._now)
            _forget(self._server.server_port)

    def stop(self) -> None:
        """Close the port and every connection, the handler's own ends too; what was recorded stays."""
        self._stopping.set()
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            _forget(server.server_port)

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`; raises RuntimeError unless started."""
        if self._server is None:
            message = "the emulator is not running"
            raise RuntimeError(message)
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def info(self) -> dict[str, str]:
        """Info values of the account, of the first if there are several."""
        account = self._accounts[0]
        found = {name: getattr(account, name) for name in ("client_id", "client_secret", "refresh_token")}
        return {name: value for name, value in found.items() if value is not None}

    def service_account_key(self, email: str = "") -> str:
        """Return the JSON document of a service account's key, of the first if none is named.

        The key is made once in a process, and good for its emulators alone. Raises
        ValueError if there is no such service account.
        """
        for robot in self._robots:
            if email.lower() in ("", robot.email):
                return key_document(robot)
        message = "the emulator has no such service account"
        raise ValueError(message)

    @property
    def requests(self) -> list[Record]:
        """The requests so far, in order; only the newest, if there were more than are kept."""
        with self._lock:
            return list(self._records)

    @property
    def calls(self) -> list[str]:
        """The method ids of `requests`."""
        return [record.method for record in self.requests]

    @property
    def mails(self) -> list[str]:
        """The rule ids that people were mailed about, in order."""
        return self._world.state.mails()

    @property
    def added_to_lists(self) -> dict[str, list[str]]:
        """The ids of the calendars that were put into users' lists, by address, in order."""
        return self._world.state.added_to_lists()

    @property
    def unused_faults(self) -> list[str]:
        """One line for each ordered fault that has not happened."""
        return self._faults.left()

    def order(self, fault: Mapping[str, Any]) -> None:
        """Let one more fault happen, said as in `faults`; raises ValueError if it cannot."""
        if mistakes := rules_of(SCHEMA, "fault").problems(fault):
            raise ValueError("; ".join(mistakes))
        self._faults.order(fault)

    def rules(self) -> dict[str, dict[str, str]]:
        """Return role by rule id by calendar id, sorted, without the accounts' own.

        A calendar without any is left out, unless the beginning state named it.
        """
        return self._world.state.rules()

    def _now(self) -> float:
        return time() + self._clock_offset

    def _answer(self, request: Request) -> Reply | None:
        found = find((*ROUTES, *UNPLAYED_ROUTES), request)
        record = _record(found[0].method_id if found else UNKNOWN, request)
        with self._lock:
            self._records.append(record)
        answer = self._play(*found, request) if found else unknown_page(request.path)
        record.status = answer.status if answer else None
        return answer

    def _play(self, route: Route, values: Mapping[str, str], request: Request) -> Reply | None:
        turn = Turn(
            world=self._world,
            work=lambda: route.answer(self._world, request, values),
            error=route.error_form,
            wait=lambda seconds: not self._stopping.wait(seconds),
        )
        fault = self._faults.take(route.method_id)
        return fault.play(turn) if fault else turn.work()


def _forget(port: int) -> None:
    # What was kept of an emulator must not serve a later one on the same port. Google's client
    # is slow to import: where nobody has, nothing is kept.
    calendar_api = sys.modules.get(CALENDAR_API)
    if calendar_api is not None:
        for name in NAMES:
            calendar_api.forget_emulator(f"{name}:{port}")


def _record(method: str, request: Request) -> Record:
    body = None
    if method == "oauth2.token":
        form = request.form()
        body = {"grant_type": form.get("grant_type", "")}
        if body["grant_type"] == GRANT_TYPE:
            with suppress(GoogleError):
                claims = read_assertion(form.get("assertion", "")).claims
                body |= {name: claims[name] for name in ("iss", "sub", "scope") if name in claims}
    elif request.path.startswith(PREFIX):
        with suppress(ValueError):
            body = request.json()
    query = safe_query(request.query)
    return Record(method, request.http_method, request.path, query, body)
