"""What the tests of the network need: a server by script, a certificate, and an environment that names nothing."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading

import pytest
from cryptography import x509

from handler.calendar_api import forget_all

from ..support.listening import shown_by, signed


@pytest.fixture
def fresh(monkeypatch):
    """Begin with no connections, and with an environment that names no proxy and no CA file."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    forget_all()
    yield
    forget_all()


@pytest.fixture
def listen():
    """Provide a function that serves connections by scripts, one for each, and gives port and what came in."""
    with contextlib.ExitStack() as stack:

        def start(*scripts, wrap=lambda connection: connection):
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            received = []

            def serve():
                for script in scripts:
                    try:
                        raw, _ = server.accept()
                    except OSError:
                        return
                    with raw, contextlib.suppress(OSError), wrap(raw) as connection:
                        script(connection, received)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(server.shutdown, socket.SHUT_RDWR)
            return server.getsockname()[1], received

        yield start


@pytest.fixture(scope="package")
def certificate(tmp_path_factory):
    """Make a certificate for 127.0.0.1 that only its own CA file vouches for."""
    return signed(
        tmp_path_factory.mktemp("certificate"),
        "emulator",
        [x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])],
    )


@pytest.fixture
def secure(certificate):
    """Return a function that makes a connection a TLS one."""
    return shown_by(certificate)
