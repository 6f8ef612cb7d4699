"""Faults: what can go wrong on order.

`KINDS` is the table: name, meaning, arguments, and a function that is the whole effect.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from .answers import BODILESS, Reply, html_answer, json_answer
from .google_errors import GoogleError

if TYPE_CHECKING:
    from .routing import World

ERROR = ("reason", "message", "retry_after", "front_end")
STRAY = {
    "id": "user:stray@acme.com",
    "role": "owner",
    "access_token": "stray-access-token",
    "items": [{"id": "stray@group.calendar.google.com", "summary": "Example Calendar", "accessRole": "owner"}],
}
"""What nobody asked for: it would pass for the answer to any request."""


@dataclass(frozen=True)
class Turn:
    """One request, at the moment before its work is done."""

    world: World
    work: Callable[[], Reply]
    """Does the work and returns the usual answer."""
    error: Callable[[GoogleError], Reply]
    """Puts an error into the form of the method."""
    wait: Callable[[float], bool]
    """Waits some seconds; False as soon as the emulator stops."""


Arguments = Mapping[str, Any]
Effect = Callable[[Turn, Arguments], "Reply | None"]
"""Returns what is answered; None closes the connection without an answer."""


@dataclass(frozen=True)
class Kind:
    """One kind of fault."""

    name: str
    meaning: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    effect: Effect


KINDS: dict[str, Kind] = {}
"""Every kind of fault by name."""


Declared = TypeVar("Declared", bound=Effect)


def kind(
    name: str,
    meaning: str,
    needed: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> Callable[[Declared], Declared]:
    """Declare a function as the effect of a kind of fault."""

    def declare(effect: Declared) -> Declared:
        KINDS[name] = Kind(name, meaning, needed, optional, effect)
        return effect

    return declare


@kind("error", "answers an error; the work is not done", ("status",), ERROR)
def _error(turn: Turn, arguments: Arguments) -> Reply:
    answer = turn.error(
        GoogleError(
            reason=arguments.get("reason", ""),
            message=arguments.get("message", ""),
            status=arguments["status"],
            front_end=arguments.get("front_end", False),
        )
    )
    if arguments.get("retry_after") is None:
        return answer
    after = str(arguments["retry_after"])
    return replace(answer, headers={**answer.headers, "Retry-After": after})


@kind("error_after", "does the work, then answers an error", ("status",), ERROR)
def _error_after(turn: Turn, arguments: Arguments) -> Reply:
    turn.work()
    return _error(turn, arguments)


@kind(
    "answer",
    "answers exactly this, text as HTML and all else as JSON; the work is not done",
    ("status",),
    ("headers", "body"),
)
def _answer(_turn: Turn, arguments: Arguments) -> Reply:
    status, body = arguments["status"], arguments.get("body", "")
    headers = {name: str(value) for name, value in (arguments.get("headers") or {}).items()}
    if isinstance(body, str):
        return html_answer(status, body, headers)
    return json_answer(status, body, headers)


@kind("dropped", "closes the connection without an answer; the work is not done")
def _dropped(_turn: Turn, _arguments: Arguments) -> None:
    return None


@kind("dropped_after", "does the work, then closes the connection without an answer")
def _dropped_after(turn: Turn, _arguments: Arguments) -> None:
    turn.work()


@kind("truncated", "does the work, sends half of the answer and closes the connection")
def _truncated(turn: Turn, _arguments: Arguments) -> Reply:
    answer = turn.work()
    if not answer.body:
        answer = json_answer(200, {})
    return replace(answer, sent=len(answer.body) // 2)


@kind("not_json", "does the work, then answers 200 with an HTML page")
def _not_json(turn: Turn, _arguments: Arguments) -> Reply:
    turn.work()
    return html_answer(200, "<!doctype html>\n<title>Welcome</title>\n<p>Hello.</p>\n")


@kind("interim", "sends interim answers (1xx) first, then goes on as usual", ("statuses",))
def _interim(turn: Turn, arguments: Arguments) -> Reply:
    return replace(turn.work(), interim=tuple(arguments["statuses"]))


@kind("second_answer", "goes on as usual, and sends another answer that nobody asked for")
def _second_answer(turn: Turn, _arguments: Arguments) -> Reply:
    return replace(turn.work(), unasked=json_answer(200, STRAY))


@kind(
    "huge",
    "does the work, then answers with spaces behind it: so many MiB, packed (gzip) or in pieces (chunked)",
    ("mib",),
    ("gzip", "chunked"),
)
def _huge(turn: Turn, arguments: Arguments) -> Reply:
    answer = turn.work()
    if answer.status in BODILESS:
        answer = json_answer(HTTPStatus.OK, {})
    spaces, chunked = arguments["mib"] * 2**20, bool(arguments.get("chunked"))
    if not arguments.get("gzip"):
        return replace(answer, padding=spaces, chunked=chunked)
    packed = gzip.compress(answer.body + b" " * spaces, 1)
    return replace(answer, body=packed, headers={**answer.headers, "Content-Encoding": "gzip"}, chunked=chunked)


@kind("altered", "goes on as usual, with other fields in the JSON object of the answer", ("fields",))
def _altered(turn: Turn, arguments: Arguments) -> Reply:
    answer = turn.work()
    if not answer.body:
        return answer
    return replace(answer, body=json.dumps({**json.loads(answer.body), **arguments["fields"]}).encode())


@kind("delayed", "waits some seconds, then goes on as usual", ("seconds",))
def _delayed(turn: Turn, arguments: Arguments) -> Reply | None:
    return turn.work() if turn.wait(arguments["seconds"]) else None


@kind("token_expired", "forgets all access tokens, then goes on as usual")
def _token_expired(turn: Turn, _arguments: Arguments) -> Reply:
    turn.world.sign_in.forget_access_tokens()
    return turn.work()


@kind("token_revoked", "revokes all tokens and deletes all keys of service accounts, then goes on as usual")
def _token_revoked(turn: Turn, _arguments: Arguments) -> Reply:
    turn.world.sign_in.revoke()
    return turn.work()


@kind(
    "meanwhile",
    "somebody else sets a rule (role none removes it), then goes on as usual",
    ("calendar", "rule", "role"),
)
def _meanwhile(turn: Turn, arguments: Arguments) -> Reply:
    state = turn.world.state
    with state.lock:
        state.set_rule(arguments["calendar"], arguments["rule"], arguments["role"])
        return turn.work()
