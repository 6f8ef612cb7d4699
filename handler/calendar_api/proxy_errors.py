"""Explains what a proxy did in place of opening a way to Google; each sentence names the proxy, and no password."""

from __future__ import annotations

import re
from http.client import BadStatusLine
from typing import TYPE_CHECKING

import urllib3

from ..errors import HandlerError, Unavailable
from .causes import behind
from .http_answers import OddAnswerError, TooLongError, current
from .proxies import ESCAPED

if TYPE_CHECKING:
    from .http_answers import TunnelRefusedError
    from .proxies import Proxy

CAUSE = "ProxyError"
"""In the details: the host got no request."""
PASSING = frozenset({408, 425, 429, *range(500, 600)})
"""Statuses that a proxy may not answer again."""
WAYS = ("Basic", "Digest", "NTLM", "Negotiate", "Kerberos", "Bearer")
"""What proxies have people sign in by; only Basic works here."""
LOGIN = (
    "A login page does so: sign in to the network in a browser, or have the proxy's administrator let this machine "
    "through."
)
TLS_ALERT = "\x15\x03"
"""How a server that is spoken to over TLS answers whoever speaks in clear."""


def proxy_refused(refusal: TunnelRefusedError, proxy: Proxy, host: str) -> HandlerError:
    """Return the error about a proxy that answered, and opened no way to a host."""
    status, told = refusal.status, _capital(proxy.told)
    details = {"cause": CAUSE, "status": status}
    let_through = f"Have its administrator let this machine through to {host}"
    if status == 407:
        sentence = _sign_in(refusal.challenges, proxy, host)
    elif status == 403:
        sentence = f"{told} forbids {host} (403). {let_through}."
    elif status == 511 or 300 <= status < 400:
        sentence = f"{told} leads to a page of its own in place of {host} ({status}). {LOGIN}"
    elif status in PASSING:
        sentence = f"{told} could not connect to {host} ({status})."
    else:
        sentence = (
            f"{told} opens no way to {host} ({status}): it may be a web server, or a proxy without HTTPS. "
            f"Check the address in {proxy.variable}."
        )
    if status in PASSING:
        return Unavailable("google_unavailable", sentence, details)
    return HandlerError("unexpected_answer", sentence, details)


def _sign_in(challenges: str, proxy: Proxy, host: str) -> str:
    """Return what to do for a proxy that wants somebody to sign in, by what it offers for that (407)."""
    told, offered = _capital(proxy.told), _offered(challenges)
    how = f"{proxy.variable}={proxy.scheme}://USER:PASSWORD@{proxy.place}, with {ESCAPED} in them"
    ways = " or ".join(offered)
    if offered and "Basic" not in offered:
        return (
            f"{told} wants somebody to sign in by {ways} (407), which this handler cannot; only Basic works. Have its "
            f"administrator offer Basic, or let this machine through to {host} without; or run a proxy here that signs "
            f"in to that one, and name it in {proxy.variable}."
        )
    by = f" by {ways}" if offered else ", and does not name a way"
    only = "" if offered == ["Basic"] else " Only Basic works."
    if proxy.headers:
        return f"{told} does not accept the user and password in {proxy.variable} (407). Correct them: {how}.{only}"
    return f"{told} wants somebody to sign in{by} (407). Give a user and password as {how}.{only}"


def _offered(challenges: str) -> list[str]:
    """Return the ways to sign in that the headers Proxy-Authenticate name; what else they say is not looked at."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", challenges)
    return [way for way in WAYS if re.search(rf"(?:^|,)\s*{way}(?![\w-]|\s*=)", bare, re.IGNORECASE)]


def proxy_unreached(error: Exception, proxy: Proxy, host: str, waited: str) -> HandlerError:
    """Return the error about a proxy that gave no answer; `waited` says for how long."""
    told, variable = _capital(proxy.told), proxy.variable
    if odd := behind(error, OddAnswerError):
        return HandlerError("unexpected_answer", f"{told} opened no way to {host}: it {odd}. {LOGIN}", {"cause": CAUSE})
    if behind(error, TooLongError):
        why = f"{told} sent an endless answer. Check whether {variable} names a proxy."
        return HandlerError("unexpected_answer", why, {"cause": CAUSE})
    if behind(error, urllib3.exceptions.NameResolutionError):
        why = f"The name of {proxy.told} could not be looked up. Check the address in {variable}."
    elif behind(error, urllib3.exceptions.NewConnectionError):
        refused = behind(error, ConnectionRefusedError)
        found = "Nothing listens at" if refused else "There is no way from this machine to"
        why = f"{found} {proxy.told}. Check the address in {variable}, and whether the proxy runs."
    elif behind(error, urllib3.exceptions.TimeoutError) or behind(error, TimeoutError):
        what = (
            f"There was no connection to {proxy.told}"
            if current.stage == "proxy"
            else f"{told} opened no way to {host}"
        )
        why = f"{what} {waited}."
    elif current.stage == "proxy":
        why = f"{told} does not speak TLS, as https:// in {variable} has it. Most proxies are written with http://."
    else:
        why = _misunderstood(error, proxy)
    return Unavailable("google_unavailable", why, {"cause": CAUSE})


def _misunderstood(error: Exception, proxy: Proxy) -> str:
    """Return what to do about a proxy that took the connection and did not answer in HTTP."""
    told, odd = _capital(proxy.told), behind(error, BadStatusLine)
    if proxy.scheme == "https":
        return f"{told} closed the connection without an answer, or sent one that is not HTTP's. Check the address."
    if odd and str(odd).startswith(TLS_ALERT):
        return f"{told} speaks TLS. Write https:// in place of http:// in {proxy.variable}."
    return (
        f"{told} closed the connection without an answer, or sent one that is not HTTP's. "
        f"If it speaks TLS, write https:// in place of http:// in {proxy.variable}."
    )


def _capital(told: str) -> str:
    return told[0].upper() + told[1:]
