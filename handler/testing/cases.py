"""Parameter files: reads them, plays them against the emulator, and compares.

What a file may say stands in case.schema.json.
"""

from __future__ import annotations

import itertools
import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bulk import execute_many
from ..documents import read, rules_of, wrong_file
from ..emulator_host import VARIABLE
from ..errors import HandlerError
from ..installation import is_of_the_installation
from ..retry import Clock, going_by
from ..task import execute
from .emulator import ACCOUNT, SCHEMA, Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

KEY = "{{service_account_key}}"
"""Stands in info values for a key of the emulator's service account: a file holds no key."""

Outcome = dict[str, Any]
"""`{"results": {...}}` or `{"error": HandlerError.to_dict()}`; of rows `{"rows": [an outcome each]}`, or the error."""


@dataclass(frozen=True)
class Case:
    """One parameter file."""

    file: str
    what: str
    info: Any
    parameters: Any
    rows: Any
    """Given in place of parameters: many steps at once."""
    per_minute: int | None
    attempts: int | None
    google: Mapping[str, Any]
    expect: Mapping[str, Any]
    calls: list[str] | None
    """None: whatever they are."""
    waits: list[float] | None
    after: Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """What came of a case; `differences` is empty if it was what the file expects."""

    case: Case
    outcome: Outcome
    differences: list[str]
    calls: list[str] = field(default_factory=list)
    before: dict[str, dict[str, str]] = field(default_factory=dict)
    after: dict[str, dict[str, str]] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    added_to_lists: dict[str, list[str]] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)


BEGINNING = 1_800_000_000.0
"""2027-01-15 at 08:00 UTC, in seconds since 1970."""


class StillClock:
    """Time that only waiting moves, and chance that always takes the longest wait."""

    def __init__(self) -> None:
        """Begin at 0 s, which is the date BEGINNING."""
        self.waits: list[float] = []
        self.clock = Clock(
            now=lambda: sum(self.waits),
            sleep=self.waits.append,
            chance=lambda: 1.0,
            epoch=lambda: BEGINNING + sum(self.waits),
        )


@contextmanager
def standing_in(emulator: Emulator) -> Iterator[StillClock]:
    """Let an emulator run in Google's place: the environment names it, and waits pass at once."""
    time = StillClock()
    with emulator, _pointed_at(emulator.host), going_by(time.clock):
        yield time


def read_case(path: Path, *, to_fill: bool = False) -> Case:
    """Read a parameter file; raises InvalidInput with every mistake in it.

    One that is `to_fill` need not say yet what it expects.
    """
    document = read(path)
    whole = {"expect": {"rows": []}, **document} if to_fill and isinstance(document, dict) else document
    _refuse(path, rules_of(SCHEMA).problems(whole) or _steps_missing(document))
    return Case(
        file=str(path),
        what=document["what"],
        info=document.get("info", ACCOUNT),
        parameters=document.get("parameters"),
        rows=document.get("rows"),
        per_minute=document.get("per_minute"),
        attempts=document.get("attempts"),
        google=document.get("google", {}),
        expect=document.get("expect", {}),
        calls=document.get("calls"),
        waits=document.get("waits"),
        after=document.get("after", {}),
    )


def perform(case: Case) -> Outcome:
    """Let `execute` do the case, or `execute_many` with one thread, so that calls have an order.

    An error of the case is its outcome; one of the installation is raised.
    """
    try:
        if case.rows is not None:
            many = {"attempts": case.attempts, "per_minute": case.per_minute}
            return {"rows": execute_many(case.info, case.rows, threads=1, **many)}
        return {"results": dict(execute(case.info, case.parameters, attempts=case.attempts))}
    except HandlerError as error:
        if is_of_the_installation(error):
            raise
        return {"error": error.to_dict()}


