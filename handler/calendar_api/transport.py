"""Sends one HTTP request, and explains why there is no answer.

Never follows a redirect, and never sends a request that may change something twice.
"""

from __future__ import annotations

import functools
import re
import ssl
from typing import TYPE_CHECKING, NamedTuple

import urllib3

from ..errors import HandlerError, Unavailable
from .addresses import VARIABLE
from .connection_pools import CA_VARIABLES, pool_for
from .http_answers import MOST_BYTES, OddAnswerError, TooLongError, current
from .interruptions import let_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NEVER = urllib3.Retry(False)  # noqa: FBT003 -- urllib3's way to say it
PROXY_REFUSED = re.compile("Tunnel connection failed: ([0-9]{3})")
"""How http.client reports what a proxy answered."""
PROXY_DECIDED = frozenset(range(400, 500)) - {408, 425, 429}
"""Statuses that a proxy would answer again."""

PROXY_SENTENCES = {
    400: "The proxy refuses to connect to {host}: status {status}. Check the address of the proxy in HTTPS_PROXY.",
    403: "The proxy forbids {host} ({status}). Have its administrator let this machine through to {host}.",
    407: "The proxy wants another user and password before it connects to {host}: status {status}. Give them as "
    "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, with %23 for #, %2F for /, %3A for :, %40 for @ and %25 for % in "
    "them. Only Basic sign-in works; if the proxy wants NTLM or Negotiate, let it pass this machine without.",
}
"""What a proxy's final refusal means, by its status; 400 stands for all others."""


class Limits(NamedTuple):
    """How long a request may take: seconds for each of its waits, and what is left in all."""

    connect_seconds: float
    read_seconds: float
    left: Callable[[], float]
    turn: Callable[[], None] | None = None
    """Waits until one more request to the Calendar API may be made; None: no waiting."""


class Answer(NamedTuple):
    """An answer as it came; header names may be read in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@let_out
def send(
    method: str, url: str, body: bytes | None, headers: dict[str, str], limits: Limits, *, repeatable: bool
) -> Answer:
    """Send a request and read the whole answer, whatever its status.

    A `repeatable` request is sent once more if a kept connection turns out to be dead.
    Raises Unavailable if there is no complete answer, HandlerError (unexpected_answer)
    if it is too long, the certificate does not verify or a proxy refuses, InvalidInput
    if the environment names an unusable proxy or CA file.
    """
    scheme, _, place = url.partition("://")
    authority, _, target = place.partition("/")
    pool = pool_for(scheme, authority, limits)
    current.limits = limits
    for last in (not repeatable, True):
        left = limits.left()
        if left <= 0:
            raise Unavailable("google_unavailable", f"The time for the step ran out before {pool.host} was asked.")
        timeout = _timeout(min(limits.connect_seconds, left), min(limits.read_seconds, left))
        current.stage, current.surplus = "kept", False
        try:
            answer = pool.urlopen(
                method,
                f"/{target}",
                body,
                headers,
                NEVER,
                redirect=False,
                assert_same_host=False,
                timeout=timeout,
                decode_content=False,
            )
            return Answer(answer.status, answer.headers, answer.data)
        except TooLongError:
            failed = _too_long(pool.host, repeatable=repeatable)
        except urllib3.exceptions.HTTPError as error:
            if not last and current.stage == "kept" and isinstance(error.args[-1], OSError):
                continue  # the kept connection was dead
            failed = _unavailable(pool, error, timeout, limits)
        raise failed  # out here, as the original exception may hold a part of the answer
    raise AssertionError("the second round returns or raises")


@functools.lru_cache(16)  # the same two numbers for all but the last requests of a long step
def _timeout(connect_seconds: float, read_seconds: float) -> urllib3.Timeout:
    return urllib3.Timeout(connect=connect_seconds, read=read_seconds)


def _too_long(host: str, *, repeatable: bool) -> HandlerError:
    landed = "" if repeatable else " What was asked for may have been done all the same; run the step again to see."
    return HandlerError(
        "unexpected_answer",
        f"{host} sent an answer of more than {MOST_BYTES >> 20} MiB, which cannot be Google's. "
        f"Look for a proxy or a login page between this machine and Google.{landed}",
    )


def _unavailable(
    pool: urllib3.HTTPConnectionPool, error: Exception, timeout: urllib3.Timeout, limits: Limits
) -> HandlerError:
    """Return the error about what went wrong between this machine and the host.

    The cause is only named in the details: its text may quote a server that echoes our
    own request, secrets included.
    """
    found, host = urllib3.exceptions, pool.host
    cause = error.args[-1]
    if _wrong_certificate(error):
        shown_by = "the proxy" if current.stage == "proxy" else host
        return HandlerError(
            "unexpected_answer",
            f"The certificate that {shown_by} showed does not verify: this is not Google, or a proxy reads along. "
            f"If the proxy is yours, name its CA file in {CA_VARIABLES[0]}.",
        )
    if current.stage == "proxy":
        return _proxy_failed(host, error)
    if isinstance(error, found.NameResolutionError):
        why = f"The name {host} could not be looked up."
    elif isinstance(error, found.NewConnectionError):
        return _not_connected(pool)
    elif isinstance(error, found.TimeoutError) and limits.left() <= 0:
        why = f"The time for the step ran out before {host} had answered."
    elif isinstance(error, found.TimeoutError) and current.stage == "host":
        why = f"There was no connection to {host} within {timeout.connect_timeout:.3g} s."
    elif isinstance(error, found.TimeoutError):
        why = f"{host} did not answer within {timeout.read_timeout:.3g} s."
    elif isinstance(error, found.SSLError):
        why = f"There is no secure connection to {host}."
    elif isinstance(cause, OddAnswerError):
        why = f"{host} {cause}."
    else:
        why = f"{host} closed the connection before its answer was complete."
    return Unavailable("google_unavailable", why, {"cause": type(error).__name__})


def _not_connected(pool: urllib3.HTTPConnectionPool) -> Unavailable:
    """Return the error about a host that lets nobody in; only an emulator is spoken to in clear."""
    why, details = f"There is no connection to {pool.host}.", {"cause": "NewConnectionError"}
    if pool.scheme == "http":
        why = f"Nothing answers at port {pool.port} of {pool.host}, where {VARIABLE} says that an emulator is."
        details["remedy"] = f"Start the emulator there, or unset {VARIABLE} to use Google itself."
    return Unavailable("google_unavailable", why, details)


def _proxy_failed(host: str, error: Exception) -> HandlerError:
    """Return the error about a proxy that refused, failed or could not be reached."""
    refused = PROXY_REFUSED.match(str(error.args[-1]))
    details = {"cause": type(error).__name__}
    if refused is None:
        return Unavailable(
            "google_unavailable", f"The proxy could not be reached, or opened no way to {host}.", details
        )
    status = int(refused[1])
    if status in PROXY_DECIDED:
        sentence = PROXY_SENTENCES.get(status, PROXY_SENTENCES[400]).format(host=host, status=status)
        return HandlerError("unexpected_answer", sentence, {**details, "status": status})
    return Unavailable(
        "google_unavailable", f"The proxy could not connect to {host}: status {status}.", {**details, "status": status}
    )


def _wrong_certificate(error: object) -> bool:
    """Return whether this is about a certificate; urllib3 wraps as a cause, a context or an argument."""
    while isinstance(error, BaseException):
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__ or (error.args[-1] if error.args else None)
    return False
