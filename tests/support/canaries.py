"""Secrets that are looked for wherever something is shown, and what catches all that is logged."""

from __future__ import annotations

import io
import logging
import re
from contextlib import contextmanager

CANARIES = {
    # No secret, and no canary: messages name the client that an administrator has to allow.
    "client_id": "1d.apps.example.com",
    "client_secret": "CANARY-S3CR3T",
    "refresh_token": "1//CANARY-R3FR35H",
}
ACCESS_TOKEN = re.compile("emulator-access-.{6}")
"""What the emulator hands out."""


@contextmanager
def everything_logged():
    """Collect what any logger of the process writes, at any level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
