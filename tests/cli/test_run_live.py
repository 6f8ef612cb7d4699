"""The option --live of run: the steps are done in the account that the info values name."""

from __future__ import annotations

import errno
import io
import json

import pytest

from handler.__main__ import main
from handler.testing.emulator import ACCOUNT

from ..support.command_line import EXAMPLE, Fails, Screen, command

CALENDAR = "example@group.calendar.google.com"


@pytest.fixture
def account(tmp_path):
    """Return the options that name the account which the emulator knows."""
    path = tmp_path / "account.yaml"
    path.write_text(json.dumps(ACCOUNT), encoding="utf-8")
    path.chmod(0o600)
    return "--live", "--info", path


def variant(path, **changes):
    """Write a copy of a step with some keys changed."""
    case = {
        "what": "A user becomes a reader.",
        "parameters": {
            "calendar_name": CALENDAR,
            "scope": "user",
            "recipient": "jane@acme.com",
            "calendar_access": "reader",
        },
        "expect": {"results": {"change": "unchanged"}},
        "calls": [],
    }
    path.write_text(json.dumps({**case, **changes}), encoding="utf-8")
    return path


def test_a_person_is_shown_the_steps_and_asked(account, emulate):
    """The steps are listed with their parameters, and done after a yes."""
    emulator = emulate()
    status, text, errors = command("run", EXAMPLE, *account, stdin=Screen("yes\n"))
    assert status == 0
    assert "test.user@acme.com" in errors
    assert errors.endswith("Type yes to do them: ")
    assert emulator.rules() == {CALENDAR: {"user:test.user@acme.com": "owner"}}
    assert "  calls     not seen with --live, nor are rules and mails\n\n1 passed, 0 failed\n" in text


@pytest.mark.parametrize(
    ("host", "place"), [("127.0.0.1:9", "the server that CALENDAR_EMULATOR_HOST names"), ("", "Google")]
)
def test_the_question_says_where_the_account_is(host, place, account, monkeypatch):
    """Somebody who forgot to point to the emulator, or that it is pointed to, sees so before answering."""
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", host)
    errors = command("run", EXAMPLE, *account, stdin=Screen("no\n"))[2]
    assert f"These steps are about to be done in a real account at {place}:\n" in errors


@pytest.mark.parametrize("answer", ["no\n", "y\n", "\n", ""], ids=["no", "y", "blank", "end of input"])
def test_anything_but_yes_does_nothing(answer, account, emulate):
    """Without a yes no request is made, and the status says that nothing was done."""
    emulator = emulate()
    status, text, errors = command("run", EXAMPLE, *account, stdin=Screen(answer))
    assert (status, text, emulator.calls) == (1, "", [])
    assert errors.endswith("nothing was done: the answer was not yes\n")


def test_without_a_terminal_it_refuses(account, emulate):
    """A script cannot be asked, and has to say --yes."""
    emulator = emulate()
    status, text, errors = command("run", EXAMPLE, *account, stdin=io.StringIO("yes\n"))
    assert (status, text, emulator.calls) == (2, "", [])
    assert "give --yes" in errors


def test_with_yes_nobody_is_asked(account, emulate):
    """--yes is the answer, and stderr stays empty."""
    emulate()
    status, _, errors = command("run", EXAMPLE, *account, "--yes")
    assert (status, errors) == (0, "")


def test_without_info_values_nobody_is_asked(monkeypatch, emulate):
    """What is missing is said before a person has to decide."""
    emulate()
    for variable in ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_REFRESH_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    status, _, errors = command("run", EXAMPLE, "--live", stdin=Screen("yes\n"))
    assert status == 2
    assert "Type yes" not in errors


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"google": {"rules": {}}}, "it says what Google holds (google:)"),
        ({"info": ACCOUNT}, "it has info values of its own (info:)"),
    ],
    ids=["google", "info"],
)
def test_a_file_about_an_imagined_google_is_refused(changes, says, account, emulate, tmp_path):
    """Such a file is not played, with the reason; the others are."""
    emulate()
    refused = variant(tmp_path / "refused.json", **changes)
    status, text, errors = command("run", refused, EXAMPLE, *account, "--yes")
    assert status == 2
    assert errors.startswith(f"error: {refused}: not played with --live: {says}")
    assert text.endswith("1 passed, 0 failed, 1 not played\n")


def test_with_nothing_to_play_nobody_is_asked(account, tmp_path):
    """If every file was refused, that is all that is said."""
    status, text, errors = command("run", tmp_path / "nothing.yaml", *account)
    assert (status, text) == (2, "0 passed, 0 failed, 1 not played\n")
    assert "give --yes" not in errors


def test_only_the_outcome_is_held(account, emulate, tmp_path):
    """Calls and rules are null in JSON, because nobody can see them; the expected results are compared."""
    emulate()
    path = variant(tmp_path / "case.json")
    status, text, _ = command("run", path, *account, "--yes", "--format", "json")
    (report,) = json.loads(text)
    assert status == 1
    assert (report["calls"], report["before"], report["after"]) == (None, None, None)
    assert "change:\n  expected 'unchanged'\n  got      'created'" in report["differences"]


def test_a_full_disk_hides_no_step(account, emulate, tmp_path):
    """If stdout cannot be written, the files whose steps were done in the account are named on stderr."""
    emulate()
    path, errors = variant(tmp_path / "case.json"), io.StringIO()
    words = ["run", str(path), *map(str, account), "--yes"]
    assert main(words, io.StringIO(), Fails(OSError(errno.ENOSPC, "No space left on device")), errors) == 1
    assert f"note: stdout could not be written, but this was done: {path}\n" in errors.getvalue()
