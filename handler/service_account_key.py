"""Reads the key of a service account as people paste it, and says what is wrong with one that is none.

Without a package for cryptography: a step checks its input before it loads one.
"""

from __future__ import annotations

import binascii
import functools
import json
import re
from base64 import b64decode
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PEM = re.compile(r"-----BEGIN ((?:[A-Z]+ )*)PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)-----END \1PRIVATE KEY-----\s*")
FILE_NAME = re.compile(r"[^{}\"\n]*\.json|(?:[~.]{0,2}/|[A-Za-z]:\\)[^{}\"\n]*")
IN_BASE64 = ("ewo", "ew0K", "ewkJ", "eyAg", "eyJ")
"""How a JSON object begins there, whatever stands behind its brace."""
RSA = bytes.fromhex("06092a864886f70d010101")
"""OID 1.2.840.113549.1.1.1, as a key of the form PKCS #8 holds it (RFC 8017, appendix A.1)."""
ANEW = (
    "make a new key of the type JSON in Google Cloud (IAM & Admin > Service Accounts > Keys), and paste the whole file"
)
AGAIN = f"copy the whole file again; if that does not help, {ANEW}"
OBJECT_BEGINS = re.compile(r"\{(?:\s|\\[nrt])*(?:\\?\"|$)")
OWN_KEY = re.compile(r"\"(?:type|private_key|private_key_id|client_email|client_id|token_uri|universe_domain)\\?\"\s*:")
OTHER_TYPES = {
    "external_account": "is a keyless configuration, which is not supported yet",
    "authorized_user": "is a token file of gcloud or a Google library, and no key of a service account",
    "impersonated_service_account": "is a configuration of gcloud, and no key of a service account",
}


class ServiceAccountKey(NamedTuple):
    """What is used of a key; no address in it is ever obeyed."""

    client_email: str
    client_id: str
    private_key: str
    private_key_id: str
    project_id: str

    def __repr__(self) -> str:
        """Name the account alone: the rest would show the key."""
        return f"{type(self).__name__}({self.client_email!r})"


@functools.lru_cache(64)  # a step reads its key several times
def read_key(text: str) -> ServiceAccountKey:
    """Return the key in a text; raises ValueError with what is wrong, which quotes nothing."""
    document = _document(text)
    kind = document.get("type")
    if kind != "service_account":
        client = "is the JSON file of an OAuth client, and no key of a service account"
        told = (
            client if document.keys() & {"installed", "web"} else OTHER_TYPES.get(kind if isinstance(kind, str) else "")
        )
        raise ValueError(f"{told or 'has another type than service_account'}; {ANEW}")
    values = {name: document.get(name) for name in ServiceAccountKey._fields}
    if missing := [name for name, value in values.items() if not isinstance(value, str) or not value.strip()]:
        raise ValueError(f"lacks {' and '.join(missing)}; {ANEW}")
    key = ServiceAccountKey(**{name: str(value).strip() for name, value in values.items()})
    if not re.fullmatch(r"[!-?A-~]+@[a-z0-9.-]+\.[a-z]+", key.client_email):
        raise ValueError(f"has a client_email that is no address; {ANEW}")
    return key._replace(private_key=_pem(key.private_key))


def flaw_of(text: str) -> str:
    """Return what is wrong with the key in a text, "" if nothing is."""
    try:
        read_key(text)
    except ValueError as error:
        return str(error)
    return ""


def _document(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("-----BEGIN"):
        raise ValueError(f"is the private key alone, or a certificate; {ANEW}")
    if text.strip() == "metadata_server":
        raise ValueError(f"asks for the metadata server, which is not supported yet; {ANEW}")
    if FILE_NAME.fullmatch(text.strip()):
        raise ValueError(
            "is the name of a file; give what the file holds, or set GOOGLE_SERVICE_ACCOUNT_FILE to the name"
        )
    if text.lstrip().startswith(IN_BASE64):
        raise ValueError("is encoded in base64; give what it holds, decoded")
    for form in _forms(text):
        with suppress(ValueError, RecursionError):
            found = json.loads(form, strict=False)  # line feeds may stand in the key as they are
            found = json.loads(found, strict=False) if isinstance(found, str) else found
            if isinstance(found, dict):
                return found
    if part := _missing_end(text):
        raise ValueError(f"is cut: it {part} in the middle of a JSON object; {AGAIN}")
    raise ValueError(f"is not the JSON of a service account's key; {ANEW}")


def _missing_end(text: str) -> str:
    """Return how a text that is a part of a JSON object is cut, "" if it is none."""
    bare = text.strip().strip("\"'")
    if OBJECT_BEGINS.match(bare) and not bare.endswith("}"):
        return "ends"
    if OWN_KEY.search(bare) and bare.endswith("}") and not bare.startswith("{"):
        return "begins"
    return ""


def _forms(text: str) -> Iterator[str]:
    """Yield the text as it is, and as it was before an engine wrote its line feeds, or all of it, as escapes."""
    yield text
    yield re.sub(r"\\r?\\n|\\n", "\n", text)
    yield f'"{text}"'


def _pem(text: str) -> str:
    """Return a private key with line feeds that are ones; raises ValueError if it is cut, or not of RSA."""
    lines = text.replace("\\r", "").replace("\\n", "\n").replace("\r", "")
    if "ENCRYPTED" in lines:
        raise ValueError(f"has a private_key with a passphrase, which no key of Google's has; {ANEW}")
    found = PEM.fullmatch(lines.strip())
    if found is None:
        raise ValueError(
            f"has a private_key that is cut or damaged: it has to begin with -----BEGIN and end with -----END; {AGAIN}"
        )
    try:
        content = b64decode("".join(found[2].split()), validate=True)
    except binascii.Error:
        content = b""
    if not _is_whole(content):
        raise ValueError(f"has a private_key that is cut or damaged; {AGAIN}")
    if found[1] == "EC " or (not found[1] and RSA not in content[:40]):
        raise ValueError(f"has a private_key that is not of RSA, as Google's are; {ANEW}")
    return f"{lines.strip()}\n"


def _is_whole(content: bytes) -> bool:
    """Return whether this is one DER sequence from its first byte to its last (X.690, 8.1.3)."""
    if len(content) < 4 or content[0] != 0x30:
        return False
    size = content[1] & 0x7F if content[1] & 0x80 else 0
    length = int.from_bytes(content[2 : 2 + size], "big") if size else content[1]
    return len(content) == 2 + size + length
