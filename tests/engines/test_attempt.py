"""One attempt for an engine that tries again by itself: accounts by name, errors to act on, no foreign text."""

from __future__ import annotations

import logging
import subprocess
import sys
from urllib.parse import quote, quote_plus

import pytest

from handler import InvalidInput, NotFound, Refused, Unavailable, execute
from handler.descriptor import DESCRIPTOR
from handler.engines.attempt import Unexpected, attempt, redacted
from handler.testing.emulator import ACCOUNT

PARAMETERS = {
    "calendar_name": "Example Calendar",
    "scope": "user",
    "recipient": "jane@acme.com",
    "calendar_access": "reader",
}
INFO = {"client_id": "1d", "client_secret": "CANARY'S/3CR3T", "refresh_token": "1//CANARY"}
TOKEN = "ya29.a0AfH6SMB-CANARY_token"
FAULT = {"method": "acl.get", "fault": "error", "status": 503}


def of(**connections):
    """Return a function that knows these connections."""
    return connections.__getitem__


@pytest.mark.parametrize("connection", ["default", "", None])
def test_the_step_is_done_with_the_account_of_the_connection(emulate, connection):
    """The results are a plain dict, as far as an engine can see, and no connection is the default one."""
    emulate()
    results = attempt(of(default=ACCOUNT), connection, PARAMETERS)
    assert type(results) is dict
    assert results["change"] == "created"


@pytest.mark.parametrize("connection", ["acme", "Default", " default", 5, ["default"]], ids=str)
def test_an_unknown_connection_is_wrong_input(monkeypatch, connection):
    """A connection that nobody knows is said, for good, and no request is made."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(InvalidInput) as caught:
        attempt(of(default=ACCOUNT), connection, PARAMETERS)
    assert list(caught.value.details["fields"]) == ["connection"]
    assert caught.value.__cause__ is None


def test_it_is_one_attempt(emulate):
    """What may pass is raised at once, for the engine to try again."""
    emulator = emulate({"faults": [FAULT]})
    with pytest.raises(Unavailable):
        attempt(of(default=ACCOUNT), None, PARAMETERS)
    assert emulator.calls.count("acl.get") == 1


def test_what_may_pass_is_raised_whatever_error_handling_says(emulate):
    """An error as a result would end the step for the engine; what does not pass becomes one."""
    emulate({"faults": [FAULT]})
    wish = {**PARAMETERS, "error_handling": "Error Message"}
    with pytest.raises(Unavailable):
        attempt(of(default=ACCOUNT), None, wish)
    results = attempt(of(default=ACCOUNT), None, {**wish, "calendar_name": "Nothing"})
    assert results["handler_error_code"] == "calendar_not_found"


def test_without_an_engine_error_message_makes_results_of_all(emulate):
    """Who calls execute and wants errors as results gets what may pass as one too."""
    emulate({"faults": [FAULT]})
    results = execute(ACCOUNT, {**PARAMETERS, "error_handling": "Error Message"}, attempts=1)
    assert results["handler_error_code"] == "google_unavailable"


@pytest.mark.parametrize(
    ("state", "parameters", "error"),
    [
        ({}, {"calendar_name": "Nothing"}, NotFound),
        ({"faults": [{**FAULT, "status": 403, "reason": "quotaExceeded"}]}, {}, Refused),
    ],
    ids=["not found", "refused"],
)
def test_errors_of_the_handler_are_raised_as_they_are(emulate, state, parameters, error):
    """An engine sees code, class and details."""
    emulate(state)
    with pytest.raises(error):
        attempt(of(default=ACCOUNT), None, {**PARAMETERS, **parameters})


def fails_with(*texts):
    """Return a step that fails in a way nobody has foreseen, with a cause, and these texts."""

    def execute(*_, **__):
        try:
            raise KeyError(*texts)
        except KeyError as error:
            raise RuntimeError(" ".join(texts)) from error

    return execute


def test_an_unexpected_exception_leaves_its_class_name_alone(monkeypatch, caplog):
    """The engine gets a class name without text, cause or context; the log says where it was, and hides the secrets."""
    monkeypatch.setattr("handler.engines.attempt.execute", fails_with("the answer was", *INFO.values(), TOKEN))
    with caplog.at_level(logging.ERROR), pytest.raises(Unexpected) as caught:
        attempt(of(default=INFO), None, PARAMETERS)
    assert str(caught.value) == "RuntimeError"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    (record,) = caplog.records
    assert record.name == "google_apps_calendar_share"
    assert record.exc_info is None
    assert "RuntimeError: the answer was 1d *** *** ***" in record.message
    assert "KeyError: ('the answer was', '1d', " in record.message
    assert f'File "{__file__}"' in record.message
    assert "CANARY" not in caplog.text.replace(fails_with.__name__, "")


@pytest.mark.parametrize(
    "form", ["{}", "'{}'", "{!r}", "a{}b", "{}\n{}"], ids=["bare", "quoted", "repr", "inside", "twice"]
)
@pytest.mark.parametrize("secret", [INFO["client_secret"], INFO["refresh_token"]])
def test_each_form_of_a_secret_is_hidden(secret, form):
    """A value is found also where it is quoted, escaped, part of a word or of an address."""
    for written in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
        assert "CANARY" not in redacted(ValueError(form.format(written, written)), INFO)


def test_a_secret_within_a_longer_one_uncovers_nothing():
    """The longer value is hidden first, so that no end of it is left over."""
    info = {"refresh_token": "secret", "client_secret": "secret-tail\n"}
    assert "tail" not in redacted(ValueError("secret-tail"), info)


def test_what_is_no_secret_is_left_as_it_is():
    """Guard rails and the client's id are words that a log needs; an info value that nobody knows may be a secret."""
    info = {**INFO, "highest_access": "reader", "allowed_domains": "acme.com", "refresh_tokn": "hunter2"}
    told = redacted(ValueError("user:jane@acme.com has reader, hunter2"), info)
    assert told == "ValueError: user:jane@acme.com has reader, ***"


