"""The verb check: whether the account works, what it may do, and which calendars it can share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..check import check
from ..errors import InvalidInput
from .exit_statuses import exit_statuses, status_of_all
from .findings_text import findings_text, scope_states
from .options import SOURCES, add_format, add_info, read_info
from .output import GREEN, RED, Streams, count, paint, print_json, print_xml, xml_element, xml_tag

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

    from ..findings import Findings

SUMMARY = "Sign in, and say what the account can share and what is wrong"
EXAMPLES = f"""\
Nothing is written. With a service account it also says for whom it acts, which OAuth
scopes are delegated to it, each by itself, how far the clock is off, and what an
administrator pastes into which form to delegate what is missing.

{SOURCES}
{exit_statuses(done="all is well", failed="there is a problem", try_again="every problem may pass: try again later")}
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
    parser.add_argument(
        "--act-as",
        metavar="USER",
        help="with a service account: the user whose calendars are meant, if guard rails allow",
    )
    add_info(parser)
    add_format(parser, "an element for each scope, calendar and problem")
    parser.set_defaults(asks_google=True, perform=check_connection)


def check_connection(arguments: argparse.Namespace, streams: Streams) -> int:
    """Write what a check finds; the status says whether there is a problem."""
    _demand_text("--calendar", "calendar_name", arguments.calendar, "a title or an id")
    _demand_text("--act-as", "act_as", arguments.act_as, "the address of a user")
    info = read_info(arguments.info, streams.stderr)
    findings = check(info, arguments.calendar, act_as=arguments.act_as)
    if arguments.format == "json":
        print_json(findings, streams.stdout)
    elif arguments.format == "xml":
        print_xml("\n".join(_xml(findings)), streams.stdout)
    else:
        print(_verdict(findings, streams.stdout), "", *findings_text(findings), sep="\n", file=streams.stdout)
    return status_of_all(findings["problems"])


def _demand_text(option: str, field: str, value: str | None, such: str) -> None:
    if value is not None and not value.strip():
        # A variable that is not set must not pass for a calendar or a user that is fine.
        problem = f"is blank; give {such}, or leave the option out"
        raise InvalidInput("invalid_input", f"{option}: {problem}", {"fields": {field: problem}})


def _verdict(findings: Findings, stream: TextIO) -> str:
    if findings["ok"] and findings["service_account"] and not findings["service_account"]["acts_as"]:
        return f"{paint('ok', GREEN, stream)}: the service account signs in as itself"
    if findings["ok"]:
        return f"{paint('ok', GREEN, stream)}: the account can share {count(len(findings['calendars']), 'calendar')}"
    return f"{paint(count(len(findings['problems']), 'problem'), RED, stream)}: see below"


def _xml(findings: Findings) -> Iterator[str]:
    yield xml_tag("check", ok=_yes(findings["ok"]), account=findings["account"])
    yield from _xml_of_service_account(findings)
    if end := findings["token_end"]["at"]:
        yield xml_element("token_end", end, past=_yes(findings["token_end"]["past"]))
    for state, scope in scope_states(findings):
        yield xml_element("scope", scope, state=state.lower())
    for name, value in findings["guard_rails"].items():
        yield xml_element("guard_rail", value, id=name)
    for tag, calendars in (("calendar", findings["calendars"]), ("other", findings["others"])):
        for calendar in calendars:
            yield xml_element(
                tag,
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
    yield from (xml_element("remark", remark) for remark in findings["remarks"])
    yield "</check>"


def _xml_of_service_account(findings: Findings) -> Iterator[str]:
    if account := findings["service_account"]:
        ahead = account["seconds_ahead"]
        yield xml_element(
            "service_account",
            account["email"],
            client_id=account["client_id"],
            key_id=account["key_id"],
            project=account["project"],
            acts_as=account["acts_as"],
            seconds_ahead="" if ahead is None else str(ahead),
        )
        if account["form"]:
            yield xml_element("delegation", account["scopes_to_paste"], form=account["form"])


def _yes(value: bool) -> str:  # noqa: FBT001 -- what is to be written
    return "true" if value else "false"
