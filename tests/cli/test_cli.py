"""The program as a whole: help, usage, streams, and how a command ends."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import shlex
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from handler import (
    AuthorizationFailed,
    HandlerError,
    InvalidDescriptor,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
    __version__,
)
from handler.__main__ import main
from handler.cli import VERBS, output, status_of
from handler.descriptor import DESCRIPTOR, load
from handler.retry import going_by
from handler.testing.cases import StillClock
from handler.testing.emulator import ACCOUNT

from ..support.command_line import EXAMPLE, ROOT, Fails, Screen, command, leave_to_the_file
from ..support.consenting import Person

PROGRAM = "google-apps-calendar-share"


def examples(*verb):
    """Return the commands that the help of a verb, or of the program, shows as examples."""
    text = command(*verb, "--help")[1].replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.startswith(f"  {PROGRAM} ")]


def test_help_names_every_verb_with_what_it_does(monkeypatch):
    """The help fits a terminal of 80 columns and has a line for each verb, examples and the exit status."""
    monkeypatch.setenv("COLUMNS", "80")
    status, text, errors = command("--help")
    assert (status, errors) == (0, "")
    assert re.findall(r"^    ([a-z]+) +[A-Z]", text, re.MULTILINE) == list(VERBS)
    assert "Examples:" in text
    assert "Exit status:" in text
    assert max(map(len, text.splitlines())) <= 85


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_examples(verb):
    """Whoever asks a verb for help sees what it does and a command to copy."""
    status, text, errors = command(verb, "--help")
    assert (status, errors) == (0, "")
    assert text.startswith(f"usage: {PROGRAM} {verb} ")
    assert examples(verb)


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)], ids=str)
def test_every_help_says_what_the_exit_statuses_mean(verb):
    """A script's author finds each status in the help of the verb at hand."""
    paragraph = command(*verb, "--help")[1].partition("\nExit status:")[2].partition("\n\n")[0]
    named = re.findall(r"(?:^|;) (\d+) \w", " ".join(paragraph.split("\n")))
    assert named == ["0", "1", "2", "75", "130"]


@pytest.mark.parametrize("verb", ["share", "bulk"])
def test_the_help_says_once_what_each_role_means(verb, monkeypatch):
    """What handler.yaml says of a role stands in the help of the verbs that give one."""
    monkeypatch.setenv("COLUMNS", "80")
    words = " ".join(command(verb, "--help")[1].split())
    for choice in load().parameters.fields["calendar_access"]["oneOf"]:
        assert words.count(f" {choice['const']} {choice['title']}. {choice['description']}") == 1


def test_a_help_without_a_readable_descriptor_is_an_error(monkeypatch):
    """If handler.yaml is broken, that is said where the roles would stand."""

    def broken():
        raise InvalidDescriptor("invalid_descriptor", "handler.yaml: broken")

    monkeypatch.setattr("handler.cli.options.load", broken)
    status, text, errors = command("share", "--help")
    assert (status, text) == (2, "")
    assert errors.startswith("error: handler.yaml: broken\n")


TALKING = {
    "check": [],
    "share": ["--calendar", "primary", "--scope", "user", "--recipient", "jane@acme.com", "--access", "reader"],
    "bulk": ["people.csv"],
    "authorize": ["--info", "account.yaml", "--client", "client.json", "--timeout", "0.01"],
    "run": ["plain.yaml", "--live", "--yes"],
}


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("verb", TALKING)
def test_who_talks_to_an_emulator_is_told_so_first(verb, form, emulate, monkeypatch, tmp_path):
    """The first line on stderr says that it is no Google, and where it is; programs get no such line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    Path("client.json").write_text(json.dumps({"installed": ACCOUNT}))
    Path("people.csv").write_text("calendar_name,scope,recipient,calendar_access\nprimary,user,a@acme.com,reader\n")
    Path("plain.yaml").write_text(
        "what: A plain one.\nparameters: {calendar_name: primary, scope: default, calendar_access: none}\n"
        "expect: {results: {}}\ncalls: []\n"
    )
    emulator = emulate()
    errors = io.StringIO()
    options = [] if verb == "authorize" else ["--format", form]
    main([verb, *TALKING[verb], *options], io.StringIO(), io.StringIO(), errors)
    note = f"note: this is the emulator at {emulator.host}, not Google, as CALENDAR_EMULATOR_HOST is set\n"
    assert errors.getvalue().startswith(note) == (form == "text" or verb == "authorize")
    assert errors.getvalue().count("note: ") <= 1


@pytest.mark.parametrize(
    "host", ["1//CANARY", "CANARY:8085", "127.0.0.1", "127.0.0.1:0", "localhost:65536", "::1:8085"]
)
def test_what_names_no_emulator_is_not_shown(monkeypatch, host):
    """A variable that somebody put a secret into by mistake ends in an error that does not quote it."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    monkeypatch.setenv("CALENDAR_EMULATOR_HOST", host)
    status, text, errors = command("check")
    assert (status, text) == (2, "")
    assert errors.startswith("error: CALENDAR_EMULATOR_HOST: must be ")


