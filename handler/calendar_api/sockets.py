"""Opens connections to a host, and reads one answer at a time from each.

Only a well-formed and complete answer is passed on. A connection that brought anything
else, or anything more, is closed: its next answer might belong to another request.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 -- else the first look-up imports it, under a lock that a fork would copy
import http.client
import io
import socket
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import urllib3

from .interruptions import carry_out

if TYPE_CHECKING:
    from .transport import Limits

MOST_BYTES = 8 * 2**20
"""Bytes of an answer, compressed or not; 250 calendars take a twentieth of that."""
MOST_INTERIM = 16
"""Interim answers before the one that counts."""
SHORTEST_CONNECT = 1.0
"""Seconds that each address of a host gets at least, if that many are left: a lost packet is sent again after one."""
SHORTEST_WAIT = 0.001
"""Seconds; zero would make the socket non-blocking."""
COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
ZLIB_OR_GZIP, BARE = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS
"""What zlib is to expect; some servers send deflate without its header."""


class Current(threading.local):
    """The request that this thread is making."""

    limits: Limits
    stage: str = "kept"
    """How far it is: on a "kept" connection, connecting to the "proxy" or the "host", or "open"."""
    surplus: bool = False
    """Whether anything came after the answer."""


current = Current()


class _Reader(io.RawIOBase):
    """Reads an answer; however slowly it arrives, no wait exceeds the time left for the step."""

    def __init__(self, connected: socket.socket, file: socket.SocketIO) -> None:
        self._socket = connected
        self._file = file
        self._bytes_left = 2 * MOST_BYTES  # including headers and the framing of chunks
        self.at_end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.at_end:
            return 0
        limits = current.limits
        left = limits.left()
        if left < limits.read_seconds:  # what urllib3 has set
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
        count = self._file.readinto(buffer)
        self._bytes_left -= count or 0
        if self._bytes_left < 0:
            raise TooLongError
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Buffer(io.BufferedReader):
    """Notices whatever comes after the end of an answer."""

    raw: _Reader

    def close(self) -> None:
        if not self.closed:
            self.raw.at_end = True
            if self.peek(1):
                current.surplus = True
        super().close()


class _WholeResponse(http.client.HTTPResponse):
    """The final answer, read by _Reader after any interim ones; raises if it breaks HTTP's rules."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp: Any = _Buffer(_Reader(sock, self.fp.detach()))

    def _read_status(self) -> tuple[str, int, str]:
        # http.client itself skips only 100, and would leave the real answer to the next request.
        for _ in range(MOST_INTERIM + 1):
            status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= status[1] < 200 or status[1] == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return status
            http.client.parse_headers(self.fp)
        raise OddAnswerError("sent interim answers only")

    def begin(self) -> None:
        super().begin()
        if self.msg.defects:
            # urllib3 would log the lines, which may be our own request sent back, token and all.
            self.close()
            raise OddAnswerError("sent an answer whose headers are none")
        if self.length and self.length > MOST_BYTES:
            raise TooLongError

    def read(self, amt: int | None = None) -> bytes:
        """Read the whole body; raises if it is longer than MOST_BYTES or incomplete."""
        del amt  # urllib3 asks for all
        try:
            body = super().read(MOST_BYTES + 1)
        except ValueError:  # a chunk of negative length
            raise OddAnswerError("sent an answer in pieces that are none") from None
        if len(body) > MOST_BYTES:
            raise TooLongError
        if self.length:
            raise http.client.IncompleteRead(body, self.length)
        return _unpacked(body, self.headers.get("content-encoding", ""))


class OddAnswerError(http.client.HTTPException):
    """The answer breaks the rules of HTTP; the message says how."""


class TooLongError(Exception):
    """The answer is longer than MOST_BYTES."""


class HostConnection(urllib3.connection.HTTPConnection):
    """Notes its progress, opens within one connect time, and closes unless its answer was understood."""

    response_class = _WholeResponse
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
        super()._tunnel()
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

    ConnectionCls = SecureConnection
    urlopen: Any = carry_out(urllib3.HTTPSConnectionPool.urlopen)


def _is_foreign(answer: urllib3.BaseHTTPResponse) -> bool:
    """Return whether this cannot come from an API: a web page, or another protocol."""
    return answer.status < 200 or answer.headers.get("content-type", "").startswith("text/html")


def _unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body as it was before it was compressed; one that cannot be unpacked is returned unchanged."""
    if encoding.lower() not in COMPRESSED:
        return body
    for window in (ZLIB_OR_GZIP, BARE):
        unpacker = zlib.decompressobj(window)
        try:
            unpacked = unpacker.decompress(body, MOST_BYTES + 1)
        except zlib.error:
            continue
        if len(unpacked) > MOST_BYTES:
            raise TooLongError
        if unpacker.eof and not unpacker.unused_data:
            return unpacked
    return body
