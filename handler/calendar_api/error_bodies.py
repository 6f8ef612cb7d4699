"""Reads what a refusal says: Google's error object, its reasons and its words.

The client library is no help here: it leaves out `errors[].reason` if there are `details[]`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .transport import Answer

ABSENT = frozenset({"notFound", "deleted"})
TOO_FAST = ("request rate higher than configured", "quota exceeded for")
"""How the texts of Google's front end begin, in any case, which are no error object
(https://github.com/GAM-team/GAM, src/gam/__init__.py)."""
MOST_TEXT = 1000
OAUTH_CODE = re.compile(r"[a-z_]{1,40}|RESOURCE_EXHAUSTED")
API_CODE = re.compile(r"[A-Za-z_]{1,60}")
OAUTH_ERROR = "an OAuth error"
"""Stands for any error that the token endpoint named, as RFC 6749 section 5.2 has it."""


class Refusal(NamedTuple):
    """What a refusal says of itself; the words are "" if it has none."""

    reasons: list[str]
    words: str
    is_of_front_end: bool = False
    """Whether it comes from the front end, which looks at projects and clients and never at calendars."""
    is_of_api: bool = False
    """Whether it has the form of an API's error, which is not that of OAuth."""


def is_googles(answer: Answer) -> bool:
    """Return whether a refusal is Google's own: a proxy or firewall sends no error object."""
    return bool(_error_of(answer.body))


def names_absence(answer: Answer) -> bool:
    """Return whether Google itself says that the resource does not exist: a status alone proves nothing."""
    error = _error_of(answer.body)
    named = _reasons(error, "errors", "details")
    return not ABSENT.isdisjoint(named) if named else error.get("code") == answer.status


def read_refusal(answer: Answer) -> Refusal:
    """Return what a refusal of the Calendar API says."""
    error = _error_of(answer.body)
    text = _text_of(answer.body)
    words, status = error.get("message", text), error.get("status")
    named = _reasons(error, "errors", "details")
    denied = status == "PERMISSION_DENIED"
    # Beside a reason that status says nothing: the front end has it for rate limits too.
    reasons = [*named, *([status] if isinstance(status, str) and not (denied and named) else [])]
    if answer.status == 403 and text:
        reasons.append("rateLimitExceeded")
    front_end = (denied or bool(_reasons(error, "details"))) if "forbidden" in named else denied and not named
    return Refusal(reasons, words if isinstance(words, str) else "", front_end)


def read_token_refusal(answer: Answer) -> Refusal:
    """Return what a refusal of the token endpoint says; nothing but words of one piece, as others may quote secrets."""
    body = json_or_none(answer.body)
    if not isinstance(body, dict):
        text = _text_of(answer.body)
        return Refusal(["rate_limit_exceeded"] if text else [], text)
    if isinstance(body.get("error"), dict):
        refusal = read_refusal(answer)
        return Refusal([*filter(API_CODE.fullmatch, refusal.reasons)], refusal.words, is_of_api=True)
    refusal = read_page_refusal(body)
    # Words that are no OAuth code are a gateway's.
    return refusal._replace(reasons=[*refusal.reasons, *([OAUTH_ERROR] if refusal.reasons else [])])


def read_page_refusal(query: Mapping[str, Any]) -> Refusal:
    """Return what the consent page says when it comes back with an error."""
    words = query.get("error_description")
    return Refusal([*filter(OAUTH_CODE.fullmatch, _oauth_texts(query))], words if isinstance(words, str) else "")


def json_or_none(body: bytes) -> Any:
    """Return what a body says as JSON, None if it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text_of(body: bytes) -> str:
    """Return a body that is a text of Google's, "" if it is anything else."""
    text = body[:MOST_TEXT].decode("utf-8", "replace").strip()
    return text if text.casefold().startswith(TOO_FAST) else ""


def _oauth_texts(fields: Mapping[str, Any]) -> list[str]:
    return [text for key in ("error_subtype", "error") if isinstance(text := fields.get(key), str)]


def _error_of(body: bytes) -> dict[str, Any]:
    """Return the error object of a body, {} if it has none."""
    found = json_or_none(body)
    if isinstance(found, list) and found:  # seen with streamed answers
        found = found[0]
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _reasons(error: Mapping[str, Any], *keys: str) -> list[str]:
    entries = [entry for key in keys for entry in _entries(error.get(key))]
    return [reason for entry in entries if isinstance(reason := entry.get("reason"), str)]


def _entries(found: Any) -> list[dict[str, Any]]:
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
