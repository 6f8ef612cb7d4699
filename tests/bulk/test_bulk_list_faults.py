"""Each kind of fault in rows of a service account: at its sign-ins, and at a recipient's list."""

from __future__ import annotations

import json

import pytest

from handler import execute_many
from handler.calendar_api import forget_all
from handler.descriptor import load
from handler.retry import going_by
from handler.testing.cases import StillClock
from handler.testing.emulator import FAULT_KINDS

from ..support.canaries import everything_logged
from ..support.fault_orders import CALENDARS, CONFIRM, INSERT, TOKEN, orders

pytestmark = pytest.mark.long

LIST_GET, LIST_INSERT = "calendarList.get", "calendarList.insert"
METHODS = (TOKEN, CALENDARS, CONFIRM, INSERT, LIST_GET, LIST_INSERT)
ANN, BOB, JANE = "ann@acme.com", "bob@acme.com", "jane@acme.com"
OF_ANN, OF_BOB = "ann@group.calendar.google.com", "bob@group.calendar.google.com"
NOTHING = {"fault": "delayed", "seconds": 0}
SIGN_INS = ("of a user", "of another user", "of a recipient")
"""The sign-ins of a run, in their order."""
PLAYS = [
    pytest.param(method, order, place, attempts, id=f"{method}-{number}_{order['fault']}-{place}-{attempts}")
    for method in METHODS
    for number, order in enumerate(orders(method))
    if order["fault"] != "meanwhile"
    for place in (range(len(SIGN_INS)) if method == TOKEN else (0,))
    for attempts in (None, 1)
]
ROWS = [
    {"calendar_name": "Team", "scope": "user", "recipient": who, "calendar_access": "reader", "act_as": user, **more}
    for user in (ANN, BOB)
    for who, more in ((JANE, {"add_to_list": True}), ("kim@acme.com", {}))
]
RULES = [
    (calendar, f"user:{row['recipient']}") for calendar, row in zip([OF_ANN] * 2 + [OF_BOB] * 2, ROWS, strict=True)
]


def owner(address, *calendars):
    """Return a user's state."""
    return {"calendars": [{"id": address, "summary": address, "primary": True}, *calendars]}


def state_of(method, order, place):
    """Return Google's state with the fault."""
    return {
        "users": {
            ANN: owner(ANN, {"id": OF_ANN, "summary": "Team"}),
            BOB: owner(BOB, {"id": OF_BOB, "summary": "Team"}),
            JANE: owner(JANE),
        },
        "faults": [{"method": method, **one} for one in [NOTHING] * place + [order]],
    }


@pytest.mark.parametrize(("method", "order", "place", "attempts"), PLAYS)
def test_a_fault_in_rows_of_users(emulate, method, order, place, attempts):
    """Outcomes tell what was shared and listed, nobody is mailed twice, and the next run makes it whole."""
    emulator = emulate(state_of(method, order, place))
    key = emulator.service_account_key()
    info = {"service_account": key, "may_act_as": f"{ANN}, {BOB}", "may_add_to_lists_of": JANE}
    outcomes, shown = perform(info, attempts)
    for outcome, row, (calendar_id, rule_id) in zip(outcomes, ROWS, RULES, strict=True):
        shared = emulator.rules().get(calendar_id, {}).get(rule_id) == "reader"
        listed = calendar_id in emulator.added_to_lists.get(JANE, [])
        assert_true(outcome, row, (method, order), shared=shared, listed=listed)
    if method in {LIST_GET, LIST_INSERT} and order["fault"] != "token_revoked":
        assert all("results" in outcome for outcome in outcomes[1:]), "a recipient's trouble is one row's"
    assert key.split("\\n")[5] not in shown
    if not emulator.unused_faults and order["fault"] != "token_revoked":
        forget_all()
        again, _ = perform(info, None)
        assert all("results" in outcome for outcome in again), again
        assert {one: sorted(ids) for one, ids in emulator.added_to_lists.items()} == {JANE: sorted([OF_ANN, OF_BOB])}
    assert len(emulator.mails) == sum(map(len, emulator.rules().values()))


def perform(info, attempts):
    """Do the rows by a clock that stands; return the outcomes, and all that was shown."""
    with everything_logged() as log, going_by(StillClock().clock):
        outcomes = execute_many(info, ROWS, attempts=attempts, per_minute=None, threads=1)
    return outcomes, json.dumps(outcomes) + log.getvalue()


def assert_true(outcome, row, play, *, shared, listed):
    """Hold an outcome to what Google holds afterwards."""
    method, order = play
    # In Google's name, with nothing behind; a 409 says that the entry is there.
    answered = order["fault"] == "answer" or order.get("status") in (404, 409, 410)
    if "results" in outcome:
        assert shared or answered
        assert outcome["results"]["list_entry"] in ({"added", "present"} if row.get("add_to_list") else {""})
        assert listed or answered or not row.get("add_to_list")
        return
    error = outcome["error"]
    assert load().errors[error["code"]]["retryable"] == error["retryable"]
    lied = method == INSERT and order["fault"] == "error_after"  # it was done, and Google says that it was refused
    if shared and not lied:
        assert (error["details"]["change"], error["details"]["previous_access"]) == ("created", "none"), error
        assert error["details"]["acted_as"] == row["act_as"]


def test_every_kind_is_played():
    """Each kind of fault is played at each method, but for what somebody else does meanwhile."""
    played = {(play.values[0], play.values[1]["fault"]) for play in PLAYS}
    assert played == {(method, kind) for method in METHODS for kind in set(FAULT_KINDS) - {"meanwhile"}}
