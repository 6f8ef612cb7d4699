"""The options that several verbs have: `--info`, `--format` and `--port`; reads the info values.

Info values never come from the command line, which other users of the machine can read; and what is
wrong is said without the values.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..descriptor import invalid_input, load
from ..documents import read, wrong_file
from ..errors import InvalidInput
from .output import paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

VARIABLES = {
    "client_id": "GOOGLE_CLIENT_ID",
    "client_secret": "GOOGLE_CLIENT_SECRET",
    "refresh_token": "GOOGLE_REFRESH_TOKEN",
    "service_account": "GOOGLE_SERVICE_ACCOUNT",
    "act_as_by_default": "GOOGLE_ACT_AS",
}
REFRESH_TOKEN = ("client_id", "client_secret", "refresh_token")
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
LAST_PORT = 65535
HAS_MODES = os.name == "posix"
OTHERS_MAY_READ = 0o044


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
    given, wrong = _given(VARIABLES)
    info = {**kept, **{name: value for name, (value, _) in given.items()}}
    places = {name: str(file) for name, value in kept.items() if not _is_blank(value)}
    wrong |= {
        name: f"stands in {places[name]} and in {place}; leave it out of one of them"
        for name, (_, place) in given.items()
        if name in places
    }
    places |= {name: place for name, (_, place) in given.items() if name not in wrong}
    if "service_account" in places:
        wrong |= _mixed(places)
    else:
        instead = "--info FILE" if file is None else f"it in {file}"
        wrong |= {name: _missing(name, instead) for name in REFRESH_TOKEN if name not in places and name not in wrong}
        if "act_as_by_default" in given and "act_as_by_default" not in wrong:
            place = places["act_as_by_default"]
            wrong["act_as_by_default"] = f"stands in {place}, and needs a service account; give one, or unset it"
    if wrong:
        raise invalid_input({**load().info.read(info)[1], **wrong})
    return info


def read_environment(names: Iterable[str], instead: str) -> dict[str, str]:
    """Return these info values from their variables; raises InvalidInput, naming what else can be given `instead`."""
    given, wrong = _given(names)
    if wrong := {**{name: _missing(name, instead) for name in names if name not in given}, **wrong}:
        raise invalid_input(wrong)
    return {name: value for name, (value, _) in given.items()}


def variables_set() -> list[str]:
    """Return the variables of the environment that name an account, or a part of one."""
    names = (name for variable in VARIABLES.values() for name in (variable, f"{variable}_FILE"))
    return [name for name in names if os.environ.get(name)]


def read_info_file(file: Path, stderr: TextIO) -> Mapping[Any, Any]:
    """Return what an info file holds; raises InvalidInput if it is no mapping, or one that people take for this."""
    info = read(file, FORM)
    if not isinstance(info, Mapping):
        raise wrong_file(file, f"line 1: is no mapping; {FORM}")
    if problem := load().info.mistaken(info):
        raise wrong_file(file, problem)
    if HAS_MODES and file.stat().st_mode & OTHERS_MAY_READ:
        print(f"warning: {file} can be read by other users; chmod 600 keeps it private", file=stderr)
    return info


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


def _given(names: Iterable[str]) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return the values that the environment gives, each with its variable, and what is wrong with any."""
    given: dict[str, tuple[str, str]] = {}
    wrong: dict[str, str] = {}
    for name in names:
        try:
            value, variable = _value(VARIABLES[name])
        except ValueError as error:
            wrong[name] = str(error)
        else:
            if value:
                given[name] = value, variable
    return given, wrong


def _missing(name: str, instead: str) -> str:
    variable = VARIABLES[name]
    return f"is missing; give {instead}, or set {variable}, or {variable}_FILE to a file that holds it"


def _value(variable: str) -> tuple[str, str]:
    """Return the value of a variable, or of the file that its twin names ("" if neither is set), and which it was."""
    value, twin = os.environ.get(variable, ""), f"{variable}_FILE"
    file = os.environ.get(twin)
    if value and file:
        raise ValueError(f"both {variable} and {twin} are set; unset one of them")
    if not file:
        return value, variable
    try:
        return Path(file).read_text(encoding="utf-8-sig").rstrip("\r\n"), twin
    except OSError as error:
        raise ValueError(f"{twin} names a file that cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        pass
    # Out here, as that exception holds the secret.
    raise ValueError(f"{twin} names a file that is not UTF-8 text; save it as such")


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
