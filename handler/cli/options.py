"""The options that several verbs have: `--info`, `--format` and `--port`; reads the info values.

Info values never come from the command line, which other users of the machine can read; and what is
wrong is said without the values.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..descriptor import invalid_input, load
from ..documents import parsed, read_text, wrong_file
from ..errors import InvalidInput
from .environment import VARIABLES, given, left_empty, missing, warn_if_open, warn_of_open_files
from .output import paragraph

if TYPE_CHECKING:
    from typing import TextIO

REFRESH_TOKEN = ("client_id", "client_secret", "refresh_token")
OF_A_SERVICE_ACCOUNT = ("act_as_by_default", "may_act_as", "may_add_to_lists_of")
SOURCES = """\
The account is taken from --info FILE, a YAML or JSON mapping with client_id,
client_secret and refresh_token, as authorize writes it, and from the environment:
GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and GOOGLE_REFRESH_TOKEN, each also with
_FILE at its end and then the name of a file that holds the value. Both together
complement one another, and no value may stand in both. A service account is given
in place of the three: GOOGLE_SERVICE_ACCOUNT_FILE names the file of its key (in the
info file: service_account, and the key as text), GOOGLE_ACT_AS (act_as_by_default)
the user that it acts as.
"""
ROLES = "(what each role means)"
"""Stands in a help for `roles_text`, so that only who asks for the help waits until handler.yaml is read."""
FORM = "write client_id, client_secret and refresh_token as NAME: VALUE, a line each (not NAME=VALUE)"
"""What an info file looks like, for whoever gives another one."""
EQUALS = re.compile(r"^[ \t]*(?:export )?([A-Za-z_]{1,40})[ \t]*=[ \t]*[^=\s]", re.MULTILINE)
KEY_BELOW = re.compile(r"^service_account[ \t]*:[ \t]*(?:[|>][-+0-9]*)?[ \t]*\r?$", re.MULTILINE)
LAST_PORT = 65535


def roles_text() -> str:
    """Return what each role means, a line or two for each, as handler.yaml says it."""
    choices = load().parameters.fields["calendar_access"]["oneOf"]
    width = max(len(choice["const"]) for choice in choices)
    rows = [paragraph(f"{one['title']}. {one['description']}", f"  {one['const']:<{width}}  ") for one in choices]
    return "\n".join(["The roles, the weakest first:", *rows, ""])


def add_info(parser: argparse.ArgumentParser, note: str = "") -> None:
    """Add `--info`."""
    parser.add_argument("--info", metavar="FILE", type=Path, help=f"file with the info values{note}; see below")


def read_info(file: Path | None, stderr: TextIO) -> Any:
    """Return the info values of the file and the environment together; `execute` checks them.

    Raises InvalidInput if the file cannot be read or the environment is incomplete, for a value
    that stands in both, and for two ways to sign in: neither silently wins.
    """
    kept = {} if file is None else read_info_file(file, stderr)
    values, wrong = given(VARIABLES)
    info = {**kept, **{name: value for name, (value, _) in values.items()}}
    instead = "--info FILE" if file is None else f"it in {file}"
    if not wrong and _lacks_a_service_account(info):
        wrong = {"service_account": missing("service_account", instead)}
    if wrong:  # what else is missing cannot be known before
        raise invalid_input(wrong)
    warn_of_open_files(stderr)
    places = {name: str(file) for name, value in kept.items() if not _is_blank(value)}
    wrong = {
        name: f"stands in {places[name]} and in {place}; leave it out of one of them"
        for name, (_, place) in values.items()
        if name in places
    }
    places |= {name: place for name, (_, place) in values.items() if name not in wrong}
    if "service_account" in places:
        wrong |= _mixed(places)
    else:
        wrong |= {name: missing(name, instead) for name in REFRESH_TOKEN if name not in places and name not in wrong}
        if "act_as_by_default" in values and "act_as_by_default" not in wrong:
            place = places["act_as_by_default"]
            wrong["act_as_by_default"] = f"stands in {place}, and needs a service account; give one, or unset it"
    if wrong:
        raise invalid_input({**load().info.read(info)[1], **wrong})
    return info


def read_info_file(file: Path, stderr: TextIO) -> Mapping[Any, Any]:
    """Return what an info file holds; raises InvalidInput if it is no mapping, or one that people take for this."""
    text = read_text(file)
    info = parsed(text, file, _form_for(text))
    if info is None:
        raise wrong_file(file, f"is empty; {FORM}; or guard rails alone, beside an account in the environment")
    if not isinstance(info, Mapping):
        raise wrong_file(file, f"line 1: is no mapping; {_form_for(text)}")
    if problem := load().info.mistaken(info, str(file)):
        raise wrong_file(file, problem)
    warn_if_open(file, stderr)
    return info


def _form_for(text: str) -> str:
    """Return what to say of a text that is no info file: the slip that it holds, or what an info file looks like."""
    if KEY_BELOW.search(text):
        return 'below "service_account: |" each line of the key\'s file has to be indented, by two blanks'
    if equals := EQUALS.search(text):
        line = text.count("\n", 0, equals.start(1)) + 1
        return f"{FORM}; line {line} has an = where a colon and a blank have to be"
    return FORM


def _lacks_a_service_account(info: Mapping[str, Any]) -> bool:
    """Return whether a service account is meant, and nothing to sign in with is given."""
    if any(not _is_blank(info.get(name)) for name in ("service_account", *REFRESH_TOKEN)):
        return False
    is_left_empty = left_empty("service_account") and not any(map(left_empty, REFRESH_TOKEN))
    return bool(is_left_empty) or any(not _is_blank(info.get(name)) for name in OF_A_SERVICE_ACCOUNT)


def _mixed(places: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each value of the other way to sign in that stands in another place."""
    other = places["service_account"]
    return {
        name: f"stands in {places[name]} beside service_account in {other}; sign in with one of the two"
        for name in REFRESH_TOKEN
        if places.get(name, other) != other
    }


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def add_format(parser: argparse.ArgumentParser, xml: str) -> None:
    """Add `--format`; `xml` says what is answered as XML."""
    parser.add_argument(
        "--format",
        choices=("text", "json", "xml"),
        default="text",
        help=f"text for people (the default), json, or xml: {xml}; errors are written in the same form, on stderr",
    )


def add_port(parser: argparse.ArgumentParser, default: int) -> None:
    """Add `--port`."""
    parser.add_argument(
        "--port",
        type=_port,
        default=default,
        metavar="N",
        help="port to listen on (default: %(default)s; 0 is any free one)",
    )


def no_port(port: int, error: OSError) -> InvalidInput:
    """Make the error for a port that cannot be listened on."""
    return InvalidInput("invalid_input", f"port {port}: {error.strerror}; name another with --port (0 is any free one)")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {LAST_PORT}")
    return int(text)
