"""Somebody who is killed between a write and its answer."""

from __future__ import annotations

import threading

from handler.testing.emulator import Emulator


class Kills(Emulator):
    """An emulator that has somebody killed when an insert is done and not yet answered."""

    def __init__(self, state=None, insert=1):
        """Take which insert that is, from 1 on."""
        super().__init__(state)
        self.insert = insert
        self.victim = None
        self.killed = threading.Event()

    def _answer(self, request):
        answer = super()._answer(request)
        with self._lock:
            self.insert -= request.http_method == "POST" and request.path.endswith("/acl")
            if not self.insert:
                self.victim.kill()
                self.killed.set()
        return answer
