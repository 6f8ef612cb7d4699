"""Each kind of fault at each method of a bulk: outcomes are true, and no write is sent twice unread."""

from __future__ import annotations

import json
from itertools import pairwise
from urllib.parse import unquote

import pytest

from handler import execute_many
from handler.descriptor import load
from handler.retry import going_by
from handler.testing.cases import StillClock
from handler.testing.emulator import FAULT_KINDS

from ..support.canaries import ACCESS_TOKEN, CANARIES, everything_logged
from ..support.fault_orders import AFTER, CALENDARS, CONFIRM, DELETE, ECHO, INSERT, TOKEN, UPDATE, WRITES, orders

pytestmark = pytest.mark.long

EXAMPLE, PRIMARY = "example@group.calendar.google.com", "owner@example.com"
METHODS = (TOKEN, CALENDARS, CONFIRM, INSERT, UPDATE, DELETE)
BEFORE = {
    "user:b@acme.com": "owner",
    "user:c@acme.com": "writer",
    "user:d@acme.com": "reader",
    "domain:x.com": "reader",
}
WANTED = {"a": "reader", "b": "writer", "c": "none", "d": "reader"}
ROWS = [
    {"calendar_name": name, "scope": "user", "recipient": f"{who}@acme.com", "calendar_access": role}
    for name in ("Example Calendar", "primary")
    for who, role in WANTED.items()
]
CALENDAR_IDS = [EXAMPLE] * len(WANTED) + [PRIMARY] * len(WANTED)
PLAYS = [(method, order, attempts) for method in METHODS for order in orders(method) for attempts in (None, 1)]
"""Every fault once, at a method's first request; with the descriptor's attempts, and with one."""


def named(play):
    """Return an id that can be read."""
    method, order, attempts = play
    told = [str(order[key]) for key in ("status", "reason", "role") if key in order]
    body = [type(order["body"]).__name__] if "body" in order else []
    return "-".join([method, "_".join([order["fault"], *told, *body]), "once" if attempts else "again"])


def state_of(method, order):
    """Return Google's state with the fault."""
    if order["fault"] == "meanwhile":
        order = {**order, "calendar": EXAMPLE, "rule": changed_meanwhile(method)}
    return {
        "account": {**CANARIES, "email": PRIMARY},
        "calendars": [
            {"id": PRIMARY, "summary": "Me", "primary": True},
            {"id": EXAMPLE, "summary": "Example Calendar"},
        ],
        "rules": {EXAMPLE: BEFORE, PRIMARY: BEFORE},
        "faults": [{"method": method, **order}],
    }


def changed_meanwhile(method):
    """Name the rule that somebody else changes: the one that the method is about to write."""
    return {INSERT: "user:a@acme.com", DELETE: "user:c@acme.com"}.get(method, "user:b@acme.com")


@pytest.mark.parametrize("play", PLAYS, ids=named)
def test_fault(emulate, play):
    """Each row ends as its rule shows or in a known error; no write is repeated unread, and no secret told."""
    method, order, attempts = play
    emulator = emulate(state_of(method, order))
    time = StillClock()
    with everything_logged() as log, going_by(time.clock):
        outcomes = execute_many(CANARIES, ROWS, attempts=attempts, per_minute=None, threads=1)
    assert not emulator.unused_faults
    rules = emulator.rules()
    for calendar_id, row, outcome in zip(CALENDAR_IDS, ROWS, outcomes, strict=True):
        assert_true(outcome, row, rules[calendar_id], method, order)
    untried = {one["error"]["code"] for one in outcomes if "error" in one and one["error"]["details"].get("not_tried")}
    assert untried <= {"authorization_failed", "usage_limit"}
    if not untried:
        assert all("results" in outcome for outcome in outcomes[len(WANTED) :]), "the other calendar goes on"
    assert_read_between_writes(emulator)
    assert len(emulator.mails) <= len([row for row in ROWS if row["calendar_access"] != "none"])
    shown = json.dumps(outcomes) + log.getvalue()
    for secret in ("CANARY", "S3CR3T", "R3FR35H"):
        assert secret not in shown
    assert not ACCESS_TOKEN.search(shown)


def assert_true(outcome, row, rules, method, order):
    """Hold an outcome to the rule that is there afterwards, and to what was there before."""
    rule_id, wanted = f"user:{row['recipient']}", row["calendar_access"]
    before, after = BEFORE.get(rule_id, "none"), rules.get(rule_id, "none")
    theirs = order["fault"] == "meanwhile" and rule_id == changed_meanwhile(method)
    if "error" in outcome:
        error = outcome["error"]
        assert load().errors[error["code"]]["retryable"] == error["retryable"]
        # A write may have landed although its answer was lost or spoilt, and never another one.
        assert theirs or after == before or (after == wanted and method in WRITES and order["fault"] in AFTER)
        return
    results = outcome["results"]
    lied = order["fault"] == "error" and order.get("status") in (404, 410)
    if lied and method in (CONFIRM, DELETE):
        return  # Google said that there is no rule, or no more, and there is
    assert after == wanted
    assert (results["rule_id"], results["calendar_access"]) == (rule_id, wanted)
    changes = {before == wanted: "unchanged", before == "none": "created", wanted == "none": "removed"}
    if not theirs or method in WRITES:  # else it was somebody else's that was read first
        assert results["previous_access"] == before
        assert results["change"] == changes.get(True, "updated")


def assert_read_between_writes(emulator):
    """Hold a run to reading a rule before it writes to it once more."""
    by_rule = {}
    for request in emulator.requests:
        path = unquote(request.path)
        if request.method == INSERT:
            scope = request.body["scope"]
            rule = (path, f"{scope['type']}:{scope['value']}")
        elif request.method in (UPDATE, DELETE, "acl.get"):
            folder, _, rule_id = path.rpartition("/")
            rule = (folder, rule_id)
        else:
            continue
        by_rule.setdefault(rule, []).append(request.method)
    for rule, calls in by_rule.items():
        for first, second in pairwise(calls):
            assert not (first in WRITES and second in WRITES), (rule, calls)


def test_every_kind_is_played():
    """Each kind of fault that the emulator knows is played at each method."""
    assert {(method, order["fault"]) for method, order, _ in PLAYS} == {
        (method, kind) for method in METHODS for kind in FAULT_KINDS
    }
    assert "CANARY" in ECHO
