"""Knows Google's own name for the public, which is never a user, a group or a domain.

Google has kept __public_principal__@public.calendar.google.com for rules of the public
since before there was the scope default.
"""

from __future__ import annotations

import encodings.punycode  # noqa: F401 -- else the first such name imports it, under a lock that a fork would copy
import re
import unicodedata

LABELS = ["public", "calendar", "google", "com"]
ASCII_FORM = re.compile(r"xn--([^.@]*)")


def is_public(recipient: str) -> bool:
    """Say whether an address or a domain is at or under the public's, however it is written.

    Errs on that side: who else has a name that Google could read so, has none in Google's
    own domain.
    """
    parts = _plain(recipient).split("@")
    domains = ([label for label in part.split(".") if label] for part in parts[1:] or parts)
    return any(labels[-len(LABELS) :] == LABELS for labels in domains)


def _plain(name: str) -> str:
    """Return a name in the plainest letters that it may be read in."""
    letters = _folded(ASCII_FORM.sub(_decoded, _folded(name)))
    return letters.encode("ascii", "ignore").decode()


def _folded(name: str) -> str:
    # A name in other letters may have ideographic dots (RFC 3490, section 3.1).
    compatible = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", compatible).replace("\N{IDEOGRAPHIC FULL STOP}", ".")


def _decoded(label: re.Match[str]) -> str:
    try:
        return label[1].encode("ascii").decode("punycode")
    except UnicodeError:
        return label[0]
