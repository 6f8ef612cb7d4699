"""Opens connections to a host, and keeps each as long as its answers are an API's.

A connection that brought anything but a well-formed answer, or anything after it, is
closed: its next answer might belong to another request.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 -- else the first look-up imports it, under a lock that a fork would copy
import socket
import time
from typing import TYPE_CHECKING, Any

import urllib3

from .http_answers import OddAnswerError, WholeResponse, current, is_page
from .interruptions import carry_out

if TYPE_CHECKING:
    from .proxies import Proxy

SHORTEST_CONNECT = 1.0
"""Seconds that each address of a host gets at least, if that many are left: a lost packet is sent again after one."""
SHORTEST_WAIT = 0.001
"""Seconds; zero would make the socket non-blocking."""


class HostConnection(urllib3.connection.HTTPConnection):
    """Notes its progress, opens within one connect time, and closes unless its answer was understood."""

    response_class = WholeResponse
    request: Any = carry_out(urllib3.connection.HTTPConnection.request)  # urllib3 forgives some errors there

    def connect(self) -> None:
        """Connect, and note to what."""
        current.stage = "proxy" if self.proxy else "host"
        super().connect()
        current.stage = "open"

    def _new_conn(self) -> socket.socket:
        # urllib3 would allow the whole time for each address of the host.
        end = time.monotonic() + self._seconds()
        try:
            addresses = socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise urllib3.exceptions.NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        failed: Exception | None = None
        for untried, (*_, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            left = end - time.monotonic()
            if left <= 0:
                break
            try:
                connected = carry_out(urllib3.util.connection.create_connection)(
                    (str(address[0]), self.port),
                    max(left / untried, min(left, SHORTEST_CONNECT)),
                    socket_options=self.socket_options,
                )
            except OSError as error:
                failed = error
            else:
                connected.settimeout(self._seconds())  # for what comes before the request
                return connected
        if failed is None or isinstance(failed, TimeoutError):
            raise urllib3.exceptions.ConnectTimeoutError(self, "no address answered in time") from failed
        raise urllib3.exceptions.NewConnectionError(self, "no address let us in") from failed

    def _tunnel(self) -> None:
        current.stage = "tunnel"
        super()._tunnel()
        if current.surplus:  # a host that is spoken to over TLS is silent until it is
            raise OddAnswerError("sent a page in place of a connection")
        current.stage = "host"
        self.sock.settimeout(self._seconds())

    def _seconds(self) -> float:
        """Return how long the next wait may be before the connection is open."""
        return max(min(float(self.timeout or 0.0), current.limits.left()), SHORTEST_WAIT)

    def getresponse(self) -> Any:
        """Return the answer, read to its end."""
        response = super().getresponse()  # urllib3 has read it to its end by now
        pending = getattr(self.sock, "pending", int)()  # of TLS; select does not see it
        if current.surplus or pending or _is_foreign(response):
            self.close()
        return response


class SecureConnection(HostConnection, urllib3.connection.HTTPSConnection):
    """The same over TLS."""


class Pool(urllib3.HTTPConnectionPool):
    """Keeps connections to a host."""

    ConnectionCls = HostConnection
    urlopen: Any = carry_out(urllib3.HTTPConnectionPool.urlopen)


class SecurePool(urllib3.HTTPSConnectionPool):
    """Keeps connections over TLS."""

    through: Proxy | None = None
    """What leads to the host."""
    ca_file: str = ""
    """What its certificate is checked with."""
    ConnectionCls = SecureConnection
    urlopen: Any = carry_out(urllib3.HTTPSConnectionPool.urlopen)


def _is_foreign(answer: urllib3.BaseHTTPResponse) -> bool:
    """Return whether this cannot come from an API: a web page, or another protocol."""
    return answer.status < 200 or is_page(answer.headers)
