"""The calls of Google Calendar that sharing needs, made as one account."""

from __future__ import annotations

import functools
import os
import re
import sys
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import httplib2
from googleapiclient import discovery, errors

from ..access_rules import answers, grantee_of
from ..errors import HandlerError, InvalidInput, Unavailable
from ..installation import broken
from ..version import __version__
from .error_table import WRITES, calendar_error, is_googles, names_absence
from .interruptions import raised_by_signal_handler
from .tokens import SignedIn, account_of, forget_accounts
from .transport import Answer, Limits, forget_connections, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

VARIABLE = "CALENDAR_EMULATOR_HOST"
EMULATOR = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):([0-9]{1,5})")
CALENDAR_TEXTS = ("summary", "summaryOverride", "accessRole", "dataOwner")
CALENDAR_FIELDS = "nextPageToken,items(id,summary,summaryOverride,accessRole,dataOwner,primary)"
RULE_FIELDS = "id,role"
RULES_FIELDS = f"nextPageToken,items({RULE_FIELDS})"
# Google compresses only for who names gzip twice
# (https://developers.google.com/workspace/calendar/api/guides/performance#gzip).
HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": f"google-apps-calendar-share/{__version__} (gzip)",
}
UNREADABLE = object()
"""Stands for an answer that is not JSON."""
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
SHORTEST_WAIT = 1.0
"""Seconds before a step reads again after a write that may or may not have landed."""

_new = tuple.__new__  # what a NamedTuple's own constructor calls, at twice the price


class Calendar(NamedTuple):
    """An entry of the account's calendar list; texts that Google left out are ""."""

    calendar_id: str
    summary: str
    summary_override: str
    access_role: str
    data_owner: str
    primary: bool


class Rule(NamedTuple):
    """An access rule of a calendar, as Google answered it."""

    rule_id: str
    role: str


