"""For whoever tests a step: parameter files, and an emulator of Google Calendar to play them against.

The fixture of pytest is `calendar_emulator`, in pytest_calendar_emulator.py at the root.
"""

from .cases import play, read_case
from .emulator import ACCOUNT, Emulator

__all__ = ["ACCOUNT", "Emulator", "play", "read_case"]
