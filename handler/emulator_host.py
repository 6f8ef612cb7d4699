"""The variable that names an emulator in Google's place, and what it may hold."""

from __future__ import annotations

import re

VARIABLE = "CALENDAR_EMULATOR_HOST"
LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):([0-9]{1,5})")


def is_emulator_host(text: str) -> bool:
    """Return whether this is a place on this machine, with a port; to others the secrets would travel in clear."""
    match = LOOPBACK.fullmatch(text)
    return match is not None and 0 < int(match[1]) < 65536
