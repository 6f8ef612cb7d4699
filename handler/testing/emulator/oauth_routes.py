"""Signing in: the token endpoint and the consent page."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .answers import Reply, json_answer
from .consent_page import decide, show_page
from .error_forms import page_form, token_form
from .google_errors import GoogleError
from .routing import Request, Route, Work, World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUTES: list[Route] = []
"""Every route of this module, in order."""


def route(
    method_id: str,
    http_method: str,
    path: str,
    error_form: Callable[[GoogleError], Reply],
) -> Callable[[Work], Work]:
    """Declare a function as the work of a method, refused in a form of its own."""

    def declare(work: Work) -> Work:
        ROUTES.append(Route(method_id, http_method, path, "/", work, error_form))
        return work

    return declare


@route("oauth2.token", "POST", "token", token_form)
def token(world: World, request: Request, values: Mapping[str, str]) -> Reply:
    """Answer with tokens for a refresh token, a consent code or an assertion."""
    del values
    answer = world.sign_in.answer({**_basic(request), **request.form()})
    return json_answer(200, answer)


@route("oauth2.auth", "GET", "o/oauth2/v2/auth", page_form)
def ask(world: World, request: Request, values: Mapping[str, str]) -> Reply:
    """Show the consent page."""
    del values
    return show_page(world.sign_in, request)


@route("oauth2.auth", "POST", "o/oauth2/v2/auth", page_form)
def answered(world: World, request: Request, values: Mapping[str, str]) -> Reply:
    """Take the decision on the consent page."""
    del values
    return decide(world.sign_in, request)


def _basic(request: Request) -> dict[str, str]:
    kind, _, packed = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return {}
    try:
        client_id, _, secret = b64decode(packed, validate=True).decode().partition(":")
    except ValueError:
        raise GoogleError(reason="invalid_client", message="Unauthorized") from None
    return {"client_id": unquote(client_id), "client_secret": unquote(secret)}
