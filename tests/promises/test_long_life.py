"""A process that shares for weeks: it does not grow, and it outlives the connections that servers close."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from handler import HandlerError, execute
from handler.testing.emulator import ACCOUNT, Emulator

ROOT = Path(__file__).parent.parent.parent
WARM_UP = 2_000
"""Shares after which a process has all that it keeps."""
MEASURED = 18_000
"""Shares after that; a share takes between 1 and 2 ms."""
MOST_GROWTH_MIB = 5.0
LONGEST_SECONDS = 400
MEASURE = "from tests.promises.test_long_life import live; live()"

EXAMPLE = "example@group.calendar.google.com"
PARAMETERS = {"calendar_name": EXAMPLE, "scope": "user", "recipient": "a@acme.com", "calendar_access": "reader"}


def live():
    """Share WARM_UP and MEASURED times, and print memory (MiB) and descriptors at both ends."""
    seen = dict.fromkeys(("created", "updated", "removed", "unchanged", "calendar_not_found"), 0)
    _share(range(WARM_UP), seen)
    before = _resources()
    _share(range(WARM_UP, WARM_UP + MEASURED), seen)
    sys.stdout.write(json.dumps({"before": before, "after": _resources(), "seen": seen}))


def _share(numbers, seen):
    for number in numbers:
        # Mostly what costs one read; of twenty shares some write, and one fails.
        access = {1: "writer", 2: "none", 3: "reader"}.get(number % 20, "reader")
        name = "Nothing" if number % 20 == 4 else EXAMPLE
        parameters = {**PARAMETERS, "calendar_access": access, "calendar_name": name}
        try:
            seen[execute(ACCOUNT, parameters, attempts=1)["change"]] += 1
        except HandlerError as error:
            seen[error.code] += 1


def _resources():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }


@contextmanager
def emulator_process(environment):
    """Run the emulator in a process of its own: what it records is not to be measured."""
    command = [sys.executable, "-m", "handler", "emulator", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip().removeprefix("export CALENDAR_EMULATOR_HOST=")
        finally:
            process.terminate()


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell memory in /proc")
def test_a_process_does_not_grow():
    """After 2,000 shares, 18,000 more take at most 5 MiB of memory and not one file descriptor."""
    # Without coverage, which would be measured too and takes as long again.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    with emulator_process(environment) as host:
        environment |= {"CALENDAR_EMULATOR_HOST": host}
        done = subprocess.run(
            [sys.executable, "-c", MEASURE],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=LONGEST_SECONDS,
            check=True,
        )
    told = json.loads(done.stdout)
    before, after = told["before"], told["after"]
    assert sum(told["seen"].values()) == WARM_UP + MEASURED
    assert all(told["seen"].values()), told["seen"]
    assert after["mib"] - before["mib"] <= MOST_GROWTH_MIB, told
    assert after["descriptors"] <= before["descriptors"], told


@pytest.fixture
def restartable(monkeypatch):
    """Return an emulator whose connections can be closed."""
    with Emulator() as emulator:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        yield emulator


def restart(emulator):
    """Close all connections from Google's side, as a server does with those that are idle."""
    emulator._server.hang_up()


def test_a_connection_that_was_closed_while_idle_is_noticed(restartable):
    """Between two shares the server closes the connection: the next one passes without a second attempt."""
    for number in range(5):
        assert execute(ACCOUNT, {**PARAMETERS, "recipient": f"r{number}@acme.com"}, attempts=1)["change"] == "created"
        restart(restartable)
    assert restartable.calls == ["oauth2.token", *["acl.get", "acl.insert"] * 5]


@pytest.mark.parametrize(
    ("before", "access", "write"),
    [("none", "reader", "acl.insert"), ("writer", "reader", "acl.update"), ("reader", "none", "acl.delete")],
    ids=["insert", "update", "delete"],
)
def test_a_write_on_a_connection_that_was_closed_is_sent_once(restartable, before, access, write):
    """The server closes the connection just before a write: it is noticed first, and the write goes out once."""
    if before != "none":
        execute(ACCOUNT, {**PARAMETERS, "calendar_access": before}, attempts=1)
    begun = len(restartable.calls)
    with restarted_before_the_write(restartable) as restarts:
        results = execute(ACCOUNT, {**PARAMETERS, "calendar_access": access}, attempts=1)
    assert (results["previous_access"], results["calendar_access"]) == (before, access)
    assert restarts == [1]
    assert restartable.calls[begun:] in (["oauth2.token", "acl.get", write], ["acl.get", write])


@contextmanager
def restarted_before_the_write(emulator):
    """Restart the emulator when a step says what it found, which is between the read and the write."""
    restarts = []

    class Restart(logging.Handler):
        def emit(self, record):
            if " and is to have " in record.getMessage():
                restart(emulator)
                restarts.append(1)

    logger, handler = logging.getLogger("google_apps_calendar_share"), Restart()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield restarts
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_a_sign_in_on_a_connection_that_was_closed_passes(monkeypatch):
    """With a token near its end, the request for a new one notices the closed connection as well."""
    with Emulator({"account": {"access_token_seconds": 60}}) as emulator:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        execute(ACCOUNT, PARAMETERS, attempts=1)
        with restarted_before_the_write(emulator):
            results = execute(ACCOUNT, {**PARAMETERS, "calendar_access": "writer"}, attempts=1)
    assert results["change"] == "updated"
    signed_in = ["oauth2.token", "acl.get", "oauth2.token"]
    assert emulator.calls == [*signed_in, "acl.insert", *signed_in, "acl.update"]
