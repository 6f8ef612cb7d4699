"""What the browser's answer is worth: info values that were seen to work, and what their account can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...check import check
from ...descriptor import load
from ...errors import AuthorizationFailed
from ...retry import current_clock
from ...session import Session
from ...token_end import KEPT_AS, end_after, end_sentence, why_it_ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...calendar_api.consent import Consent
    from ...findings import Findings

TICKED = "Run authorize again, and leave every box ticked on Google's page."


def needed_scopes() -> dict[str, str]:
    """Return what each OAuth scope that a step needs is needed for."""
    return {row["scope"]: row["needed_for"] for row in load().document["oauth_scopes"]}


class Granted(NamedTuple):
    """The info values of the account that consented, and what `check` finds out about it."""

    info: dict[str, str]
    findings: Findings
    warning: str
    """That the refresh token ends, when and why; "" if it does not."""


def granted_account(consent: Consent, client: Mapping[str, str], answer: Mapping[str, str]) -> Granted:
    """Return what the browser's answer is worth.

    Raises AuthorizationFailed if nothing was granted, if an OAuth scope is missing or if
    the new token is refused, and whatever the token endpoint's answer was translated to.
    Any other problem is one of the findings: the token is good.
    """
    code = consent.code_of(answer)
    session = Session(client)
    grant = session.attempt(lambda: consent.redeem(code, session.limits))
    _demand(scope for scope in needed_scopes() if grant.scopes is not None and scope not in grant.scopes)
    end = end_after(grant.lifetime, current_clock().epoch())
    info = {**({KEPT_AS: end} if end else {}), **client, "refresh_token": grant.refresh_token}
    findings = check(info)
    _demand(findings["scopes"]["missing"])
    for problem in findings["problems"]:
        if problem["code"] == "authorization_failed":
            raise AuthorizationFailed(problem["code"], problem["message"])
    warning = f"The refresh token {end_sentence(end, past=False)}, {why_it_ends(grant.lifetime)}" if end else ""
    return Granted(info, findings, warning)


def _demand(missing: Iterable[str]) -> None:
    needs = [f"{scope}, needed for {needed_scopes()[scope]}" for scope in missing]
    if needs:
        message = f"The OAuth scope {' and the OAuth scope '.join(needs)}, was not granted on Google's page."
        raise AuthorizationFailed("scope_missing", message, {"remedy": TICKED})
