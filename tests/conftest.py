"""What many promises need: an emulator that the handler is pointed at, and a clock that no test waits for."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from importlib.util import find_spec

import pytest

from handler.calendar_api import forget_all
from handler.cli.emulator import DEFAULT_PORT
from handler.retry import going_by
from handler.testing.cases import StillClock
from handler.testing.emulator import Emulator

if find_spec("hypothesis"):  # which the environments of engines do without
    from hypothesis import settings

    # How long an example takes says something of the machine alone.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def emulator_of_somebody_else():
    """Take the emulator's usual port, as whoever tries things beside the tests does: no test may need it."""
    with socket.socket() as taken:
        with suppress(OSError):  # taken already
            taken.bind(("127.0.0.1", DEFAULT_PORT))
        yield


quick = []
"""The test that runs and says that it starts no process, if it is one."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Hold a test without the mark to starting no process; with an engine's own environment all may."""
    with_an_engine = item.path.parent.name in item.config.getini("norecursedirs")
    quick[:] = [] if with_an_engine or item.get_closest_marker("long") else [item.nodeid]
    try:
        return (yield)
    finally:
        quick.clear()


def _no_process(event, _):
    if quick and event in ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"):
        raise AssertionError(f"{quick[0]} starts a process: mark it with pytest.mark.long")


sys.addaudithook(_no_process)


@pytest.fixture
def emulate(monkeypatch):
    """Provide a function that starts an emulator with a state and points the handler at it."""
    running = []

    def start(state=None):
        forget_all()
        emulator = Emulator(state or {})
        emulator.start()
        running.append(emulator)
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        return emulator

    yield start
    for emulator in running:
        emulator.stop()


@pytest.fixture
def time():
    """Go by a clock that only waiting moves."""
    still = StillClock()
    with going_by(still.clock):
        yield still
