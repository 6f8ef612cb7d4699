"""Pools of connections that the threads of the process share: one for each host, proxy and file of CA certificates.

Certificates are always checked. Plain HTTP is for loopback, and never goes through a proxy.
"""

from __future__ import annotations

import os
import ssl
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from certifi import where

from ..errors import InvalidInput, Unavailable
from ..installation import broken
from .sockets import Pool, SecurePool

if TYPE_CHECKING:
    from .transport import Limits

THREADS = 64
"""Connections kept for each host; further threads open new ones."""
MOST_POOLS = 4
"""Hosts and environment settings whose connections are kept; beyond that the oldest is dropped."""
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


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
    """Drop the oldest; a pool closes its connections once nobody uses it any more."""
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
        problem = _wrong_proxy(proxy)
        raise InvalidInput("invalid_input", f"HTTPS_PROXY: {problem}", {"fields": {"HTTPS_PROXY": problem}}) from None


def _wrong_proxy(proxy: str) -> str:
    """Return what is wrong with the address of a proxy, and nothing that stands in it."""
    if proxy.casefold().startswith("socks"):
        return "names a SOCKS proxy, which is not supported; give an HTTP proxy, such as http://proxy.acme.com:3128"
    userinfo = proxy.rpartition("@")[0].split("://")[-1]
    if sign := next((sign for sign in "#/?" if sign in userinfo), ""):
        return f"has a {sign} in the user or password; write it as %{ord(sign):02X}"
    return "is not the address of a proxy, such as http://proxy.acme.com:3128"


def _through(proxy: str, context: ssl.SSLContext) -> urllib3.ProxyManager:
    # The password goes into a header: as part of an address it would turn up in errors.
    if any(sign in proxy.rpartition("@")[0].split("://")[-1] for sign in "#/?"):
        raise ValueError("a sign that ends the part of an address before the path")
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