class Connection:
    """One account at Google Calendar, for one step.

    Every call raises the errors that answers.py lists: Unavailable, Refused,
    AuthorizationFailed, or HandlerError for an answer that cannot be what it should.
    """

    def __init__(self, account: SignedIn, api_url: str, limits: Limits) -> None:
        """Take the account, the base address of the API and how long requests may take."""
        self._account = account
        self._limits = limits
        self._resources = _resources(api_url)
        self._refused = ""

    @property
    def granted_scopes(self) -> tuple[str, ...] | None:
        """OAuth scopes that the account has granted; None before signing in, or if Google does not say."""
        return self._account.granted_scopes

    def sign_in(self) -> None:
        """Get an access token, unless a good one is kept."""
        self._account.token(self._limits)

    def calendars(self) -> Iterator[Calendar]:
        """Give the account's calendars, hidden ones too, page by page as they are asked for."""
        ask = functools.partial(_page, self._resources.calendars)
        for entries in self._pages("calendarList.list", self._resources.first_page, ask):
            yield from _calendars(entries)

    def rules(self, calendar_id: str) -> dict[str, list[Rule]] | None:
        """Read all rules of a calendar, by their grantees; None if Google knows no such calendar."""

        def ask(page_token: str | None) -> Any:
            return self._resources.rules.list(
                calendarId=calendar_id, maxResults=250, pageToken=page_token, fields=RULES_FIELDS
            )

        try:
            pages = list(self._pages("acl.list", ask(None), ask, absent=(404,)))
        except _AbsentError:
            return None
        found: dict[str, list[Rule]] = {}
        for item in (item for items in pages for item in items):
            rule = _rule_of("acl.list", item)
            found.setdefault(grantee_of(rule.rule_id), []).append(rule)
        if not found:  # whoever may read the rules has one
            raise _unexpected("acl.list")
        return found

    def exists(self, calendar_id: str) -> bool:
        """Ask whether the calendar is there, by listing one of its rules."""
        request = self._resources.rules.list(calendarId=calendar_id, maxResults=1, fields="kind")
        found = self._call("acl.list", request, absent=(404,))
        if found is not None and found.get("kind") != "calendar#acl":
            raise _unexpected("acl.list")
        return found is not None

    def rule(self, calendar_id: str, rule_id: str) -> Rule | None:
        """Read a rule; None if Google knows no such rule, or no such calendar."""
        request = self._resources.rules.get(calendarId=calendar_id, ruleId=rule_id, fields=RULE_FIELDS)
        return _rule("acl.get", rule_id, self._call("acl.get", request, absent=(404,)))

    def insert(self, calendar_id: str, rule_id: str, role: str, *, notify: bool) -> Rule | None:
        """Add the rule of this id; None if Google does not find the calendar or the grantee."""
        request = self._resources.rules.insert(
            calendarId=calendar_id, body=_body(rule_id, role), sendNotifications=notify, fields=RULE_FIELDS
        )
        return _rule("acl.insert", rule_id, self._call("acl.insert", request, absent=(404,)))

    def update(self, calendar_id: str, rule_id: str, role: str, *, notify: bool) -> Rule | None:
        """Give a rule another role; None if the rule is gone."""
        request = self._resources.rules.update(
            calendarId=calendar_id,
            ruleId=rule_id,
            body=_body(rule_id, role),
            sendNotifications=notify,
            fields=RULE_FIELDS,
        )
        return _rule("acl.update", rule_id, self._call("acl.update", request, absent=(404,)))

    def delete(self, calendar_id: str, rule_id: str) -> bool:
        """Remove a rule; False if it was gone already."""
        request = self._resources.rules.delete(calendarId=calendar_id, ruleId=rule_id)
        return self._call("acl.delete", request, absent=(404, 410)) is not None

    def renew(self) -> bool:
        """Drop the access token that Google answered 401 to; False if there was none."""
        refused, self._refused = self._refused, ""
        self._account.forget(refused)
        return bool(refused)

    def _pages(
        self, method: str, request: Any, ask: Callable[[str], Any], absent: tuple[int, ...] = ()
    ) -> Iterator[list[Any]]:
        """Give the items of each page; raises _AbsentError if there is nothing to list."""
        seen: set[str] = set()
        while True:
            page = self._call(method, request, absent)
            if page is None:
                raise _AbsentError
            items = page.get("items", [])
            if not isinstance(items, list):
                raise _unexpected(method)
            yield items
            page_token = page.get("nextPageToken")
            if not page_token:
                return
            if not _is_text(page_token) or page_token in seen:
                raise _unexpected(method)
            seen.add(page_token)
            request = ask(page_token)

    def _call(self, method: str, request: Any, absent: tuple[int, ...] = ()) -> dict[str, Any] | None:
        """Make one request, once; None if Google says that the thing is not there."""
        before = sys.exc_info()[1]
        try:
            found = request.execute(http=_Http(functools.partial(self._send, method, absent)))
        except _AbsentError:
            return None
        except Unavailable as error:
            if method not in WRITES or error.code != "google_unavailable":
                raise
            wait = max(error.retry_after or 0.0, SHORTEST_WAIT)
            raise Unavailable(error.code, error.message, error.details, wait) from error
        except (ValueError, RecursionError, errors.Error, httplib2.HttpLib2Error) as error:
            if raised_by_signal_handler(error, before):
                raise
            found = UNREADABLE  # raised below: the exception holds the body, and must be no context of ours
        if method == "acl.delete" and not found:
            return {}
        if method == "acl.delete" or not isinstance(found, dict):  # nothing is answered to a removal
            raise _unexpected(method)
        return found

    def _send(self, method: str, absent: tuple[int, ...], verb: str, url: str, body: bytes | None) -> Answer:
        if self._limits.turn:
            self._limits.turn()
        token = self._account.token(self._limits)
        headers = {**HEADERS, "authorization": f"Bearer {token}"}
        if body:
            headers["content-type"] = "application/json"
        answer = send(verb, url, body, headers, self._limits, repeatable=method not in WRITES)
        if answer.status in absent and names_absence(answer):
            raise _AbsentError
        if not 200 <= answer.status < 300:
            if answer.status == 401 and is_googles(answer):
                self._refused = token
            raise calendar_error(method, answer, functools.partial(self._account.masked, token=token))
        if method == "acl.delete" and answer.headers.get("content-type", "").startswith("text/html"):
            raise _unexpected(method)  # an empty page; a removal is answered with nothing at all
        return answer


class _AbsentError(Exception):
    """Google answered that the thing is not there."""


class _Http:
    """What google-api-python-client calls `http`: hands the request on, and the answer back.

    Only successes go back. The client's own HttpError would hide the reason and quote
    the address (googleapiclient/errors.py).
    """

    def __init__(self, send_signed: Callable[..., Answer]) -> None:
        self._send_signed = send_signed

    def request(
        self, uri: str, method: str = "GET", body: str | None = None, **_: Any
    ) -> tuple[httplib2.Response, bytes]:
        answer = self._send_signed(method, uri, body.encode() if body else None)
        return httplib2.Response({"status": str(answer.status)}), answer.body


class _NoHttp:
    """Stands in while the service is built; each call brings its own."""

    def request(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a request without an account")


def connect(info: Mapping[str, str], limits: Limits) -> Connection:
    """Give a connection for the info values; makes no request yet.

    Raises InvalidInput if CALENDAR_EMULATOR_HOST is set to anything but a loopback
    address with a port.
    """
    _, token_url, api_url = addresses()
    return Connection(account_of(token_url, info), api_url, limits)


def forget_all() -> None:
    """Begin anew with no connections and no access tokens, as a child process does."""
    forget_connections()
    forget_accounts()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=forget_all)


