"""What many promises need: an emulator that the handler is pointed at, and a clock that no test waits for."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from handler.calendar_api import forget_all
from handler.retry import going_by
from handler.testing.cases import StillClock
from handler.testing.emulator import Emulator

if find_spec("hypothesis"):  # which the environments of engines do without
    from hypothesis import settings

    # How long an example takes says something of the machine alone.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")


@pytest.fixture
def emulate(monkeypatch):
    """Give a function that starts an emulator with a state and points the handler at it."""
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
