"""The verb check: whether the account works, what it may do, and which calendars it can share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..check import check
from ..errors import InvalidInput, quote, shown
from .descriptor_tables import paragraph
from .info_values import SOURCES, add_info, read_info
from .output import (
    GREEN,
    RED,
    Streams,
    add_format,
    aligned,
    columns,
    paint,
    print_json,
    print_xml,
    xml_element,
    xml_tag,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

    from ..check import Asked, Findings

SUMMARY = "Sign in, and say what the account can share and what is wrong"
MOST_CALENDARS = 20
"""So many are listed as text, so that all fits one screen; JSON and XML have them all."""
FAILED, TRY_AGAIN = 1, 75
EXAMPLES = f"""\
Nothing is written. Exit status: 0 all is well; 1 there is a problem;
75 only such as may pass, so try again later; 2 wrong usage or input.

{SOURCES}
Examples:
  %(prog)s
  %(prog)s --calendar 'Example Calendar'
  %(prog)s --info account.yaml --format json
"""


def add_check(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("check", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument(
        "--calendar", metavar="NAME", help="also say whether this one can be shared: its title or id, or primary"
    )
    add_info(parser)
    add_format(parser, "an element for each scope, calendar and problem")
    parser.set_defaults(perform=check_connection)


def check_connection(arguments: argparse.Namespace, streams: Streams) -> int:
    """Write what a check finds; the status says whether there is a problem."""
    name: str | None = arguments.calendar
    if name is not None and not name.strip():
        # A variable that is not set must not pass for a calendar that is fine.
        problem = "is blank; give a title or an id, or leave the option out"
        raise InvalidInput("invalid_input", f"--calendar: {problem}", {"fields": {"calendar_name": problem}})
    findings = check(read_info(arguments.info, streams.stderr), name)
    if arguments.format == "json":
        print_json(findings, streams.stdout)
    elif arguments.format == "xml":
        print_xml("\n".join(_xml(findings)), streams.stdout)
    else:
        print(_verdict(findings, streams.stdout), "", *findings_text(findings), sep="\n", file=streams.stdout)
    return findings_status(findings)


def findings_status(findings: Findings) -> int:
    """Give the exit status that says whether there is a problem, and whether it may pass."""
    if findings["ok"]:
        return 0
    return TRY_AGAIN if all(problem["retryable"] for problem in findings["problems"]) else FAILED


def _verdict(findings: Findings, stream: TextIO) -> str:
    if findings["ok"]:
        return f"{paint('ok', GREEN, stream)}: the account can share {count(len(findings['calendars']), 'calendar')}"
    return f"{paint(count(len(findings['problems']), 'problem'), RED, stream)}: see below"


def findings_text(findings: Findings) -> Iterator[str]:
    """Give a check for people, line by line: account, scopes, calendars, then each problem with what to do."""
    rows = [("Account", shown(findings["account"]) or "unknown")]
    for place, (state, scope) in enumerate(_scopes(findings)):
        # Rows without a name of their own differ in blanks, so that each is a row.
        rows.append(("Scopes" if not place else " " * place, f"{state:<7}  {shown(scope)}"))
    rows.append(("Calendars", _owned(findings)))
    if findings["calendar"]:
        rows.append(("Asked for", _asked(findings["calendar"])))
    yield from aligned(rows)
    if findings["calendars"]:
        yield ""
        yield from _table(findings)
    for problem in findings["problems"]:
        yield ""
        yield paragraph(problem["message"], "Problem     ")
        yield f"Code        {problem['code']}"
        yield paragraph(problem["remedy"], "What to do  ")


def _scopes(findings: Findings) -> Iterator[tuple[str, str]]:
    """Give a state and a name for each OAuth scope: the needed ones, then what else was granted."""
    scopes = findings["scopes"]
    for scope in scopes["needed"]:
        yield "MISSING" if scope in scopes["missing"] else "granted" if scopes["granted"] else "unknown", scope
    yield from (("also", scope) for scope in scopes["granted"] if scope not in scopes["needed"])


def _owned(findings: Findings) -> str:
    owned, others = len(findings["calendars"]), findings["others"]
    return f"owns {owned}, only sees {count(others, 'other')}" if owned or others else "unknown"


def _asked(asked: Asked) -> str:
    name = quote(asked["name"])
    if not asked["usable"]:
        return f"{name} cannot be shared now; see below"
    doubt = "" if asked["access_role"] else " if the account owns it, which cannot be seen"
    return f"{name} can be shared{doubt} ({shown(asked['calendar_id'])})"


def _table(findings: Findings) -> Iterator[str]:
    """Give a line for each calendar; the id stands last, as it may be long."""
    calendars = findings["calendars"]
    rows = [("Title", "Role", "Data owner", "Id")]
    for calendar in calendars[:MOST_CALENDARS]:
        title, role, owner, calendar_id = (
            shown(calendar[key]) for key in ("title", "access_role", "data_owner", "calendar_id")
        )
        rows.append((title, role, owner or "-", calendar_id))
    yield from columns(rows)
    if len(calendars) > MOST_CALENDARS:
        yield f"... and {len(calendars) - MOST_CALENDARS} more"


def _xml(findings: Findings) -> Iterator[str]:
    yield xml_tag("check", ok=_yes(findings["ok"]), account=findings["account"], others=str(findings["others"]))
    for state, scope in _scopes(findings):
        yield xml_element("scope", scope, state=state.lower())
    for calendar in findings["calendars"]:
        yield xml_element(
            "calendar",
            calendar["title"],
            calendar_id=calendar["calendar_id"],
            access_role=calendar["access_role"],
            data_owner=calendar["data_owner"],
        )
    if asked := findings["calendar"]:
        yield xml_element(
            "asked",
            asked["name"],
            usable=_yes(asked["usable"]),
            calendar_id=asked["calendar_id"],
            title=asked["title"],
            access_role=asked["access_role"],
            data_owner=asked["data_owner"],
        )
    for problem in findings["problems"]:
        yield xml_tag("problem", code=problem["code"], retryable=_yes(problem["retryable"]))
        yield xml_element("message", problem["message"])
        yield xml_element("remedy", problem["remedy"])
        yield "</problem>"
    yield "</check>"


def _yes(value: bool) -> str:  # noqa: FBT001 -- what is to be written
    return "true" if value else "false"


def count(number: int, noun: str) -> str:
    """Give a number with its noun, in the plural where it has to be."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
