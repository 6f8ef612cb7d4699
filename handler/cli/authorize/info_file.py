"""Writes the account that signed in into an info file, and takes care of what is there.

Whose account a file holds stands in it as `_account`, a key that belongs to whoever
writes the file and that no step looks at: a refresh token that has died, which is why
people come here, can no longer be asked.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...descriptor import load
from ...documents import read, written
from ...errors import InvalidInput, quote, shown
from ...token_end import KEPT_AS

if TYPE_CHECKING:
    from typing import NoReturn

OWNER = "_account"
TOKEN = "refresh_token"  # noqa: S105 -- the name of the value
OF_A_SERVICE_ACCOUNT = ("service_account", "act_as_by_default", "may_act_as", "may_add_to_lists_of")
FORCE = "--force replaces it all the same, or name another file"


class InfoFile:
    """A file that is to hold one account; what else it holds stays as it is."""

    def __init__(self, path: Path, *, force: bool) -> None:
        """See whether the file may be written, before a person is asked for anything.

        Raises InvalidInput if it is no info file or cannot be written, if it is a service
        account's, or if it holds a refresh token and does not say whose; `force` puts up
        with the last.
        """
        self._name = shown(str(path))
        # A link stays one: what it leads to is replaced.
        self._path = Path(os.path.realpath(path))
        self._force = force
        held = self._held()
        if name := next((name for name in OF_A_SERVICE_ACCOUNT if held.get(name)), ""):
            self._refuse(f"holds {name}, which goes with a service account and no refresh token; name another file")
        if not force and held.get(TOKEN) and not held.get(OWNER):
            self._refuse(f"holds an account and does not say which ({OWNER}); {FORCE}")
        self.account = "" if force else str(held.get(OWNER) or "")
        """The account that has to sign in; "" if any may."""

    def write(self, info: Mapping[str, str], account: str) -> None:
        """Put these info values of an account ("" if not known) in place, readable by the owner alone.

        The file is the old one or the new one at any moment. Raises InvalidInput if by
        now it is another account's, or if it cannot be written.
        """
        held = self._held()
        theirs = str(held.get(OWNER) or "")
        if not self._force and held.get(TOKEN) and (not account or theirs.casefold() != account.casefold()):
            came = quote(account) if account else "an account that cannot be told"
            self._refuse(f"holds the account {quote(theirs)}, and {came} has signed in; {FORCE}")
        others = {name: value for name, value in held.items() if name not in {OWNER, KEPT_AS, *info}}
        self._replace(written({**({OWNER: account} if account else {}), **info, **others}))

    def _held(self) -> Mapping[str, Any]:
        """Return what the file holds now, {} if there is none."""
        folder = self._path.parent
        if not folder.is_dir():
            self._refuse(f"the folder {shown(str(folder))} does not exist")
        if not os.access(folder, os.W_OK | os.X_OK):
            self._refuse(f"the folder {shown(str(folder))} cannot be written to")
        if not self._path.exists():
            return {}
        if not self._path.is_file():
            self._refuse("is not a file")
        found = read(self._path)
        if found is None:
            return {}
        # Replacing anything else would destroy somebody's work, whatever --force says.
        known = load().info.fields
        if not isinstance(found, Mapping) or any(name not in known and not name.startswith("_") for name in found):
            self._refuse("is there already and is no info file; name another one")
        return found

    def _replace(self, text: str) -> None:
        try:
            number, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)  # mode 0600
            try:
                with os.fdopen(number, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(number)
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            self._refuse(f"cannot be written: {error.strerror}")

    def _refuse(self, problem: str) -> NoReturn:
        raise InvalidInput(
            "invalid_input", f"--info: {self._name}: {problem}", {"fields": {"info": problem}, "remedy": ""}
        ) from None
