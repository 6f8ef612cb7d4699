"""Faults: what can go wrong on order.

`KINDS` is the table: name, meaning, arguments, and a function that is the whole effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from .answers import Answer, html_answer, json_answer
from .google_errors import GoogleError

if TYPE_CHECKING:
    from .routing import World

ERROR = ("reason", "message", "retry_after")


@dataclass(frozen=True)
class Turn:
    """One request, at the moment before its work is done."""

    world: World
    work: Callable[[], Answer]
    """Does the work and returns the usual answer."""
    error: Callable[[GoogleError], Answer]
    """Puts an error into the form of the method."""
    wait: Callable[[float], bool]
    """Waits some seconds; False as soon as the emulator stops."""


Arguments = Mapping[str, Any]
Effect = Callable[[Turn, Arguments], "Answer | None"]
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
def _error(turn: Turn, arguments: Arguments) -> Answer:
    answer = turn.error(
        GoogleError(
            reason=arguments.get("reason", ""),
            message=arguments.get("message", ""),
            status=arguments["status"],
        )
    )
    if arguments.get("retry_after") is None:
        return answer
    after = str(arguments["retry_after"])
    return replace(answer, headers={**answer.headers, "Retry-After": after})


@kind("error_after", "does the work, then answers an error", ("status",), ERROR)
def _error_after(turn: Turn, arguments: Arguments) -> Answer:
    turn.work()
    return _error(turn, arguments)


@kind(
    "answer",
    "answers exactly this, text as HTML and all else as JSON; the work is not done",
    ("status",),
    ("headers", "body"),
)
def _answer(_turn: Turn, arguments: Arguments) -> Answer:
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
def _truncated(turn: Turn, _arguments: Arguments) -> Answer:
    answer = turn.work()
    if not answer.body:
        answer = json_answer(200, {})
    return replace(answer, sent=len(answer.body) // 2)


@kind("not_json", "does the work, then answers 200 with an HTML page")
def _not_json(turn: Turn, _arguments: Arguments) -> Answer:
    turn.work()
    return html_answer(200, "<!doctype html>\n<title>Welcome</title>\n<p>Hello.</p>\n")


@kind("delayed", "waits some seconds, then goes on as usual", ("seconds",))
def _delayed(turn: Turn, arguments: Arguments) -> Answer | None:
    return turn.work() if turn.wait(arguments["seconds"]) else None


@kind("token_expired", "forgets all access tokens, then goes on as usual")
def _token_expired(turn: Turn, _arguments: Arguments) -> Answer:
    turn.world.sign_in.forget_access_tokens()
    return turn.work()


@kind("token_revoked", "revokes all refresh and access tokens, then goes on as usual")
def _token_revoked(turn: Turn, _arguments: Arguments) -> Answer:
    turn.world.sign_in.revoke()
    return turn.work()


@kind(
    "meanwhile",
    "somebody else sets a rule (role none removes it), then goes on as usual",
    ("calendar", "rule", "role"),
)
def _meanwhile(turn: Turn, arguments: Arguments) -> Answer:
    state = turn.world.state
    with state.lock:
        state.set_rule(arguments["calendar"], arguments["rule"], arguments["role"])
        return turn.work()
