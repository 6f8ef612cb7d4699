"""The verb emulator: a local Google Calendar that runs until somebody ends it."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys

import pytest

from handler.__main__ import main
from handler.testing.cases import read_case
from handler.testing.emulator import ACCOUNT, Emulator

from ..support.command_line import EXAMPLE, ROOT, command

FIRST_LINE = "export CALENDAR_EMULATOR_HOST="


@pytest.fixture(autouse=True)
def ctrl_c():
    """Let Ctrl-C interrupt, as at a terminal: a shell starts what runs in its background without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Ends(io.StringIO):
    """A stream that sends this process a signal once a line was written that somebody waited for."""

    def __init__(self, line, number):
        """Take the beginning of the line and the number of the signal."""
        super().__init__()
        self.line = line
        self.number = number

    def flush(self):
        """Send the signal, as somebody does who has read the line."""
        if f"\n{self.line}" in f"\n{self.getvalue()}":
            self.line = "sent"
            signal.raise_signal(self.number)


def emulated(*options, line="# Ctrl-C", number=signal.SIGINT):
    """Run the emulator until a line is there, and give the status, stdout and stderr."""
    stdout, stderr = Ends(line, number), io.StringIO()
    status = main(["emulator", *map(str, options)], io.StringIO(), stdout, stderr)
    return status, stdout.getvalue(), stderr.getvalue()


def start(*options):
    """Start the emulator as a process of its own and give it."""
    command_line = [sys.executable, "-m", "handler", "emulator", *options]
    return subprocess.Popen(command_line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("line", [FIRST_LINE, "# Ctrl-C"], ids=["at once", "later"])
def test_it_ends_cleanly(line, number):
    """Ctrl-C and SIGTERM end it with status 0, from the first line on, and SIGTERM then means what it meant before."""
    before = signal.getsignal(signal.SIGTERM)
    status, text, errors = emulated("--port", 0, line=line, number=number)
    assert (status, errors) == (0, "")
    assert text.startswith(FIRST_LINE)
    assert signal.getsignal(signal.SIGTERM) is before


def test_its_output_can_be_evaluated_by_a_shell():
    """One line is a command; the others are comments that tell of the well-known account and its calendars."""
    first, *comments = emulated("--port", 0)[1].splitlines()
    assert first.startswith(f"{FIRST_LINE}127.0.0.1:")
    assert all(line.startswith("#") for line in comments)
    for value in (
        *ACCOUNT.values(),
        "owner@example.com",
        "Example Calendar (example@group.calendar.google.com), as owner",
    ):
        assert any(value in line for line in comments), value


def test_a_key_is_written_while_it_runs(tmp_path):
    """With --key a file for its user alone holds the service account's key, and is gone when the emulator ends."""
    path, seen = tmp_path / "key.json", []

    class Looks(Ends):
        def flush(self):
            if path.exists():
                seen.append((stat.S_IMODE(path.stat().st_mode), json.loads(path.read_text(encoding="utf-8"))))
            super().flush()

    stdout = Looks("# Ctrl-C", signal.SIGINT)
    assert main(["emulator", "--port", "0", "--key", str(path)], io.StringIO(), stdout, io.StringIO()) == 0
    (mode, key), *_ = seen
    assert (mode, key["client_email"]) == (0o600, "robot@emulator.iam.gserviceaccount.com")
    assert f"#   export GOOGLE_SERVICE_ACCOUNT_FILE={path}\n" in stdout.getvalue()
    assert key["private_key"] not in stdout.getvalue()
    assert not path.exists()


def test_the_workspace_is_told():
    """Whom the service account may act as, with which scopes, and how to get its key, stands among the comments."""
    text = emulated("--port", 0)[1]
    assert (
        "# The service account robot@emulator.iam.gserviceaccount.com (client id 100000000000000000001) has\n" in text
    )
    assert "#   a key: --key FILE writes it into a new file\n# and may act as\n#   ann@acme.com\n" in text
    assert "# with the OAuth scopes\n#   https://www.googleapis.com/auth/calendar.acls\n" in text


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("there.json", {}, "is there already, and is not replaced"),
        ("none/key.json", {}, "cannot be written: No such file or directory"),
        ("key.json", {"service_accounts": {}}, "the state has no service account"),
    ],
)
def test_no_file_is_written_over(tmp_path, name, state, said):
    """A key that cannot be written is wrong usage, and what is there stays as it is."""
    (tmp_path / "there.json").write_text("mine")
    (tmp_path / "state.json").write_text(json.dumps(state))
    status, text, errors = emulated("--port", 0, "--state", tmp_path / "state.json", "--key", tmp_path / name)
    assert (status, text) == (2, "")
    assert said in errors
    assert (tmp_path / "there.json").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.json", "there.json"]


