"""The verb authorize: a person's consent in the browser becomes an info file."""

from __future__ import annotations

import argparse
import math
import shlex
import webbrowser
from pathlib import Path
from secrets import token_urlsafe
from threading import Thread
from typing import TYPE_CHECKING

from ...errors import AuthorizationFailed, HandlerError, InvalidInput, shown
from ...installation import installed
from ..environment import variables_set, warn_of_open_files
from ..exit_statuses import WRONG_INPUT, exit_statuses, status_of_all
from ..findings_text import findings_text
from ..options import add_port, no_port
from ..output import GREEN, RED, Streams, count, paint, paragraph, remedy_of
from .granted_account import granted_account, needed_scopes
from .info_file import OWNER, InfoFile
from .loopback import Loopback
from .oauth_client import read_client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from ...findings import Findings
    from .granted_account import Granted
    from .oauth_client import Return

SUMMARY = "Get a refresh token in the browser, into an info file"
MISSING = "authorize needs google-auth-oauthlib, which is not installed; pip install google-auth-oauthlib"
EXTRA = ("google_auth_oauthlib", "requests_oauthlib", "oauthlib")
"""What the extra cli brings of what is needed here."""
SECONDS = 300
MOST_SECONDS = 86_400
OPENING_SECONDS = 2.0
"""How long it takes at most to learn that no browser can be opened."""
LATE = (
    "Run authorize again; --timeout waits longer. Some of Google's pages lead nowhere. "
    '"Google hasn\'t verified this app": go on with Advanced, Go to the app. '
    '"App has not completed the Google verification process" (access_denied, 403): only test users are let in; add the '
    "account to them (Google's console, Google Auth Platform > Audience), or publish the app there. "
    '"This app is blocked" (admin_policy_enforced, org_internal): let the Workspace administrator allow its client id '
    "in the Admin console, Security > Access and data control > API controls > App access control, or make the client "
    "in a project of the account's own organisation. redirect_uri_mismatch: make a client of the type Desktop app. "
    "If the browser is on another machine, --no-browser says how it reaches this one."
)
HEADLESS = "Run authorize again with --no-browser; it says how a browser on another machine reaches this one."
CHECK = "check --info {}"
SHARE = "share --info {} --calendar primary --scope user --recipient jane@acme.com --access reader --dry-run"
EXAMPLES = f"""\
For the calendars of an organisation a service account fits better than the token of a
person, which ends when the person leaves, and after 7 days while the consent screen is
in Testing: docs/account.md has the steps.

The OAuth client is taken from --client FILE: the JSON file of a client of the type
Desktop app, as Google's console gives it out, or an info file. Without it, from
GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, each also with _FILE at its end and then
the name of a file that holds the value.

A file that holds a refresh token already is replaced only if it names the account
that signs in ({OWNER}: authorize writes that line, and no step looks at it), or with
--force. Its other info values stay, its comments do not. Nothing is written unless
both OAuth scopes were granted. Only its owner can read the new file.

A problem of the account itself, such as an API that is not enabled, is told after
the file was written, with the status that check would give.

{exit_statuses(done="all is well")}
Examples:
  %(prog)s --client client_secret.json --info account.yaml
  %(prog)s --client account.yaml --info account.yaml
  %(prog)s --info account.yaml --no-browser --port 8086
"""


