"""Makes a certificate authority and the server's certificate, anew for each run."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = ("www.googleapis.com", "oauth2.googleapis.com")


def make_service_account(folder: Path) -> Path:
    """Write a service account's key, in the shape that Google's console gives; return its path."""
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    document = {
        "type": "service_account",
        "project_id": "benchmark",
        "private_key_id": "benchmark-key",
        "private_key": private.decode(),
        "client_email": "robot@benchmark.iam.gserviceaccount.com",
        "client_id": "1",
    }
    file = folder / "key.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def make(folder: Path) -> tuple[Path, Path]:
    """Write the CA file for clients and the PEM file for the server; give both paths.

    The CA file holds all that certifi trusts too: to load those is what it costs in earnest.
    """
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Benchmark CA")])
    authority = (
        _builder(authority_name, authority_name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOSTS[0])])
    certificate = (
        _builder(name, authority_name, key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    authorities, server = folder / "ca.pem", folder / "server.pem"
    authorities.write_bytes(certifi.contents().encode() + b"\n" + _pem(authority))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server.write_bytes(private + _pem(certificate))
    return authorities, server


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
