"""Where requests go: to Google, or to what CALENDAR_EMULATOR_HOST names in its place."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..emulator_host import VARIABLE, is_emulator_host
from ..errors import InvalidInput


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
    if not is_emulator_host(host):
        # The value is not quoted, as it may hold a secret.
        problem = "must be 127.0.0.1, localhost or [::1], a colon and a port; unset it to use Google itself"
        raise InvalidInput("invalid_input", f"{VARIABLE}: {problem}", {"fields": {VARIABLE: problem}})
    return Addresses(f"http://{host}/o/oauth2/v2/auth", f"http://{host}/token", f"http://{host}/calendar/v3/")
