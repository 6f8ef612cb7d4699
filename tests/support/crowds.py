"""Who is inside a method of the connection at one time, watched from many threads."""

from __future__ import annotations

import threading

from handler.calendar_api import Connection


def watched(monkeypatch, method, watch):
    """Let `watch(calendar_id)` run around each call of a method of the connection, as a context."""
    done = getattr(Connection, method)

    def call(self, calendar_id, *arguments, **named):
        with watch(calendar_id):
            return done(self, calendar_id, *arguments, **named)

    monkeypatch.setattr(Connection, method, call)


class Crowd:
    """Counts who is inside, in all and at each calendar; the first ones wait for one another."""

    def __init__(self, together):
        """Take how many have to be inside at once."""
        self.lock, self.inside, self.most, self.most_at_one = threading.Lock(), [], 0, 0
        self.barrier = threading.Barrier(together)
        self.waiting = together

    def __call__(self, calendar_id):
        """Return the context of one call."""
        return _Visit(self, calendar_id)


class _Visit:
    def __init__(self, crowd, calendar_id):
        self.crowd, self.calendar_id = crowd, calendar_id

    def __enter__(self):
        crowd = self.crowd
        with crowd.lock:
            crowd.inside.append(self.calendar_id)
            crowd.most = max(crowd.most, len(crowd.inside))
            crowd.most_at_one = max(crowd.most_at_one, crowd.inside.count(self.calendar_id))
            crowd.waiting -= 1
            early = crowd.waiting >= 0
        if early:
            crowd.barrier.wait(30)

    def __exit__(self, *_):
        with self.crowd.lock:
            self.crowd.inside.remove(self.calendar_id)
