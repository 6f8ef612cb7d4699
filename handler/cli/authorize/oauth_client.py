"""Reads the OAuth client: a JSON file of Google's console, an info file, or the environment.

The addresses in a client's file are not used: its secret goes to Google's own token
endpoint and to no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ...descriptor import Form, invalid_input, load
from ...documents import read, wrong_file
from ..environment import read_environment
from ..options import LAST_PORT

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = ("client_id", "client_secret")
LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost):([0-9]{1,5})(/[^?#]*)?")
OF_A_SERVICE_ACCOUNT = (
    "is the key of a service account, which needs nobody's consent: the other verbs take its name in "
    "GOOGLE_SERVICE_ACCOUNT_FILE. For a refresh token"
)
DESKTOP = "make an OAuth client of the type Desktop app in Google's console, and give its JSON file"


class Return(NamedTuple):
    """Where the browser is to come back to; `address` is "" if any address of this machine will do."""

    port: int
    path: str = "/"
    address: str = ""


def read_client(file: Path | None, port: int) -> tuple[dict[str, str], Return]:
    """Return the info values client_id and client_secret, and where the browser may come back to.

    A client of the type Web application has a fixed list of such places; `port` 0 takes
    the first that fits. Raises InvalidInput if the client cannot be used.
    """
    if file is None:
        values, wrong = _checked(read_environment(CLIENT, "--client FILE"))
        if wrong:
            raise invalid_input(wrong)
        return values, Return(port)
    kind, found = _client_in(file)
    values, wrong = _checked(found)
    if wrong:
        raise wrong_file(file, "; ".join(f"{name} {problem}" for name, problem in wrong.items()))
    return values, _fitting(file, found.get("redirect_uris"), port) if kind == "web" else Return(port)


def _client_in(file: Path) -> tuple[str, Mapping[str, Any]]:
    """Return the kind of client and its values; an info file's kind is ""."""
    document = read(file)
    if isinstance(document, Mapping):
        for kind in ("installed", "web"):
            if isinstance(found := document.get(kind), Mapping):
                return kind, found
        if document.get("type") == "service_account":
            raise wrong_file(file, f"{OF_A_SERVICE_ACCOUNT} {DESKTOP}")
        if "client_id" in document:
            return "", document
    raise wrong_file(file, f"holds no OAuth client; {DESKTOP}")


def _checked(found: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Hold the values to handler.yaml, as `Form.read` does."""
    fields = load().info.fields
    form = Form("info", {"required": CLIENT, "properties": {name: fields[name] for name in CLIENT}}, secret=True)
    return form.read({name: found.get(name) for name in CLIENT})


def _fitting(file: Path, addresses: Any, port: int) -> Return:
    for address in addresses if isinstance(addresses, list) else ():
        match = LOOPBACK.fullmatch(address) if isinstance(address, str) else None
        if match and 0 < int(match[1]) <= LAST_PORT and port in {0, int(match[1])}:
            return Return(int(match[1]), match[2] or "/", address)
    wanted = f"http://127.0.0.1:{port or 'PORT'}/"
    raise wrong_file(
        file,
        "is a client of the type Web application, and none of its redirect addresses can be answered here; "
        f"{DESKTOP}, or add the address {wanted} to this client and download its file again",
    )