def test_secrets_are_hidden_before_what_looks_like_a_token():
    """A secret whose beginning could be a token is hidden to its end."""
    secret = f"{'a' * 30} and its tail"
    assert redacted(ValueError(f"sent {secret}."), {"client_secret": secret}) == "ValueError: sent ***."


def test_no_source_line_and_no_note_shows_a_secret():
    """A secret in the code that called is not repeated, and one in a note is hidden, whatever the note looks like."""
    error = ValueError("refused")
    error.__notes__ = ["sent 1//CANARY", '  File "x", line 1, in 1//CANARY', TOKEN]
    try:
        raise error  # with "1//CANARY" on its line
    except ValueError as caught:
        told = redacted(caught, INFO)
    assert "CANARY" not in told
    assert told.splitlines()[0].startswith(f'  File "{__file__}", line ')
    assert told.splitlines()[1:] == ["ValueError: refused", "sent ***", '  File "x", line 1, in ***', "***"]


def test_what_led_to_an_exception_is_told_once():
    """Causes, contexts and the members of a group are told without end in no circle."""
    first, second = ValueError("first"), TypeError("second")
    first.__cause__, second.__context__ = second, first
    assert redacted(first, {}) == "TypeError: second\nwhich was the cause of\nValueError: first"


def test_an_exception_without_a_text_is_told_by_its_class():
    """An exception whose text cannot be had does not get past the shield as another one."""

    class SilentError(Exception):
        def __str__(self):
            raise RuntimeError(TOKEN)

    assert redacted(SilentError(), INFO).endswith("SilentError")


@pytest.mark.parametrize("info", [None, ["1//CANARY"], 5], ids=str)
def test_info_that_is_no_mapping_hides_every_text(info):
    """As long as nobody knows the secrets no text of an exception is shown."""
    assert redacted(ValueError("1//CANARY"), info) == "ValueError"


def test_while_the_secrets_are_unknown_no_text_is_shown(caplog):
    """A vault that cannot be read may quote its own password: its text is left out."""

    def vault(_):
        raise ConnectionError("password hunter2")

    with caplog.at_level(logging.ERROR), pytest.raises(Unexpected, match=r"^ConnectionError$"):
        attempt(vault, None, PARAMETERS)
    assert "in vault" in caplog.text
    assert caplog.messages[0].endswith("ConnectionError")
    assert "hunter2" not in caplog.text


def test_an_interrupt_is_no_error_of_the_step(monkeypatch):
    """Ctrl-C ends the program, and is not turned into a failed step."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("handler.engines.attempt.execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        attempt(of(default=ACCOUNT), None, PARAMETERS)


@pytest.mark.long
def test_it_needs_no_engine():
    """What all adapters share is imported where no engine is installed."""
    program = "import sys; sys.modules['temporalio'] = None; import handler.engines.attempt"
    subprocess.run([sys.executable, "-c", program], cwd=DESCRIPTOR.parent, check=True)
