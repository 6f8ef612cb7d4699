"""Where requests go: to Google, or to what CALENDAR_EMULATOR_HOST names in its place."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from ..errors import InvalidInput

VARIABLE = "CALENDAR_EMULATOR_HOST"
LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):([0-9]{1,5})")


class Addresses(NamedTuple):
    """The consent page, the token endpoint and the base of the Calendar API."""

    consent_page: str
    token_url: str
    api_url: str


def addresses() -> Addresses:
    """Return the addresses; raises InvalidInput if the variable names anything but a loopback address with a port."""
    host = os.environ.get(VARIABLE, "")
    if not host:
        return Addresses(
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            "https://www.googleapis.com/calendar/v3/",
        )
    match = LOOPBACK.fullmatch(host)
    if match is None or not 0 < int(match[1]) < 65536:
        # Nothing else: the secrets would travel in clear. The value is not quoted, it may hold some.
        problem = "must be 127.0.0.1, localhost or [::1], a colon and a port; unset it to use Google itself"
        raise InvalidInput("invalid_input", f"{VARIABLE}: {problem}", {"fields": {VARIABLE: problem}})
    return Addresses(f"http://{host}/o/oauth2/v2/auth", f"http://{host}/token", f"http://{host}/calendar/v3/")
