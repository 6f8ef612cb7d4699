"""The verb share: what it does, what it answers in each form, and how it fails."""

from __future__ import annotations

import errno
import io
import json
import re
from xml.etree import ElementTree as ET

import pytest

from handler.__main__ import main
from handler.descriptor import load
from handler.results import Results
from handler.testing.emulator import ACCOUNT

from ..support.command_line import Fails, command

CALENDAR = "example@group.calendar.google.com"
JANE = ("--calendar", "Example Calendar", "--scope", "user", "--recipient", "jane@acme.com")
PUBLIC = ("--calendar", "Example Calendar", "--scope", "public", "--access", "freebusy")
FAR_AWAY = {"fault": "error", "status": 429, "reason": "rateLimitExceeded", "retry_after": 3600}


@pytest.fixture
def account(monkeypatch):
    """Set the environment as for the account that the emulator knows."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("form", ["text", "json", "xml"])
@pytest.mark.parametrize(
    "words", [("--access", "reader"), ("--access", "reader", "--dry-run")], ids=["done", "dry run"]
)
def test_a_full_disk_hides_no_share(emulate, form, words):
    """If stdout cannot be written, what was done is said on stderr, and the status tells that something failed."""
    emulate()
    errors = io.StringIO()
    full = Fails(OSError(errno.ENOSPC, "No space left on device"))
    assert main(["share", *JANE, *words, "--format", form], io.StringIO(), full, errors) == 1
    change = "would be created" if "--dry-run" in words else "created"
    assert f"note: stdout could not be written, but this was done: {change}: user:jane@acme.com" in errors.getvalue()
    assert errors.getvalue().endswith("error: [Errno 28] No space left on device\n")


@pytest.mark.usefixtures("account")
def test_text_tells_a_person_what_happened(emulate):
    """A sentence, then the results that are not empty, named by their titles."""
    emulator = emulate()
    status, text, errors = command("share", *JANE, "--access", "reader")
    assert (status, errors) == (0, "")
    assert (
        text
        == """\
created: user:jane@acme.com has reader (before: none)

