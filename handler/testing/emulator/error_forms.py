"""The forms in which Google says an error, and the page of paths that nobody serves.

Calendar itself answers with the classic envelope, Google's front end before it with one
that has a status in words and details; the token endpoint has OAuth's two keys, and the
consent screen a page.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .answers import Reply, html_answer, json_answer
from .google_errors import (
    LOGIN_REQUIRED,
    OAUTH_ERROR_OF_STATUS,
    OAUTH_ERRORS,
    REASON_OF_STATUS,
    REASONS,
    SERVICE,
    GoogleError,
    Reason,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

REALM = 'Bearer realm="https://accounts.google.com/"'
RPC = "type.googleapis.com/google.rpc"
STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def api_form(error: GoogleError, method_id: str, scopes: Sequence[str]) -> Reply:
    """Return the API's envelope; `scopes` are those of which the method needs one."""
    name = error.reason or REASON_OF_STATUS.get(error.status) or _camel(error.status)
    known = _known(name, error)
    envelope = _front_end if known.front_end or error.front_end else _classic
    headers = {}
    if known.status == HTTPStatus.UNAUTHORIZED:
        bad_token = "" if known is LOGIN_REQUIRED else ', error="invalid_token"'
        headers["WWW-Authenticate"] = REALM + bad_token
    elif name == "insufficientPermissions":
        wanted = f'error="insufficient_scope", scope="{" ".join(scopes)}"'
        headers["WWW-Authenticate"] = f"{REALM}, {wanted}"
    return json_answer(known.status, {"error": envelope(name, known, method_id)}, headers)


def token_form(error: GoogleError) -> Reply:
    """Return OAuth's form of an error, as the token endpoint sends it."""
    status, name, description = _oauth_words(error)
    return json_answer(status, {"error": name, "error_description": description})


def page_form(error: GoogleError) -> Reply:
    """Return the page that a browser is shown when sign-in is refused."""
    status, name, description = _oauth_words(error)
    text = f"<h1>Error {status}: {escape(name)}</h1>\n<p>{escape(description)}</p>\n"
    return html_answer(status, f"<!doctype html>\n<title>Sign in</title>\n{text}")


def unknown_page(path: str) -> Reply:
    """Return the page that Google's front end shows where there is nothing."""
    text = (
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error 404 (Not Found)!!1</title>\n"
        "  <p><b>404.</b> <ins>That\N{RIGHT SINGLE QUOTATION MARK}s an error.</ins>\n"
        f"  <p>The requested URL <code>{escape(unquote(path))}</code> was not found on this server.\n"
    )
    return html_answer(HTTPStatus.NOT_FOUND, text)


def _known(name: str, error: GoogleError) -> Reason:
    """Return what belongs to a reason, with what the error itself says in its place."""
    unsigned = (name, error.status) == ("required", HTTPStatus.UNAUTHORIZED)
    known = LOGIN_REQUIRED if unsigned else REASONS.get(name) or Reason(400, "global", "")
    if unsigned and not error.message:
        return known
    status = error.status or known.status
    return replace(
        known,
        status=status,
        message=error.message or known.message or _phrase(status),
        entry_message=error.message or known.entry_message,
        location=("parameter", error.parameter) if error.parameter else known.location,
    )


def _classic(name: str, known: Reason, _method_id: str) -> dict[str, Any]:
    entry = {"domain": known.domain, "reason": name, "message": known.entry_message or known.message}
    kind, place = known.location
    if place:
        entry |= {"locationType": kind, "location": place}
    if known.extended_help:
        entry["extendedHelp"] = known.extended_help
    return {"errors": [entry], "code": known.status, "message": known.message}


def _front_end(name: str, known: Reason, method_id: str) -> dict[str, Any]:
    entry = {"message": known.entry_message or known.message, "domain": known.domain, "reason": name}
    kind, place = known.location
    if place:
        entry |= {"location": place, "locationType": kind}
    if known.extended_help:
        entry["extendedHelp"] = known.extended_help
    said = {
        "code": known.status,
        "message": known.message,
        "errors": [entry],
        "status": STATUS_WORDS.get(known.status, "UNKNOWN"),
    }
    return {**said, "details": _details(known, method_id)} if known.error_info else said


def _details(known: Reason, method_id: str) -> list[dict[str, Any]]:
    if known.link:
        links = [{"description": "Google developers console API activation", "url": known.link}]
        help_links = [{"@type": f"{RPC}.Help", "links": links}]
        metadata = {"service": SERVICE, "consumer": "projects/0"}
    else:
        resource, method = (word[:1].upper() + word[1:] for word in method_id.split("."))
        help_links, metadata = [], {"service": SERVICE, "method": f"calendar.v3.{resource}.{method}"}
    info = {
        "@type": f"{RPC}.ErrorInfo",
        "reason": known.error_info,
        "domain": "googleapis.com",
        "metadata": metadata,
    }
    return [*help_links, info]


def _oauth_words(error: GoogleError) -> tuple[int, str, str]:
    usual = OAUTH_ERROR_OF_STATUS.get(error.status, "internal_failure")
    name = error.reason or usual
    status, description = OAUTH_ERRORS.get(name, (400, name))
    return error.status or status, name, error.message or description


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Error"


def _camel(status: int) -> str:
    first, *others = _phrase(status).replace("'", "").replace("-", " ").split()
    return first.lower() + "".join(word.capitalize() for word in others)
