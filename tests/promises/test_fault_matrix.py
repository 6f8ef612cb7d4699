"""Every kind of fault, at every method that is called, at every place of a step.

The combinations are made from the emulator's own lists. What has to come of each is
told by a small model of the design: what a fault means, whether the step may pass all
the same, and which rule is left behind.
"""

from __future__ import annotations

import pickle
import re
import traceback
from dataclasses import dataclass, replace
from typing import Any

import pytest

from handler import HandlerError, execute
from handler.calendar_api import forget_all
from handler.retry import going_by
from handler.testing.cases import StillClock
from handler.testing.emulator import FAULT_KINDS, METHODS, Emulator
from handler.testing.emulator.wire import Server

from ..support.canaries import ACCESS_TOKEN, CANARIES, everything_logged
from ..support.docs import read
from ..support.fault_orders import AFTER, CALENDARS, CONFIRM, DELETE, ECHO, GET, INSERT, TOKEN, UPDATE, WRITES, orders

pytestmark = pytest.mark.long

CALLED = (TOKEN, CALENDARS, GET, CONFIRM, *WRITES)
NOT_CALLED = {
    "oauth2.auth": "the consent page is for browsers; a step has its refresh token already",
    "calendarList.get": "asked of the recipient's own list alone: test_list_faults.py",
    "calendarList.insert": "the same",
    "calendars.get": "says nothing that the list of calendars or the rules do not say, and needs one more OAuth scope",
    "acl.patch": "costs three times the quota of an update",
}

EXAMPLE, PRIMARY, TEAM = "example@group.calendar.google.com", "owner@example.com", "team@acme.com"
CALENDAR_STATE = [
    {"id": PRIMARY, "summary": PRIMARY, "primary": True},
    {"id": EXAMPLE, "summary": "Example Calendar"},
    {"id": TEAM, "summary": "Team", "listed": False},
]
BYSTANDERS = {"user:other@acme.com": "writer", "domain:acme.com": "freeBusyReader"}
RECIPIENTS = ("jane@acme.com", "john@acme.com")


@dataclass(frozen=True)
class Scenario:
    """A step, and what the recipient has before it."""

    calendar_name: str
    calendar_id: str
    before: str
    wanted: str
    dry_run: bool = False

    @property
    def left(self):
        """Return the role that the recipient has after a step without a fault."""
        return self.before if self.dry_run else self.wanted


SCENARIOS = {
    "create": Scenario("Example Calendar", EXAMPLE, "none", "reader"),
    "update": Scenario("Example Calendar", EXAMPLE, "writer", "reader"),
    "remove": Scenario("Example Calendar", EXAMPLE, "reader", "none"),
    "unchanged": Scenario("Example Calendar", EXAMPLE, "reader", "reader"),
    "create by address": Scenario(TEAM, TEAM, "none", "reader"),
    "update by id": Scenario(EXAMPLE, EXAMPLE, "writer", "reader"),
    "remove by id": Scenario(EXAMPLE, EXAMPLE, "reader", "none"),
    "absent by id": Scenario(EXAMPLE, EXAMPLE, "none", "none"),
    "dry run by id": Scenario(EXAMPLE, EXAMPLE, "none", "reader", dry_run=True),
}
CROSSED_WITH = {
    TOKEN: ("create", "remove"),
    CALENDARS: ("create", "update", "unchanged", "create by address"),
    GET: ("create", "update", "remove", "unchanged", "absent by id"),
    CONFIRM: ("absent by id", "dry run by id"),
    INSERT: ("create", "create by address"),
    UPDATE: ("update", "update by id"),
    DELETE: ("remove", "remove by id"),
}
"""The scenarios in which each method is called."""

PLACES = {
    "first": "the first request of the method",
    "once": "the same, in a step that may not be repeated",
    "second": "the second one: of another page, under another token, or of another step of the process",
    "again": "the second one, after the first was answered 503",
    "reread": "the second one, after a write whose answer was lost",
    "all": "every request of the method",
}
HARMLESS = ("delayed", "meanwhile", "interim", "second_answer", "altered")
"""Kinds that a step does not notice."""
MANY = 60
"""More requests than a step ever makes of one method."""


