"""The info values that the environment gives: each from its variable, or from the file that its twin names."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..descriptor import invalid_input, load
from ..errors import shown

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
HAS_MODES = os.name == "posix"
OTHERS_MAY_READ = 0o044
LIKE_A_FILE = re.compile(r"(?:[~.]{0,2}/|[A-Za-z]:\\)[^{}\"\n]*|[^{}\"\n]*\.[a-z]{2,5}")
"""What is shown as the name of a file that is not there; anything else may be a secret in its place."""


def read_environment(names: Iterable[str], instead: str) -> dict[str, str]:
    """Return these info values from their variables; raises InvalidInput, naming what else can be given `instead`."""
    values, wrong = given(names)
    if wrong := {**{name: missing(name, instead) for name in names if name not in values}, **wrong}:
        raise invalid_input(wrong)
    return {name: value for name, (value, _) in values.items()}


def variables_set() -> list[str]:
    """Return the variables of the environment that name an account, or a part of one."""
    names = (name for variable in VARIABLES.values() for name in (variable, f"{variable}_FILE"))
    return [name for name in names if os.environ.get(name)]


def given(names: Iterable[str]) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return the values that the environment gives, each with its variable, and what is wrong with any."""
    values: dict[str, tuple[str, str]] = {}
    wrong: dict[str, str] = {}
    for name in names:
        try:
            value, variable = _value(VARIABLES[name])
        except ValueError as error:
            wrong[name] = str(error)
        else:
            if value:
                values[name] = value, variable
    return values, wrong


def missing(name: str, instead: str) -> str:
    """Return what is said of a value that nothing gives; `instead` is what can be given besides."""
    variable = VARIABLES[name]
    empty = f" (its variable {left} is set, but empty)" if (left := left_empty(name)) else ""
    return f"is missing{empty}; give {instead}, or set {variable}, or {variable}_FILE to a file that holds it"


def left_empty(name: str) -> str:
    """Return the variable of this value that is set and empty, "" if none is."""
    variable = VARIABLES[name]
    return next((one for one in (f"{variable}_FILE", variable) if os.environ.get(one) == ""), "")


def warn_of_open_files(stderr: TextIO) -> None:
    """Warn of each file with a secret that a variable names and that other users can read."""
    for name, variable in VARIABLES.items():
        file = os.environ.get(f"{variable}_FILE")
        if file and load().info.fields[name].get("writeOnly"):
            warn_if_open(Path(file), stderr)


def warn_if_open(file: Path, stderr: TextIO) -> None:
    """Warn if other users can read the file, which holds a secret."""
    if HAS_MODES and file.stat().st_mode & OTHERS_MAY_READ:
        print(f"warning: {file} can be read by other users; chmod 600 keeps it private", file=stderr)


def _value(variable: str) -> tuple[str, str]:
    """Return the value of a variable, or of the file that its twin names ("" if neither is set), and which it was."""
    value, twin = os.environ.get(variable, ""), f"{variable}_FILE"
    file = os.environ.get(twin)
    if value and file:
        raise ValueError(f"both {variable} and {twin} are set; unset one of them")
    if not file:
        return value, variable
    text, problem = _text(file)
    if problem:
        raise ValueError(f"{twin} names a file that {problem}")
    return text, twin


def _text(file: str) -> tuple[str, str]:
    """Return the text of a file, and "" - or else "" and what is wrong with it, which quotes nothing of the text."""
    try:
        text = Path(file).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as error:
        if LIKE_A_FILE.fullmatch(file) or os.path.exists(file):  # noqa: PTH110 -- Path's raises for a name too long
            return "", f"cannot be read: {shown(file)}: {error.strerror}; correct the name, or the file"
        return "", f"cannot be read: {error.strerror}; it takes the name of a file, and not the value itself"
    except UnicodeDecodeError:  # its exception holds the secret
        return "", f"is not UTF-8 text: {shown(file)}; save it as such"
    return (text, "") if text.strip() else ("", f"is empty: {shown(file)}; put the value there")