Calendar Id      example@group.calendar.google.com
Rule Id          user:jane@acme.com
Calendar Access  reader
Previous Access  none
Change           created
"""
    )
    assert emulator.rules() == {CALENDAR: {"user:jane@acme.com": "reader"}}
    assert emulator.mails == ["user:jane@acme.com"]


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("access", "sentence"),
    [
        ("owner", "updated: user:jane@acme.com has owner (before: reader)"),
        ("reader", "unchanged: user:jane@acme.com has reader (before: reader)"),
        ("none", "removed: user:jane@acme.com has none (before: reader)"),
    ],
)
def test_the_sentence_says_what_was_there_before(access, sentence, emulate):
    """Whoever shares sees what has changed and can undo it."""
    emulate({"rules": {CALENDAR: {"user:jane@acme.com": "reader"}}})
    assert command("share", *JANE, "--access", access)[1].splitlines()[0] == sentence


@pytest.mark.usefixtures("account")
def test_a_dry_run_says_what_would_happen(emulate):
    """With --dry-run nothing is written, and the sentence says so."""
    emulator = emulate()
    status, text, _ = command("share", *JANE, "--access", "reader", "--dry-run")
    assert (status, emulator.rules(), emulator.mails) == (0, {}, [])
    assert text.startswith("would be created: user:jane@acme.com would have reader (before: none)\n")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("recipient", [(), ("--recipient", "")], ids=["no recipient", "blank recipient"])
def test_the_public_is_called_by_its_name(recipient, emulate):
    """The scope that is written is the public, and the sentence says so."""
    emulator = emulate()
    text = command("share", *PUBLIC, *recipient)[1]
    assert text.startswith("created: the public has freeBusyReader (before: none)\n")
    assert emulator.rules() == {CALENDAR: {"default": "freeBusyReader"}}


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param((), "scope: is missing; name user, group or domain, or default for the public", id="left out"),
        pytest.param(("--recipient", "jane@acme.com"), "scope: is missing", id="left out beside a recipient"),
        pytest.param(("--scope", ""), "scope: is blank; name user, group or domain, or default", id="blank"),
        pytest.param(("--scope", "\u00a0", "--recipient", ""), "scope: is blank", id="both blank"),
        pytest.param(
            ("--scope", "default", "--recipient", "jane@acme.com"),
            "recipient: 'jane@acme.com' is named beside the public",
            id="recipient",
        ),
    ],
)
def test_nothing_is_public_that_was_not_said_to_be(words, problem, emulate):
    """A command whose variables came out empty, or that names a person beside the public, ends before any request."""
    emulator = emulate()
    status, text, errors = command("share", "--calendar", "Example Calendar", "--access", "reader", *words)
    assert (status, text, emulator.calls) == (2, "", [])
    assert errors.startswith(f"error: {problem}")


@pytest.mark.usefixtures("account")
def test_info_values_and_parameters_are_told_together(emulate, monkeypatch):
    """Whoever mends a command sees at once what is wrong with the account as well."""
    emulate()
    monkeypatch.setenv("GOOGLE_CLIENT_ID", " ")
    errors = command("share", "--calendar", "x", "--access", "reader")[2].splitlines()
    assert errors[0].startswith("error: client_id: ")
    assert errors[1].startswith("       scope: ")


@pytest.mark.usefixtures("account")
def test_nobody_is_mailed_if_that_is_asked_for(emulate):
    """--no-notifications reaches Google."""
    emulator = emulate()
    assert command("share", *JANE, "--access", "reader", "--no-notifications")[0] == 0
    assert emulator.mails == []


@pytest.mark.usefixtures("account")
def test_json_is_one_object_with_every_result(emulate):
    """A program reads the results by their ids."""
    emulate()
    status, text, errors = command("share", *JANE, "--access", "reader", "--format", "json")
    assert (status, errors) == (0, "")
    assert list(json.loads(text)) == list(load().titles)
    assert json.loads(text)["change"] == "created"


@pytest.mark.usefixtures("account")
def test_xml_is_that_of_the_results(emulate):
    """A reader who knows Kinetic sees what a tree would."""
    emulate()
    status, text, errors = command("share", *JANE, "--access", "reader", "--format", "xml")
    assert (status, errors) == (0, "")
    results = {result.get("name"): result.text or "" for result in ET.fromstring(text)}  # noqa: S314 -- ours
    assert list(results) == list(load().titles.values())
    assert results["Rule Id"] == "user:jane@acme.com"


@pytest.mark.usefixtures("account")
def test_every_wrong_parameter_is_named_on_a_line(emulate):
    """Wrong input ends with status 2, before any request."""
    emulator = emulate()
    status, text, errors = command(
        "share", "--calendar", "x", "--scope", "user", "--recipient", "a,b", "--access", "boss"
    )
    assert (status, text, emulator.calls) == (2, "", [])
    first, second, code, remedy = errors.splitlines()
    assert first.startswith("error: calendar_access: 'boss' is not in the menu")
    assert second.startswith("       recipient: 'a,b' is a list")
    assert (code, remedy) == ("code: invalid_input", "what to do: Correct the fields that the message names.")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("calendar", "faults", "status", "code"),
    [
        pytest.param("Nowhere", [], 1, "calendar_not_found", id="refused"),
        pytest.param("", [], 2, "invalid_input", id="wrong input"),
        pytest.param("primary", [{"method": "acl.get", **FAR_AWAY}], 75, "rate_limited", id="try again later"),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "xml"])
def test_an_error_is_written_in_the_form_that_was_asked_for(calendar, faults, status, code, form, emulate):
    """Errors go to stderr, with their code, and stdout stays empty."""
    emulate({"faults": faults})
    words = ("--calendar", calendar, "--scope", "public", "--access", "reader", "--format", form)
    ended, text, errors = command("share", *words)
    assert (ended, text) == (status, "")
    if form == "json":
        assert json.loads(errors)["error"]["code"] == code
        assert json.loads(errors)["error"]["retryable"] is (status == 75)
    elif form == "xml":
        assert ET.fromstring(errors).get("code") == code  # noqa: S314 -- ours
    else:
        assert f"\ncode: {code}\nwhat to do: " in errors


OPTIONS = {
    "calendar_name": "--calendar",
    "calendar_access": "--access",
    "send_notifications": "--no-notifications",
    "error_handling": "",  # on the command line an error is a message and an exit status
}
"""The options that are not called like their parameter."""


@pytest.mark.parametrize("name", load().parameters.fields)
def test_every_parameter_has_its_option(name):
    """What a step of an engine can be told, a share on the command line can be told."""
    option = OPTIONS.get(name, f"--{name.replace('_', '-')}")
    offered = re.findall(r"^  (--[a-z-]+)", command("share", "--help")[1], re.MULTILINE)
    assert not option or option in offered


def test_a_share_hands_on_every_parameter(monkeypatch):
    """No option is offered whose parameter the step does not get."""
    handed_on = {}

    def execute(_, parameters):
        handed_on.update(parameters)
        return Results(load().titles, {})

    monkeypatch.setattr("handler.cli.share.execute", execute)
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    assert command("share", *JANE, "--access", "reader", "--format", "json")[0] == 0
    assert handed_on.keys() == load().parameters.fields.keys() - {name for name in OPTIONS if not OPTIONS[name]}


def test_the_help_names_every_role_and_scope():
    """What may be given for --scope and --access stands in the help, as in handler.yaml."""
    words = command("share", "--help")[1].replace(",", " ").replace(";", " ").split()
    for name in ("scope", "calendar_access"):
        assert {choice["const"] for choice in load().parameters.fields[name]["oneOf"]} <= set(words)


TURNED = "user:ja\u202ene@acme.com"


def test_what_turns_the_direction_reaches_no_terminal(emulate, monkeypatch):
    """As text a format character of Google's answer is shown as a sign; JSON has the real text."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    rule = {"method": "acl.get", "fault": "answer", "status": 200, "body": {"id": TURNED, "role": "reader"}}
    emulate({"faults": [rule, rule]})
    words = ("share", "--calendar", "primary", "--scope", "user", "--recipient", "jane@acme.com", "--access", "reader")
    status, text, _ = command(*words)
    assert (status, text.count("ja\ufffdne"), "\u202e" in text) == (0, 2, False)
    assert json.loads(command(*words, "--format", "json")[1])["rule_id"] == TURNED


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_turns_the_direction_in_an_error_reaches_no_terminal(emulate, monkeypatch, form):
    """An error shows a title that resembles the wanted one, and an owner, without what cannot be seen."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    calendar = {
        "id": "x@group.calendar.google.com",
        "summary": "Te\u2066am",
        "accessRole": "reader",
        "dataOwner": "o\u202e",
    }
    emulate({"calendars": [calendar]})
    words = ("share", "--scope", "user", "--recipient", "jane@acme.com", "--access", "reader", "--format", form)
    for title in ("Te\u2066am", "Te\u2066an"):
        errors = command(*words, "--calendar", title)[2]
        assert not {"\u2066", "\u202e"} & set(errors)
        assert "Te\ufffda" in errors or "Te\\ufffda" in errors