@dataclass(frozen=True)
class Combination:
    """One fault in one place of one scenario."""

    method: str
    fault: tuple[tuple[str, Any], ...]
    place: str
    name: str

    @property
    def order(self):
        """Return the fault as the emulator takes it."""
        order = {"method": self.method, **dict(self.fault)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in order.items()}

    @property
    def scenario(self):
        """Return the scenario itself."""
        return SCENARIOS[self.name]

    @property
    def landed(self):
        """Tell whether a write is done although its answer says nothing of the kind."""
        return self.method in WRITES and self.order["fault"] in AFTER

    def __str__(self):
        """Return an id that can be read."""
        order = self.order
        said = [str(order[key]) for key in ("status", "reason", "role") if key in order]
        body = [type(order["body"]).__name__] if "body" in order else []
        said += [*body, *([order["body"]["id"] or "nobody"] if body == ["dict"] else [])]
        said += [key for key in ("gzip", "chunked") if key in order]
        said += [repr(order[key]) for key in ("fields", "statuses") if key in order]
        return "-".join([self.method, "_".join([order["fault"], *said]), self.place, self.name]).replace(" ", "_")


def combinations():
    """Cross everything with everything."""
    for method in CALLED:
        for order in orders(method):
            for place in PLACES:
                for name in CROSSED_WITH[method]:
                    if place == "reread" and (method != GET or name not in ("create", "update", "remove")):
                        continue  # only the rule is read again, and only after a write
                    frozen = tuple((key, _frozen(value)) for key, value in order.items())
                    yield Combination(method, frozen, place, name)


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value


COMBINATIONS = list(combinations())

# The model: what the design says.

DONE = "done"
AGAIN = "may pass if it is tried again"
AT_ONCE = "may pass if it is tried again, which is not counted as an attempt"
FINAL = "stays"


def verdict(combination):  # noqa: PLR0911 -- a table, read from the top
    """Return what an answer means for a step, and the code of the error it ends with otherwise."""
    method, order = combination.method, combination.order
    kind, status, reason = order["fault"], order.get("status"), order.get("reason")
    if kind in HARMLESS or (kind == "token_expired" and method == TOKEN):
        return DONE, ""
    if kind in ("dropped", "dropped_after", "truncated"):
        return AGAIN, "google_unavailable"
    if kind in ("answer", "not_json", "huge"):
        return FINAL, "unexpected_answer"
    if kind == "token_expired":
        return AT_ONCE, "authorization_failed"
    if kind == "token_revoked":
        return FINAL, "authorization_failed"
    if status == 429 or reason == "rateLimitExceeded":
        return AGAIN, "rate_limited"
    if status in (408, 409, 412) or status >= 500:
        return AGAIN, "google_unavailable"
    if method == TOKEN:
        return FINAL, "authorization_failed"
    if status == 401:
        return AT_ONCE, "authorization_failed"
    return _refusal(combination, status, reason)


def _refusal(combination, status, reason):  # noqa: PLR0911 -- as above
    method = combination.method
    if status == 403 and method != CALENDARS:
        if reason == "requiredAccessLevel" and combination.scenario.calendar_name == "Example Calendar":
            return AGAIN, "calendar_not_ready"  # the list says that the account owns it
        return FINAL, "not_calendar_owner"
    if (method, status) in ((GET, 404), (DELETE, 404), (DELETE, 410)):
        return DONE, ""  # there is no such rule, or no more
    if (method, status) == (UPDATE, 404):
        return AT_ONCE, "google_unavailable"
    if (method, status) == (INSERT, 404):
        return FINAL, "recipient_rejected"
    if (method, status) == (CONFIRM, 404):
        return FINAL, "calendar_not_found"
    return FINAL, "sharing_refused" if method in WRITES else "unexpected_answer"


@dataclass(frozen=True)
class Expected:
    """What may come of a step: an error of this code, or results that say what was read first."""

    code: str | None
    read: str
    left: str
    """The role of the recipient afterwards."""
    either: bool = False
    """Whether the step may pass as well."""


def expected(combination):  # noqa: PLR0911 -- as above
    """Return what has to come of the step that the fault happens to."""
    scenario, method, place = combination.scenario, combination.method, combination.place
    order = combination.order
    meaning, code = verdict(combination)
    read_already = method in (*WRITES, CONFIRM) or place == "reread"
    passed = Expected(None, scenario.before, scenario.left)
    if order["fault"] == "meanwhile":
        return _meanwhile(passed, scenario, method, order["role"], read_already=read_already)
    if meaning == DONE and order.get("status") and method == GET and not read_already:
        if scenario.wanted == "none":
            return passed  # the rule is found in the calendar's list
        # Google says that there is no rule, so the step begins with none.
        return replace(passed, read="none", left=scenario.before if scenario.dry_run else scenario.wanted)
    if meaning == DONE and order["fault"] == "error" and method == DELETE:
        return replace(passed, left=scenario.before)  # as Google said that the rule is gone
    written = combination.landed or place == "reread"
    failed = Expected(code, scenario.before, scenario.left if written else scenario.before)
    if meaning == DONE:
        return passed
    if meaning == FINAL:
        return failed
    if place == "all":
        return passed if written else failed
    if place == "once" and meaning == AGAIN:
        resent = method not in WRITES and order["fault"] in ("dropped", "dropped_after", "truncated")
        return replace(failed, either=resent)
    return passed


