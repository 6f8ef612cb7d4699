"""A connection test: which account signs in, what it was granted, and which calendars it owns.

It only reads. Problems are gathered rather than raised, each with what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .acting import acting_user, misplaced
from .calendar_names import PRIMARY, Target, find_calendar, not_found, not_owned, told
from .descriptor import Form, invalid_input, load, wrong_number
from .errors import AuthorizationFailed, HandlerError, InvalidInput, Refused
from .guard_rails import in_force
from .retry import current_clock
from .service_account_check import Delegation
from .session import Session
from .token_end import end_sentence, is_past, kept_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .calendar_api import Calendar
    from .descriptor import Descriptor
    from .findings import Asked, Described, Findings, Problem, TokenEnd

CALENDAR_NAME, ACT_AS = "calendar_name", "act_as"
OWNER = "owner"
READ_ONLY = ".readonly"


def check(
    info: Mapping[str, str | bool | None],
    calendar_name: str | None = None,
    *,
    act_as: str | None = None,
    attempts: int | None = None,
) -> Findings:
    """Sign in and return what the account can do, without writing anything.

    With a `calendar_name`, which is read as a step reads it, also say whether a step
    could use that calendar; with `act_as`, a service account acts as this user. What may
    pass is tried again as in a step, each question by itself, all within one deadline;
    `attempts` is as for `execute`. Errors of Google become `problems`. Raises InvalidInput
    for wrong info, name, user, number of attempts or environment, Refused (policy_refused)
    if a guard rail forbids the user, and InvalidDescriptor.
    """
    descriptor = load()
    values, wrong = descriptor.info.read(info)
    fields = {name: descriptor.parameters.fields[name] for name in (CALENDAR_NAME, ACT_AS)}
    form = Form("parameters", {"properties": fields}, secret=False)
    asked, wrong_asked = form.read({CALENDAR_NAME: calendar_name, ACT_AS: act_as})
    if wrong := {**wrong, **wrong_asked, **misplaced(values, asked), **wrong_number("attempts", attempts)}:
        raise invalid_input(wrong)
    name, user = asked.get(CALENDAR_NAME, ""), acting_user(values, asked.get(ACT_AS, ""))
    session = Session(values, attempts, act_as=user.address, reads_only=True)
    session.log("input checked")
    end = kept_end(info)
    token_end: TokenEnd = {"at": end, "past": is_past(end, current_clock().epoch())}
    needed = {row["scope"]: row["needed_for"] for row in descriptor.document["oauth_scopes"]}
    delegation = Delegation(values, user, session, needed) if "service_account" in values else None
    visit = _Visit(session, descriptor, in_force(values), token_end, needed, delegation)
    visit.ask(name, user.address)
    return visit.findings()


class _Visit:
    """One account, and what has been found out about it so far."""

    def __init__(
        self,
        session: Session,
        descriptor: Descriptor,
        guard_rails: dict[str, str],
        token_end: TokenEnd,
        needed: Mapping[str, str],
        delegation: Delegation | None,
    ) -> None:
        self._token_end = token_end
        self._guard_rails = guard_rails
        self._connection = session.connection
        self._descriptor = descriptor
        self._repeated = session.attempt
        self._log = session.log
        self._needed = delegation.needed if delegation else needed
        self._delegation = delegation
        self._granted: tuple[str, ...] | None = None
        self._refused: set[str] = set()
        self._problems: list[Problem] = []
        self._list = _List([])
        self._asked: Asked | None = None
        self._user = ""

    def ask(self, name: str, user: str) -> None:
        """Find out all there is to know, as this user ("" for none); raises InvalidInput for a wrong environment."""
        self._user = user
        if name:
            unknown: Described = {"calendar_id": "", "title": "", "access_role": "", "data_owner": ""}
            self._asked = {"name": name, "usable": False, **unknown}
        try:
            self._sign_in()
            self._log("signed in")
            self._read_list()
            if self._asked:
                self._look_at(name, self._asked)
            elif self._list.error is None and not (self._list.owned or self._has_no_list):
                total = len(self._list.entries)
                raise Refused("not_calendar_owner", f"The account owns none of the calendars in its list ({total}).")
        except InvalidInput:
            raise
        except HandlerError as error:
            self._note(error)

    def findings(self) -> Findings:
        """Return what was found, with missing OAuth scopes before all other problems."""
        missing = self._missing_scopes()
        problems = [*self._told(missing), *self._problems]
        entries, owned = self._list.entries, self._list.owned
        delegation, ahead = self._delegation, self._connection.clock_ahead
        known = delegation.account if delegation and self._granted is not None else ""
        return {
            "ok": not problems,
            "account": next((entry.calendar_id for entry in entries if entry.primary), known),
            "service_account": delegation.described(ahead) if delegation else None,
            "token_end": self._token_end,
            "scopes": {"granted": list(self._granted or ()), "needed": list(self._needed), "missing": missing},
            "guard_rails": self._guard_rails,
            "calendars": list(map(_described, owned)),
            "others": [_described(entry) for entry in entries if entry.access_role != OWNER],
            "calendar": self._asked,
            "problems": problems,
            "remarks": list(delegation.remarks(ahead, has_list=bool(entries))) if delegation else [],
        }

    def _sign_in(self) -> None:
        """Get an access token, and learn what it is good for; raises what keeps it from being got."""
        try:
            self._repeated(self._connection.sign_in)
        except AuthorizationFailed as error:
            if self._delegation and error.code == "delegation_missing":
                self._granted = self._delegation.granted_singly()
            raise
        self._granted = self._connection.granted_scopes
        if self._delegation:
            self._granted = self._delegation.granted_with(self._granted or ())

    @property
    def _has_no_list(self) -> bool:
        return self._delegation is not None and self._delegation.acts_as_itself and not self._list.entries

    def _missing_scopes(self) -> list[str]:
        granted = self._granted
        return [
            scope
            for scope in self._needed
            if scope in self._refused or (granted is not None and not any(_covers(one, scope) for one in granted))
        ]

    def _read_list(self) -> None:
        try:
            self._list = _List(self._repeated(lambda: list(self._connection.calendars())))
        except AuthorizationFailed as error:
            if error.code != "scope_missing":
                raise
            # Without this scope a calendar that is asked for by its id can still be looked at.
            self._note(error)
            self._list = _List([], error)

    def _look_at(self, name: str, asked: Asked) -> None:
        """Find the calendar as a step does, and see whether the account may read its rules."""
        target = find_calendar(self._list.calendars, name, self._user)
        asked["calendar_id"] = target.calendar_id
        entry = self._list.entry(target.calendar_id)
        if entry:
            self._asked = asked = {**asked, **_described(entry)}
            if entry.access_role != OWNER:
                raise not_owned(entry, name, self._user)
        self._repeated(lambda: self._confirm(target, name))
        asked["usable"] = True

    def _confirm(self, target: Target, name: str) -> None:
        try:
            found = self._connection.exists(target.calendar_id)
        except Refused as error:
            raise told(error, name, target) from error
        if not found:
            raise not_found(name, self._user)

    def _note(self, error: HandlerError) -> None:
        self._log("%s: %s", error.code, error.message)
        if error.code == "authorization_failed" and self._token_end["past"]:
            ended = f"By the info file the refresh token {end_sentence(**self._token_end)}."
            error = AuthorizationFailed(error.code, f"{error.message} {ended}", error.details)
        scope = error.details.get("scope")
        if error.code == "delegation_missing" and self._missing_scopes():
            return  # told scope by scope
        if isinstance(scope, str) and scope in self._needed:
            self._refused.add(scope)
        else:
            self._problems.append(self._problem(error))

    def _told(self, missing: list[str]) -> list[Problem]:
        """Return the problems of OAuth scopes that are missing: one for each box that a person ticks, or for all."""
        if self._delegation:
            return [self._problem(self._delegation.missing(missing))] if missing else []
        return list(map(self._missing, missing))

    def _missing(self, scope: str) -> Problem:
        return self._problem(
            AuthorizationFailed(
                "scope_missing",
                f"The refresh token was granted without the OAuth scope {scope}, "
                f"which is needed for {self._needed[scope]}.",
            )
        )

    def _problem(self, error: HandlerError) -> Problem:
        return {
            "code": error.code,
            "message": error.message,
            "remedy": self._descriptor.remedy(error.to_dict()),
            "retryable": error.retryable,
        }


class _List:
    """The calendar list as it was read, or why it could not be."""

    def __init__(self, entries: list[Calendar], error: HandlerError | None = None) -> None:
        self.entries = entries
        self.owned = [entry for entry in entries if entry.access_role == OWNER]
        self.error = error

    def calendars(self) -> Iterator[Calendar]:
        """Return the entries; raises what kept them from being read."""
        if self.error:
            raise self.error
        return iter(self.entries)

    def entry(self, calendar_id: str) -> Calendar | None:
        """Return the entry of a calendar, None if there is none."""
        for entry in self.entries:
            if entry.calendar_id == calendar_id or (entry.primary and calendar_id == PRIMARY):
                return entry
        return None


def _described(entry: Calendar) -> Described:
    return {
        "calendar_id": entry.calendar_id,
        "title": entry.summary_override.strip() or entry.summary.strip(),
        "access_role": entry.access_role,
        "data_owner": entry.data_owner,
    }


def _covers(granted: str, needed: str) -> bool:
    """Return whether a scope grants another one: itself, and every scope whose name it begins.

    `calendar` grants `calendar.acls`, and `calendar.readonly` each `calendar. ... .readonly`.
    """
    if needed.endswith(READ_ONLY):
        granted, needed = granted.removesuffix(READ_ONLY), needed.removesuffix(READ_ONLY)
    return f"{needed}.".startswith(f"{granted}.")
