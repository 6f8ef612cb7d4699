"""Many shares at once: all calendars are found first, then several are shared side by side.

An error of one row does not stop the others, unless it would meet them all.
"""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from ..descriptor import wrong_number
from ..retry import LONGEST_BLOCK, Stopped
from .calendar_rows import CalendarRows
from .paced_calls import Calls
from .plan import read_plan
from .targets import Targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .outcomes import Outcome
    from .plan import Plan

    Given = tuple[tuple[int, "Outcome"] | BaseException | None, threading.Semaphore]
    """What a thread hands over: an outcome, a bug, or None at its end; and what it waits for before it goes on."""

PER_MINUTE = 500
"""Requests of one user; Google allows each 600 (https://developers.google.com/workspace/calendar/api/guides/quota)."""
THREADS = 4


def execute_many(
    info: Mapping[str, str | bool | None],
    rows: Iterable[Mapping[str, str | bool | None]],
    *,
    attempts: int | None = None,
    per_minute: int | None = PER_MINUTE,
    threads: int = THREADS,
) -> list[Outcome]:
    """Make sure of many shares, and return the outcome of each row, in the rows' order.

    A row is a mapping of parameters, as for `execute` but without Error Handling. An
    outcome is `{"results": {...}}` or `{"error": {...}}`, the latter as
    `HandlerError.to_dict()` returns it; of a row that was not tried, because an earlier
    error would meet all, `details["not_tried"]` is true. Rows that are the same are one,
    and have one outcome; the same wish as two users is two rows, and written once.
    `per_minute` is the number of requests that all threads together begin in a minute as
    one user; None sets no limit. One thread at a time works on a calendar, whoever acts.
    `attempts` is as for `execute`, for each row by itself.
    Raises InvalidInput with every problem of every row, or if two rows disagree;
    Refused (policy_refused) if guard rails forbid rows; InvalidDescriptor. Nothing has
    been written then.
    """
    wrong = {
        **wrong_number("attempts", attempts),
        **wrong_number("per_minute", per_minute),
        **wrong_number("threads", threads or 0),
    }
    plan = read_plan(info, rows, "rows[{}]".format, wrong)
    bulk = Bulk(plan, attempts=attempts, per_minute=per_minute)
    bulk.find_calendars()
    outcomes = dict(bulk.share(threads))
    return [outcomes[number] for number in range(len(plan.wishes))]


class Bulk:
    """One run over the rows of a plan: find the calendars, then share. Any thread may stop it."""

    def __init__(
        self,
        plan: Plan,
        *,
        attempts: int | None = None,
        per_minute: int | None = PER_MINUTE,
    ) -> None:
        """Take the plan; `attempts` None leaves the descriptor's."""
        self._plan = plan
        self._calls = Calls(plan.info, attempts, per_minute)
        self._targets: Targets
        self._rows: CalendarRows
        self._lock = threading.Lock()
        self.untaken: list[tuple[int, Outcome]] = []
        """Outcomes that were in flight when `share` was left early."""

    def stop(self) -> None:
        """Let the requests in flight finish, and begin no more."""
        self._calls.stopped.set()

    def find_calendars(self) -> None:
        """Look each name up, reading each user's calendar list once, and only if a name needs it.

        What keeps a name from being found becomes the outcome of its rows. Raises
        InvalidInput if rows disagree after all, as their names mean the same calendar,
        Refused if guard rails forbid what a name means, and Stopped.
        """
        self._targets = Targets(self._plan, self._calls)
        self._rows = CalendarRows(self._plan, self._targets, self._calls)

    def share(self, threads: int = THREADS) -> Iterator[tuple[int, Outcome]]:
        """Yield the number of each row with its outcome, in order of completion; once stopped, begin no more rows.

        A thread begins no other row before the next outcome is asked for, so whoever
        writes outcomes down has written this one by then.
        """
        for number, wish in enumerate(self._plan.wishes):
            if error := self._targets.failed(wish):
                yield number, {"error": error.to_dict()}
        yield from self._shared(threads)

    def _shared(self, threads: int) -> Iterator[tuple[int, Outcome]]:
        """Yield the outcomes of the rows whose calendar was found."""
        groups = self._groups()
        waiting = iter(groups.values())
        given: SimpleQueue[Given] = SimpleQueue()
        crew: list[threading.Thread] = []
        running: set[threading.Semaphore] = set()
        bug: BaseException | None = None
        try:
            for _ in range(min(threads, len(groups))):
                turn = threading.Semaphore(0)
                thread = threading.Thread(target=self._work, args=(waiting, given, turn), daemon=True)
                thread.start()
                running.add(turn)
                crew.append(thread)
            for found in _taken(given, running):
                if isinstance(found, BaseException):
                    self.stop()  # and what the other threads have in flight comes still
                    bug = bug or found
                else:
                    yield found
            if bug:
                raise bug
        finally:
            self.stop()
            for turn in running:
                turn.release()
            self.untaken += [found for found in _taken(given, running) if isinstance(found, tuple)]
            for thread in crew:
                while thread.is_alive():
                    thread.join(LONGEST_BLOCK)

    def _groups(self) -> dict[str, dict[str, list[int]]]:
        """Return the rows whose calendar was found, by the calendar and then by the user who acts."""
        groups: dict[str, dict[str, list[int]]] = {}
        for number, wish in enumerate(self._plan.wishes):
            if not self._targets.failed(wish):
                groups.setdefault(self._targets.key_of(wish), {}).setdefault(wish.act_as, []).append(number)
        return groups

    def _work(
        self,
        waiting: Iterator[dict[str, list[int]]],
        given: SimpleQueue[Given],
        turn: threading.Semaphore,
    ) -> None:
        """Share calendar after calendar until none is waiting, then hand over None."""
        try:
            while True:
                with self._lock:
                    group = next(waiting, None)
                if group is None:
                    break
                for found in self._rows.share(group):
                    given.put((found, turn))
                    turn.acquire()
        except Stopped:
            pass
        except BaseException as bug:  # noqa: BLE001 -- raised by the caller's thread
            given.put((bug, turn))
        given.put((None, turn))


def _taken(
    given: SimpleQueue[Given], running: set[threading.Semaphore]
) -> Iterator[tuple[int, Outcome] | BaseException]:
    """Yield what the running threads hand over until all have ended; a thread goes on when the next is asked for."""
    while running:
        try:
            found, turn = given.get(timeout=LONGEST_BLOCK)
        except Empty:
            continue
        if found is None:
            running.remove(turn)
        else:
            yield found
            turn.release()