def _meanwhile(passed, scenario, method, role, *, read_already):
    found = passed if read_already else replace(passed, read=role)
    if method == CONFIRM and scenario.wanted == "none":
        return replace(passed, read=role)  # all rules are read, and what is found is removed
    if method == CONFIRM or scenario.dry_run:
        return replace(found, left=role)  # nothing is read or written afterwards
    return found


# The play.


class Stage:
    """A server that plays one emulator after the other: to open a port for each takes longest."""

    def __init__(self):
        """Begin to listen."""
        self.emulator = None
        self.server = Server(0, self._answer)
        self.host = f"127.0.0.1:{self.server.server_port}"

    def _answer(self, request):
        return self.emulator._answer(request)


@pytest.fixture(scope="module")
def stage():
    """Provide a server for all combinations."""
    stage = Stage()
    yield stage
    stage.server.stop()


def state_of(combination):
    """Return Google's state and faults for a combination."""
    method, place, scenario = combination.method, combination.place, combination.scenario
    order = combination.order
    if order["fault"] == "meanwhile":
        order |= {"calendar": scenario.calendar_id, "rule": f"user:{recipients(combination)[-1]}"}
    uneventful = {"method": method, "fault": "delayed", "seconds": 0}
    before = {
        "second": [uneventful],
        "again": [{"method": method, "fault": "error", "status": 503, "message": ECHO}],
        "reread": [uneventful, *({"method": write, "fault": "dropped_after"} for write in _writes(scenario))],
    }.get(place, [])
    roles = {f"user:{recipient}": scenario.before for recipient in RECIPIENTS if scenario.before != "none"}
    state = {
        "account": {**CANARIES, "email": PRIMARY},
        "calendars": CALENDAR_STATE,
        "rules": {scenario.calendar_id: {**BYSTANDERS, **roles}},
        "faults": [*before, {**order, "times": MANY if place == "all" else 1}],
    }
    if method == TOKEN and place in ("second", "all"):
        state["account"]["access_token_seconds"] = 60  # too short: each request signs in anew
    if method == CALENDARS and place == "second":
        state["page_size"] = 1
    return state


def _writes(scenario):
    if scenario.before == "none":
        return [INSERT]
    return [DELETE if scenario.wanted == "none" else UPDATE]


def recipients(combination):
    """Return whom the steps of a combination are for; the last one's meets the fault."""
    other_step = combination.place == "second" and combination.method not in (TOKEN, CALENDARS)
    return RECIPIENTS if other_step else RECIPIENTS[:1]


@dataclass(frozen=True)
class Outcome:
    """What came of a step, and what it asked for."""

    results: dict[str, str] | None
    error: HandlerError | None
    calls: list[str]
    waits: list[float]
    shown: str


def perform(emulator, scenario, recipient, attempts):
    """Let `execute` do a step; anything but a HandlerError goes through."""
    time, begun = StillClock(), len(emulator.calls)
    parameters = {
        "calendar_name": scenario.calendar_name,
        "scope": "user",
        "recipient": recipient,
        "calendar_access": scenario.wanted,
        "dry_run": scenario.dry_run,
    }
    results = error = None
    with everything_logged() as log, going_by(time.clock):
        try:
            results = execute(CANARIES, parameters, attempts=attempts)
            shown = [repr(results), results.to_xml(), repr(pickle.dumps(results))]
        except HandlerError as caught:
            error = caught
            shown = [repr(error), str(error), str(error.to_dict()), repr(pickle.dumps(error))]
            shown += traceback.format_exception(error)
    return Outcome(results, error, emulator.calls[begun:], time.waits, "\n".join([*shown, log.getvalue()]))


def assert_true(results, scenario, recipient, read):
    """Hold results to what was there at the first successful read, and to what was wanted."""
    if read == scenario.wanted:
        change = "unchanged"
    elif read == "none":
        change = "created"
    else:
        change = "removed" if scenario.wanted == "none" else "updated"
    assert results == {
        "calendar_id": scenario.calendar_id,
        "rule_id": f"user:{recipient}",
        "calendar_access": scenario.wanted,
        "previous_access": read,
        "change": change,
        "handler_error_message": "",
        "acted_as": "",
        "list_entry": "",
        "handler_error_code": "",
    }


