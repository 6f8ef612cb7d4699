"""Many rows at once: what they cost, who works on them, and how a run ends before its end."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time as real_time
from pathlib import Path

import pytest

from handler import AuthorizationFailed, HandlerError, InvalidInput, Refused, Unavailable, execute, execute_many
from handler.bulk import Bulk, Stopped, read_plan
from handler.bulk.pace import Pace, Turns
from handler.bulk.paced_calls import Calls
from handler.calendar_api.transport import send
from handler.descriptor import load
from handler.testing.cases import outcome_differences, play, read_case
from handler.testing.emulator import ACCOUNT

from ..support.crowds import Crowd, watched

EXAMPLE = "example@group.calendar.google.com"
FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
READ_OTHERWISE = {"acl.get", "acl.list"}
"""Methods by which rows are read otherwise than steps, so that a fault of theirs happens elsewhere."""


def stricter(case):
    """Return what is wrong with the parameters of a case in a row alone."""
    forms = load().rows, load().parameters
    in_a_row, in_a_step = (form.read(case.parameters)[1] for form in forms)
    return in_a_row.keys() - in_a_step.keys()


STEPS = [
    case
    for folder in ("cases", "examples")
    for case in map(read_case, sorted((FIXTURES / folder).rglob("*.yaml")))
    if isinstance(case.parameters, dict)
    and "error_handling" not in case.parameters
    and not {fault["method"] for fault in case.google.get("faults", ())} & READ_OTHERWISE
]

AS_ROWS = [case for case in STEPS if not stricter(case)]
NOT_AS_ROWS = [case for case in STEPS if stricter(case)]


def row(recipient, access="reader", name="Example Calendar", **others):
    """Return a row for a user."""
    return {"calendar_name": name, "scope": "user", "recipient": recipient, "calendar_access": access, **others}


def planned(rows):
    """Return the plan of rows for the account that the emulator knows."""
    return read_plan(ACCOUNT, rows, "row {}".format, {})


def changes(outcomes):
    """Return the change of each outcome, or the code of its error."""
    return [one["error"]["code"] if "error" in one else one["results"]["change"] for one in outcomes]


@pytest.mark.parametrize(
    ("rows", "rules", "calendars"),
    [(1, 0, 1), (40, 248, 2), (40, 249, 250), (3, 600, 251)],
    ids=["few", "a page with the owners' rules", "a page and one", "three pages"],
)
def test_changed_rows_cost_one_request_each(emulate, rows, rules, calendars):
    """N changed rows of a calendar with R rules cost N requests, its pages, the list's pages and a sign-in."""
    there = {f"user:there{number}@acme.com": "reader" for number in range(rules)}
    others = [
        {"id": f"c{number}@group.calendar.google.com", "summary": f"C{number}"} for number in range(calendars - 1)
    ]
    calendar = {"id": EXAMPLE, "summary": "Example Calendar"}
    emulator = emulate({"calendars": [*others, calendar], "rules": {EXAMPLE: there}})
    outcomes = execute_many(ACCOUNT, [row(f"new{number}@acme.com") for number in range(rows)], per_minute=None)
    assert changes(outcomes) == ["created"] * rows
    all_rules = rules + 2  # the account's own, and the calendar's
    assert len(emulator.calls) == rows + math.ceil(all_rules / 250) + math.ceil(calendars / 250) + 1


@pytest.mark.long
@pytest.mark.parametrize("case", AS_ROWS, ids=lambda case: case.file.rpartition("fixtures/")[2])
def test_a_row_ends_as_its_step_would(case):
    """One row has the results or the error of a step with the same parameters, in every case there is."""
    expect, outcome = dict(case.expect), play(case, as_a_row).outcome
    if expect.get("error", {}).get("code") in {"invalid_input", "policy_refused"}:  # raised for all rows together
        assert outcome["error"]["code"] == expect["error"]["code"]
        return
    if "error" in expect:
        details = {key: value for key, value in expect["error"].get("details", {}).items() if key != "method"}
        expect["error"] = {**expect["error"], "details": details}
    assert outcome_differences(expect, outcome) == []


