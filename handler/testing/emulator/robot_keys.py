"""The key that service accounts sign with: one pair, made when it is first needed, never kept.

All service accounts of a process share it, as a pair takes a while to make; which of them
accept it is a matter of their key ids.
"""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from .workspace import KEY_ID

if TYPE_CHECKING:
    from .workspace import RobotAccount

BITS = 2048
SHA256_IN_DER = bytes.fromhex("3031300d060960864801650304020105000420")
"""What precedes the digest in a signature of PKCS #1 with SHA-256."""


class KeyPair(NamedTuple):
    """An RSA key: the private half as text, the public one as its two numbers."""

    pem: str
    modulus: int
    exponent: int

    def __repr__(self) -> str:
        """Say nothing of the key."""
        return "KeyPair()"


_made: list[KeyPair] = []
_lock = Lock()


def key_document(account: RobotAccount) -> str:
    """Return the JSON of a service account's key, in the shape that Google's console writes."""
    host = "https://www.googleapis.com"
    document = {
        "type": "service_account",
        "project_id": account.project_id,
        "private_key_id": next(iter(account.key_ids), KEY_ID),
        "private_key": _key_pair().pem,
        "client_email": account.email,
        "client_id": account.client_id,
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": f"{host}/oauth2/v1/certs",
        "client_x509_cert_url": f"{host}/robot/v1/metadata/x509/{account.email.replace('@', '%40')}",
        "universe_domain": "googleapis.com",
    }
    return json.dumps(document, indent=2) + "\n"


def is_signed(message: bytes, signature: bytes) -> bool:
    """Tell whether the key has signed a message (RS256); no package is needed to see that."""
    pair = _key_pair()
    size = (pair.modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= pair.modulus:
        return False
    found = pow(number, pair.exponent, pair.modulus).to_bytes(size, "big")
    told = SHA256_IN_DER + sha256(message).digest()
    return hmac.compare_digest(found, b"\x00\x01" + b"\xff" * (size - len(told) - 3) + b"\x00" + told)


def _key_pair() -> KeyPair:
    with _lock:
        if not _made:
            _made.append(_make())
        return _made[0]


def _make() -> KeyPair:
    """Return a new pair, by whichever package google-auth has brought to sign with."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError:
        import rsa as plain_rsa

        _, private = plain_rsa.newkeys(BITS, accurate=False)  # a bit less, perhaps, in a fifth of the time
        return KeyPair(private.save_pkcs1().decode(), private.n, private.e)
    key = rsa.generate_private_key(65537, BITS)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    numbers = key.public_key().public_numbers()
    return KeyPair(pem.decode(), numbers.n, numbers.e)
