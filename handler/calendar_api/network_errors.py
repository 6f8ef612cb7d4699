"""Explains why a request got no answer: what went wrong between this machine and the host, or at the proxy.

The original exception is only named in the details: its text may quote a server that
echoes our own request, secrets included.
"""

from __future__ import annotations

import ssl
from http.client import BadStatusLine
from typing import TYPE_CHECKING, Any

import urllib3

from ..emulator_host import VARIABLE
from ..errors import HandlerError, Unavailable
from .causes import behind
from .certificates import wrong_certificate
from .http_answers import MOST_BYTES, OddAnswerError, TooLongError, TunnelRefusedError, current
from .proxy_errors import TLS_ALERT, proxy_refused, proxy_unreached

if TYPE_CHECKING:
    from .transport import Limits

OUTWARD = "If only a proxy leads out of here, name it in HTTPS_PROXY, and not this host in NO_PROXY."


def no_answer(
    pool: Any, error: Exception, timeout: urllib3.Timeout, limits: Limits, *, repeatable: bool
) -> HandlerError:
    """Return the error about a request that got no answer, or none that can be read."""
    if wrong := behind(error, ssl.SSLCertVerificationError):
        return wrong_certificate(wrong, pool, limits)
    if refusal := behind(error, TunnelRefusedError):
        return proxy_refused(refusal, pool.through, pool.host)
    if current.stage in ("proxy", "tunnel"):
        in_time = f"within {timeout.connect_timeout:.3g} s"
        waited = in_time if limits.left() > 0 else "before the time for the step ran out"
        return proxy_unreached(error, pool.through, pool.host, waited)
    if behind(error, TooLongError):
        return _too_long(pool.host, repeatable=repeatable)
    return _unavailable(pool, error, timeout, limits)


def _too_long(host: str, *, repeatable: bool) -> HandlerError:
    landed = "" if repeatable else " What was asked for may have been done all the same; run the step again to see."
    return HandlerError(
        "unexpected_answer",
        f"{host} sent an answer of more than {MOST_BYTES >> 20} MiB, which cannot be Google's. "
        f"Look for a proxy or a login page between this machine and Google.{landed}",
    )


def _unavailable(pool: Any, error: Exception, timeout: urllib3.Timeout, limits: Limits) -> Unavailable:
    found, host, cause = urllib3.exceptions, pool.host, error.args[-1]
    if isinstance(error, found.NameResolutionError):
        why = f"The name {host} could not be looked up. {OUTWARD}"
    elif isinstance(error, found.NewConnectionError):
        return _not_connected(pool)
    elif isinstance(error, found.TimeoutError) and limits.left() <= 0:
        why = f"The time for the step ran out before {host} had answered."
    elif isinstance(error, found.TimeoutError) and current.stage == "host":
        why = f"There was no connection to {host} within {timeout.connect_timeout:.3g} s."
    elif isinstance(error, found.TimeoutError):
        why = f"{host} did not answer within {timeout.read_timeout:.3g} s."
    elif isinstance(error, found.SSLError):
        why = _no_tls(pool)
    elif isinstance(cause, OddAnswerError):
        why = f"{host} {cause}."
    elif pool.scheme == "http" and isinstance(cause, BadStatusLine) and str(cause).startswith(TLS_ALERT):
        why = f"What answers at port {pool.port} of {host} speaks TLS, so it is no emulator, as {VARIABLE} says."
    else:
        why = f"{host} closed the connection before its answer was complete."
    return Unavailable("google_unavailable", why, {"cause": type(error).__name__})


def _not_connected(pool: Any) -> Unavailable:
    """Return the error about a host that lets nobody in; only an emulator is spoken to in clear."""
    why, details = f"There is no connection to {pool.host}. {OUTWARD}", {"cause": "NewConnectionError"}
    if pool.scheme == "http":
        why = f"Nothing answers at port {pool.port} of {pool.host}, where {VARIABLE} says that an emulator is."
        details["remedy"] = f"Start the emulator there, or unset {VARIABLE} to use Google itself."
    return Unavailable("google_unavailable", why, details)


def _no_tls(pool: Any) -> str:
    """Return the sentence about a host, or whatever stands in its place, that does not speak TLS as it should."""
    behind_proxy = f", though {pool.through.told} opened a way there" if pool.through else ""
    return (
        f"There is no secure connection to {pool.host}{behind_proxy}: what answers there speaks no TLS, or broke it "
        "off. Look for a login page or a firewall between this machine and Google."
    )