def add_authorize(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("authorize", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument(
        "--client", metavar="FILE", type=Path, help="file with the client id and the client secret; see below"
    )
    parser.add_argument("--info", metavar="FILE", type=Path, required=True, help="info file to write")
    parser.add_argument("--force", action="store_true", help="replace the info file of another account too")
    parser.add_argument(
        "--no-browser", action="store_true", help="only print the address, to be opened on this or another machine"
    )
    add_port(parser, 0)
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=SECONDS,
        metavar="SECONDS",
        help="how long to wait for the browser to come back (default: %(default)s)",
    )
    parser.set_defaults(asks_google=True, perform=authorize, program=parser.prog.rpartition(" ")[0])


def authorize(arguments: argparse.Namespace, streams: Streams) -> int:
    """Ask a person for consent, and write an info file with what it is worth."""
    try:
        with installed():
            # Comes with the extra cli; every other verb goes without.
            from ...calendar_api.consent import Consent
    except HandlerError as error:
        if not str(error.details.get("module")).startswith(EXTRA):
            raise
        print("error:", MISSING, file=streams.stderr)
        return WRONG_INPUT
    file = InfoFile(arguments.info, force=arguments.force)
    client, back = read_client(arguments.client, arguments.port)
    if arguments.client is None:
        warn_of_open_files(streams.stderr)
    state = token_urlsafe(32)
    with _listening(back, state) as loopback:
        address = back.address or f"http://127.0.0.1:{loopback.port}{back.path}"
        consent = Consent(client, list(needed_scopes()), address, state, file.account)
        if not arguments.no_browser:
            # A thread: a browser in the terminal keeps its caller until it is closed.
            opening = Thread(target=_open, args=(consent.address, loopback), daemon=True)
            opening.start()
            opening.join(OPENING_SECONDS)
        if not loopback.has_given_up:  # else the address would lead to a port that is about to be closed
            print(*_question(consent.address, loopback.port, arguments), sep="\n", file=streams.stdout, flush=True)
        try:
            answer = _in_time(loopback.answer(arguments.timeout), arguments.timeout)
            granted = granted_account(consent, client, answer)
            file.write(granted.info, granted.findings["account"])
        except HandlerError as error:
            remedy = remedy_of(error.to_dict())
            loopback.tell("It did not work", *filter(None, [error.message, remedy]), "Nothing was written.")
            raise
        outcome = f"{_outcome(granted.findings, arguments.info)}. The terminal shows more."
        loopback.tell("It worked", outcome, *filter(None, [granted.warning]))
    print(*_text(granted, arguments, streams.stdout), sep="\n", file=streams.stdout)
    return status_of_all(granted.findings["problems"])


def _listening(back: Return, state: str) -> Loopback:
    try:
        return Loopback(back.port, back.path, state)
    except OSError as error:
        raise no_port(back.port, error) from None


def _question(address: str, port: int, arguments: argparse.Namespace) -> Iterator[str]:
    """Say where the consent page is, and how an answer gets here; the address has a line of its own."""
    if arguments.no_browser:
        yield "Open this address in a browser, as the account that owns the calendars:"
    else:
        yield "Opening the browser; sign in as the account that owns the calendars."
        yield "If none appears, open this address in one yourself:"
    yield from ("", address, "")
    if arguments.no_browser:
        yield "If the browser is on another machine, first let its port lead here; there run"
        yield from ("", f"  ssh -N -L {port}:127.0.0.1:{port} THIS_MACHINE", "")
    yield f"Leave every box ticked. Waiting for up to {arguments.timeout:g} s ..."


def _open(address: str, loopback: Loopback) -> None:
    try:
        opened = webbrowser.open(address)
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        message = "no browser can be opened here; --no-browser lets the address be opened on any machine"
        loopback.give_up(InvalidInput("invalid_input", message, {"remedy": HEADLESS}))


def _in_time(answer: dict[str, str] | None, seconds: float) -> dict[str, str]:
    if answer is None:
        message = f"The browser did not come back from Google's page within {seconds:g} s."
        raise AuthorizationFailed("authorization_failed", message, {"remedy": LATE})
    return answer


def _outcome(findings: Findings, file: Path) -> str:
    whose = shown(findings["account"]) or "an account that cannot be told"
    return f"{shown(str(file))} holds the refresh token of {whose}"


def _text(granted: Granted, arguments: argparse.Namespace, stream: TextIO) -> Iterator[str]:
    findings = granted.findings
    good = findings["ok"]
    verdict = paint("ok", GREEN, stream) if good else paint(count(len(findings["problems"]), "problem"), RED, stream)
    yield f"{verdict}: {_outcome(findings, arguments.info)}"
    if granted.warning:
        yield paragraph(granted.warning, "warning: ")
    yield ""
    yield from findings_text(findings)
    yield ""
    if names := variables_set():
        yield paragraph(f"Unset {' and '.join(names)}: the file holds the account now.", "")
    yield "Next, see what a share would change:" if good else "Next, look again once that is mended:"
    yield f"  {arguments.program} {(SHARE if good else CHECK).format(shlex.quote(str(arguments.info)))}"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, and at most {MOST_SECONDS}")
    return seconds
