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
}
SOURCES = """\
The account is taken from --info FILE, a YAML or JSON mapping with client_id,
client_secret and refresh_token, as authorize writes it, or from the environment:
GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and GOOGLE_REFRESH_TOKEN, each also with
_FILE at its end and then the name of a file that holds the value.
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
    """Return the info values, or what the file holds instead; `execute` checks them.

    Raises InvalidInput if the file cannot be read or the environment is incomplete.
    """
    if file is None:
        return read_environment(VARIABLES, "--info FILE")
    info = read(file)
    if not isinstance(info, Mapping):
        raise wrong_file(file, f"line 1: is no mapping; {FORM}")
    if problem := load().info.mistaken(info):
        raise wrong_file(file, problem)
    if HAS_MODES and file.stat().st_mode & OTHERS_MAY_READ:
        print(f"warning: {file} can be read by other users; chmod 600 keeps it private", file=stderr)
    return info


def read_environment(names: Iterable[str], instead: str) -> dict[str, str]:
    """Return these info values from their variables; raises InvalidInput, naming what else can be given `instead`."""
    info: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name in names:
        try:
            info[name] = _value(VARIABLES[name], instead)
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        raise invalid_input(wrong)
    return info


def _value(variable: str, instead: str) -> str:
    """Return the value of a variable or of the file that its twin names."""
    value, file = os.environ.get(variable), os.environ.get(f"{variable}_FILE")
    if value and file:
        raise ValueError(f"both {variable} and {variable}_FILE are set; unset one of them")
    if value:
        return value
    if not file:
        raise ValueError(f"is missing; give {instead}, or set {variable}, or {variable}_FILE to a file that holds it")
    try:
        return Path(file).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{variable}_FILE names a file that cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        pass
    raise ValueError(f"{variable}_FILE names a file that is not UTF-8 text")  # here: that exception holds the secret


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
