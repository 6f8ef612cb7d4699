"""The whole-step retry: what is tried again, after how long, and until when."""

from __future__ import annotations

import pytest

from benchmarks.rate_limit import outcome
from handler import AuthorizationFailed, HandlerError, Refused, Unavailable
from handler.retry import Clock, Deadline, Policy, repeat
from handler.testing.cases import StillClock

POLICY = Policy(4, 1.0, 2.0, 30.0, 120.0, 10.0, 30.0)


def tried(*outcomes, policy=POLICY, chance=1.0, renew=lambda: False):
    """Repeat a step with these outcomes; give the last one, the waits and the number of attempts."""
    still, rest = StillClock(), list(outcomes)
    clock = still.clock._replace(chance=lambda: chance)

    def attempt():
        outcome = rest.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    try:
        last = repeat(attempt, policy, Deadline(clock, policy.deadline_seconds), clock, renew=renew, log=lambda _: None)
    except HandlerError as error:
        last = error
    return last, still.waits, len(outcomes) - len(rest)


def down(retry_after=None):
    """Make an error that may pass."""
    return Unavailable("google_unavailable", "Down.", None, retry_after)


def test_a_first_success_waits_for_nothing():
    """A step that passes is not tried again."""
    assert tried("done") == ("done", [], 1)


def test_waits_grow_up_to_the_longest():
    """The bound of the waits doubles with each attempt and stops at 30 s."""
    policy = POLICY._replace(attempts=8, deadline_seconds=1000)
    assert tried(*[down()] * 7, "done", policy=policy) == ("done", [1, 2, 4, 8, 16, 30, 30], 8)


def test_waits_are_drawn_from_zero_on():
    """Full jitter: the wait is a chance share of the bound."""
    assert tried(down(), down(), "done", chance=0.25)[1] == [0.25, 0.5]


def test_attempts_run_out():
    """After the last attempt its error is raised, without a wait."""
    last, waits, count = tried(down(), down(), down(), down(7.0))
    assert (last.retry_after, waits, count) == (7.0, [1, 2, 4], 4)


def test_one_attempt_never_waits():
    """With one attempt nothing is waited for: the engine retries."""
    assert tried(down(60.0), policy=POLICY._replace(attempts=1))[1:] == ([], 1)


@pytest.mark.parametrize("error", [Refused("x", "x"), HandlerError("x", "x")], ids=["Refused", "HandlerError"])
def test_only_unavailable_is_tried_again(error):
    """An error that stays is raised at once."""
    assert tried(error) == (error, [], 1)


def test_retry_after_is_waited_for():
    """A wait is never shorter than what Google asks for."""
    assert tried(down(9.0), "done")[1] == [9.0]


def test_a_wait_beyond_the_deadline_is_not_begun():
    """If the wait would end after the deadline, the error is raised at once and says how long."""
    last, waits, count = tried(down(120.0))
    assert (last.retry_after, waits, count) == (120.0, [], 1)


def test_no_attempt_starts_after_the_deadline():
    """Waits that add up to the deadline end the step."""
    assert tried(*[down(50.0)] * 4)[1:] == ([50.0, 50.0], 3)


def test_a_refused_token_is_renewed_and_not_counted():
    """One more attempt follows at once as long as credentials could be renewed."""
    expired = AuthorizationFailed("authorization_failed", "Expired.")
    assert tried(expired, down(), "done", renew=lambda: True) == ("done", [1], 3)
    assert tried(expired, expired, renew=iter((True, False)).__next__) == (expired, [], 2)
    assert tried(expired, expired, down(), "done", renew=lambda: True) == ("done", [1], 4)
    assert tried(expired) == (expired, [], 1)


def test_the_deadline_is_measured_on_the_clock_that_was_given():
    """Time left is what the clock says, and may be less than nothing."""
    now = [5.0]
    deadline = Deadline(Clock(now=lambda: now[0]), 10.0)
    assert deadline.left() == 10.0
    now[0] = 17.5
    assert deadline.left() == -2.5


def test_ten_workers_on_one_account_lose_few_steps_to_the_rate_limit():
    """Spread out they come back when the quota does; those that come back within seconds lose a third."""
    lost = [outcome(10, spread=spread, steps=600).lost for spread in (True, False)]
    assert lost == [4, 203]


def test_the_simulation_of_the_rate_limit_is_the_same_each_time():
    """Threads take part in it, and neither they nor the machine decide anything; another seed does."""
    once, again, other = (outcome(5, spread=False, steps=300, seed=seed) for seed in (1, 1, 2))
    assert once == again != other


def test_two_workers_on_one_account_lose_nothing_to_the_rate_limit():
    """Few workers wait and pass; without the spread even two lose steps."""
    assert [outcome(2, spread=spread, steps=600).lost for spread in (True, False)] == [0, 13]
