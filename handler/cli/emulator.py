"""The verb emulator: a local Google Calendar to try things on."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..documents import read, wrong_file
from ..emulator_host import VARIABLE
from ..errors import shown
from ..testing.emulator import ACCOUNT, Account, Emulator, RobotAccount, read_accounts, read_robots, read_users
from .environment import VARIABLES
from .exit_statuses import DONE, exit_statuses
from .options import add_port, no_port

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from .output import Streams

SUMMARY = "Run a local emulator of Google Calendar"
DEFAULT_PORT = 8085
KEY_VARIABLE = f"{VARIABLES['service_account']}_FILE"
ONLY_USER = 0o600
KEPT = 1_000
"""Requests that the emulator remembers: here nobody asks for them, and it may run for weeks."""
EXAMPLES = f"""\
The first line of the output points the handler at the emulator. It runs until
Ctrl-C or SIGTERM, listens on 127.0.0.1 only, refuses pages of other sites, and
keeps nothing. A service account's key is made anew for each run: --key writes it
into a file that only you can read, and that goes when the emulator ends (after
kill -9 it stays, and has to be removed).

{exit_statuses()}
Examples:
  %(prog)s
  %(prog)s --port 0 --state state.yaml
  %(prog)s --key key.json

In another terminal:
  export {VARIABLE}=127.0.0.1:{DEFAULT_PORT}
or in PowerShell:
  $env:{VARIABLE} = "127.0.0.1:{DEFAULT_PORT}"
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
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="new file for the key of the service account (of the first, if there are several)",
    )
    parser.set_defaults(perform=run_emulator)


def run_emulator(arguments: argparse.Namespace, streams: Streams) -> int:
    """Emulate until somebody ends it, which is no failure."""
    state = read(arguments.state) if arguments.state else None
    state = {} if state is None else state  # an empty file says nothing of it
    # SIGTERM ends it as Ctrl-C does, from the first line on.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _started(state, arguments) as emulator, _key_in(arguments.key, emulator):
            print(f"export {VARIABLE}={emulator.host}", file=streams.stdout, flush=True)
            print(f'# in PowerShell: $env:{VARIABLE} = "{emulator.host}"', file=streams.stdout)
            print(*_comments(state, arguments), sep="\n", file=streams.stdout, flush=True)
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


@contextmanager
def _key_in(file: Path | None, emulator: Emulator) -> Iterator[None]:
    """Let a file hold the service account's key while the emulator runs; one that is there already is left alone."""
    if file is None:
        yield
        return
    try:
        key = emulator.service_account_key()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, ONLY_USER)
    except FileExistsError:
        raise wrong_file(file, "is there already, and is not replaced; remove it, or name another with --key") from None
    except OSError as error:
        raise wrong_file(file, f"cannot be written: {error.strerror}") from None
    except ValueError:
        raise wrong_file(file, "there is no key to write, as the state has no service account") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(key)
        yield
    finally:
        file.unlink(missing_ok=True)


def _comments(state: dict[str, Any], arguments: argparse.Namespace) -> Iterator[str]:
    """Yield what the emulator knows, in lines that a shell skips; of a state file no secret."""
    for account in read_accounts(state):
        yield from _of_account(account, arguments.state)
    users = [user.email for user in read_users(state) if user.status == "active"]
    for place, robot in enumerate(read_robots(state)):
        yield from _of_robot(robot, users, None if place else arguments.key)
    yield "# Ctrl-C ends it."


def _of_account(account: Account, file: Path | None) -> Iterator[str]:
    yield f"# The account {shown(account.email)} has"
    if file is None:
        yield from (f"#   export {VARIABLES[name]}={value}" for name, value in ACCOUNT.items())
    else:
        yield f"#   the client id {shown(account.client_id)}, and the secrets that stand in {shown(str(file))}"
    yield "# and the calendars"
    yield from (f"#   {line}" for line in _calendars(account))


def _of_robot(robot: RobotAccount, users: list[str], key: Path | None) -> Iterator[str]:
    yield f"# The service account {shown(robot.email)} (client id {shown(robot.client_id)}) has"
    yield f"#   export {KEY_VARIABLE}={shown(str(key))}" if key else "#   a key: --key FILE writes it into a new file"
    if robot.delegated_scopes:
        yield "# and may act as"
        yield from (f"#   {shown(user)}" for user in users)
        yield "# with the OAuth scopes"
        yield from (f"#   {shown(scope)}" for scope in sorted(robot.delegated_scopes))


def _calendars(account: Account) -> Iterator[str]:
    for calendar in account.calendars:
        title = calendar.get("summaryOverride", calendar["summary"])
        yield f"{shown(title)} ({shown(calendar['id'])}), as {calendar.get('accessRole', 'owner')}"
