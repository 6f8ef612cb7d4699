"""A step as an engine sees it: what it logs, what it raises, and what it answers instead."""

from __future__ import annotations

import logging

import pytest

from handler import InvalidInput, NotFound, Results, Unavailable, execute
from handler.descriptor import load
from handler.testing.emulator import ACCOUNT

PARAMETERS = {
    "calendar_name": "Example Calendar",
    "scope": "user",
    "recipient": "jane@acme.com",
    "calendar_access": "reader",
}
STAGES = [
    "input checked",
    "calendar 'Example Calendar' is example@group.calendar.google.com",
    "user:jane@acme.com has none and is to have reader",
    "user:jane@acme.com: created",
]


def test_results_have_every_declared_one_in_order(emulate):
    """A step answers with all results of handler.yaml, titled as there."""
    emulate()
    results = execute(ACCOUNT, PARAMETERS)
    assert isinstance(results, Results)
    assert list(results) == list(load().titles)
    assert results.titles == load().titles


@pytest.mark.parametrize(
    ("choice", "level"), [("Yes", logging.INFO), (True, logging.INFO), ("No", logging.DEBUG), (None, logging.DEBUG)]
)
def test_each_stage_is_a_line_of_the_log(emulate, caplog, choice, level):
    """Debug logging decides the level of the lines, not whether they are written."""
    emulate()
    with caplog.at_level(logging.DEBUG, "google_apps_calendar_share"):
        execute({**ACCOUNT, "enable_debug_logging": choice}, PARAMETERS)
    ours = [record for record in caplog.records if record.name == "google_apps_calendar_share"]
    assert [record.message for record in ours] == STAGES
    assert {record.levelno for record in ours} == {level}


def test_a_retry_is_a_line_of_the_log(emulate, caplog, time):
    """The log says why a step is tried again, and when."""
    emulate({"faults": [{"method": "acl.get", "fault": "error", "status": 503}]})
    with caplog.at_level(logging.DEBUG, "google_apps_calendar_share"):
        execute(ACCOUNT, PARAMETERS)
    assert "google_unavailable: attempt 2 of 4 follows in 1.0 s" in caplog.messages


def test_an_error_is_a_line_of_the_log(emulate, caplog):
    """The log ends with the error's code and message."""
    emulate()
    with caplog.at_level(logging.DEBUG, "google_apps_calendar_share"), pytest.raises(NotFound):
        execute(ACCOUNT, {**PARAMETERS, "calendar_name": "Nothing"})
    assert caplog.messages[-1].startswith("calendar_not_found: Invalid Calendar Name")


def test_inputs_are_left_as_they_are(emulate):
    """The caller's mappings are not changed."""
    emulate()
    info, parameters = dict(ACCOUNT), {**PARAMETERS, "recipient": " Jane@Acme.COM ", "_engine": object()}
    before = dict(info), dict(parameters)
    execute(info, parameters)
    assert (info, parameters) == before


def test_one_attempt_raises_what_may_pass(emulate):
    """With attempts=1 a passing fault is raised at once, for the engine to retry."""
    emulator = emulate({"faults": [{"method": "acl.get", "fault": "error", "status": 503}]})
    with pytest.raises(Unavailable):
        execute(ACCOUNT, PARAMETERS, attempts=1)
    assert emulator.calls.count("acl.get") == 1


@pytest.mark.parametrize("choice", ["error message", "Error Message", " ERROR MESSAGE "])
def test_error_message_answers_every_problem_of_an_input(monkeypatch, choice):
    """With Error Message a wrong input becomes results too, and no request is made."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", "127.0.0.1:1")
    results = execute({}, {"error_handling": choice})
    assert results["handler_error_code"] == "invalid_input"
    assert len(results["handler_error_message"].splitlines()) == 5
    assert {value for key, value in results.items() if not key.startswith("handler_error")} == {""}


@pytest.mark.parametrize("choice", ["Error", 1, "Error Message\x00"], ids=ascii)
def test_a_wrong_error_handling_is_raised(choice):
    """Who wanted the errors as results must learn that the wish was not understood."""
    with pytest.raises(InvalidInput, match="error_handling: "):
        execute(ACCOUNT, {**PARAMETERS, "error_handling": choice})
