"""Tests of your own code that shares calendars, without Google: copy this and change it.

    pip install pytest
    pytest examples/test_with_the_emulator.py

Each test has an emulator of its own, which ends with it.
"""

from __future__ import annotations

import pytest
from google_apps_calendar_share_v1.handler import HandlerError, execute
from google_apps_calendar_share_v1.handler.testing.emulator import ACCOUNT, Emulator


def welcome(newcomer):
    """Stand for your code: let a newcomer see the team's calendar, and return what changed."""
    parameters = {
        "calendar_name": "Example Calendar",
        "scope": "user",
        "recipient": newcomer,
        "calendar_access": "reader",
    }
    return execute(ACCOUNT, parameters)["change"]


@pytest.fixture
def emulate(monkeypatch):
    """Return a function that starts an emulator, and points the handler at it until the test ends."""
    started = []

    def start(**state):
        emulator = Emulator(state)
        emulator.start()
        started.append(emulator)
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        return emulator

    yield start
    for emulator in started:
        emulator.stop()


def test_a_newcomer_sees_the_calendar(emulate):
    """A rule is made, and the newcomer is mailed."""
    emulator = emulate()
    assert welcome("jane@acme.com") == "created"
    assert emulator.rules() == {"example@group.calendar.google.com": {"user:jane@acme.com": "reader"}}
    assert emulator.mails == ["user:jane@acme.com"]


def test_nobody_is_mailed_twice(emulate):
    """The second welcome changes nothing."""
    emulator = emulate()
    welcome("jane@acme.com")
    assert welcome("jane@acme.com") == "unchanged"
    assert emulator.mails == ["user:jane@acme.com"]


def test_a_limit_of_google_is_an_error(emulate):
    """What Google refuses reaches the caller as an error with a code."""
    emulate(faults=[{"method": "acl.insert", "fault": "error", "status": 403, "reason": "quotaExceeded"}])
    with pytest.raises(HandlerError) as caught:
        welcome("jane@acme.com")
    assert caught.value.code == "usage_limit"
