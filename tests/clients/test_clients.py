"""Clients that others wrote go the same round on the emulator, and see the same.

Each round is a program in the client's own language. It shows, adds, changes and removes
rules, turns pages, synchronizes, meets errors, and prints as JSON what it saw.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handler.testing.emulator import ACCOUNT, Emulator

HERE = Path(__file__).parent
EXAMPLE = "example@group.calendar.google.com"
OWNERS = ["user:owner@example.com", f"user:{EXAMPLE}"]
STATE = {
    "account": {"scopes": ["https://www.googleapis.com/auth/calendar"]},
    "rules": {EXAMPLE: {"domain:acme.com": "freeBusyReader"}},
    "page_size": 2,
}
# Debian's packages are for Debian's own Ruby alone, whichever comes first on the PATH.
ROUNDS = {
    "node": ["node", "node_round.js"],
    "python": [sys.executable, "python_round.py"],
    "gcsa": [sys.executable, "gcsa_round.py"],
    "ruby": ["/usr/bin/ruby", "ruby_round.rb"],
}
NOT_PLAYED = "This is an emulator of Google Calendar, which does not play"
SEEN: dict[str, Any] = {
    "calendars": [EXAMPLE, "owner@example.com", "holidays@group.calendar.google.com"],
    "summary": "Example Calendar",
    "rules": [*OWNERS, "domain:acme.com"],
    "added": ["user:jane@acme.com", "reader"],
    "updated": "writer",
    "patched": "owner",
    "public": "__public_principal__@public.calendar.google.com",
    "since": {"user:jane@acme.com": "owner", "default": "reader"},
    "removed": {"user:jane@acme.com": "none"},
    "errors": {
        "absent": [404, "Not Found"],
        "calendar": [404, "Not Found"],
        "malformed": [400, "Invalid resource id value."],
        "own": [403, "Cannot change your own access level."],
        "stale": [410, "Sync token is no longer valid, a full sync is required."],
        "events": [501, f"{NOT_PLAYED} events.list"],
        "batch": [501, f"{NOT_PLAYED} batch"],
    },
}
LACKS = {
    "node": {"batch"},
    "python": set(),
    "gcsa": {"patched", "since", "stale", "batch"},
    "ruby": {"batch"},
}
"""What a client's round leaves out: most have no method for it."""


def without(seen: dict[str, Any], lacking: set[str]) -> dict[str, Any]:
    """Return what a client is to see, without what it has no method for."""
    return {
        name: without(value, lacking) if name == "errors" else value
        for name, value in seen.items()
        if name not in lacking
    }


@pytest.mark.parametrize("client", ROUNDS)
def test_a_foreign_client_goes_a_full_round(client: str) -> None:
    """It sees calendars, rules, what changed and Google's errors, and leaves the rules that it made."""
    with Emulator(STATE) as emulator:
        environment = {
            **os.environ,
            "EMULATOR": emulator.host,
            "NODE_PATH": str(Path(sys.prefix, "node", "node_modules")),
            **{name.upper(): value for name, value in ACCOUNT.items()},
        }
        went = subprocess.run(
            ROUNDS[client], cwd=HERE, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    assert went.returncode == 0, went.stderr
    seen = json.loads(went.stdout)
    for error in seen["errors"].values():
        # Behind the method stands all that the emulator plays.
        error[1] = error[1].partition(";")[0]
    assert seen == without(SEEN, LACKS[client])
    assert emulator.rules() == {EXAMPLE: {"default": "reader", "domain:acme.com": "freeBusyReader"}}
    assert "unknown" not in emulator.calls
