"""The proxy that the environment names for a host, read from an address of which no message quotes anything secret."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from typing import NamedTuple
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from ..errors import InvalidInput

NAMING = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""What names a proxy, the first choice first."""
PROXY_VARIABLES = (*NAMING, "no_proxy", "NO_PROXY")
SYSTEM = "the system's settings"
"""Where Windows and macOS keep a proxy if no variable names one."""
EXAMPLE = "give one such as http://proxy.acme.com:3128"
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
PLACE = re.compile(r"(\[[0-9a-f:.%]+\]|[\w.-]*)(?::(.*))?", re.IGNORECASE)
USUAL_PORTS = {"http": 80, "https": 443}
GOOGLES_PORT = ":443"
LAST_PORT = 65535
ESCAPED = "%23 for #, %2F for /, %3A for :, %3F for ?, %40 for @ and %25 for %"
"""How a user and a password stand in an address."""


class Proxy(NamedTuple):
    """A proxy, and where it is named."""

    variable: str
    scheme: str
    host: str
    port: int
    headers: dict[str, str]
    """What signs in to it; empty if the address holds no user."""

    @property
    def address(self) -> str:
        """The address without user and password."""
        return f"{self.scheme}://{self.place}"

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    @property
    def told(self) -> str:
        """How messages name it."""
        return f"the proxy {self.place} ({self.variable})"


def proxy_for(host: str) -> Proxy | None:
    """Return the proxy that leads to a host, None if none does.

    Raises InvalidInput if the environment names one by a wrong address.
    """
    settings = getproxies()
    text = settings.get("https") or settings.get("all")
    if not text or _is_direct(host, settings.get("no", "")):
        return None
    variable = next((name for name in NAMING if os.environ.get(name) == text), SYSTEM)
    try:
        return _read(text, variable)
    except ValueError as error:
        problem = str(error)
    raise InvalidInput("invalid_input", f"{variable}: {problem}", {"fields": {variable: problem}})


def _is_direct(host: str, listed: str) -> bool:
    """Return whether NO_PROXY lists a host, by its name or an end of it, or the system's settings do."""
    names = [
        name.removesuffix(GOOGLES_PORT).lstrip("*.") or name[:1] for name in re.split(r"[\s,]+", listed.casefold())
    ]
    return "*" in names or any(name and f".{host}".endswith(f".{name}") for name in names) or bool(proxy_bypass(host))


def _read(text: str, variable: str) -> Proxy:
    """Read the address of a proxy; raises ValueError with what is wrong, and with nothing that stands in it."""
    if text[0] in "'\"":
        raise ValueError("stands in quotes; take them away")
    if any(sign.isspace() or not sign.isprintable() for sign in text):
        raise ValueError("has a blank or an invisible character in it; take it out, or write a password's blank as %20")
    named = SCHEME.match(text)
    scheme = named[1].casefold() if named else "http"
    if scheme.startswith("socks"):
        raise ValueError(f"names a SOCKS proxy, which is not supported; {EXAMPLE}, an HTTP proxy")
    if scheme not in USUAL_PORTS:
        raise ValueError(f"is not the address of a proxy, which begins with http:// or https://; {EXAMPLE}")
    userinfo, _, rest = text[named.end() if named else 0 :].rpartition("@")
    if sign := next((sign for sign in "#/?" if sign in userinfo), ""):
        raise ValueError(f"has a {sign} in the user or password; write it as %{ord(sign):02X}")
    place = PLACE.fullmatch(re.split("[/?#]", rest)[0])
    if place is None:
        raise ValueError(f"is not the address of a proxy; {EXAMPLE}")
    if not place[1]:
        raise ValueError(f"names no host; {EXAMPLE}")
    port = place[2] if place[2] is not None else str(USUAL_PORTS[scheme])
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= LAST_PORT):
        raise ValueError(f"has no port from 1 to {LAST_PORT} behind its host; {EXAMPLE}")
    return Proxy(variable, scheme, place[1], int(port), _signing_in(userinfo))


def _signing_in(userinfo: str) -> dict[str, str]:
    # In a header: as part of an address the password would turn up in errors.
    user, _, password = userinfo.partition(":")
    secret = f"{unquote(user)}:{unquote(password)}"
    return {"proxy-authorization": f"Basic {b64encode(secret.encode()).decode()}"} if user else {}