@pytest.mark.parametrize("case", NOT_AS_ROWS, ids=lambda case: case.file.rpartition("fixtures/")[2])
def test_a_row_that_leaves_the_public_open_is_refused(case):
    """What a step alone may leave to its form, a row has to say."""
    error = play(case, as_a_row).outcome["error"]
    assert error["code"] == "invalid_input"
    assert {f"rows[0]: {name}" for name in stricter(case)} <= error["details"]["fields"].keys()


def as_a_row(case):
    """Let `execute_many` do a case."""
    try:
        return execute_many(case.info, [case.parameters], attempts=case.attempts, per_minute=None)[0]
    except HandlerError as error:
        return {"error": error.to_dict()}


def test_outcomes_are_in_the_order_of_the_rows(emulate):
    """Rows may come from a generator, and each outcome stands where its row stood."""
    emulate()
    rows = [
        row("a@acme.com", name="primary"),
        row("b@acme.com"),
        row("c@acme.com", "none", name="primary"),
        row("d@acme.com", name="Nothing"),
    ]
    outcomes = execute_many(ACCOUNT, iter(rows), per_minute=None)
    assert changes(outcomes) == ["created", "created", "unchanged", "calendar_not_found"]
    assert outcomes[1]["results"]["calendar_id"] == EXAMPLE


def test_results_are_those_of_a_step(emulate):
    """An outcome has every declared result, as `execute` gives them, and is plain."""
    emulate()
    (outcome,) = execute_many(ACCOUNT, [row("a@acme.com", dry_run=True)])
    assert outcome == {"results": dict(execute(ACCOUNT, row("a@acme.com", dry_run=True)))}
    assert type(outcome["results"]) is dict


@pytest.mark.parametrize("name", ["attempts", "per_minute", "threads"])
@pytest.mark.parametrize("number", [0, -1, 1.5, "4", True])
def test_a_wrong_number_is_named(name, number):
    """A number that is none is refused by its name, together with what else is wrong."""
    with pytest.raises(InvalidInput) as caught:
        execute_many(ACCOUNT, [{}], **{name: number})
    assert caught.value.details["fields"][name] == "must be a whole number from 1 on"
    assert "rows[0]: calendar_name" in caught.value.details["fields"]


