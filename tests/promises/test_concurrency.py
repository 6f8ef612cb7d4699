"""Many threads, several accounts, and children of a fork: nothing is mixed up, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from handler import execute
from handler.descriptor import DESCRIPTOR
from handler.retry import Clock, going_by
from handler.testing.emulator import ACCOUNT

THREADS = 64
RECIPIENTS_EACH = 3
"""Recipients of each thread, every one with all of STEPS."""
STEPS = (
    ("reader", "none", "created"),
    ("writer", "reader", "updated"),
    ("writer", "writer", "unchanged"),
    ("none", "writer", "removed"),
    ("none", "none", "unchanged"),
    ("owner", "none", "created"),
)
"""Wanted access, access before, and change."""
CHILD_SECONDS = 60
PATIENT = {"attempts": 200}
"""One unlucky thread may meet every fault that was ordered."""
STANDING = Clock(now=lambda: 0.0, sleep=lambda _: None, chance=lambda: 0.0)

ACCOUNTS = {
    name: {
        "email": f"{name}@{name}.example",
        "client_id": f"client-{name}",
        "client_secret": f"secret-of-{name}",
        "refresh_token": f"refresh-token-of-{name}",
        "calendars": [
            # The same title in both accounts, so that a token or a list in the wrong place shows.
            {"id": f"{name}@group.calendar.google.com", "summary": "Team"},
            {"id": f"{name}@{name}.example", "summary": name, "primary": True},
        ],
    }
    for name in ("first", "second")
}


def share(name, recipient, access, **options):
    """Share the account's calendar by its title."""
    info = {key: ACCOUNTS[name][key] for key in ACCOUNT}
    parameters = {"calendar_name": "Team", "scope": "user", "recipient": recipient, "calendar_access": access}
    return dict(execute(info, parameters, **options))


def share_all(name, recipient, options):
    """Do all steps for a recipient; give each result that is not what it has to be."""
    wrong = []
    for access, previous, change in STEPS:
        wanted = {
            "calendar_id": f"{name}@group.calendar.google.com",
            "rule_id": f"user:{recipient}",
            "calendar_access": access,
            "previous_access": previous,
            "change": change,
            "handler_error_message": "",
            "acted_as": "",
            "list_entry": "",
            "handler_error_code": "",
        }
        got = share(name, recipient, access, **options)
        if got != wanted:
            wrong.append((wanted, got))
    return wrong


def jobs():
    """Yield account and recipient of each job; most recipients are the same in both accounts."""
    names = list(ACCOUNTS)
    for thread in range(THREADS):
        for number in range(RECIPIENTS_EACH):
            yield names[thread % 2], f"r{thread // 2}-{number}@acme.com"


def run(options):
    """Let all threads begin at the same moment; give every wrong result."""
    work = list(jobs())
    gate = threading.Barrier(THREADS)

    def thread(number):
        gate.wait(timeout=60)
        mine = work[number * RECIPIENTS_EACH : (number + 1) * RECIPIENTS_EACH]
        return [wrong for name, recipient in mine for wrong in share_all(name, recipient, options)]

    with ThreadPoolExecutor(THREADS) as pool:
        return [wrong for found in pool.map(thread, range(THREADS)) for wrong in found]


def final_rules():
    """Return the rules that all jobs leave behind."""
    rules = {}
    for name, recipient in jobs():
        rules.setdefault(f"{name}@group.calendar.google.com", {})[f"user:{recipient}"] = "owner"
    return rules


def test_threads_of_two_accounts_do_not_mix(emulate):
    """64 threads share for two accounts: each result is of its own account, and each account signs in once."""
    emulator = emulate({"accounts": list(ACCOUNTS.values())})
    assert run({}) == []
    assert emulator.rules() == final_rules()
    assert emulator.calls.count("oauth2.token") == len(ACCOUNTS)
    assert len(emulator.mails) == 3 * len(list(jobs()))


