"""A server that does what a script says, over TLS with certificates made here, and requests to it."""

from __future__ import annotations

import datetime as dt
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from handler.calendar_api import Limits
from handler.calendar_api.transport import send

LIMITS = Limits(10.0, 30.0, lambda: 120.0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DAY = dt.timedelta(days=1)


def answers(*parts):
    """Make a script that reads a request and sends a part for each."""

    def script(connection, received):
        for part in parts:
            received.append(connection.recv(65536))
            connection.sendall(part)

    return script


def silent(connection, received):
    """Read the request and say nothing until the client hangs up."""
    received.append(connection.recv(65536))
    connection.recv(1)


def get(port, limits=LIMITS, method="GET", *, repeatable=True, scheme="http", host="127.0.0.1"):
    """Send a request to the port."""
    return send(
        method, f"{scheme}://{host}:{port}/x", b"body" if method == "POST" else None, {}, limits, repeatable=repeatable
    )


def signed(folder, name, extensions, *, first=-DAY, last=DAY, by=None):
    """Make a certificate valid between two times from now, and its key, as files of a folder.

    It is signed by the certificate of the folder `by`, or by itself.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, issuing_key = subject, key
    if by:
        issuer = x509.load_pem_x509_certificate((by / "ca.pem").read_bytes()).subject
        issuing_key = serialization.load_pem_private_key((by / "key.pem").read_bytes(), None)
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + first)
        .not_valid_after(now + last)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(_usage(may_sign=by is None), critical=True)  # which Python 3.13 wants of an authority
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing_key.public_key()), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(issuing_key, hashes.SHA256())
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return folder


def _usage(*, may_sign):
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    never = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=may_sign, **never)


def shown_by(folder):
    """Make a function that makes a connection a TLS one with the certificate of a folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return lambda connection: context.wrap_socket(connection, server_side=True)


def tunnelled(script, wrap=None, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
    """Make the script of a proxy that opens a way, at whose end another script is served, over TLS if one is given."""

    def tunnel(connection, received):
        received.append(connection.recv(65536))
        connection.sendall(answer)
        if wrap is None:
            script(connection, received)
        else:
            with wrap(connection) as inner:
                script(inner, received)

    return tunnel
