"""What a check finds out about a service account: who it is, for whom it acts, and what was delegated to it.

Google says in no answer which scopes were delegated: it grants all that are asked for, or
none. So each is asked for by itself once a request for several was refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .delegation import HOW, OWN_LIST_SCOPE, clock_told, delegation_link, scopes_line
from .errors import AuthorizationFailed, quote, shown
from .service_account_key import read_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .acting import ActingUser
    from .findings import ServiceAccount
    from .session import Session

MAY_ADD = "may_add_to_lists_of"
NEEDED_FOR_LISTS = "putting a calendar into the recipient's own list"
REMARKABLE_SECONDS = 5
"""Google's Date tells whole seconds, and its answer takes a moment."""


class Delegation:
    """What was delegated to the service account that the info values name."""

    def __init__(self, info: Mapping[str, str], user: ActingUser, session: Session, needed: Mapping[str, str]) -> None:
        """Take what each OAuth scope that a step needs is `needed` for."""
        self._key = read_key(info["service_account"])
        self._user = user
        self._session = session
        self._may_add = MAY_ADD in info
        self.needed = {**needed, **({OWN_LIST_SCOPE: NEEDED_FOR_LISTS} if self._may_add and user.address else {})}

    @property
    def account(self) -> str:
        """Whose calendars are meant."""
        return self._user.address or self._key.client_email

    @property
    def acts_as_itself(self) -> bool:
        """Whether no user is acted as."""
        return not self._user.address

    def granted_with(self, together: Iterable[str]) -> tuple[str, ...]:
        """Return these scopes, which were granted together, and the one for recipients' lists if it is, too."""
        more = {OWN_LIST_SCOPE} & self.needed.keys()
        return (*together, *filter(self._is_delegated, more))

    def granted_singly(self) -> tuple[str, ...]:
        """Return which scopes are delegated, asking for each by itself."""
        return tuple(filter(self._is_delegated, self.needed))

    def missing(self, scopes: Iterable[str]) -> AuthorizationFailed:
        """Return the error for scopes that are not delegated, with all that an administrator has to paste."""
        needs = " and ".join(f"the OAuth scope {scope}, needed for {self.needed[scope]}" for scope in scopes)
        client_id = shown(self._key.client_id)
        how = HOW.format(client_id=client_id, scopes=scopes_line(self.needed), link=self._link)
        return AuthorizationFailed(
            "delegation_missing",
            f"The organisation of {quote(self._user.address)} has not delegated to the service account "
            f"{shown(self._key.client_email)} {needs}. {how}",
        )

    def described(self, ahead: float | None) -> ServiceAccount:
        """Return the findings; `ahead` is by how many seconds the clock is."""
        return {
            "email": self._key.client_email,
            "client_id": self._key.client_id,
            "key_id": self._key.private_key_id,
            "project": self._key.project_id,
            "acts_as": self._user.address,
            "seconds_ahead": None if ahead is None else round(ahead),
            "scopes_to_paste": "" if self.acts_as_itself else scopes_line(self.needed),
            "form": "" if self.acts_as_itself else self._link,
        }

    def remarks(self, ahead: float | None, *, has_list: bool) -> Iterator[str]:
        """Yield what is worth knowing and keeps no step from working."""
        if self.acts_as_itself and not has_list:
            yield (
                "The service account acts as itself, and its own list of calendars is empty: calendars are found by "
                "their ids alone, and only those that it owns. To find them by title, name a user to act as "
                "(act_as_by_default, or act_as of a step)."
            )
        if self.acts_as_itself and self._may_add:
            yield f"Whether {OWN_LIST_SCOPE} is delegated is not known, as no user is acted as."
        if not self._user.whole:
            yield (
                f"The guard rail may_act_as allows acting as {quote(self._user.address)} by the domain, which does not "
                "cover people's primary calendars."
            )
        if ahead is not None and abs(ahead) >= REMARKABLE_SECONDS:
            yield (
                f"The clock of this machine is {clock_told(ahead)}, and Google accepts nothing that is signed by one "
                "that is minutes off. Set the clock, best by NTP."
            )

    @property
    def _link(self) -> str:
        return delegation_link(self._key.client_id, self.needed)

    def _is_delegated(self, scope: str) -> bool:
        try:
            self._session.attempt(self._session.with_scope(scope).sign_in)
        except AuthorizationFailed as error:
            if error.code != "delegation_missing":
                raise
            return False
        return True
