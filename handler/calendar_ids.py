"""Ids of calendars as people copy them: in quotes, encoded, or inside an address of Google's pages."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from .characters import without_hidden

if TYPE_CHECKING:
    from collections.abc import Iterable

ID = re.compile(r"[^\s@\"<>:/?&=%,;()\[\]]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
HOSTS = frozenset(
    {"calendar.google.com", "www.google.com", "google.com", "www.googleapis.com", "apidata.googleusercontent.com"}
)
"""Of the pages, the feeds, the API and CalDAV; each has the id in its query or as a part of its path."""
PAGE = re.compile(r"(?:[a-z]+://)?(?:calendar\.app\.google|(?:[a-z]+\.)*google[a-z]*\.[a-z.]+)/", re.IGNORECASE)
EMBEDDED = re.compile(r"<iframe\b[^>]*\bsrc=[\"']([^\"']+)", re.IGNORECASE)
BEFORE = re.compile(r"(?:mailto:|src=|cid=|[\s\"'`<(\[\u2018-\u201f\u00ab\u00bb\u2039\u203a])+", re.IGNORECASE)
BEHIND = "\t \"'`>)],;.\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a"
FEWEST_ENCODED = 8
"""Characters; no id is so short that it takes fewer in Base64."""


def id_in(name: str) -> str:
    """Return the one id that a name can mean, also a plain one as it is; "" if it holds none, or several."""
    text = bare(name)
    found = _on_page(text) if is_page(text) else _ids([text])
    return found.pop() if len(found) == 1 else ""


def bare(name: str) -> str:
    """Return a name without what is not seen and what stands around it: quotes, brackets, mailto, HTML of a frame."""
    text = without_hidden(name).strip()
    if embedded := EMBEDDED.match(text):
        return embedded[1].replace("&amp;", "&")
    before = BEFORE.match(text)
    return text[before.end() if before else 0 :].rstrip(BEHIND)


def is_page(name: str) -> bool:
    """Return whether this is an address of Google's, and no title or id."""
    return bool(PAGE.match(bare(name)))


def _on_page(text: str) -> set[str]:
    """Return the ids in an address: those of its query, else those of its path."""
    try:
        page = urlsplit(text if "://" in text else f"https://{text}")
        asked = parse_qs(page.query)
        if page.hostname not in HOSTS:
            return set()
    except ValueError:
        return set()
    named = [*asked.get("src", ()), *asked.get("cid", ())]
    return _ids(named) if named else _ids(page.path.split("/"))


def _ids(texts: Iterable[str]) -> set[str]:
    """Return the ids among texts, each as it is, percent-encoded (twice at most), or in Base64."""
    forms = ((text, once := unquote(text), unquote(once), _decoded(text)) for text in texts)
    return {next(filter(ID.fullmatch, options)) for options in forms if any(map(ID.fullmatch, options))}


def _decoded(text: str) -> str:
    """Return what a text in Base64 says, in either alphabet and with or without its end; "" if it is none."""
    plain = unquote(text).rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    if len(plain) < FEWEST_ENCODED:
        return ""
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
