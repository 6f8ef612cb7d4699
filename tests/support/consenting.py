"""A person at the emulator's consent page, who answers it and follows where it leads.

`python -m tests.support.consenting ADDRESS` is such a person as a browser: ticks every box and allows it.
"""

from __future__ import annotations

import io
import re
import sys
from html import unescape
from threading import Thread
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

ADDRESS = re.compile(r"^http://127\.0\.0\.1:\d+/o/oauth2/v2/auth\?\S+$", re.MULTILINE)
BOX = re.compile(r'name="scope" value="([^"]+)"')


class Page(NamedTuple):
    """What a browser has got."""

    status: int
    headers: dict[str, str]
    text: str


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def visit(address, form=None):
    """Get a page, or post a form to it, and follow no redirect."""
    data = urlencode(form, doseq=True).encode() if form else None
    try:
        answer = build_opener(ProxyHandler({}), _Stay()).open(address, data, timeout=10)
    except HTTPError as error:
        answer = error
    with answer:
        return Page(answer.status, dict(answer.headers), answer.read().decode())


def consent(address, *, decision="allow", untick=(), account=None, turn=lambda back: back):
    """Answer the consent page and follow it back, to an address that `turn` may change; give the last page."""
    boxes = [unescape(scope) for scope in BOX.findall(visit(address).text)]
    form = {"decision": decision, "scope": [scope for scope in boxes if scope not in untick]}
    sent = visit(address, {**form, **({"account": account} if account else {})})
    return visit(turn(sent.headers["Location"]))


class Person(io.StringIO):
    """A screen whose reader opens the address that appears there, once."""

    def __init__(self, answer=consent):
        """Take what the person does with the address."""
        super().__init__()
        self.address = ""
        self._answer = answer
        self._page = None
        self._thread = Thread(target=self._follow, daemon=True)

    def flush(self):
        """Let the person begin as soon as the address is there."""
        found = ADDRESS.search(self.getvalue())
        if found and not self.address:
            self.address = found[0]
            self._thread.start()

    @property
    def page(self):
        """The page that the person sees at the end; None if no address was shown."""
        if self.address:
            self._thread.join(10)
        return self._page

    def _follow(self):
        self._page = self._answer(self.address)


if __name__ == "__main__":
    consent(sys.argv[1])
