"""The consent page: which account, which scopes, and back to the program that asked.

The page is a plain form. Without a browser: send the same query by POST, with
`decision=allow` (or `deny`), one `scope` for each box that is ticked and, where a
client serves several accounts, `account`.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from .accounts import SCOPE_ROOT, Account
from .answers import Reply, html_answer
from .google_errors import GoogleError
from .sign_in import AccountGrant, CodeGrant, SignIn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .routing import Request

SIGN_IN_SCOPES = ("openid", "email", "profile")
# By its letters: programs differ in what they read out of an odd address, browsers most of all.
LOOPBACK = re.compile(
    r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::([0-9]{1,5}))?"
    r"(?:[/?](?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%(?!7[Ff])[2-9A-Fa-f][0-9A-Fa-f])*)?"
)
LAST_PORT = 65535


def show_page(sign_in: SignIn, request: Request) -> Reply:
    """Return the page that asks, or raise GoogleError if the query is wrong."""
    accounts = check_query(sign_in, request.query)
    preferred = _preferred(request, accounts)
    people = "\n".join(_choice(one, checked=one == preferred) for one in accounts)
    boxes = "\n".join(_box(scope) for scope in _scopes(request.query))
    action = escape(f"{request.path}?{urlencode(request.query)}")
    return html_answer(
        200,
        f"""<!doctype html>
<title>Sign in to the calendar emulator</title>
<h1>{escape(request.query["client_id"])} wants access</h1>
<form method="post" action="{action}">
{people}
{boxes}
<p><button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></p>
</form>
""",
    )


def decide(sign_in: SignIn, request: Request) -> Reply:
    """Send the browser back with a code, or with access_denied."""
    query = request.query
    accounts = check_query(sign_in, query)
    form = parse_qs(request.body.decode("utf-8", "replace"))
    chosen = form.get("account", [_preferred(request, accounts).email])[0]
    account = next((one for one in accounts if one.email == chosen.lower()), None)
    ticked = form.get("scope", [])
    scopes = tuple(scope for scope in _scopes(query) if scope in ticked)
    back = {"state": query["state"]} if "state" in query else {}
    if form.get("decision") == ["allow"] and account and scopes:
        consent = CodeGrant(
            grant=AccountGrant(account, scopes),
            redirect_uri=query["redirect_uri"],
            refreshable=False,
            challenge=query.get("code_challenge", ""),
            challenge_method=query.get("code_challenge_method", "plain"),
        )
        code = sign_in.consent(
            consent,
            offline=query.get("access_type") == "offline",
            asked_again="consent" in query.get("prompt", "").split(),
        )
        back |= {"code": code, "scope": " ".join(scopes)}
    else:
        back |= {"error": "access_denied"}
    joint = "&" if "?" in query["redirect_uri"] else "?"
    location = f"{query['redirect_uri']}{joint}{urlencode(back)}"
    return Reply(302, headers={"Location": location})


def check_query(sign_in: SignIn, query: Mapping[str, str]) -> list[Account]:
    """Return the accounts that may be asked, or raise GoogleError."""
    for name in ("client_id", "redirect_uri", "response_type", "scope"):
        if not query.get(name, "").strip():
            message = f"Missing required parameter: {name}"
            raise GoogleError(reason="invalid_request", message=message)
    accounts = sign_in.accounts_of(query["client_id"])
    if not accounts:
        message = "The OAuth client was not found."
        raise GoogleError(reason="invalid_client", message=message, status=400)
    if not _is_loopback(query["redirect_uri"]):
        raise GoogleError(reason="redirect_uri_mismatch")
    if query["response_type"] != "code":
        raise GoogleError(reason="unsupported_response_type")
    if query.get("code_challenge_method", "plain") not in ("S256", "plain"):
        message = "Invalid code_challenge_method"
        raise GoogleError(reason="invalid_request", message=message)
    for scope in _scopes(query):
        if not scope.startswith(SCOPE_ROOT) and scope not in SIGN_IN_SCOPES:
            message = "Some requested scopes were invalid."
            raise GoogleError(reason="invalid_scope", message=message)
    return accounts


def _is_loopback(address: str) -> bool:
    found = LOOPBACK.fullmatch(address)
    return found is not None and int(found[1] or 0) <= LAST_PORT


def _scopes(query: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(query["scope"].split()))


def _preferred(request: Request, accounts: list[Account]) -> Account:
    hint = request.query.get("login_hint", "").lower()
    return next((one for one in accounts if one.email == hint), accounts[0])


def _choice(account: Account, *, checked: bool) -> str:
    email = escape(account.email)
    mark = " checked" if checked else ""
    return f'<p><label><input type="radio" name="account" value="{email}"{mark}> {email}</label></p>'


def _box(scope: str) -> str:
    name = escape(scope)
    return f'<p><label><input type="checkbox" name="scope" value="{name}" checked> {name}</label></p>'
