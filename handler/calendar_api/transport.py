"""Sends one HTTP request over connections that the threads of the process share.

Never follows a redirect, never sends a request that may change something twice, and
always checks certificates. Loopback is never reached through a proxy.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 -- else the first look-up imports it, under a lock that a fork would copy
import os
import ssl
import threading
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

from ..errors import HandlerError, InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")
THREADS = 64
"""Connections that are kept for each host; more threads than that open new ones."""
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy")


class Limits(NamedTuple):
    """How long a request may take: seconds for each of its waits, and what is left in all."""

    connect_seconds: float
    read_seconds: float
    left: Callable[[], float]


class Answer(NamedTuple):
    """An answer as it came; header names may be read in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Pools:
    """What is kept between requests: connections, and the certificates they are checked with."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.contexts: dict[str, ssl.SSLContext] = {}
        self.managers: dict[tuple[str | None, ...], urllib3.PoolManager] = {}


class _Thread(threading.local):
    """Whether the thread's request opened a connection or was given a kept one."""

    opened = True


_pools = _Pools()
_thread = _Thread()


class _Connection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        _thread.opened = True
        super().connect()


class _SecureConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        _thread.opened = True
        super().connect()


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def forget_connections() -> None:
    """Begin anew with no connections; those in use by other threads are left to them."""
    global _pools  # noqa: PLW0603 -- one pool a process, and a new one in a child
    _pools = _Pools()


def send(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], limits: Limits, *, repeatable: bool
) -> Answer:
    """Send a request and read the whole answer, whatever its status.

    A `repeatable` request goes once more if a kept connection turns out to be dead.
    Raises Unavailable if there is no complete answer, HandlerError (unexpected_answer)
    if the certificate does not verify, InvalidInput if the environment names an
    unusable proxy or CA file.
    """
    host = urlsplit(url).hostname or ""
    manager = _manager(urlsplit(url).scheme, host)
    for last in (not repeatable, True):
        left = limits.left()
        if left <= 0:
            raise Unavailable("google_unavailable", f"The time for the step ran out before {host} was asked.")
        timeout = urllib3.Timeout(connect=min(limits.connect_seconds, left), read=min(limits.read_seconds, left))
        _thread.opened = False
        try:
            answer = manager.urlopen(
                method, url, body=body, headers=headers, timeout=timeout, retries=False, redirect=False
            )
        except urllib3.exceptions.ProtocolError as error:
            if last or _thread.opened:
                raise _unavailable(host, error, timeout) from None
        except urllib3.exceptions.HTTPError as error:
            raise _unavailable(host, error, timeout) from None
        else:
            return Answer(answer.status, answer.headers, answer.data)
    raise AssertionError("the second round returns or raises")


def _unavailable(host: str, error: Exception, timeout: urllib3.Timeout) -> HandlerError:
    """Say in our words what went wrong between this machine and the host.

    The cause is named in the details and not kept: its text may quote a server that
    sends our own request back, secrets and all.
    """
    found = urllib3.exceptions
    if _wrong_certificate(error):
        return HandlerError(
            "unexpected_answer",
            f"The certificate that {host} showed does not verify: this is not Google, or a proxy reads along. "
            f"If the proxy is yours, name its CA file in {CA_VARIABLES[0]}.",
        )
    if isinstance(error, found.NameResolutionError):
        why = f"The name {host} could not be looked up."
    elif isinstance(error, found.ProxyError):
        why = "The proxy could not be reached, or it refused the connection."
    elif isinstance(error, found.ConnectTimeoutError) and not isinstance(error, found.NewConnectionError):
        why = f"There was no connection to {host} within {timeout.connect_timeout:.3g} s."
    elif isinstance(error, found.NewConnectionError):
        why = f"There is no connection to {host}."
    elif isinstance(error, found.ReadTimeoutError):
        why = f"{host} did not answer within {timeout.read_timeout:.3g} s."
    elif isinstance(error, found.SSLError):
        why = f"There is no secure connection to {host}."
    else:
        why = f"{host} closed the connection before its answer was complete."
    return Unavailable("google_unavailable", why, {"cause": type(error).__name__})


def _wrong_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__ or getattr(error, "original_error", None)
    return False


def _manager(scheme: str, host: str) -> urllib3.PoolManager:
    """Give the kept manager for what the environment says now, or make one."""
    pools = _pools
    settings = tuple(map(os.environ.get, (*CA_VARIABLES, *PROXY_VARIABLES)))
    key = (scheme, host, *settings)
    manager = pools.managers.get(key)
    if manager is None:
        with pools.lock:
            manager = pools.managers.get(key)
            if manager is None:
                manager = pools.managers[key] = _new_manager(pools, scheme, host)
    return manager


def _new_manager(pools: _Pools, scheme: str, host: str) -> urllib3.PoolManager:
    proxy = None if host in LOOPBACK or proxy_bypass(host) else getproxies().get(scheme)
    context = _context(pools) if scheme == "https" else None
    try:
        manager = _through(proxy, context) if proxy else urllib3.PoolManager(maxsize=THREADS, ssl_context=context)
    except (ValueError, urllib3.exceptions.HTTPError):
        variable = f"{scheme.upper()}_PROXY"
        problem = "is not the address of a proxy, such as http://proxy.acme.com:3128"
        raise InvalidInput("invalid_input", f"{variable}: {problem}", {"fields": {variable: problem}}) from None
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager


def _through(proxy: str, context: ssl.SSLContext | None) -> urllib3.ProxyManager:
    # The password goes into a header: as part of an address it would turn up in errors.
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
    headers = urllib3.make_headers(proxy_basic_auth=secret) if secret else None
    return urllib3.ProxyManager(address, maxsize=THREADS, proxy_headers=headers, ssl_context=context)


def _context(pools: _Pools) -> ssl.SSLContext:
    """Load the CA file once: it costs more than a whole share."""
    for variable in CA_VARIABLES:
        path = os.environ.get(variable)
        if path:
            break
    else:
        variable, path = "the CA certificates", certifi.where()
    if path not in pools.contexts:
        try:
            pools.contexts[path] = ssl.create_default_context(cafile=path)
        except (OSError, ValueError):
            problem = "is not a readable file of CA certificates (PEM)"
            raise InvalidInput("invalid_input", f"{variable}: {problem}", {"fields": {variable: problem}}) from None
    return pools.contexts[path]