FAULTS = [
    {"method": "oauth2.token", "fault": "error", "status": 503, "times": 2},
    {"method": "oauth2.token", "fault": "dropped", "times": 2},
    *(
        {"method": method, "fault": fault, **({"status": 503} if "error" in fault else {}), "times": 5}
        for _ in range(6)
        for method in ("calendarList.list", "acl.get", "acl.insert", "acl.update", "acl.delete")
        for fault in ("error", "dropped", "error_after", "dropped_after", "truncated")
    ),
    {"method": "acl.get", "fault": "token_expired"},  # once: a step signs in anew only once
]


def test_threads_do_not_mix_while_google_fails(emulate):
    """The same with hundreds of failures and lost connections: every result is true, and no write is done twice."""
    emulator = emulate({"accounts": list(ACCOUNTS.values()), "faults": FAULTS})
    with going_by(STANDING):
        assert run(PATIENT) == []
    assert emulator.rules() == final_rules()
    assert emulator.unused_faults == []
    assert len(emulator.mails) == 3 * len(list(jobs()))


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_in_the_middle_of_many_threads(emulate):
    """A child that is forked while threads share does its own shares, and the parent's threads go on."""
    emulator = emulate({"accounts": list(ACCOUNTS.values())})
    begun = threading.Barrier(9)
    forked = threading.Event()

    def thread(number):
        name = list(ACCOUNTS)[number % 2]
        wrong = share_all(name, f"before{number}@acme.com", {})
        begun.wait(timeout=60)
        rounds = 0
        while not forked.is_set() or not rounds:  # some of them are in the middle of a share at the fork
            wrong += share_all(name, f"during{number}-{rounds}@acme.com", {})
            rounds += 1
        return wrong + share_all(name, f"after{number}@acme.com", {})

    with ThreadPoolExecutor(8) as pool:
        threads = [pool.submit(thread, number) for number in range(8)]
        begun.wait(timeout=60)
        children = [_forked(f"child{number}@acme.com") for number in range(3)]
        forked.set()
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
        assert [future.result() for future in threads] == [[]] * 8
    # The parent signs in once for each account, and so does each child.
    assert emulator.calls.count("oauth2.token") == len(ACCOUNTS) * 4
    for rules in emulator.rules().values():
        assert set(rules.values()) == {"owner"}
        assert {f"user:child{number}@acme.com" for number in range(3)} <= rules.keys()


def _forked(recipient):
    """Let a child share for both accounts, in threads of its own; its status is 0 if all went well."""
    child = os.fork()
    if child:
        return child
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(CHILD_SECONDS)  # a child that hangs ends, and is told by its status
        with ThreadPoolExecutor(2) as pool:
            wrong = list(pool.map(lambda name: share_all(name, recipient, {}), ACCOUNTS))
        os._exit(0 if wrong == [[], []] else 1)
    except BaseException:  # noqa: BLE001 -- whatever it is, a forked test must not go on
        os._exit(2)
    raise AssertionError("os._exit does not return")


FORKED_AT_THE_IMPORT = """
import os, signal, sys
from handler import Unavailable, execute
from handler.testing.emulator import ACCOUNT


def fork(*_):
    child = os.fork()
    if not child:
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


class Interrupt:
    def find_spec(self, name, *_):
        if name == "handler.calendar_api":
            signal.raise_signal(signal.SIGUSR1)


signal.signal(signal.SIGUSR1, fork)
signal.alarm(CHILD_SECONDS)
sys.meta_path.insert(0, Interrupt())
try:
    execute(ACCOUNT, {"calendar_name": "primary", "calendar_access": "reader", "dry_run": "Yes"}, attempts=1)
except Unavailable as error:
    print(error.code)
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_signal_handler_may_fork_while_the_first_step_imports():
    """A signal that comes while Google's client is imported may fork: the child lives, and the step goes on."""
    script = FORKED_AT_THE_IMPORT.replace("CHILD_SECONDS", str(CHILD_SECONDS))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=DESCRIPTOR.parent,
        env={**os.environ, "CALENDAR_EMULATOR_HOST": "127.0.0.1:1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "7\ngoogle_unavailable\n")