def play(case: Case, perform: Callable[[Case], Outcome] = perform) -> Report:
    """Start an emulator in the case's state, let the step be done, and compare everything.

    `perform` does the step in another way, say through an engine. Raises InvalidInput
    if the case orders a fault that cannot happen.
    """
    try:
        emulator = Emulator(case.google)
    except ValueError as error:
        raise wrong_file(Path(case.file), str(error)) from None
    with standing_in(emulator) as time:
        before = emulator.rules()
        outcome = perform(with_key(case, emulator))
    expected_after = case.after.get("rules", before)
    differences = [
        *outcome_differences(case.expect, outcome),
        *(_difference("calls", case.calls, emulator.calls) if case.calls is not None else ()),
        *(_difference("waits", case.waits, time.waits) if case.waits is not None else ()),
        *_difference("rules afterwards", _without_empty(expected_after), _without_empty(emulator.rules())),
        *_difference("mails", case.after.get("mails", []), emulator.mails),
        *_difference("added to lists", case.after.get("added_to_lists", {}), emulator.added_to_lists),
        *(f"the fault did not happen: {fault}" for fault in emulator.unused_faults),
    ]
    return Report(
        case=case,
        outcome=outcome,
        differences=differences,
        calls=emulator.calls,
        before=before,
        after=emulator.rules(),
        mails=emulator.mails,
        added_to_lists=emulator.added_to_lists,
        waits=time.waits,
    )


def with_key(case: Case, emulator: Emulator) -> Case:
    """Return a case whose info values have a key of the emulator in place of `{{service_account_key}}`."""
    if KEY not in str(case.info):
        return case
    key = emulator.service_account_key()
    filled = {name: value.replace(KEY, key) if isinstance(value, str) else value for name, value in case.info.items()}
    return replace(case, info=filled)


def outcome_differences(expect: Mapping[str, Any], outcome: Outcome) -> list[str]:
    """List how an outcome differs from the one that a file expects."""
    if expect.keys() != outcome.keys():
        return _difference("outcome", dict(expect), outcome)
    if "rows" in expect:
        pairs: Iterable[tuple[Any, Any]] = itertools.zip_longest(expect["rows"], outcome["rows"], fillvalue={})
        return [f"row {number}: {text}" for number, pair in enumerate(pairs, 1) for text in outcome_differences(*pair)]
    if "results" in expect:
        results = outcome["results"]
        return [
            difference
            for name in {**expect["results"], **results}
            for difference in _difference(name, expect["results"].get(name, ""), results.get(name))
        ]
    return list(_error_differences(expect["error"], outcome["error"]))


def _error_differences(expected: Mapping[str, Any], error: Mapping[str, Any]) -> Iterator[str]:
    for name in ("code", "message", "retry_after"):
        if name in expected:
            yield from _difference(name, expected[name], error[name])
    for part in expected.get("says", ()):
        if part not in error["message"]:
            yield from _difference("message", f"... {part} ...", error["message"])
    for name, value in expected.get("details", {}).items():
        yield from _difference(f"details.{name}", value, error["details"].get(name))
    if "fields" in expected:
        fields = error["details"].get("fields", {})
        yield from _difference("fields", sorted(expected["fields"]), sorted(fields))
        for name, part in expected["fields"].items():
            if part not in fields.get(name, part):
                yield from _difference(f"fields.{name}", f"... {part} ...", fields[name])


def _difference(name: str, expected: Any, got: Any) -> list[str]:
    return [] if expected == got else [f"{name}:\n  expected {expected!r}\n  got      {got!r}"]


def _without_empty(rules: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    return {calendar: roles for calendar, roles in rules.items() if roles}


@contextmanager
def _pointed_at(host: str) -> Iterator[None]:
    present = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = host
    try:
        yield
    finally:
        if present is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = present


def _steps_missing(document: Mapping[str, Any]) -> list[str]:
    if "parameters" in document and "rows" in document:
        return ["the document: has both parameters and rows"]
    return [] if "parameters" in document or "rows" in document else ["the document: is missing parameters, or rows"]


def _refuse(path: Path, mistakes: list[str]) -> None:
    if mistakes:
        raise wrong_file(path, "; ".join(mistakes))