@pytest.mark.parametrize("name", ["primary", "Example Calendar"])
def test_a_wrong_environment_is_raised(monkeypatch, name):
    """What is wrong with the environment is nobody's row, and raised."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", "example.com:80")
    with pytest.raises(InvalidInput, match="CALENDAR_EMULATOR_HOST"):
        execute_many(ACCOUNT, [row("a@acme.com", name=name)])


def test_a_bug_in_a_thread_is_raised(emulate, monkeypatch):
    """What goes wrong in a thread is not lost there, and no row after it is begun."""
    emulator = emulate()
    monkeypatch.setattr("handler.bulk.calendar_rows.Share", None)
    with pytest.raises(TypeError):
        execute_many(ACCOUNT, [row("a@acme.com"), row("b@acme.com")])
    assert "acl.insert" not in emulator.calls


def test_several_calendars_at_once_and_one_write_at_a_time_each(emulate, monkeypatch):
    """Threads share different calendars side by side, as many as were asked for, and none two rows of one calendar."""
    ids = [f"c{number}@group.calendar.google.com" for number in range(6)]
    emulator = emulate({"calendars": [{"id": name, "summary": name} for name in ids]})
    rows = [row(f"u{number}@acme.com", name=name) for number in range(10) for name in ids]
    crowd = Crowd(3)
    watched(monkeypatch, "insert", crowd)
    outcomes = execute_many(ACCOUNT, rows, threads=3, per_minute=None)
    assert changes(outcomes) == ["created"] * 60
    assert (crowd.most, crowd.most_at_one) == (3, 1)
    assert emulator.rules() == {name: {f"user:u{number}@acme.com": "reader" for number in range(10)} for name in ids}
    assert emulator.calls.count("oauth2.token") == 1


def test_stopping_lets_the_write_in_flight_end(emulate, monkeypatch):
    """A row that is being written when the run is stopped has its outcome, and no other one is begun."""
    emulator = emulate()
    bulk = Bulk(planned([row("a@acme.com"), row("b@acme.com"), row("c@acme.com", name="primary")]))
    bulk.find_calendars()

    def send_and_stop(method, *arguments, **named):
        if method == "POST":
            bulk.stop()
        return send(method, *arguments, **named)

    monkeypatch.setattr("handler.calendar_api.connection.send", send_and_stop)
    outcomes = dict(bulk.share(1))
    assert list(outcomes) == [0]
    assert changes(outcomes.values()) == ["created"]
    assert emulator.calls.count("acl.insert") == 1


def test_stopping_between_two_attempts_tells_the_last_error(emulate):
    """A row that waits for its next attempt when the run is stopped ends with what its last one met."""
    emulate({"faults": [{"method": "acl.insert", "fault": "dropped_after"}]})
    bulk = Bulk(planned([row("a@acme.com"), row("b@acme.com")]))
    bulk.find_calendars()
    bulk._calls._clock = bulk._calls._clock._replace(sleep=lambda _: bulk.stop())
    assert changes(dict(bulk.share(1)).values()) == ["google_unavailable"]


@pytest.mark.parametrize(
    "faults",
    [[], [{"method": "acl.delete", "fault": "error", "status": 403, "reason": "rateLimitExceeded"}]],
    ids=["at once", "after a rate limit"],
)
def test_stopping_between_two_removals_of_a_row_tells_what_is_gone(emulate, time, monkeypatch, faults):
    """A row whose grantee has lost one of two rules when the run is stopped ends with an error that says so."""
    rules = {EXAMPLE: {"user:team@acme.com": "reader", "group:team@acme.com": "writer"}}
    emulator = emulate({"rules": rules, "faults": faults})
    bulk = Bulk(planned([row("team@acme.com", "none"), row("b@acme.com")]))
    bulk.find_calendars()

    def send_and_stop(method, *arguments, **named):
        answer = send(method, *arguments, **named)
        if method == "DELETE" and answer.status == 204:
            bulk.stop()
        return answer

    monkeypatch.setattr("handler.calendar_api.connection.send", send_and_stop)
    (number, outcome), *others = bulk.share(1)
    assert (number, others) == (0, [])
    told = {key: outcome["error"]["details"][key] for key in ("calendar_id", "rule_id", "previous_access", "change")}
    assert told == {
        "calendar_id": EXAMPLE,
        "rule_id": "user:team@acme.com",
        "previous_access": "reader",
        "change": "removed",
    }
    assert emulator.rules()[EXAMPLE] == {"group:team@acme.com": "writer"}


def test_stopping_before_anything_was_asked(emulate):
    """A run that is stopped while it looks for the calendars asks nothing more, and says so."""
    emulator = emulate()
    bulk = Bulk(planned([row("a@acme.com")]))
    bulk.stop()
    with pytest.raises(Stopped):
        bulk.find_calendars()
    assert emulator.calls == []


def test_stopping_ends_every_wait(emulate):
    """Nobody sleeps on after the run was stopped, however long the wait was to be."""
    emulate()
    bulk = Bulk(planned([]))
    bulk.stop()
    before = real_time.monotonic()
    bulk._calls._clock.sleep(3600)
    assert real_time.monotonic() - before < 1800


def test_leaving_a_run_ends_its_threads(emulate):
    """Whoever does not want the rest of the outcomes leaves no thread behind."""
    emulator = emulate()
    bulk = Bulk(planned([row(f"u{number}@acme.com") for number in range(50)]), per_minute=None)
    bulk.find_calendars()
    before = threading.active_count()
    outcomes = bulk.share(4)
    next(outcomes)
    outcomes.close()
    assert threading.active_count() <= before + 1  # the emulator's connection
    assert emulator.calls.count("acl.insert") < 50


def test_the_pace_spreads_requests(time):
    """Between two requests lies the minute's share, whoever makes them."""
    pace = Pace(120, time.clock, lambda: False)
    assert [pace.wait() for _ in range(4)] == [0.0, 0.5, 0.5, 0.5]


