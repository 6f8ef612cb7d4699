"""The policy: which calendar is meant, what is there, and what has to change.

Knows nothing of HTTP, YAML or engines; it is handed the calendar API.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .access_rules import PUBLIC, ROLES, folded, grantee_of
from .calendar_names import PRIMARY, find_calendar, not_found, told
from .errors import AuthorizationFailed, HandlerError, Refused, Unavailable, quote, shown
from .retry import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .calendar_api import Connection, Rule
    from .calendar_names import Target

T = TypeVar("T")
NOT_SENT = frozenset(
    {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError", "SSLCertVerificationError"}
)
"""Causes that leave no doubt: there was no connection that a request could have gone over."""


CHANGE = ("calendar_id", "rule_id", "previous_access", "change", "acted_as")
"""What the details of an error say of a write that may have landed."""


class Wish(NamedTuple):
    """What a step asks for."""

    calendar_name: str
    scope: str
    recipient: str
    """In lower case; "" for the public."""
    role: str
    notify: bool
    dry_run: bool
    act_as: str = ""
    """User that a service account acts as, in lower case; "" for none."""
    add_to_list: bool = False

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Wish:
        """Take the parameters as the descriptor spells them; raises KeyError if a required one is missing."""
        scope = parameters["scope"]
        return cls(
            calendar_name=parameters["calendar_name"],
            scope=scope,
            recipient="" if scope == PUBLIC else parameters["recipient"].lower(),
            role=parameters["calendar_access"],
            notify=parameters["send_notifications"] == "Yes",
            dry_run=parameters["dry_run"] == "Yes",
            act_as=parameters.get("act_as", "").lower(),
            add_to_list=parameters.get("add_to_list") == "Yes",
        )

    @property
    def rule_id(self) -> str:
        """Id of the recipient's rule, as Google composes it."""
        return f"{self.scope}:{self.recipient}" if self.recipient else self.scope


