"""A step as an engine sees it: what it logs, what it raises, and what it answers instead."""

from __future__ import annotations

import logging

import pytest

from handler import InvalidInput, NotFound, Results, Unavailable, execute, execute_many
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
    "wrote user:jane@acme.com in example@group.calendar.google.com as the account itself: none before, reader after",
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
    assert [record.message.partition(" ")[2] for record in ours] == STAGES
    assert {record.levelno for record in ours} == {level}


def written(caplog):
    """Return what the log says of writes, without the id of the run."""
    lines = (message.partition(" ")[2] for message in caplog.messages)
    return [line for line in lines if line.startswith(("wrote ", "perhaps wrote "))]


@pytest.mark.parametrize("roles", [("reader", "owner", "none")])
def test_each_write_is_a_line_of_the_log(emulate, caplog, roles):
    """Google's log shows the user alone: ours says with which key, and what was there before."""
    emulator = emulate()
    info = {"service_account": emulator.service_account_key(), "may_act_as": "ann@acme.com"}
    step = {**PARAMETERS, "calendar_name": "Team Calendar", "act_as": "ann@acme.com"}
    with caplog.at_level(logging.INFO, "google_apps_calendar_share"):
        for role in roles:
            execute({**info, "enable_debug_logging": "Yes"}, {**step, "calendar_access": role})
            execute({**info, "enable_debug_logging": "Yes"}, {**step, "calendar_access": role, "dry_run": "Yes"})
    rule = "wrote user:jane@acme.com in team@group.calendar.google.com as ann@acme.com by the key emulator-key"
    assert written(caplog) == [
        f"{rule}: {before} before, {after} after" for before, after in zip(("none", *roles), roles, strict=False)
    ]


def test_a_write_into_a_list_is_a_line_of_the_log(emulate, caplog):
    """It says in whose name: the recipient's."""
    emulator = emulate()
    info = {"service_account": emulator.service_account_key(), "act_as_by_default": "ann@acme.com"}
    info |= {"may_add_to_lists_of": "acme.com", "enable_debug_logging": "Yes"}
    with caplog.at_level(logging.INFO, "google_apps_calendar_share"):
        execute(info, {**PARAMETERS, "calendar_name": "Team Calendar", "add_to_list": "Yes"})
    whose = "wrote team@group.calendar.google.com in their list as jane@acme.com by the key emulator-key"
    assert written(caplog)[1:] == [f"{whose}: absent before, present after"]


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        ({"fault": "dropped_after"}, ["perhaps wrote"]),
        ({"fault": "error", "status": 503}, ["perhaps wrote", "wrote"]),
        ({"fault": "error", "status": 429, "reason": "rateLimitExceeded"}, ["wrote"]),
    ],
    ids=["answer lost", "failed", "refused"],
)
def test_a_write_that_may_have_landed_is_a_line_of_the_log(emulate, caplog, time, fault, lines):
    """Who was given what is in the log also where Google's answer is missing."""
    emulate({"faults": [{"method": "acl.insert", **fault}]})
    with caplog.at_level(logging.DEBUG, "google_apps_calendar_share"):
        execute(ACCOUNT, PARAMETERS)
    told = "user:jane@acme.com in example@group.calendar.google.com as the account itself: none before, reader after"
    assert written(caplog) == [f"{line} {told}" for line in lines]


def test_lines_of_one_run_have_one_id(emulate, caplog, time):
    """What threads write side by side is told apart by the first word, retries and rows included."""
    emulate({"faults": [{"method": "acl.get", "fault": "error", "status": 503}]})
    rows = [{**PARAMETERS, "recipient": f"{name}@acme.com"} for name in ("jane", "john")]
    with caplog.at_level(logging.DEBUG, "google_apps_calendar_share"):
        runs = [lambda: execute(ACCOUNT, PARAMETERS), lambda: execute_many(ACCOUNT, rows)]
        found = []
        for run in runs:
            caplog.clear()
            run()
            found.append({message.partition(" ")[0] for message in caplog.messages})
    assert [len(ids) for ids in found] == [1, 1]
    assert found[0] != found[1]


def test_a_retry_is_a_line_of_the_log(emulate, caplog, time):
    """The log says why a step is tried again, and when."""
    emulate({"faults": [{"method": "acl.get", "fault": "error", "status": 503}]})
    with caplog.at_level(logging.DEBUG, "google_apps_calendar_share"):
        execute(ACCOUNT, PARAMETERS)
    assert any(line.endswith(" google_unavailable: attempt 2 of 4 follows in 1.0 s") for line in caplog.messages)


def test_an_error_is_a_line_of_the_log(emulate, caplog):
    """The log ends with the error's code and message."""
    emulate()
    with caplog.at_level(logging.DEBUG, "google_apps_calendar_share"), pytest.raises(NotFound):
        execute(ACCOUNT, {**PARAMETERS, "calendar_name": "Nothing"})
    assert caplog.messages[-1].partition(" ")[2].startswith("calendar_not_found: Invalid Calendar Name")


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
