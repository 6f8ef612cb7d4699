"""Many rows of one calendar in one go: the requests that they take, and the memory that they need.

As a program it is the process that shares: it prints the MiB that it grew by. The
emulator plays Google here, in the process that asks, as the requests are what counts.
"""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from handler.testing.emulator import ACCOUNT, Emulator

ROOT = Path(__file__).parent.parent
ROWS, RULES, CALENDARS = 10_000, 5_000, 300
CALENDAR = "example@group.calendar.google.com"
WARM_UP_REQUESTS = 1
"""A row of another calendar, whose rules are read, comes first: it imports Google's client. The sign-in is counted."""


class Cost(NamedTuple):
    """What the rows took."""

    requests: int
    bound: int
    """One a row, the pages of the rules and of the calendar list, and one to sign in."""
    growth: float
    """MiB, the rows themselves included."""


def measure() -> Cost:
    """Lower a role in every second row, and add one in the others; every row has to change something."""
    others = [
        {"id": f"c{number}@group.calendar.google.com", "summary": f"C{number}"} for number in range(CALENDARS - 1)
    ]
    state = {
        "calendars": [*others, {"id": CALENDAR, "summary": "Example Calendar"}],
        "rules": {CALENDAR: {f"user:user{2 * number}@acme.com": "owner" for number in range(RULES)}},
    }
    with Emulator(state) as emulator:
        environment = {"CALENDAR_EMULATOR_HOST": emulator.host, "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.bulk"],
            cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        asked = len(emulator.calls) - WARM_UP_REQUESTS
    pages = math.ceil((RULES + 1) / 250) + math.ceil(CALENDARS / 250)  # the account has a rule of its own
    return Cost(asked, ROWS + pages + 1, float(done.stdout))


def main() -> None:
    """Share, and print how much memory that took."""
    from handler import execute_many

    execute_many(ACCOUNT, [_row(0, "primary", "none")])
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the highest so far counts no more
    before = _highest()
    rows = [_row(number, "Example Calendar", "reader") for number in range(ROWS)]
    outcomes = execute_many(ACCOUNT, rows, per_minute=None)
    grown = _highest() - before
    if not all(outcome["results"]["change"] in {"created", "updated"} for outcome in outcomes):
        raise SystemExit("a row was not changed")
    print(grown)


def _row(number: int, name: str, access: str) -> dict[str, str]:
    recipient = f"user{number}@acme.com"
    return {"calendar_name": name, "scope": "user", "recipient": recipient, "calendar_access": access}


def _highest() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