class Share:
    """One share, which may take several attempts: call it until it passes.

    What the first attempt found out is kept: which calendar is meant, and what the
    recipient had before anything was written.
    """

    def __init__(
        self,
        api: Connection,
        wish: Wish,
        log: Callable[[str], None],
        *,
        target: Target | None = None,
        rules: Mapping[str, Sequence[Rule]] | None = None,
        own_list: Connection | None = None,
    ) -> None:
        """Take the wish, and what is known already: the calendar, and its rules by grantee.

        `own_list` is the connection to the recipient's own list, if the calendar is to appear there.

        The rules spare the first read and no later one: what was read before a write
        that failed says nothing of what is there after it.
        """
        self._api = api
        self._log = log
        self._wish = wish
        self._target = target
        self._listed = rules
        self._own_list = own_list
        self._entry: str | None = None
        self._first: list[Rule] | None = None
        # Ids that the recipient's rule may have: as asked for, and as Google may have spelt it.
        self._ids = list(dict.fromkeys((wish.rule_id, folded(wish.rule_id))))
        self._may_have_landed = False

    def __call__(self) -> dict[str, str]:
        """Make the recipient have exactly the wanted role, and return the results.

        Raises NotFound, Refused, AuthorizationFailed, Unavailable, or HandlerError for
        an answer that cannot be Google's. If a write may have landed all the same, the
        details say which, so that it can be undone: calendar_id, rule_id,
        previous_access, change and acted_as.
        """
        try:
            if self._own_list:
                # What one of the two refuses is known before anything is written.
                self._api.sign_in()
                self._sign_in_to(self._own_list)
            if self._target is None:
                self._target = find_calendar(self._api.calendars, self._wish.calendar_name, self._wish.act_as)
                self._log(f"calendar {quote(self._wish.calendar_name)} is {shown(self._target.calendar_id)}")
            # A rule that somebody else removes between the read and the write is read again, once.
            results = self._converge(self._target) or self._converge(self._target) or self._contested()
            entry = self._listed_for(self._own_list, self._target) if self._own_list else ""
        except HandlerError as error:
            found = self._told(error)
            if found is error:
                raise
            raise found from error
        return {**results, "list_entry": entry}

    def _converge(self, target: Target) -> dict[str, str] | None:
        """Read, compare and write; None if the rule was gone when it was to be updated."""
        wish, rules = self._wish, self._read(target)
        rule, present = (rules[0], rules[0].role) if rules else (None, "none")
        self._log(f"{wish.rule_id} has {present} and is to have {wish.role}")
        if rule is None and not target.known and wish.dry_run:
            # Without a write nobody else would notice that there is no such calendar.
            self._confirm(target)
        if wish.dry_run or present == wish.role:
            return self._results(rule, wish.role)
        if wish.role == "none":
            for one in rules:
                if one.role != "none":
                    delete = functools.partial(self._api.delete, target.calendar_id, self._id_of(one))
                    self._write(delete, target, one)
            return self._results(None, "none")
        written = self._insert(target) if present == "none" else self._update(target, rules[0])
        if written is None:
            return None
        if written.role not in ROLES[1:]:
            raise _odd_role(written)
        return self._results(written, written.role)

    def _read(self, target: Target) -> list[Rule]:
        """Read the rules that are the recipient's, the one that counts first."""
        rules = self._rules_of(target)
        for rule in rules:
            if rule.role not in ROLES:
                raise _odd_role(rule)
        # The id that was asked for before others, but a rule that gives nothing after all that do.
        rules.sort(key=lambda rule: (rule.role == "none", rule.rule_id.lower() != self._wish.rule_id))
        if self._first is None:
            self._first = rules
            mine = [rule_id for rule in rules if (rule_id := self._id_of(rule)) not in self._ids]
            self._ids = [*mine, *self._ids]
        elif rules == self._first:
            self._may_have_landed = False
        return rules

    def _rules_of(self, target: Target) -> list[Rule]:
        if self._listed is not None and self._first is None:
            return list(self._listed.get(grantee_of(self._wish.rule_id), ()))
        rules: list[Rule] = []
        for rule_id in self._ids:
            # One is enough to change, and all have to be known to remove them.
            if not any(rule.role != "none" for rule in rules) or self._wish.role == "none":
                rule = self._api.rule(target.calendar_id, rule_id)
                rules += [rule] if rule and rule not in rules else []
        if not rules and not self._first and self._wish.role == "none":
            return self._search(target)
        return rules

    def _search(self, target: Target) -> list[Rule]:
        """Look through all rules for the recipient's, before it is said that there is nothing to remove."""
        rules = self._api.rules(target.calendar_id)
        if rules is None:
            raise not_found(self._wish.calendar_name, self._wish.act_as)
        return list(rules.get(grantee_of(self._wish.rule_id), ()))

    def _id_of(self, rule: Rule) -> str:
        """Return the id to write to: another address stands for ours only as far as Google itself says so."""
        same = grantee_of(rule.rule_id) == grantee_of(self._wish.rule_id)
        # In lower case, in which Google compares ids.
        return rule.rule_id.lower() if same else self._wish.rule_id

    def _update(self, target: Target, rule: Rule) -> Rule | None:
        wish = self._wish
        update = functools.partial(self._api.update, target.calendar_id, self._id_of(rule))
        return self._write(functools.partial(update, wish.role, notify=wish.notify), target, rule)

    def _insert(self, target: Target) -> Rule:
        wish = self._wish
        insert = functools.partial(self._api.insert, target.calendar_id, wish.rule_id, wish.role, notify=wish.notify)
        written = self._write(insert, target)
        if written is None:
            # The 404 is about the calendar or about the grantee: Google does not say which.
            # A list that was read a while ago does not tell whether the calendar is still there.
            if self._listed is None and target.calendar_id != PRIMARY:
                self._confirm(target)
            raise Refused(
                "recipient_rejected",
                f"Google does not find {quote(wish.rule_id)}. Check the spelling, and that the scope fits it.",
                {"status": 404, "reason": "notFound"},
            )
        if self._listed and not self._first:
            # An alias of somebody whose rule was there under the main address.
            self._first = list(self._listed.get(grantee_of(written.rule_id), ()))
        return written

    def _write(self, write: Callable[[], T], target: Target, rule: Rule | None = None) -> T:
        """Write, and remember whether it may have been done although it failed; `rule` is what is there."""
        rule_id, role = (shown(self._id_of(rule)), rule.role) if rule else (self._wish.rule_id, "none")
        where, whom = shown(target.calendar_id), _who(self._api, self._wish.act_as)
        before = self._may_have_landed
        try:
            written = self._logged(write, f"{rule_id} in {where} as {whom}: {role} before, {self._wish.role} after")
        except Stopped as stopped:
            if not before:
                raise
            message = f"The run was stopped before all rules of {quote(self._wish.rule_id)} were removed. Run it again."
            raise Unavailable("google_unavailable", message) from stopped
        except HandlerError as error:
            self._may_have_landed = before or _may_be_done(error)
            raise
        self._may_have_landed = before or bool(written)
        return written

    def _logged(self, write: Callable[[], T], told: str) -> T:
        """Write, and log who changed what: Google's own log shows the user alone."""
        try:
            written = write()
        except HandlerError as error:
            if _may_be_done(error):
                self._log(f"perhaps wrote {told}")
            raise
        if written and written != "present":  # as a list entry that somebody else has made
            self._log(f"wrote {told}")
        return written

    def _sign_in_to(self, own_list: Connection) -> None:
        try:
            own_list.sign_in()
        except AuthorizationFailed as error:
            # In a later attempt it may have been; and what concerns the key is told as such.
            if self._first is not None or error.code not in ("act_as_rejected", "delegation_missing"):
                raise
            what = f"Nothing was shared, and the list of {self._wish.recipient} is out of reach (add_to_list)"
            raise AuthorizationFailed(error.code, f"{what}: {error.message}", error.details) from error

    def _listed_for(self, own_list: Connection, target: Target) -> str:
        """Put the calendar into the recipient's list, and return what became of it, by what was there at first."""
        # As the recipient, primary is another calendar.
        calendar_id = self._wish.act_as if target.calendar_id == PRIMARY else target.calendar_id
        there = own_list.list_entry(calendar_id)
        if self._entry is None:
            self._entry = there
        become = "added"
        if not there and not self._wish.dry_run:
            insert = functools.partial(own_list.add_to_list, calendar_id)
            whom = _who(own_list, self._wish.recipient)
            become = self._logged(insert, f"{shown(calendar_id)} in their list as {whom}: absent before, present after")
        if not become:
            raise Unavailable(
                "calendar_not_ready",
                f"The recipient has access to the calendar {quote(self._wish.calendar_name)}, and Google does not find "
                "it for the recipient's list yet. Try again in a minute.",
                {"method": "calendarList.insert", "status": 404, "reason": "notFound"},
            )
        entry = self._entry or become
        self._log(f"{self._wish.rule_id}: list entry {entry}")
        return entry

    def _confirm(self, target: Target) -> None:
        if not self._api.exists(target.calendar_id):
            raise not_found(self._wish.calendar_name, self._wish.act_as)

    def _results(self, rule: Rule | None, role: str) -> dict[str, str]:
        """Return the results; `rule` is as Google answered it, None if the first read says it."""
        found = self._change()
        self._log(f"{self._wish.rule_id}: {found['change']}")
        more = {"rule_id": rule.rule_id} if rule else {}
        return {**found, "calendar_access": role, **more}

    def _change(self) -> dict[str, str]:
        """Return what this share changes, or may have changed, by what was there before."""
        rule = self._first[0] if self._first else None
        previous = rule.role if rule else "none"
        if previous == self._wish.role:
            change = "unchanged"
        elif previous == "none":
            change = "created"
        else:
            change = "removed" if self._wish.role == "none" else "updated"
        calendar_id = self._target.calendar_id if self._target else ""
        rule_id = rule.rule_id if rule else self._wish.rule_id
        return dict(zip(CHANGE, (calendar_id, rule_id, previous, change, self._wish.act_as), strict=True))

    def _told(self, error: HandlerError) -> HandlerError:
        """Return the error as the caller is told it: an owner that is none yet, and what may have been changed."""
        if self._target:
            error = told(error, self._wish.calendar_name, self._target)
        if not self._may_have_landed:
            return error
        return type(error)(error.code, error.message, {**error.details, **self._change()}, error.retry_after)

    def _contested(self) -> dict[str, str]:
        raise Unavailable(
            "google_unavailable",
            f"The rule {quote(self._wish.rule_id)} was gone again each time it was to be updated. "
            "Somebody else removes it: see who, or try again when they are done.",
        )


def _who(api: Connection, user: str) -> str:
    """Return in whose name an account writes, and with which key."""
    return f"{user or 'the account itself'}{f' by the key {shown(api.key_id)}' if api.key_id else ''}"


def _may_be_done(error: HandlerError) -> bool:
    """Say whether a write that failed so may have been done all the same."""
    sent = error.details.get("method") != "oauth2.token" and error.details.get("cause") not in NOT_SENT
    if error.code == "unexpected_answer":
        return sent and "status" not in error.details  # an answer with a status is a refusal, without one it is odd
    return error.code == "google_unavailable" and bool(error.details) and sent


def _odd_role(rule: Rule) -> HandlerError:
    return HandlerError(
        "unexpected_answer",
        f"Google answers the role {quote(rule.role)} for {quote(rule.rule_id)}, which this handler does not know. "
        "Look at the access in Google Calendar, and whether a newer version of the handler knows it.",
        {"rule_id": shown(rule.rule_id), "role": shown(rule.role)},
    )