def test_an_emulator_that_does_not_run_is_named(monkeypatch):
    """Where nothing answers the error has the variable and the port, and what to do about it."""
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", f"127.0.0.1:{port}")
        with going_by(StillClock().clock):
            status, _, errors = command("share", *TALKING["share"])
    assert status == 75
    message, code, remedy = errors.splitlines()
    assert f"port {port} of 127.0.0.1" in message
    assert "CALENDAR_EMULATOR_HOST" in message
    assert code == "code: google_unavailable"
    assert remedy == "what to do: Start the emulator there, or unset CALENDAR_EMULATOR_HOST to use Google itself."


@pytest.mark.parametrize("example", [text for verb in ([], *([verb] for verb in VERBS)) for text in examples(*verb)])
def test_every_example_in_the_help_is_true(example, emulate, monkeypatch, tmp_path):
    """An example can be copied: it passes as it stands, given the files that it names and somebody who says yes."""
    (tmp_path / "account.yaml").write_text(json.dumps({"_account": "owner@example.com", **ACCOUNT}))
    (tmp_path / "client_secret.json").write_text(json.dumps({"installed": ACCOUNT}))
    (tmp_path / "account.yaml").chmod(0o600)
    (tmp_path / "state.yaml").write_text("page_size: 2")
    (tmp_path / "draft.yaml").write_text("what: A draft.\nparameters: {}\n")
    (tmp_path / "people.csv").write_text(
        "calendar_name,scope,recipient,calendar_access\nprimary,user,a@acme.com,reader\n"
    )
    (tmp_path / "handler.yaml").write_bytes(DESCRIPTOR.read_bytes())
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"GOOGLE_{name.upper()}", value)
    if "--info" in example and "authorize" not in example:  # which writes the file
        leave_to_the_file(monkeypatch)
    emulate()
    monkeypatch.setattr("handler.cli.emulator.time.sleep", _interrupt)
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    engine = SimpleNamespace(serve=_nothing, NoServerError=OSError)
    monkeypatch.setitem(sys.modules, "handler.engines.temporal_worker", engine)
    monkeypatch.setattr("handler.cli.emulator.DEFAULT_PORT", 0)  # the port itself is somebody else's here
    errors = io.StringIO()
    status = main(shlex.split(example)[1:], Screen("yes\n"), Person(), errors)
    assert status == 0, errors.getvalue()


def _interrupt(_=None):
    raise KeyboardInterrupt


async def _nothing(*_):
    pass


def test_version_is_the_release_number():
    """The program says which release it is."""
    assert command("--version") == (0, f"google-apps-calendar-share {__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        pytest.param([], "VERB; see google-apps-calendar-share --help", id="no verb"),
        pytest.param(["shred"], "shred", id="unknown verb"),
        pytest.param(["share", "--access", "reader"], "--calendar; see google-apps-calendar-share share", id="missing"),
        pytest.param(["validate", ".", "x"], "more arguments than there should be; see", id="too many"),
        pytest.param(["describe", "--form", "json"], "unknown options: --form; see", id="abbreviated"),
        pytest.param(["describe", "--format", "pdf"], "--format", id="unknown format"),
    ],
)
def test_wrong_usage_is_said_in_one_line(argv, says):
    """Wrong usage ends with status 2 and one line that names the mistake and where to read on."""
    status, text, errors = command(*argv)
    assert (status, text) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert says in errors


@pytest.mark.parametrize("option", [["--format", "json"], ["--format=json"]], ids=["two words", "one word"])
def test_wrong_usage_is_json_if_json_was_asked_for(option):
    """A program that asked for JSON can read what it did wrong."""
    status, text, errors = command("share", *option)
    assert (status, text) == (2, "")
    assert json.loads(errors)["error"]["code"] == "invalid_input"


def test_a_secret_given_on_the_command_line_is_not_repeated():
    """Of an unknown option only the name is shown, in both spellings."""
    secret = "hoped-for"
    for argv in (["--client-secret", secret], [f"--client-secret={secret}"]):
        status, text, errors = command("share", "--calendar", "x", "--access", "reader", *argv)
        assert (status, text) == (2, "")
        assert "--client-secret" in errors
        assert secret not in errors


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput, 2),
        (InvalidDescriptor, 2),
        (Unavailable, 75),
        (NotFound, 1),
        (Refused, 1),
        (AuthorizationFailed, 1),
        (HandlerError, 1),
    ],
)
def test_the_exit_status_says_what_a_script_can_do(error, status):
    """2: mend the input; 75: try again later; 1: anything else."""
    assert status_of(error("code", "message")) == status


