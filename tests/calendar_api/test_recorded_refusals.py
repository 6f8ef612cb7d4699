"""What Google was recorded to answer means the same at each method that it can come at."""

from __future__ import annotations

import json

import pytest

from handler.calendar_api.error_table import ANY_METHOD, OF_A_REFRESH_TOKEN, WRITES, calendar_error
from handler.calendar_api.transport import Answer

METHODS = sorted(ANY_METHOD)
DENIED = "PERMISSION_DENIED"


def refused(message, reason=None, status=None, info=None, code=403):
    """Return an answer in Google's form: errors of the Calendar API, and details of the front end."""
    error = {"code": code, "message": message}
    if reason:
        error["errors"] = [{"message": message, "domain": "global", "reason": reason}]
    if status:
        error["status"] = status
    if info:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": info}]
    return Answer(code, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode())


def text(words, code=403):
    """Return an answer of the front end in plain text."""
    return Answer(code, {"Content-Type": "text/plain"}, words.encode())


UNSUBSCRIBE = "The data owner of a calendar cannot remove such a calendar from their calendar list."
RECORDED = {
    "no calendar user": ("not_a_calendar_user", "The user must be signed up for Google Calendar.", "notACalendarUser"),
    "blocked key": ("api_disabled", "This API is blocked.", "forbidden", DENIED, "API_KEY_SERVICE_BLOCKED"),
    "no caller": ("api_disabled", "Method doesn't allow unregistered callers.", "forbidden", DENIED),
    "suspended": ("api_disabled", "Consumer 'project:1' is suspended.", "forbidden", DENIED, "CONSUMER_SUSPENDED"),
    "too fast, in the form of the front end": (
        "rate_limited", "Quota exceeded for limit 'Queries per user per 100 seconds'.", "rateLimitExceeded", DENIED,
        "RATE_LIMIT_EXCEEDED",
    ),
    "per day": ("usage_limit", "Quota exceeded for limit 'Queries per day'.", "rateLimitExceeded"),
    "daily limit": ("usage_limit", "Daily Limit Exceeded. It will be reset at midnight.", "dailyLimitExceeded"),
    "anti-abuse limit": ("usage_limit", "Calendar usage limits exceeded.", "quotaExceeded"),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_refusal_is_the_same_at_each_method(name, method):
    """The code does not hang on the method, Google's words are shown, and nobody looks for a proxy or a new token."""
    code, words, *more = RECORDED[name]
    error = calendar_error(method, refused(words, *more), str, OF_A_REFRESH_TOKEN)
    assert error.code == code
    assert words in error.message
    assert "proxy" not in error.message
    assert "refresh token" not in error.message


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_in_plain_text_is_the_same_at_each_method(status, method):
    """Google's front end sends it without an error object; its words are shown all the same."""
    error = calendar_error(method, text("Request rate higher than configured.", status), str, OF_A_REFRESH_TOKEN)
    assert (error.code, error.details["wait_chosen"]) == ("rate_limited", True)
    assert "'Request rate higher than configured.'" in error.message


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("words", "reason"), [(UNSUBSCRIBE, "cannotUnsubscribeFromOwnedCalendar"), ("No.", "domainPolicy")]
)
def test_a_refusal_that_no_row_knows_keeps_googles_words(words, reason, method):
    """Reads and writes alike show reason and words, and speak of no proxy."""
    error = calendar_error(method, refused(words, reason), str, OF_A_REFRESH_TOKEN)
    assert error.code == ("sharing_refused" if method in WRITES | {"calendarList.insert"} else "unexpected_answer")
    assert f"({reason}, '{words}')" in error.message
    assert "proxy" not in error.message
