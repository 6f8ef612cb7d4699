"""The activity by itself: the same as `execute`, in the words of the engine."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from handler import HandlerError, execute
from handler.descriptor import load
from handler.engines.temporal_activity import activity_of, plugin
from handler.testing.cases import play, read_case
from handler.testing.emulator import ACCOUNT

from .conftest import JANE, ROOT, STEP

FIXTURES = ROOT / "fixtures"
# Rows are for execute_many: an engine makes a step of each.
FILES = [file for file in sorted(FIXTURES.rglob("*.yaml")) if read_case(file).rows is None]


def step(parameters, info=ACCOUNT, environment=None):
    """Do a step as a worker does it."""
    return (environment or ActivityEnvironment()).run(activity_of({"default": info}.__getitem__), parameters)


def by_execute(case):
    """Do a case without an engine, as one attempt."""
    try:
        return {"results": dict(execute(case.info, case.parameters, attempts=1, raise_retryable=True))}
    except HandlerError as error:
        return {"error": error.to_dict()}


def by_activity(case):
    """Do a case as an activity, and hold its failure to the error that it stands for."""
    try:
        return {"results": step(case.parameters, case.info)}
    except ApplicationError as caught:
        failure = caught
    (error,) = failure.details
    wait = error["retry_after"]
    assert (failure.type, failure.message) == (error["code"], error["message"])
    assert failure.non_retryable is not load().errors[failure.type]["retryable"]
    assert failure.next_retry_delay == (None if wait is None else timedelta(seconds=wait))
    assert failure.__cause__ is None
    assert failure.__context__ is None
    return {"error": error}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(FIXTURES).as_posix())
def test_each_case_ends_as_it_does_without_an_engine(file):
    """An attempt has the outcome, calls, rules and mails of one by `execute`: those of the file, unless it may pass."""
    case = replace(read_case(file), attempts=1, waits=None)
    expected, report = play(case, by_execute), play(case, by_activity)
    assert report.outcome == expected.outcome
    assert (report.calls, report.after) == (expected.calls, expected.after)
    assert report.differences == expected.differences
    assert not report.differences or report.outcome["error"]["retryable"]


def test_it_is_called_what_the_descriptor_calls_it():
    """The name of the activity and of the plugin is the handler's id."""
    assert plugin({}.__getitem__).name() == "google-apps-calendar-share"
    definition = activity._Definition.from_callable(activity_of({}.__getitem__))
    assert definition.name == STEP == load().document["id"]


def test_another_handler_needs_no_change_here(monkeypatch):
    """A sibling with another handler.yaml has an activity of its own name."""
    sibling = type("Sibling", (), {"document": {"id": "google_apps_calendar_unshare"}})
    monkeypatch.setattr("handler.engines.temporal_activity.load", lambda: sibling)
    assert plugin({}.__getitem__).name() == "google-apps-calendar-unshare"


def test_the_connection_is_named_beside_the_parameters(emulate):
    """The input is one object; it is left as it is, and its connection is the account that is used."""
    emulator = emulate()
    given = {**JANE, "connection": "acme"}
    asked = []

    def info_of(name):
        asked.append(name)
        return ACCOUNT

    assert ActivityEnvironment().run(activity_of(info_of), given)["change"] == "created"
    assert (asked, given["connection"]) == (["acme"], "acme")
    assert emulator.mails == ["user:jane@acme.com"]


@pytest.mark.parametrize("given", [(), (None,), ([],), ("text",), (JANE, "default")], ids=repr)
def test_what_is_no_object_is_refused_for_good(monkeypatch, given):
    """An input in the wrong form is said, and never tried again."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(ApplicationError, match="parameters: is of the type") as caught:
        ActivityEnvironment().run(activity_of({"default": ACCOUNT}.__getitem__), *given)
    assert (caught.value.type, caught.value.non_retryable) == ("invalid_input", True)


def test_an_unknown_connection_is_refused_for_good():
    """A step for an account that this worker does not have is not tried again."""
    with pytest.raises(ApplicationError, match="connection: 'acme' is not known here") as caught:
        step({**JANE, "connection": "acme"})
    assert (caught.value.type, caught.value.non_retryable) == ("invalid_input", True)


def test_of_an_unexpected_exception_the_engine_sees_the_class_name(monkeypatch):
    """Its text, which may hold anything, stays here; whether to try again is up to the engine."""

    def broken(*_, **__):
        raise LookupError("secret")

    monkeypatch.setattr("handler.engines.attempt.execute", broken)
    with pytest.raises(ApplicationError) as caught:
        step(JANE)
    failure = caught.value
    assert (failure.type, failure.message) == ("LookupError", "LookupError; the worker's log has more")
    assert (failure.details, failure.non_retryable) == ((), False)
    assert failure.__cause__ is None
    assert failure.__context__ is None


def test_it_beats_while_a_step_takes_long(monkeypatch):
    """A step goes on for as long as it takes, and the engine hears of it three times in the time that it allows."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_timeout=timedelta(milliseconds=30))
    beats, three = [], threading.Event()

    def beat():
        beats.append(threading.current_thread())
        if len(beats) == 3:
            three.set()
        raise RuntimeError("no connection")  # a beat that fails is no end of them

    def long(*_, **__):
        assert three.wait(60)
        return {}

    environment.on_heartbeat = beat
    monkeypatch.setattr("handler.engines.attempt.execute", long)
    assert step(JANE, environment=environment) == {}
    assert not beats[0].is_alive()


def test_a_cancellation_does_not_interrupt_it(monkeypatch):
    """A step that is cancelled while it writes goes on to its end."""
    environment = ActivityEnvironment()

    def writes(*_, **__):
        environment.cancel()
        assert activity.is_cancelled()
        return {"change": "created"}

    monkeypatch.setattr("handler.engines.attempt.execute", writes)
    assert step(JANE, environment=environment) == {"change": "created"}
