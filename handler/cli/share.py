"""The verb share: one step, with its parameters as options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..acting import misplaced
from ..descriptor import invalid_input, load
from ..errors import visible
from ..task import execute
from .exit_statuses import DONE, exit_statuses
from .options import ROLES, SOURCES, add_format, add_info, read_info
from .output import Streams, aligned, print_json, print_xml, share_sentence, telling_all_the_same

if TYPE_CHECKING:
    import argparse

    from ..results import Results

SUMMARY = "Make sure that a recipient has exactly the given access to a calendar"
EXAMPLES = f"""\
{ROLES}
{SOURCES}
{exit_statuses()}
Examples:
  %(prog)s --info account.yaml --calendar 'Example Calendar' \\
      --scope user --recipient jane@acme.com --access reader --dry-run
  %(prog)s --calendar primary --scope domain --recipient acme.com \\
      --access freeBusyReader --no-notifications --format json
  %(prog)s --calendar example@group.calendar.google.com \\
      --scope user --recipient jane@acme.com --access none
"""


def add_share(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("share", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument("--calendar", required=True, metavar="NAME", help="title or id of the calendar, or primary")
    # Not required by argparse, whose error would not say what the public is called.
    parser.add_argument("--scope", help="user, group, domain, or default (the public); has to be given")
    parser.add_argument("--recipient", help="e-mail address, or name of a domain; nothing for the public")
    parser.add_argument(
        "--access",
        required=True,
        metavar="ROLE",
        help="the role that the recipient ends up with; see below",
    )
    parser.add_argument("--no-notifications", action="store_true", help="let Google mail nobody")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    parser.add_argument("--act-as", metavar="USER", help="with a service account: the user whose calendars are meant")
    parser.add_argument(
        "--add-to-list",
        action="store_true",
        help="with a service account: put the calendar into the recipient's own list, too",
    )
    add_info(parser)
    add_format(parser, "the results as Kinetic has them")
    parser.set_defaults(asks_google=True, perform=share)


def share(arguments: argparse.Namespace, streams: Streams) -> int:
    """Share once and write the results."""
    parameters = {
        "calendar_name": arguments.calendar,
        **({} if arguments.scope is None else {"scope": arguments.scope}),
        "recipient": arguments.recipient,
        "calendar_access": arguments.access,
        "send_notifications": not arguments.no_notifications,
        "dry_run": arguments.dry_run,
        "act_as": arguments.act_as,
        "add_to_list": arguments.add_to_list,
    }
    info = read_info(arguments.info, streams.stderr)
    descriptor = load()
    # Stricter than execute: whoever types a command has seen no form with the public in it.
    values, wrong_info = descriptor.info.read(info)
    asked, wrong = descriptor.rows.read(parameters)
    if wrong := {**wrong_info, **wrong, **misplaced(values, asked)}:
        raise invalid_input(wrong)
    results = execute(info, parameters)
    with telling_all_the_same(streams, lambda: share_sentence(results, dry_run=arguments.dry_run)):
        _answer(results, arguments, streams)
    return DONE


def _answer(results: Results, arguments: argparse.Namespace, streams: Streams) -> None:
    if arguments.format == "json":
        print_json(results, streams.stdout)
    elif arguments.format == "xml":
        print_xml(results.to_xml(), streams.stdout)
    else:
        rows = {results.titles[name]: visible(value) for name, value in results.items() if value}
        print(share_sentence(results, dry_run=arguments.dry_run), "", *aligned(rows), sep="\n", file=streams.stdout)