@pytest.mark.parametrize("code", [code for code, error in load().errors.items() if "said_by_message" not in error])
def test_an_error_comes_with_what_to_do(code):
    """For people, the message is followed by the code and the descriptor's remedy."""
    stream = io.StringIO()
    output.print_error(HandlerError(code, "one\ntwo", {"fields": {"a": "one"}}), "text", stream)
    remedy = load().errors[code]["remedy"]
    assert stream.getvalue() == f"error: one\n       two\ncode: {code}\nwhat to do: {remedy}\n"


def test_a_mistake_that_is_in_no_field_asks_for_no_field_to_be_corrected():
    """Whoever gave options that contradict one another looks for no field that the message names."""
    status, _, errors = command("bulk", "people.csv", "--dry-run", "--results", "done.csv")
    assert status == 2
    assert errors.endswith("\ncode: invalid_input\n")


def test_an_unknown_code_comes_without_a_remedy():
    """What handler.yaml does not list has no advice, and is shown all the same."""
    stream = io.StringIO()
    output.print_error(HandlerError("new", "message"), "text", stream)
    assert stream.getvalue() == "error: message\ncode: new\n"


def test_a_broken_descriptor_is_reported_like_any_error(monkeypatch):
    """If handler.yaml itself is wrong, that is the error, and no remedy can be read from it."""

    def broken():
        raise InvalidDescriptor("invalid_descriptor", "handler.yaml: broken")

    monkeypatch.setattr("handler.cli.output.load", broken)
    monkeypatch.setattr("handler.cli.describe.load", broken)
    assert command("describe") == (2, "", "error: handler.yaml: broken\ncode: invalid_descriptor\n")


def test_xml_and_json_are_ascii():
    """Whatever the locale, what programs read arrives as it was."""
    stream = io.StringIO()
    output.print_xml("<a>Kalender für Zoë</a>", stream)
    output.print_json("Zoë", stream)
    assert stream.getvalue() == '<a>Kalender f&#252;r Zo&#235;</a>\n"Zo\\u00eb"\n'


def test_an_interrupt_ends_quietly(monkeypatch):
    """Ctrl-C gives status 130 and no traceback."""
    monkeypatch.setattr("handler.cli.describe.load", _interrupt)
    assert command("describe") == (130, "", "")


def test_a_reader_that_goes_away_is_no_error():
    """If nobody reads on, as with `| head`, nothing is complained about."""
    errors = io.StringIO()
    assert main(["describe"], io.StringIO(), Fails(BrokenPipeError()), errors) == 1
    assert errors.getvalue() == ""


def test_a_full_disk_is_said_in_one_line():
    """Output that cannot be written is an error without a traceback."""
    errors = io.StringIO()
    assert main(["describe"], io.StringIO(), Fails(OSError(28, "No space left on device")), errors) == 1
    assert errors.getvalue() == "error: [Errno 28] No space left on device\n"


def test_a_pipe_without_reader_stays_quiet_until_the_process_ends(monkeypatch):
    """What is still buffered for a reader that has gone does not fail again when Python ends."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        errors = io.StringIO()
        assert main(["describe"], stderr=errors) == 1
    assert errors.getvalue() == ""


def test_closed_streams_are_survived(monkeypatch):
    """A process that was started without streams still does its work."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["validate"]) == 0


def test_the_arguments_of_the_process_are_the_default(monkeypatch, capsys):
    """As a console script, the program takes its arguments and streams from the process."""
    monkeypatch.setattr(sys, "argv", [PROGRAM, "--version"])
    assert main() == 0
    assert __version__ in capsys.readouterr().out


def test_only_the_program_silences_a_warning_about_python():
    """Google's warning about old Pythons is not shown to somebody who only shares."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        command("--version")
        warnings.warn("You are using a Python version (3.10.1) which is old", FutureWarning, stacklevel=1)
        warnings.warn("something else", FutureWarning, stacklevel=1)
    assert [str(warning.message) for warning in caught] == ["something else"]


def test_the_log_is_left_as_it_was():
    """A program that calls main many times gets no second line of each message."""
    log = logging.getLogger("google_apps_calendar_share")
    before = log.level, log.handlers[:]
    command("run", EXAMPLE)
    assert (log.level, log.handlers) == before


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_text_survives_every_locale(encoding, tmp_path):
    """A character that the terminal does not know is written as its number."""
    case = tmp_path / "Zoë.yaml"
    case.write_text(EXAMPLE.read_text(encoding="utf-8").replace("A user", "A ☃ user"), encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "handler", "run", case], cwd=ROOT, env=environment, capture_output=True, check=True
    )
    assert ("A ☃ user" if encoding == "utf-8" else "A \\u2603 user") in done.stdout.decode(encoding)


@pytest.mark.long
def test_it_runs_as_a_module():
    """`python -m handler` is the same program and calls itself so."""
    done = subprocess.run(
        [sys.executable, "-m", "handler", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: python -m handler ")
    assert done.stderr == ""