def test_a_pause_does_not_save_requests_up(time):
    """After a pause requests go on one by one, and not in a burst."""
    pace = Pace(120, time.clock, lambda: False)
    pace.wait()
    time.waits.append(60.0)
    assert [pace.wait() for _ in range(3)] == [0.0, 0.5, 0.5]


def test_no_number_is_no_limit(time):
    """Without a number a minute nobody waits."""
    pace = Pace(None, time.clock, lambda: False)
    assert [pace.wait() for _ in range(1000)] == [0.0] * 1000


def test_a_hold_is_for_all_and_grows_until_a_request_passes(time):
    """Holds last 10, 20, 40 and then 60 s; once a request has passed the next one is short again."""
    pace = Pace(None, time.clock, lambda: False)
    for seconds in (10.0, 20.0, 40.0, 60.0, 60.0):
        pace.hold(None)
        assert pace.wait() == seconds
    pace.passed()
    pace.hold(None)
    assert pace.wait() == 10.0


def test_several_limits_at_once_are_one(time):
    """Threads that meet the same limit together make it no longer."""
    pace = Pace(None, time.clock, lambda: False)
    for _ in range(4):
        pace.hold(None)
    assert pace.wait() == 10.0


def test_a_hold_that_begins_during_a_wait_is_kept(time):
    """A thread that already waits for its turn waits for a hold as well."""
    pace = Pace(60, time.clock._replace(sleep=lambda seconds: (time.waits.append(seconds), held())), lambda: False)
    holds = iter([7.0])

    def held():
        for seconds in holds:
            pace.hold(seconds)

    pace.wait()
    assert pace.wait() == 1.0 + 7.0


def test_waiting_for_a_turn_takes_none_of_the_step_s_time(time):
    """A step that was held back for an hour still has its two minutes."""
    pace = Pace(None, time.clock, lambda: False)
    pace.hold(3600.0)
    turns = Turns(lambda _: pace, time.clock)
    turns("")
    assert (turns.clock.now(), time.clock.now()) == (0.0, 3600.0)


def test_a_shorter_hold_takes_nothing_from_a_longer_one(time):
    """Whoever is told to wait a little does not end the long wait that another one was told of."""
    pace = Pace(None, time.clock, lambda: False)
    pace.hold(60.0)
    pace.hold(5.0)
    assert pace.wait() == 60.0


def test_what_was_not_tried_names_the_error_that_ended_the_run(emulate):
    """Of two errors that would meet all rows the first one is told, also if another thread meets the second later."""
    emulate()
    calls = Calls(ACCOUNT, None, None)
    calls.note(Refused("usage_limit", "first"))
    calls.note(AuthorizationFailed("authorization_failed", "second"))
    with pytest.raises(Refused, match="first"):
        calls.begin()


def test_no_row_is_begun_before_the_last_one_was_taken(emulate):
    """However slowly outcomes are taken, a thread is never ahead of whoever writes them down."""
    emulator = emulate()
    bulk = Bulk(planned([row(f"u{number}@acme.com") for number in range(3)]), per_minute=None)
    bulk.find_calendars()
    before = set(threading.enumerate())
    outcomes = bulk.share(1)
    next(outcomes)
    for thread in set(threading.enumerate()) - before:
        thread.join(0.5)  # one that went on would be through by then
    assert emulator.calls.count("acl.insert") == 1
    outcomes.close()


def test_a_calendar_whose_rules_were_read_is_not_confirmed(emulate):
    """What writes nothing to a calendar that no list was read for costs no request beyond its rules."""
    emulator = emulate()
    rows = [row("a@acme.com", "none", EXAMPLE), {**row("b@acme.com", "reader", EXAMPLE), "dry_run": True}]
    assert changes(execute_many(ACCOUNT, rows)) == ["unchanged", "created"]
    assert emulator.calls == ["oauth2.token", "acl.list"]


