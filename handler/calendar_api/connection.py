"""The calls of Google Calendar that sharing needs, made as one account."""

from __future__ import annotations

import functools
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ..access_rules import grantee_of
from ..errors import AuthorizationFailed, Unavailable
from ..version import __version__
from .error_bodies import is_googles, names_absence
from .error_table import CHANGES, calendar_error
from .google_client import NOT_READ, SendingHttp, client_for, page_request
from .http_answers import is_page
from .interruptions import raised_by_signal_handler
from .resources import (
    Calendar,
    Rule,
    is_text,
    read_calendars,
    read_rule,
    read_wanted_rule,
    rule_body,
    unexpected,
)
from .transport import Answer, Limits, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .tokens import SignedIn

RULE_FIELDS = "id,role"
RULES_FIELDS = f"nextPageToken,items({RULE_FIELDS})"
# Google compresses only if gzip is named in both headers
# (https://developers.google.com/workspace/calendar/api/guides/performance#gzip).
HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": f"google-apps-calendar-share/{__version__} (gzip)",
}
UNREADABLE = object()
"""Stands for an answer that is not JSON."""
SHORTEST_WAIT = 1.0
"""Seconds to wait before reading again after a write that may or may not have landed."""


class Connection:
    """One account at Google Calendar, for one step.

    Every call raises the errors that the error table lists: Unavailable, Refused,
    AuthorizationFailed, or HandlerError for an answer that cannot be what it should.
    """

    def __init__(
        self,
        account: SignedIn,
        api_url: str,
        limits: Limits,
        uphold: Callable[[str], None],
        reader: SignedIn | None = None,
    ) -> None:
        """Take the account, the base address of the API and how long requests may take.

        `uphold` raises Refused for the id of a calendar whose rules may not be touched.
        `reader` is the account with scopes for reading alone, if nothing is to be written.
        """
        self._account = account
        self._reader = reader
        self._limits = limits
        self._uphold = uphold
        self._client = client_for(api_url)
        self._refused = ""

    @property
    def granted_scopes(self) -> tuple[str, ...] | None:
        """OAuth scopes that the account has granted; None before signing in, or if Google does not say."""
        return self._account.granted_scopes

    @property
    def clock_ahead(self) -> float | None:
        """How many seconds this machine's clock is ahead of Google's; None as long as no answer has told."""
        return self._account.clock_ahead

    @property
    def key_id(self) -> str:
        """Id of the service account's key that signs; "" with a refresh token."""
        return self._account.key_id

    def sign_in(self) -> None:
        """Get an access token, unless a good one is kept."""
        self._token()

    def calendars(self) -> Iterator[Calendar]:
        """Yield the account's calendars, hidden ones too, page by page as they are asked for."""
        ask = functools.partial(page_request, self._client.calendars)
        for entries in self._pages("calendarList.list", self._client.first_page, ask):
            yield from read_calendars(entries)

    def rules(self, calendar_id: str) -> dict[str, list[Rule]] | None:
        """Read all rules of a calendar, by their grantees; None if Google knows no such calendar."""

        def ask(page_token: str | None) -> Any:
            return self._rules(calendar_id).list(
                calendarId=calendar_id, maxResults=250, pageToken=page_token, fields=RULES_FIELDS
            )

        try:
            pages = list(self._pages("acl.list", ask(None), ask, absent=(404,)))
        except _AbsentError:
            return None
        found: dict[str, list[Rule]] = {}
        for item in (item for items in pages for item in items):
            rule = read_rule("acl.list", item)
            found.setdefault(grantee_of(rule.rule_id), []).append(rule)
        if not found:  # whoever may read the rules has one
            raise unexpected("acl.list")
        return found

    def exists(self, calendar_id: str) -> bool:
        """Ask whether the calendar is there, by listing one of its rules."""
        request = self._rules(calendar_id).list(calendarId=calendar_id, maxResults=1, fields="kind")
        found = self._call("acl.list", request, absent=(404,))
        if found is not None and found.get("kind") != "calendar#acl":
            raise unexpected("acl.list")
        return found is not None

    def rule(self, calendar_id: str, rule_id: str) -> Rule | None:
        """Read a rule; None if Google knows no such rule, or no such calendar."""
        request = self._rules(calendar_id).get(calendarId=calendar_id, ruleId=rule_id, fields=RULE_FIELDS)
        return read_wanted_rule("acl.get", rule_id, self._call("acl.get", request, absent=(404,)))

    def insert(self, calendar_id: str, rule_id: str, role: str, *, notify: bool) -> Rule | None:
        """Add the rule of this id; None if Google does not find the calendar or the grantee."""
        request = self._rules(calendar_id).insert(
            calendarId=calendar_id, body=rule_body(rule_id, role), sendNotifications=notify, fields=RULE_FIELDS
        )
        return read_wanted_rule("acl.insert", rule_id, self._call("acl.insert", request, absent=(404,)))

    def update(self, calendar_id: str, rule_id: str, role: str, *, notify: bool) -> Rule | None:
        """Change the role of a rule; None if the rule is gone."""
        request = self._rules(calendar_id).update(
            calendarId=calendar_id,
            ruleId=rule_id,
            body=rule_body(rule_id, role),
            sendNotifications=notify,
            fields=RULE_FIELDS,
        )
        return read_wanted_rule("acl.update", rule_id, self._call("acl.update", request, absent=(404,)))

    def delete(self, calendar_id: str, rule_id: str) -> bool:
        """Remove a rule; False if it was gone already."""
        request = self._rules(calendar_id).delete(calendarId=calendar_id, ruleId=rule_id)
        return self._call("acl.delete", request, absent=(404, 410)) is not None

    def list_entry(self, calendar_id: str) -> str:
        """Return whether a calendar is in the account's own list: present, hidden, or "" if it is not there."""
        request = self._client.calendars.get(calendarId=calendar_id, fields="id,hidden")
        found = self._call("calendarList.get", request, absent=(404,))
        if found is None:
            return ""
        if not is_text(found.get("id")):
            raise unexpected("calendarList.get")
        return "hidden" if found.get("hidden") is True else "present"

    def add_to_list(self, calendar_id: str) -> str:
        """Put a calendar into the account's own list: added, present, or "" if Google does not find it (yet)."""
        request = self._client.calendars.insert(body={"id": calendar_id, "selected": True}, fields="id")
        try:
            return "" if self._call("calendarList.insert", request, absent=(404,)) is None else "added"
        except Unavailable as error:
            if error.details.get("status") == HTTPStatus.CONFLICT:
                return "present"  # somebody else was faster
            raise

    def renew(self) -> bool:
        """Drop the access token that Google rejected with a 401; False if there was none."""
        refused, self._refused = self._refused, ""
        self._account.forget(refused)
        return bool(refused)

    def _token(self) -> str:
        try:
            return self._account.token(self._limits)
        except AuthorizationFailed as error:
            if self._reader is None or error.code != "delegation_missing":
                raise
            self._account, self._reader = self._reader, None
            try:
                return self._account.token(self._limits)
            except AuthorizationFailed:
                raise error from None

    def _rules(self, calendar_id: str) -> Any:
        """Return the methods for a calendar's rules, if it may be touched."""
        self._uphold(calendar_id)
        return self._client.rules

    def _pages(
        self, method: str, request: Any, ask: Callable[[str], Any], absent: tuple[int, ...] = ()
    ) -> Iterator[list[Any]]:
        """Yield the items of each page; raises _AbsentError if there is nothing to list."""
        seen: set[str] = set()
        while True:
            page = self._call(method, request, absent)
            if page is None:
                raise _AbsentError
            items = page.get("items", [])
            if not isinstance(items, list):
                raise unexpected(method)
            yield items
            page_token = page.get("nextPageToken")
            if not page_token:
                return
            if not is_text(page_token) or page_token in seen:
                raise unexpected(method)
            seen.add(page_token)
            request = ask(page_token)

    def _call(self, method: str, request: Any, absent: tuple[int, ...] = ()) -> dict[str, Any] | None:
        """Make one request, once; None if Google says that what it asks for does not exist."""
        before = sys.exc_info()[1]
        try:
            found = request.execute(http=SendingHttp(functools.partial(self._send, method, absent)))
        except _AbsentError:
            return None
        except Unavailable as error:
            if method not in CHANGES or error.code != "google_unavailable":
                raise
            wait = max(error.retry_after or 0.0, SHORTEST_WAIT)
            raise Unavailable(error.code, error.message, error.details, wait) from error
        except NOT_READ as error:
            if raised_by_signal_handler(error, before):
                raise
            found = UNREADABLE  # raised below: the exception holds the body, and must not become our __context__
        if method == "acl.delete" and not found:
            return {}
        if method == "acl.delete" or not isinstance(found, dict):  # a removal has no answer
            raise unexpected(method)
        return found

    def _send(
        self, method: str, absent: tuple[int, ...], verb: str, url: str, body: bytes | None, told: Mapping[str, str]
    ) -> Answer:
        if self._limits.turn:
            self._limits.turn()
        token = self._token()
        headers = {**HEADERS, **told, "authorization": f"Bearer {token}"}
        answer = send(verb, url, body, headers, self._limits, repeatable=method not in CHANGES)
        if answer.status in absent and names_absence(answer):
            raise _AbsentError
        if not 200 <= answer.status < 300:
            if answer.status == 401 and is_googles(answer):
                self._refused = token
            masked = functools.partial(self._account.masked, token=token)
            raise calendar_error(method, answer, masked, self._account.spoken)
        if method == "acl.delete" and is_page(answer.headers):
            raise unexpected(method)  # an empty page; a removal is answered with nothing at all
        return answer


class _AbsentError(Exception):
    """Google answered that what was asked for does not exist."""
