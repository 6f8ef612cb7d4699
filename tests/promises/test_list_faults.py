"""Every kind of fault while a calendar is put into the recipient's own list.

A step that writes in two places: whatever happens, its books are right, and a step
without a fault afterwards makes the rest of it true, without mailing anybody twice.
"""

from __future__ import annotations

import json
import pickle
import traceback

import pytest

from handler import HandlerError, execute
from handler.calendar_api import forget_all
from handler.retry import going_by
from handler.testing.cases import StillClock
from handler.testing.emulator import FAULT_KINDS, Emulator

from ..support.canaries import everything_logged
from ..support.fault_orders import GET, TOKEN, orders

pytestmark = pytest.mark.long

LIST_GET, LIST_INSERT = "calendarList.get", "calendarList.insert"
TEAM, JANE = "team@group.calendar.google.com", "user:jane@acme.com"
STEP = {
    "calendar_name": "Team Calendar",
    "scope": "user",
    "recipient": "jane@acme.com",
    "calendar_access": "reader",
    "add_to_list": "Yes",
}
NOTHING = {"fault": "delayed", "seconds": 0}
PLACES = {
    "first": lambda order: [order],
    "second": lambda order: [NOTHING, order],
    "again": lambda order: [{"fault": "error", "status": 503}, order],
    "always": lambda order: [{**order, "times": 60}],
}
COMBINATIONS = [
    pytest.param(method, order, place, id=f"{method}-{number}_{order['fault']}-{place}")
    for method in (TOKEN, GET, LIST_GET, LIST_INSERT)
    for number, order in enumerate(orders(method))
    for place in PLACES
    if order["fault"] != "meanwhile" and (place != "second" or method == TOKEN)
]
PASSES = {"delayed", "interim", "second_answer", "altered"}


@pytest.mark.parametrize(("method", "order", "place"), COMBINATIONS)
def test_a_fault_leaves_the_books_right(monkeypatch, method, order, place):
    """Results and details say what was shared and listed, nobody is mailed twice, and going on makes it whole."""
    forget_all()
    faults = [{"method": method, **one} for one in PLACES[place](order)]
    with Emulator({"faults": faults}) as emulator:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        info = {
            "service_account": emulator.service_account_key(),
            "act_as_by_default": "ann@acme.com",
            "may_add_to_lists_of": "acme.com",
            "enable_debug_logging": "Yes",
        }
        results, error, shown = _perform(info)
        shared = emulator.rules().get(TEAM) == {JANE: "reader"}
        if results:
            there = (method, order.get("status")) == (LIST_INSERT, 409)  # Google's word for it
            assert (results["change"], results["list_entry"]) == ("created", "present" if there else "added")
            assert shared
            assert emulator.added_to_lists == {"jane@acme.com": [TEAM]} or there or _is_answered(order)
        else:
            told = error.details.get("change") == "created" and error.details["previous_access"] == "none"
            assert told == shared, error.to_dict()
            assert order["fault"] not in PASSES or place == "again", error
        if not emulator.unused_faults:
            forget_all()  # a token may have been revoked
            again, _, _ = _perform(info) if order["fault"] != "token_revoked" else (None, None, "")
            assert again is None or again["change"] == ("unchanged" if shared else "created")
            assert again is None or emulator.added_to_lists == {"jane@acme.com": [TEAM]}
        assert len(emulator.mails) <= 1
        assert _key_of(info) not in shown


def _perform(info):
    """Do the step by a clock that stands; return its results or its error, and all that was shown."""
    results = error = None
    with everything_logged() as log, going_by(StillClock().clock):
        try:
            results = execute(info, STEP)
            shown = [repr(results), repr(pickle.dumps(results))]
        except HandlerError as caught:
            error = caught
            shown = [str(error.to_dict()), repr(pickle.dumps(error)), *traceback.format_exception(error)]
    return results, error, "\n".join([*shown, log.getvalue()])


def _is_answered(order):
    """Tell whether the fault is an answer in Google's name that nothing stands behind."""
    return order["fault"] == "answer" or order.get("status") in (404, 410)


def _key_of(info):
    return json.loads(info["service_account"])["private_key"].split("\n")[5]


def test_no_kind_is_left_out():
    """Each kind of fault is crossed with both methods of the list, but for what somebody else does meanwhile."""
    crossed = {(one.values[0], one.values[1]["fault"]) for one in COMBINATIONS}
    assert {kind for method, kind in crossed if method == LIST_GET} == set(FAULT_KINDS) - {"meanwhile"}
    assert {kind for method, kind in crossed if method == LIST_INSERT} == set(FAULT_KINDS) - {"meanwhile"}