def test_hints_are_given_to_the_first_unknown_names_only(emulate):
    """A table whose names are all wrong is compared with the titles for its first 20 names, which takes long enough."""
    emulate()
    rows = [row("a@acme.com", name=f"Example Calendar {number:02}") for number in range(25)]
    errors = [outcome["error"] for outcome in execute_many(ACCOUNT, rows)]
    assert [error["details"]["nearest"] for error in errors] == [["Example Calendar"]] * 20 + [[]] * 5
    assert errors[-1]["message"].endswith("does not contain the calendar 'Example Calendar 24'.")


def test_a_bug_in_a_thread_loses_no_outcome_of_the_others(emulate, monkeypatch):
    """What another thread has in flight when one fails comes still, and then the failure is raised."""
    emulator = emulate()
    meet = threading.Barrier(2)

    def send_together(method, *arguments, **named):
        if method != "POST":
            return send(method, *arguments, **named)
        meet.wait(30)
        if "owner" in arguments[0]:
            raise TypeError("a bug")
        bulk._calls.stopped.wait(30)  # until the bug is known
        return send(method, *arguments, **named)

    bulk = Bulk(planned([row("a@acme.com"), row("b@acme.com", name="primary")]), per_minute=None)
    bulk.find_calendars()
    monkeypatch.setattr("handler.calendar_api.connection.send", send_together)
    taken = []
    with pytest.raises(TypeError, match="a bug"):
        taken.extend(bulk.share(2))
    assert changes(outcome for _, outcome in taken) == ["created"]
    assert emulator.calls.count("acl.insert") == 1


ENDED_AT_ANY_LINE = """
import signal, sys
from handler.bulk import Bulk, read_plan
from handler.testing.emulator import ACCOUNT

bulk = Bulk(read_plan(ACCOUNT, [], str, {}))
signal.signal(signal.SIGINT, lambda *_: bulk.stop())


def interrupt(*_):
    signal.raise_signal(signal.SIGINT)
    return interrupt


sys.settrace(interrupt)
bulk._calls._clock.sleep(0.001)
sys.settrace(None)
"""


@pytest.mark.long
def test_a_signal_handler_may_stop_a_run_wherever_it_comes():
    """A run that waits can be stopped at each line of its wait by the very thread that waits."""
    subprocess.run([sys.executable, "-c", ENDED_AT_ANY_LINE], cwd=FIXTURES.parent, timeout=60, check=True)


def test_a_row_that_was_not_sent_has_changed_nothing(emulate, monkeypatch, time):
    """Where no connection was made no write has landed, and a row that was not tried tells of no other's change."""
    emulator = emulate()

    def refused(method, *arguments, **named):
        if method == "POST":
            raise Unavailable("google_unavailable", "Nobody there.", {"cause": "NewConnectionError"})
        return send(method, *arguments, **named)

    monkeypatch.setattr("handler.calendar_api.connection.send", refused)
    row = {"calendar_name": "Example Calendar", "scope": "user", "calendar_access": "reader"}
    rows = [{**row, "recipient": f"p{number}@acme.com"} for number in range(14)]
    details = [outcome["error"]["details"] for outcome in execute_many(ACCOUNT, rows, attempts=1, threads=1)]
    assert [one.get("not_tried", False) for one in details] == [False] * 10 + [True] * 4
    assert not any({"change", "rule_id"} & one.keys() for one in details)
    assert "acl.insert" not in emulator.calls


def test_a_row_that_was_not_tried_tells_of_no_others_change(emulate, time):
    """Ten lost writes end a run: they say what they may have changed, and the rows after them say nothing."""
    emulate({"faults": [{"method": "acl.insert", "fault": "dropped", "times": 10}]})
    row = {"calendar_name": "Example Calendar", "scope": "user", "calendar_access": "reader"}
    rows = [{**row, "recipient": f"p{number}@acme.com"} for number in range(12)]
    details = [outcome["error"]["details"] for outcome in execute_many(ACCOUNT, rows, attempts=1, threads=1)]
    assert [one.get("rule_id") for one in details] == [f"user:p{number}@acme.com" for number in range(10)] + [None] * 2