def assert_no_blind_repetition(calls):
    """Hold a step to reading the rule between two writes."""
    since = None
    for call in calls:
        if call in WRITES:
            assert since is None or GET in since, calls
            since = []
        elif since is not None:
            since.append(call)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_combination(stage, monkeypatch, combination):
    """A fault ends in true results or in the error that the design names, and leaves the rule that it may leave."""
    forget_all()
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", stage.host)
    emulator = stage.emulator = Emulator(state_of(combination))
    scenario, attempts = combination.scenario, 1 if combination.place == "once" else None
    *earlier, recipient = recipients(combination)

    for other in earlier:
        before = perform(emulator, scenario, other, attempts)
        assert_true(before.results, scenario, other, scenario.before)
    outcome = perform(emulator, scenario, recipient, attempts)
    wanted = expected(combination)

    if outcome.error is None:
        assert wanted.code is None or wanted.either
        assert_true(outcome.results, scenario, recipient, wanted.read)
    else:
        assert outcome.error.code == wanted.code, outcome.error
    left = scenario.left if wanted.either and outcome.error is None else wanted.left
    assert emulator.rules() == {scenario.calendar_id: rules_with(combination, {recipient: left})}
    assert_no_blind_repetition(outcome.calls)
    assert_mailed_little(emulator, combination)
    assert len(outcome.waits) <= (0 if attempts == 1 else 3)
    assert_every_fault_happened(emulator, combination)
    for secret in ("CANARY", "S3CR3T", "R3FR35H"):
        assert secret not in outcome.shown
    assert not ACCESS_TOKEN.search(outcome.shown)


def rules_with(combination, roles):
    """Return all rules of the calendar: these roles, those of bystanders, and those of earlier or no steps."""
    scenario = combination.scenario
    others = {other: scenario.left if other in recipients(combination) else scenario.before for other in RECIPIENTS}
    every = {f"user:{recipient}": role for recipient, role in {**others, **roles}.items()}
    return {rule: role for rule, role in sorted({**BYSTANDERS, **every}.items()) if role != "none"}


def assert_mailed_little(emulator, combination):
    """Hold the mails to the writes that landed, and to one for each recipient unless Google contradicts itself."""
    queued = {}
    for order in state_of(combination)["faults"]:
        queued.setdefault(order["method"], []).extend([order["fault"]] * order.get("times", 1))
    landed = 0
    for request in emulator.requests:
        queue = queued.get(request.method, [])
        fault = queue.pop(0) if queue else "none"
        if request.method in (INSERT, UPDATE):
            landed += fault in AFTER or (fault != "answer" and request.status == 200)
    assert len(emulator.mails) <= landed
    contradicted = combination.order["fault"] == "meanwhile" or combination.order.get("status") == 404
    if not contradicted:
        assert len(emulator.mails) == len(set(emulator.mails))


def assert_every_fault_happened(emulator, combination):
    """Hold the emulator to having used every order; of "all", as many as there were requests."""
    left = len(emulator.unused_faults)
    if combination.place == "all":
        asked = emulator.calls.count(combination.method)
        assert asked >= 1
        assert left == MANY - asked
    else:
        assert not left, emulator.unused_faults


def test_nothing_is_left_out():
    """Every method and every kind of fault that the emulator knows is crossed, or named with a reason not to."""
    assert set(METHODS) == {*CALLED, *NOT_CALLED}
    assert not set(CALLED) & set(NOT_CALLED)
    assert all(NOT_CALLED.values())
    crossed = {(one.method, one.order["fault"], one.place) for one in COMBINATIONS}
    places = {method: [place for place in PLACES if place != "reread" or method == GET] for method in CALLED}
    assert crossed == {(method, kind, place) for method in CALLED for kind in FAULT_KINDS for place in places[method]}
    assert {one.name for one in COMBINATIONS} == set(SCENARIOS)


def test_names_are_clear():
    """No two combinations have the same name."""
    assert len({str(one) for one in COMBINATIONS}) == len(COMBINATIONS)


def test_number_of_combinations():
    """There are as many combinations as docs/how-it-works.md says."""
    said = re.search(r"more than ([\d,]+) combinations", read("docs/how-it-works.md"))
    assert len(COMBINATIONS) > int(said[1].replace(",", ""))
