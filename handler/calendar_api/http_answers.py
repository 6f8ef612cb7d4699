"""Reads one answer to its end, and nothing but a well-formed and complete one."""

from __future__ import annotations

import http.client
import io
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from .transport import Limits

MOST_BYTES = 8 * 2**20
"""Bytes of an answer, compressed or not; 250 calendars take a twentieth of that."""
MOST_INTERIM = 16
"""Interim answers before the one that counts."""
COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
ZLIB_OR_GZIP, BARE = 32 + zlib.MAX_WBITS, -zlib.MAX_WBITS
"""What zlib is to expect; some servers send deflate without its header."""


def seconds_ahead(headers: Mapping[str, str]) -> float | None:
    """Return how far this machine's clock is ahead of the sender's by its Date; None if that says nothing."""
    from email.utils import parsedate_to_datetime

    try:
        sent = parsedate_to_datetime(headers.get("Date", ""))
        return time.time() - sent.timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


class Current(threading.local):
    """The request that this thread is making."""

    limits: Limits
    stage: str = "kept"
    """How far it is: on a "kept" connection, connecting to the "proxy", waiting for its "tunnel", connecting to the
    "host", or "open"."""
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


class WholeResponse(http.client.HTTPResponse):
    """The final answer, read by _Reader after any interim ones; raises if it breaks HTTP's rules."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp: Any = _Buffer(_Reader(sock, self.fp.detach()))

    def _read_status(self) -> tuple[str, int, str]:
        # http.client itself skips only 100, and would leave the real answer to the next request.
        for _ in range(MOST_INTERIM + 1):
            status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            is_final = not 100 <= status[1] < 200 or status[1] == http.HTTPStatus.SWITCHING_PROTOCOLS
            if is_final and (current.stage != "tunnel" or status[1] == http.HTTPStatus.OK):
                return status
            headers = http.client.parse_headers(self.fp)
            if is_final:
                raise TunnelRefusedError(status[1], ", ".join(headers.get_all("Proxy-Authenticate", ())))
        raise OddAnswerError("sent interim answers only")

    def begin(self) -> None:
        """Read the headers; raises if they are malformed or announce more than MOST_BYTES."""
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


def is_page(headers: Mapping[str, str]) -> bool:
    """Return whether these are the headers of a web page, which no API sends."""
    return headers.get("content-type", "").startswith("text/html")


class OddAnswerError(http.client.HTTPException):
    """The answer breaks the rules of HTTP; the message says how."""


class TunnelRefusedError(OSError):
    """A proxy opens no way to a host."""

    def __init__(self, status: int, challenges: str) -> None:
        """Take the proxy's status, and what it offers for signing in to it."""
        super().__init__("refused by a proxy")
        self.status = status
        self.challenges = challenges


class TooLongError(Exception):
    """The answer is longer than MOST_BYTES."""


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