@pytest.mark.long
def test_a_share_reaches_it():
    """Started in one terminal, it serves a share from another, and SIGTERM ends it with status 0."""
    with start("--port", "0") as process:
        host = process.stdout.readline().removeprefix(FIRST_LINE).rstrip("\n")
        account = {f"GOOGLE_{name.upper()}": value for name, value in ACCOUNT.items()}
        parameters = read_case(EXAMPLE).parameters
        words = ("--calendar", parameters["calendar_name"], "--scope", "user", "--recipient", parameters["recipient"])
        done = subprocess.run(
            [sys.executable, "-m", "handler", "share", *words, "--access", "owner", "--format", "json"],
            cwd=ROOT,
            env={**os.environ, **account, "CALENDAR_EMULATOR_HOST": host},
            capture_output=True,
            text=True,
            check=True,
        )
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
    assert json.loads(done.stdout)["change"] == "created"
    assert (process.returncode, errors) == (0, "")


def test_it_does_not_grow(monkeypatch):
    """It may run for weeks, and nobody asks it for its requests: it keeps no more than the newest thousand."""
    started = []

    def noted(*arguments, **more):
        started.append(Emulator(*arguments, **more))
        return started[0]

    monkeypatch.setattr("handler.cli.emulator.Emulator", noted)
    assert emulated("--port", 0)[0] == 0
    assert started[0]._records.maxlen == 1_000


def test_a_state_file_is_what_it_starts_with(tmp_path):
    """With --state the calendars are those of the file, and no secret is shown and no title leaves its comment."""
    secret = "nobody-may-see-this"
    calendars = [
        {"id": "a@x.com", "summary": "First\nrm -rf /"},
        {"id": "b@x.com", "summary": "Old", "summaryOverride": "New", "accessRole": "reader"},
    ]
    account = {
        "email": "me@x.com",
        "client_id": "my-client",
        "client_secret": secret,
        "refresh_token": secret,
        "calendars": calendars,
    }
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"account": account}), encoding="utf-8")
    status, text, _ = emulated("--port", 0, "--state", path)
    assert status == 0
    assert all(line.startswith("#") for line in text.splitlines()[1:])
    assert "# The account me@x.com has\n#   the client id my-client, and the secrets that stand in " in text
    assert "#   New (b@x.com), as reader\n" in text
    assert secret not in text


def test_an_empty_state_file_is_the_usual_state(tmp_path):
    """With nothing in the state file it starts as without one."""
    (tmp_path / "state.yaml").write_text("# nothing yet\n")
    status, text, _ = emulated("--port", 0, "--state", tmp_path / "state.yaml")
    assert status == 0
    assert "Example Calendar" in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("calender: []", "has the unknown key calender"),
        ("[", "not well-formed YAML"),
        ("faults: [{method: no.such, fault: dropped}]", "no.such"),
        ("accounts: [{email: a@x.com}, {email: a@x.com}]", "same email"),
    ],
    ids=["unknown key", "broken", "impossible fault", "two of a kind"],
)
def test_a_wrong_state_file_is_refused(text, says, tmp_path):
    """What is wrong with a state is said with the file's name, and the status is 2."""
    path = tmp_path / "state.yaml"
    path.write_text(text, encoding="utf-8")
    status, out, errors = command("emulator", "--port", 0, "--state", path)
    assert (status, out) == (2, "")
    assert errors.startswith(f"error: {path}: ")
    assert says in errors


def test_a_port_that_is_taken_is_said():
    """Somebody who runs it twice is told so, and how to go on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, errors = command("emulator", "--port", port)
    assert (status, out) == (2, "")
    assert errors.startswith(f"error: port {port}: Address already in use; name another with --port")


@pytest.mark.parametrize("port", ["65536", "-1", "x", "²"])
def test_a_port_is_a_number(port):
    """What can be no port is wrong usage."""
    status, _, errors = command("emulator", f"--port={port}")
    assert status == 2
    assert "must be a number from 0 to 65535" in errors
