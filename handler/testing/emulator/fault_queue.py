"""The queue of ordered faults.

A fault belongs to a method of the API, not to a URL. Each request to that method takes
the next one; what is never taken is reported, so a test can prove that the failure it
wanted did happen.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from ...documents import hint
from .faults import KINDS, Arguments, Kind, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .answers import Reply

COMMON = ("method", "fault", "times")
"""What every order may say, beside the arguments of its kind."""


@dataclass(frozen=True)
class Fault:
    """One ordered fault."""

    kind: Kind
    arguments: Arguments

    def play(self, turn: Turn) -> Reply | None:
        """Let it happen to one request."""
        return self.kind.effect(turn, self.arguments)


class Faults:
    """What was ordered and has not happened yet, method by method."""

    def __init__(self, orders: Iterable[Arguments], methods: Iterable[str]) -> None:
        """Queue `orders`, which keep to case.schema.json; raises ValueError for one that could never happen."""
        self._lock = Lock()
        self._queues: dict[str, deque[Fault]] = {name: deque() for name in methods}
        for order in orders:
            self.order(order)

    def order(self, order: Arguments) -> None:
        """Queue one more; raises ValueError if it could never happen."""
        method, fault = order["method"], _read(order)
        if method not in self._queues:
            message = f"fault for an unknown method: {method!r}; {hint(method, self._queues)}"
            raise ValueError(message)
        with self._lock:
            self._queues[method].extend([fault] * order.get("times", 1))

    def take(self, method: str) -> Fault | None:
        """Return the next fault of a method and forget it, None if there is none or can be none."""
        with self._lock:
            queue = self._queues.get(method)
            return queue.popleft() if queue else None

    def left(self) -> list[str]:
        """Return one line for each fault that has not happened."""
        with self._lock:
            return [f"{method}: {_line(fault)}" for method, queue in self._queues.items() for fault in queue]


def _read(order: Arguments) -> Fault:
    known = KINDS[order["fault"]]
    arguments = {name: order[name] for name in order if name not in COMMON}
    missing = set(known.needed) - set(arguments)
    unknown = set(arguments) - {*known.needed, *known.optional}
    if missing or unknown:
        wrong = ", ".join(sorted(missing | unknown))
        message = f"fault {known.name}: missing or unknown arguments: {wrong}"
        raise ValueError(message)
    return Fault(known, arguments)


def _line(fault: Fault) -> str:
    said = [f"{name}={json.dumps(value, default=str)[:100]}" for name, value in fault.arguments.items()]
    return " ".join([fault.kind.name, *said])
