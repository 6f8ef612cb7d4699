"""What the browser's answer is worth: info values that were seen to work, and what their account can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...check import check
from ...descriptor import load
from ...errors import AuthorizationFailed
from ...session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...calendar_api.consent import Consent
    from ...check import Findings

TICKED = "Run authorize again, and leave every box ticked on Google's page."


def needed_scopes() -> dict[str, str]:
    """Return what each OAuth scope that a step needs is needed for."""
    return {row["scope"]: row["needed_for"] for row in load().document["oauth_scopes"]}


def granted_account(
    consent: Consent, client: Mapping[str, str], answer: Mapping[str, str]
) -> tuple[dict[str, str], Findings]:
    """Return the info values of the account that consented, and what `check` finds out about it.

    Raises AuthorizationFailed if nothing was granted, if an OAuth scope is missing or if
    the new token is refused, and whatever the token endpoint's answer was translated to.
    Any other problem is one of the findings: the token is good.
    """
    code = consent.code_of(answer)
    session = Session(client)
    grant = session.attempt(lambda: consent.redeem(code, session.limits))
    _demand(scope for scope in needed_scopes() if grant.scopes is not None and scope not in grant.scopes)
    info = {**client, "refresh_token": grant.refresh_token}
    findings = check(info)
    _demand(findings["scopes"]["missing"])
    for problem in findings["problems"]:
        if problem["code"] == "authorization_failed":
            raise AuthorizationFailed(problem["code"], problem["message"])
    return info, findings


def _demand(missing: Iterable[str]) -> None:
    needs = [f"{scope}, needed for {needed_scopes()[scope]}" for scope in missing]
    if needs:
        message = f"The OAuth scope {' and the OAuth scope '.join(needs)}, was not granted on Google's page."
        raise AuthorizationFailed("scope_missing", message, {"remedy": TICKED})
