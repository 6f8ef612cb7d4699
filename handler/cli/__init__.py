"""The command line: which verbs there are, and how a command ends."""

from __future__ import annotations

import argparse
import logging
import re
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, NoReturn

from ..errors import HandlerError, InvalidInput, visible
from ..session import logger
from ..version import __version__
from .authorize import add_authorize
from .bulk import add_bulk
from .check import add_check
from .describe import add_describe
from .emulator import add_emulator
from .exit_statuses import DONE, WRONG_INPUT, exit_statuses, status_of
from .options import ROLES, roles_text
from .output import Streams, logged_to, print_error, tell_emulator
from .package import add_package
from .run import add_run
from .share import add_share
from .validate import add_validate
from .worker import add_worker

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = {
    "authorize": add_authorize,
    "check": add_check,
    "share": add_share,
    "bulk": add_bulk,
    "run": add_run,
    "describe": add_describe,
    "validate": add_validate,
    "package": add_package,
    "emulator": add_emulator,
    "worker": add_worker,
}
"""What adds each verb to the parser, in the order in which somebody new comes to need them."""

EXAMPLES = f"""\
{exit_statuses()}
Examples:
  %(prog)s run fixtures/examples
  %(prog)s share --calendar 'Example Calendar' \\
      --scope user --recipient jane@acme.com --access reader --dry-run
  %(prog)s share --help
"""


class Help(argparse.RawDescriptionHelpFormatter):
    """Gives every verb a line: argparse forgets that verbs are indented further than options."""

    def add_argument(self, action: argparse.Action) -> None:
        """Make room for an option or for the verbs."""
        super().add_argument(action)
        for verb in self._iter_indented_subactions(action):
            self._action_max_length = max(self._action_max_length, len(verb.dest) + self._current_indent)


class Parser(argparse.ArgumentParser):
    """Raises InvalidInput for wrong usage, and keeps the line breaks of examples."""

    def __init__(self, **settings: object) -> None:
        """Take what argparse takes; abbreviated options would bind us to today's names."""
        settings.setdefault("formatter_class", Help)
        super().__init__(allow_abbrev=False, **settings)  # type: ignore[arg-type] # handed on as they came

    def format_help(self) -> str:
        """Return the help; what each role means is read from handler.yaml only now."""
        text = super().format_help()
        return text.replace(ROLES, roles_text()) if ROLES in text else text

    def error(self, message: str) -> NoReturn:
        """Raise instead of ending the process."""
        raise InvalidInput("invalid_input", f"{message}; see {self.prog} --help")


def run_command(program: str, argv: Sequence[str], streams: Streams) -> int:
    """Do what a command line says and return the exit status; `program` is what it is called by."""
    try:
        with redirect_stdout(streams.stdout):  # where argparse writes help and version
            arguments = _parse(_parser(program), argv)
    except SystemExit:
        return DONE
    except InvalidInput as error:
        asked = re.search(r"(?<!\S)--format[ =](json|xml)(?!\S)", " ".join(argv))
        if asked:
            print_error(error, asked[1], streams.stderr)
        else:
            print("error:", visible(error.message), file=streams.stderr)
        return WRONG_INPUT
    except HandlerError as error:  # a help that handler.yaml has a part in
        print_error(error, "text", streams.stderr)
        return status_of(error)
    if arguments.format == "text" and arguments.asks_google:
        tell_emulator(streams.stderr)
    try:
        with logged_to(streams.stderr, logger, logging.INFO):  # what Enable Debug Logging shows
            status: int = arguments.perform(arguments, streams)
    except HandlerError as error:
        print_error(error, arguments.format, streams.stderr)
        return status_of(error)
    return status


def _parser(program: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog=program,
        description="Shares a Google calendar, and shows beforehand what a step of a workflow would do.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"google-apps-calendar-share {__version__}")
    parser.set_defaults(format="text", asks_google=False)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb", required=True)
    for add_verb in VERBS.values():
        add_verb(verbs)
    return parser


def _parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    arguments, extra = parser.parse_known_args(argv)
    if extra:
        # Only the names: a value may be a secret that somebody hoped to give here.
        options = [word.partition("=")[0] for word in extra if word.startswith("--")]
        unknown = f"unknown options: {', '.join(options)}" if options else "more arguments than there should be"
        raise InvalidInput("invalid_input", f"{unknown}; see {parser.prog} {arguments.verb} --help")
    return arguments