def addresses() -> tuple[str, str, str]:
    """Give the addresses of the consent page, of the token endpoint and of the API."""
    host = os.environ.get(VARIABLE, "")
    if not host:
        return (
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            "https://www.googleapis.com/calendar/v3/",
        )
    match = EMULATOR.fullmatch(host)
    if match is None or not 0 < int(match[1]) < 65536:
        # Nothing else: the secrets would travel in clear. The value is not quoted, it may hold some.
        problem = "must be 127.0.0.1, localhost or [::1], a colon and a port; unset it to use Google itself"
        raise InvalidInput("invalid_input", f"{VARIABLE}: {problem}", {"fields": {VARIABLE: problem}})
    return f"http://{host}/o/oauth2/v2/auth", f"http://{host}/token", f"http://{host}/calendar/v3/"


class _Resources(NamedTuple):
    """The client's parts that are used, and the request that is the same for every account."""

    calendars: Any
    rules: Any
    first_page: Any


@functools.lru_cache(4)  # a megabyte each; a process that starts one emulator after the other would keep them all
def _resources(api_url: str) -> _Resources:
    """Build the client's resources, once: it makes their methods anew each time."""
    try:
        service = discovery.build(
            "calendar",
            "v3",
            http=_NoHttp(),
            # The universe is named too: an environment variable could name another one.
            client_options={"api_endpoint": api_url, "universe_domain": "googleapis.com"},
            static_discovery=True,
            cache_discovery=False,
        )
    except Exception as error:
        # Nothing was asked of anybody: a client without the description of Google Calendar that belongs to it.
        raise broken(error, "googleapiclient.discovery_cache.documents") from error
    calendars = service.calendarList()
    return _Resources(calendars, service.acl(), _page(calendars, None))


def _page(calendars: Any, page_token: str | None) -> Any:
    return calendars.list(maxResults=250, showHidden=True, pageToken=page_token, fields=CALENDAR_FIELDS)


def _calendars(entries: list[Any]) -> Iterator[Calendar]:
    # By columns: to look at each entry by itself would be a fifth of a share.
    try:
        ids = [entry["id"] for entry in entries]
        texts = [[entry.get(key, "") for entry in entries] for key in CALENDAR_TEXTS]
        primary = [entry.get("primary") is True for entry in entries]
        plain = all(ids) and "".join(ids).isascii()
        for column in texts:
            "".join(column)  # a TypeError if one is no text
    except (AttributeError, KeyError, TypeError):
        plain = False
    if not plain:
        return map(_calendar, entries)
    return map(_new, repeat(Calendar), zip(ids, *texts, primary, strict=True))


def _calendar(entry: Any) -> Calendar:
    """Take an entry with a field that is no text, or is odd."""
    if not isinstance(entry, dict) or not entry.get("id") or not _is_text(entry["id"]):
        raise _unexpected("calendarList.list")
    summary, override, role, owner = (text if isinstance(text := entry.get(key), str) else "" for key in CALENDAR_TEXTS)
    return Calendar(entry["id"], summary, override, role, owner, entry.get("primary") is True)


def _body(rule_id: str, role: str) -> dict[str, Any]:
    kind, _, value = rule_id.partition(":")
    return {"scope": {"type": kind, "value": value} if value else {"type": kind}, "role": role}


def _rule(method: str, asked: str, found: dict[str, Any] | None) -> Rule | None:
    if found is None:
        return None
    rule = _rule_of(method, found)
    if not answers(asked, rule.rule_id):
        raise _unexpected(method)
    return rule


def _rule_of(method: str, found: Any) -> Rule:
    rule_id, role = (found.get("id"), found.get("role")) if isinstance(found, dict) else (None, None)
    if not _is_text(rule_id) or not isinstance(role, str):
        raise _unexpected(method)
    return Rule(rule_id, role)


def _is_text(value: Any) -> TypeGuard[str]:
    """Say whether this is text that can be sent: JSON may hold half of a character."""
    return isinstance(value, str) and (value.isascii() or not HALF_CHARACTER.search(value))


def _unexpected(method: str) -> HandlerError:
    landed = " The change may have been made all the same; run the step again to see." if method in WRITES else ""
    return HandlerError(
        "unexpected_answer",
        f"An answer to {method} that cannot be Google's. "
        f"Look for a proxy or a login page between this machine and Google.{landed}",
        {"method": method},
    )
