"""Pools of connections that the threads of the process share: one for each host, proxy and file of CA certificates.

Certificates are always checked. Plain HTTP is for loopback, and never goes through a proxy.
"""

from __future__ import annotations

import os
import ssl
import threading
from typing import TYPE_CHECKING, Any

import urllib3
from certifi import where

from ..errors import InvalidInput, Unavailable
from ..installation import broken
from ..retry import acquired
from .proxies import EXAMPLE, PROXY_VARIABLES, proxy_for
from .sockets import Pool, SecurePool

if TYPE_CHECKING:
    from .proxies import Proxy
    from .transport import Limits

THREADS = 64
"""Connections kept for each host; further threads open new ones."""
MOST_POOLS = 4
"""Hosts and environment settings whose connections are kept; beyond that the oldest is dropped."""
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


class _Kept:
    """What is kept between requests: connections, and the CA certificates they are checked against."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.contexts: dict[str, ssl.SSLContext] = {}
        self.pools: dict[tuple[str | None, ...], urllib3.HTTPConnectionPool] = {}


_kept = _Kept()


def forget_connections() -> None:
    """Drop all connections; those that other threads are using stay open until they are done."""
    global _kept  # noqa: PLW0603 -- one pool a process, and a new one in a child
    _kept = _Kept()


def forget_connections_to(authority: str) -> None:
    """Close the connections that are kept to a host and port; what is under way there fails."""
    kept = _kept
    with kept.lock:
        for key in [key for key in kept.pools if key[1] == authority]:
            kept.pools.pop(key).close()


def pool_for(scheme: str, authority: str, limits: Limits) -> urllib3.HTTPConnectionPool:
    """Return the kept pool for what the environment says now, or make one.

    Raises InvalidInput if the environment names an unusable proxy or CA file, and
    Unavailable if no time is left.
    """
    settings = map(os.environ.get, (*CA_VARIABLES, *PROXY_VARIABLES)) if scheme == "https" else ()
    key = (scheme, authority, *settings)
    kept = _kept
    pool = kept.pools.get(key)
    if pool is not None:
        return pool
    # Another thread may be reading CA certificates from a slow disk.
    if not acquired(kept.lock, limits.left()):
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
    """Drop the oldest; a pool closes its connections once nobody uses it any more."""
    if len(kept) > MOST_POOLS:
        del kept[next(iter(kept))]


def _new_pool(kept: _Kept, scheme: str, authority: str) -> urllib3.HTTPConnectionPool:
    address = f"{scheme}://{authority}"
    if scheme == "http":
        return _connecting(urllib3.PoolManager(maxsize=THREADS), address)
    ca_file, context = _context(kept)
    proxy = proxy_for(authority.partition(":")[0])
    manager = _through(proxy, context) if proxy else urllib3.PoolManager(maxsize=THREADS, ssl_context=context)
    pool: Any = _connecting(manager, address)
    pool.through, pool.ca_file = proxy, ca_file
    return pool  # type: ignore[no-any-return]


def _connecting(manager: urllib3.PoolManager, address: str) -> urllib3.HTTPConnectionPool:
    manager.pool_classes_by_scheme = {"http": Pool, "https": SecurePool}
    return manager.connection_from_url(address)


def _through(proxy: Proxy, context: ssl.SSLContext) -> urllib3.ProxyManager:
    try:
        return urllib3.ProxyManager(
            proxy.address,
            maxsize=THREADS,
            proxy_headers=proxy.headers,
            ssl_context=context,
            proxy_ssl_context=context,
        )
    except (ValueError, urllib3.exceptions.HTTPError):  # a host that no name can be
        problem = f"is not the address of a proxy; {EXAMPLE}"
    raise InvalidInput("invalid_input", f"{proxy.variable}: {problem}", {"fields": {proxy.variable: problem}})


def _context(kept: _Kept) -> tuple[str, ssl.SSLContext]:
    """Return the CA file and what checks by it, loaded once: it costs more than a whole share."""
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
    return path, kept.contexts[path]
