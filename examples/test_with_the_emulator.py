"""Tests of your own code that shares calendars, without Google: copy this and change it.

    pip install pytest
    pytest examples/test_with_the_emulator.py

The fixture calendar_emulator comes with the handler: each test has an emulator of its own.
"""

from __future__ import annotations

import pytest
from google_apps_calendar_share_v1.handler import HandlerError, execute
from google_apps_calendar_share_v1.handler.testing import ACCOUNT


def welcome(newcomer):
    """Stand for your code: let a newcomer see the team's calendar, and return what changed."""
    parameters = {
        "calendar_name": "Example Calendar",
        "scope": "user",
        "recipient": newcomer,
        "calendar_access": "reader",
    }
    return execute(ACCOUNT, parameters)["change"]


def test_a_newcomer_sees_the_calendar(calendar_emulator):
    """A rule is made, and the newcomer is mailed."""
    assert welcome("jane@acme.com") == "created"
    assert calendar_emulator.rules() == {"example@group.calendar.google.com": {"user:jane@acme.com": "reader"}}
    assert calendar_emulator.mails == ["user:jane@acme.com"]


def test_nobody_is_mailed_twice(calendar_emulator):
    """The second welcome changes nothing."""
    welcome("jane@acme.com")
    assert welcome("jane@acme.com") == "unchanged"
    assert calendar_emulator.mails == ["user:jane@acme.com"]


def test_a_limit_of_google_is_an_error(calendar_emulator):
    """What Google refuses reaches the caller as an error with a code."""
    calendar_emulator.order({"method": "acl.insert", "fault": "error", "status": 403, "reason": "quotaExceeded"})
    with pytest.raises(HandlerError) as caught:
        welcome("jane@acme.com")
    assert caught.value.code == "usage_limit"
