"""A check as text for people: what `check` shows, and `authorize` in its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..delegation import clock_told
from ..errors import quote, shown
from ..token_end import end_sentence
from .output import aligned, columns, count, paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..findings import Asked, Findings, ServiceAccount

MOST_CALENDARS = 20
MOST_OTHERS = 5
"""So many are listed as text, so that all fits one screen; JSON and XML have them all."""


def findings_text(findings: Findings) -> Iterator[str]:
    """Yield a check for people, line by line: account, token, scopes, calendars, then each problem with what to do."""
    rows = [("Account", shown(findings["account"]) or "unknown"), *_service_account(findings["service_account"])]
    if findings["token_end"]["at"]:
        rows.append(("Token", end_sentence(**findings["token_end"])))
    for place, (state, scope) in enumerate(scope_states(findings)):
        rows.append(("" if place else "Scopes", f"{state:<7}  {shown(scope)}"))
    for place, (name, value) in enumerate(findings["guard_rails"].items()):
        rows.append(("" if place else "Guard rails", f"{name}: {shown(value)}"))
    rows.append(("Calendars", _owned(findings)))
    rows += [("", line) for line in _only_seen(findings)]
    if findings["calendar"]:
        rows.append(("Asked for", _asked(findings["calendar"])))
    yield from aligned(rows)
    if findings["calendars"]:
        yield ""
        yield from _table(findings)
    for problem in findings["problems"]:
        yield ""
        yield paragraph(problem["message"], "Problem     ")
        yield f"Code        {problem['code']}"
        if problem["remedy"]:
            yield paragraph(problem["remedy"], "What to do  ")
    for remark in findings["remarks"]:
        yield ""
        yield paragraph(remark, "Note        ")


def scope_states(findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield a state and a name for each OAuth scope: the needed ones, then what else was granted."""
    scopes = findings["scopes"]
    for scope in scopes["needed"]:
        yield "MISSING" if scope in scopes["missing"] else "granted" if scopes["granted"] else "unknown", scope
    yield from (("also", scope) for scope in scopes["granted"] if scope not in scopes["needed"])


def _service_account(account: ServiceAccount | None) -> Iterator[tuple[str, str]]:
    """Yield who signs for whom, how the clocks differ, and what an administrator pastes where."""
    if account is None:
        return
    yield "Signed by", f"{shown(account['email'])}, as {shown(account['acts_as']) or 'itself'}"
    yield "", f"client id {shown(account['client_id'])}, key {shown(account['key_id'])}"
    yield "", f"project {shown(account['project'])}"
    ahead = account["seconds_ahead"]
    yield "Clock", "unknown" if ahead is None else clock_told(ahead)
    if account["form"]:
        yield "Delegation", account["scopes_to_paste"]
        yield "", account["form"]


def _owned(findings: Findings) -> str:
    owned, others = len(findings["calendars"]), len(findings["others"])
    return f"owns {owned}, only sees {count(others, 'other')}" if owned or others else "unknown"


def _only_seen(findings: Findings) -> Iterator[str]:
    """Yield a line for each calendar that cannot be shared, as its owner is somebody else."""
    others = findings["others"]
    for calendar in others[:MOST_OTHERS]:
        yield f"- {quote(calendar['title'])}, as {shown(calendar['access_role']) or 'unknown'}"
    if len(others) > MOST_OTHERS:
        yield f"... and {len(others) - MOST_OTHERS} more"


def _asked(asked: Asked) -> str:
    name = quote(asked["name"])
    if not asked["usable"]:
        return f"{name} cannot be shared now; see below"
    doubt = "" if asked["access_role"] else " if the account owns it, which cannot be seen"
    return f"{name} can be shared{doubt} ({shown(asked['calendar_id'])})"


def _table(findings: Findings) -> Iterator[str]:
    """Yield a line for each calendar; the id stands last, as it may be long."""
    calendars = findings["calendars"]
    rows = [("Title", "Role", "Data owner", "Id")]
    for calendar in calendars[:MOST_CALENDARS]:
        title, role, owner, calendar_id = (
            shown(calendar[key]) for key in ("title", "access_role", "data_owner", "calendar_id")
        )
        rows.append((title, role, owner or "-", calendar_id))
    yield from columns(rows)
    if len(calendars) > MOST_CALENDARS:
        yield f"... and {len(calendars) - MOST_CALENDARS} more"
