"""Sends one HTTP request over connections that the threads of the process share.

Never follows a redirect, never sends a request that may change something twice, and
always checks certificates. Plain HTTP is for loopback, and never goes through a proxy.
"""

from __future__ import annotations

import functools
import os
import re
import ssl
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from certifi import where

from ..errors import HandlerError, InvalidInput, Unavailable
from ..installation import broken
from .interruptions import let_out
from .sockets import MOST_BYTES, OddAnswerError, Pool, SecurePool, TooLongError, current

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

THREADS = 64
"""Connections that are kept for each host; more threads than that open new ones."""
MOST_POOLS = 4
"""Hosts, and values of the environment, whose connections are kept; the oldest of more is let go."""
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
NEVER = urllib3.Retry(False)  # noqa: FBT003 -- urllib3's way to say it
PROXY_REFUSED = re.compile("Tunnel connection failed: ([0-9]{3})")
"""How http.client tells what a proxy answered."""
PROXY_DECIDED = frozenset(range(400, 500)) - {408, 425, 429}
"""Statuses of a proxy that it will answer again."""


class Limits(NamedTuple):
    """How long a request may take: seconds for each of its waits, and what is left in all."""

    connect_seconds: float
    read_seconds: float
    left: Callable[[], float]
    turn: Callable[[], None] | None = None
    """Waits until one more request of the Calendar API may be made; None: none has to wait."""


class Answer(NamedTuple):
    """An answer as it came; header names may be read in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Kept:
    """What is kept between requests: connections, and the certificates they are checked with."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.contexts: dict[str, ssl.SSLContext] = {}
        self.pools: dict[tuple[str | None, ...], urllib3.HTTPConnectionPool] = {}


_kept = _Kept()


def forget_connections() -> None:
    """Begin anew with no connections; those in use by other threads are left to them."""
    global _kept  # noqa: PLW0603 -- one pool a process, and a new one in a child
    _kept = _Kept()


@let_out
def send(
    method: str, url: str, body: bytes | None, headers: dict[str, str], limits: Limits, *, repeatable: bool
) -> Answer:
    """Send a request and read the whole answer, whatever its status.

    A `repeatable` request goes once more if a kept connection turns out to be dead.
    Raises Unavailable if there is no complete answer, HandlerError (unexpected_answer)
    if it is too long, the certificate does not verify or a proxy refuses, InvalidInput
    if the environment names an unusable proxy or CA file.
    """
    scheme, _, place = url.partition("://")
    authority, _, target = place.partition("/")
    pool = _pool(scheme, authority, limits)
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
            failed = _unavailable(pool.host, error, timeout, limits)
        raise failed  # here, as what was raised there may hold a part of the answer
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


def _unavailable(host: str, error: Exception, timeout: urllib3.Timeout, limits: Limits) -> HandlerError:
    """Say in our words what went wrong between this machine and the host.

    The cause is named in the details and not kept: its text may quote a server that
    sends our own request back, secrets and all.
    """
    found = urllib3.exceptions
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
        why = f"There is no connection to {host}."
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


def _proxy_failed(host: str, error: Exception) -> HandlerError:
    """Say what the proxy did, or did not."""
    refused = PROXY_REFUSED.match(str(error.args[-1]))
    details = {"cause": type(error).__name__}
    if refused is None:
        return Unavailable(
            "google_unavailable", f"The proxy could not be reached, or opened no way to {host}.", details
        )
    status = int(refused[1])
    if status in PROXY_DECIDED:
        return HandlerError(
            "unexpected_answer",
            f"The proxy refuses to connect to {host}: status {status}. "
            "Check the address, the user and the password in HTTPS_PROXY, and whom the proxy lets through.",
            {**details, "status": status},
        )
    return Unavailable(
        "google_unavailable", f"The proxy could not connect to {host}: status {status}.", {**details, "status": status}
    )


def _wrong_certificate(error: object) -> bool:
    """Say whether this is about a certificate; urllib3 keeps what it wraps as a cause, a context or an argument."""
    while isinstance(error, BaseException):
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__ or (error.args[-1] if error.args else None)
    return False


def _pool(scheme: str, authority: str, limits: Limits) -> urllib3.HTTPConnectionPool:
    """Give the kept pool for what the environment says now, or make one."""
    settings = map(os.environ.get, (*CA_VARIABLES, *PROXY_VARIABLES)) if scheme == "https" else ()
    key = (scheme, authority, *settings)
    kept = _kept
    pool = kept.pools.get(key)
    if pool is not None:
        return pool
    # Another thread may be reading CA certificates from a slow disk.
    if not kept.lock.acquire(timeout=max(limits.left(), 0.0)):
        raise Unavailable("google_unavailable", "The time for the step ran out before a connection could be made.")
    try:
        pool = kept.pools.get(key)
        if pool is None:
            pool = kept.pools[key] = _new_pool(kept, scheme, authority)
            _bound(kept.pools)
        return pool
    finally:
        kept.lock.release()


def _bound(kept: dict[Any, Any]) -> None:
    """Let the oldest go; a pool closes its connections once nobody uses it any more."""
    if len(kept) > MOST_POOLS:
        del kept[next(iter(kept))]


def _new_pool(kept: _Kept, scheme: str, authority: str) -> urllib3.HTTPConnectionPool:
    manager = urllib3.PoolManager(maxsize=THREADS) if scheme == "http" else _secure_manager(kept, authority)
    manager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}
    return manager.connection_from_url(f"{scheme}://{authority}")


def _secure_manager(kept: _Kept, authority: str) -> urllib3.PoolManager:
    context = _context(kept)
    proxy = None if proxy_bypass(authority) else getproxies().get("https")
    if not proxy:
        return urllib3.PoolManager(maxsize=THREADS, ssl_context=context)
    try:
        return _through(proxy, context)
    except (ValueError, urllib3.exceptions.HTTPError):
        problem = "is not the address of a proxy, such as http://proxy.acme.com:3128"
        raise InvalidInput("invalid_input", f"HTTPS_PROXY: {problem}", {"fields": {"HTTPS_PROXY": problem}}) from None


def _through(proxy: str, context: ssl.SSLContext) -> urllib3.ProxyManager:
    # The password goes into a header: as part of an address it would turn up in errors.
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
    headers = urllib3.make_headers(proxy_basic_auth=secret) if secret else None
    return urllib3.ProxyManager(
        address, maxsize=THREADS, proxy_headers=headers, ssl_context=context, proxy_ssl_context=context
    )


def _context(kept: _Kept) -> ssl.SSLContext:
    """Load the CA file once: it costs more than a whole share."""
    for variable in CA_VARIABLES:
        path = os.environ.get(variable)
        if path:
            break
    else:
        variable, path = "", where()
    if path not in kept.contexts:
        try:
            context = ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as error:
            if not variable:
                raise broken(error, "certifi") from error
            problem = "is not a readable file of CA certificates (PEM)"
            raise InvalidInput("invalid_input", f"{variable}: {problem}", {"fields": {variable: problem}}) from None
        context.hostname_checks_common_name = False  # as browsers and urllib3's own contexts have it
        kept.contexts[path] = context
        _bound(kept.contexts)
    return kept.contexts[path]
