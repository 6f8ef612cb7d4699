"""The verb emulator: a local Google Calendar to try things on."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..documents import read, wrong_file
from ..errors import shown
from ..testing.cases import VARIABLE
from ..testing.emulator import ACCOUNT, Account, Emulator, read_accounts
from .exit_statuses import DONE, exit_statuses
from .options import VARIABLES, add_port, no_port

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from .output import Streams

SUMMARY = "Run a local emulator of Google Calendar"
DEFAULT_PORT = 8085
KEPT = 1_000
"""Requests that the emulator remembers: here nobody asks for them, and it may run for weeks."""
EXAMPLES = f"""\
The first line of the output points the handler at the emulator. It runs until
Ctrl-C or SIGTERM, listens on 127.0.0.1 only, refuses pages of other sites, and
keeps nothing.

{exit_statuses()}
Examples:
  %(prog)s
  %(prog)s --port 0 --state state.yaml

In another terminal:
  export {VARIABLE}=127.0.0.1:{DEFAULT_PORT}
"""


def add_emulator(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("emulator", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    add_port(parser, DEFAULT_PORT)
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="what to start with: a file with the keys of google in parameter files",
    )
    parser.set_defaults(perform=run_emulator)


def run_emulator(arguments: argparse.Namespace, streams: Streams) -> int:
    """Emulate until somebody ends it, which is no failure."""
    state = read(arguments.state) if arguments.state else None
    state = {} if state is None else state  # an empty file says nothing of it
    # SIGTERM ends it as Ctrl-C does, from the first line on.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _started(state, arguments) as emulator:
            print(f"export {VARIABLE}={emulator.host}", file=streams.stdout, flush=True)
            print(*_comments(state, arguments.state), sep="\n", file=streams.stdout, flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return DONE
    finally:
        signal.signal(signal.SIGTERM, before)


def _started(state: dict[str, Any], arguments: argparse.Namespace) -> Emulator:
    try:
        emulator = Emulator(state, port=arguments.port, kept=KEPT)
        emulator.start()
    except ValueError as error:
        raise wrong_file(arguments.state, str(error)) from None
    except OSError as error:
        raise no_port(arguments.port, error) from None
    return emulator


def _comments(state: dict[str, Any], file: Path | None) -> Iterator[str]:
    """Yield what the emulator knows, in lines that a shell skips; of a state file no secret."""
    for account in read_accounts(state):
        yield f"# The account {shown(account.email)} has"
        if file is None:
            yield from (f"#   export {VARIABLES[name]}={value}" for name, value in ACCOUNT.items())
        else:
            yield f"#   the client id {shown(account.client_id)}, and the secrets that stand in {shown(str(file))}"
        yield "# and the calendars"
        yield from (f"#   {line}" for line in _calendars(account))
    yield "# Ctrl-C ends it."


def _calendars(account: Account) -> Iterator[str]:
    for calendar in account.calendars:
        title = calendar.get("summaryOverride", calendar["summary"])
        yield f"{shown(title)} ({shown(calendar['id'])}), as {calendar.get('accessRole', 'owner')}"
