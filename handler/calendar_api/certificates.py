"""Explains why a certificate does not verify, by its own dates and names.

The handshake that failed leaves no certificate behind. So another one is made, with
everything checked but the date and the name, to read it; nothing is sent over it.
"""

from __future__ import annotations

import datetime as dt
import ssl
from contextlib import suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

import urllib3

from ..errors import HandlerError, shown
from .connection_pools import CA_VARIABLES
from .http_answers import current
from .interruptions import carry_out
from .proxy_errors import CAUSE
from .sockets import SecureConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .transport import Limits

NOT_YET, EXPIRED = 9, 10
OTHER_NAMES = frozenset({62, 64})
"""OpenSSL's numbers for a certificate of another host or address (x509_vfy.h), as the two above for the dates."""
UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
"""Its numbers for an authority that is not among the trusted ones."""
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, which ssl has no name for."""
MOST_NAMES = 3


def wrong_certificate(error: ssl.SSLCertVerificationError, pool: Any, limits: Limits) -> HandlerError:
    """Return the error about a certificate that does not verify: of the host, or of the proxy on the way to it."""
    of_proxy = current.stage == "proxy"
    shown_by, code = pool.through.told if of_proxy else pool.host, error.verify_code
    if code in (NOT_YET, EXPIRED):
        sentence = _other_time(shown_by, _read(pool, limits), ended=code == EXPIRED)
    elif code in OTHER_NAMES:
        asked = pool.through.host if of_proxy else pool.host
        cure = f"Name the proxy in {pool.through.variable} as its certificate does" if of_proxy else NOT_GOOGLE
        sentence = (
            f"The certificate that {shown_by} showed is {_for(_read(pool, limits))}, and not for {asked}. {cure}."
        )
    else:
        sentence = _untrusted(shown_by, error, of_proxy=of_proxy)
    return HandlerError("unexpected_answer", sentence, {"cause": CAUSE if of_proxy else type(error).__name__})


NOT_GOOGLE = "This is not Google: look for a proxy or a login page between this machine and Google"


def _untrusted(shown_by: str, error: ssl.SSLCertVerificationError, *, of_proxy: bool) -> str:
    told = f"The certificate that {shown_by} showed does not verify"
    if error.verify_code not in UNKNOWN_ISSUER:
        return f"{told}: {shown(error.verify_message)}. Show this to whoever issued it."
    why = "this machine does not know who issued it" if of_proxy else "this is not Google, or a proxy reads along"
    return f"{told}: {why}. If the proxy is yours, name its CA file in {CA_VARIABLES[0]}."


def _other_time(shown_by: str, certificate: Mapping[str, Any], *, ended: bool) -> str:
    """Return the sentence about a certificate that is not valid at the time of this machine's clock."""
    now = dt.datetime.now(dt.timezone.utc)
    dates = {key: _date(certificate[key]) for key in ("notBefore", "notAfter") if key in certificate}
    first, last = dates.get("notBefore"), dates.get("notAfter")
    what = f"The certificate that {shown_by} showed"
    if first and last and first <= now <= last:
        what = f"A certificate that vouches for that of {shown_by}"  # the dates are of the one below it
        first = last = None
    if ended:
        valid = f"was valid until {_utc(last)}" if last else "has expired"
    else:
        valid = f"is valid from {_utc(first)} on" if first else "is not valid yet"
    return (
        f"{what} {valid}, and the clock of this machine says {_utc(now)}. Set the clock if it is wrong; if it is "
        f"right, whoever runs {shown_by}, or a proxy that reads along, has to renew the certificate."
    )


def _date(text: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(text), dt.timezone.utc)


def _utc(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _for(certificate: Mapping[str, Any]) -> str:
    """Return whom a certificate is for."""
    names = [shown(name) for kind, name in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]
    subject = [shown(value) for parts in certificate.get("subject", ()) for key, value in parts if key == "commonName"]
    if names:
        return f"for {', '.join(names[:MOST_NAMES])}{' and others' if len(names) > MOST_NAMES else ''}"
    return f"for no host (its subject is {subject[0]}, which does not count)" if subject else "for another host"


def _read(pool: Any, limits: Limits) -> Mapping[str, Any]:
    """Return the certificate that was shown, as ssl tells it; empty if it cannot be had in the time that is left."""
    stage = current.stage
    if limits.left() <= 0:
        return {}
    # What a signal handler raises is not for us to catch.
    with suppress(OSError, HTTPException, urllib3.exceptions.HTTPError):
        return carry_out(_shown_to)(pool, min(limits.connect_seconds, limits.left()), to_proxy=stage == "proxy")
    return {}


def _shown_to(pool: Any, seconds: float, *, to_proxy: bool) -> Mapping[str, Any]:
    """Make a handshake that forgives the date and the name, and return the certificate."""
    context = ssl.create_default_context(cafile=pool.ca_file)
    context.check_hostname = False
    context.verify_flags |= NO_CHECK_TIME
    forgiving: dict[str, Any] = {"ssl_context": context, "assert_hostname": False, "timeout": seconds}
    if to_proxy:
        connection = SecureConnection(pool.proxy.host, pool.proxy.port, **forgiving)
    else:
        through = {"proxy": pool.proxy, "proxy_config": pool.proxy_config}
        place = pool.proxy or pool
        connection = SecureConnection(place.host, place.port, **forgiving, **through)
        if pool.proxy:
            connection.set_tunnel(pool.host, pool.port, pool.proxy_headers, scheme=pool.proxy.scheme)
    try:
        connection.connect()
        secure: Any = connection.sock
        return secure.getpeercert() or {}
    finally:
        connection.close()
