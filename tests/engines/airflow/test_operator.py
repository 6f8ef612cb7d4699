"""The operators by themselves, without a database: the same as `execute`, in the words of the engine."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import airflow.sdk
import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

from handler import HandlerError, execute, execute_many
from handler.descriptor import load
from handler.engines import airflow_operator
from handler.engines.airflow_hook import StepHook
from handler.engines.airflow_operator import RetryAfter, RowsOperator, StepOperator
from handler.testing.cases import play, read_case
from handler.testing.emulator import ACCOUNT

from .conftest import CANARIES, ROOT

FIXTURES = ROOT / "fixtures"
ALL_CASES = [read_case(file) for file in sorted(FIXTURES.rglob("*.yaml"))]
CASES = [case for case in ALL_CASES if isinstance(case.info, dict)]
"""Of info values that are no mapping the hook says more than a step: which field of which connection they are in."""
JANE = {"calendar_name": "primary", "scope": "user", "recipient": "jane@acme.com", "calendar_access": "reader"}
JOHN = {**JANE, "recipient": "john@acme.com"}
NOWHERE = {**JANE, "calendar_name": "Nowhere"}
LIMIT = {"method": "acl.insert", "fault": "error", "status": 429}


class Instance:
    """Stands in for the task's instance, and keeps what is pushed."""

    def __init__(self):
        """Begin without an XCom."""
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


def share(parameters, **options):
    """Do a step as a task does."""
    return StepOperator(task_id="share", parameters=parameters, **options).execute({})


def share_rows(rows, instance, **options):
    """Do rows as a task does."""
    return RowsOperator(task_id="share", rows=rows, **options).execute({"ti": instance})


def failure_of(caught):
    """Hold an exception to the errors that it stands for, and give them."""
    assert isinstance(caught, AirflowFailException) is not any(error["retryable"] for error in caught.errors)
    assert caught.__cause__ is None
    assert caught.__context__ is None
    return caught.errors


def by_execute(case):
    """Do a case without an engine, as one attempt."""
    try:
        if case.rows is not None:
            options = {"attempts": 1, "threads": 1, "per_minute": None}
            return {"rows": execute_many(case.info, case.rows, **options)}
        return {"results": dict(execute(case.info, case.parameters, attempts=1, raise_retryable=True))}
    except HandlerError as error:
        return {"error": error.to_dict()}


def by_operator(case, connect, monkeypatch):
    """Do a case as a task, and hold its failure to the errors that it stands for."""
    connect(case.info)
    in_order = functools.partial(execute_many, threads=1, per_minute=None)
    monkeypatch.setattr("handler.engines.airflow_operator.execute_many", in_order)
    instance = Instance()
    try:
        if case.rows is not None:
            return {"rows": share_rows(case.rows, instance)}
        return {"results": share(case.parameters)}
    except AirflowException as caught:
        errors = failure_of(caught)
    if instance.pushed:
        (outcomes,) = instance.pushed.values()
        assert errors == [outcome["error"] for outcome in outcomes if "error" in outcome]
        return {"rows": outcomes}
    assert len(errors) == 1
    return {"error": errors[0]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file.rpartition("fixtures/")[2])
def test_each_case_ends_as_it_does_without_an_engine(case, connect, monkeypatch):
    """A task has the outcome, calls, rules and mails of one attempt: those of the file, unless it may pass."""
    case = replace(case, attempts=1, waits=None)
    expected = play(case, by_execute)
    report = play(case, functools.partial(by_operator, connect=connect, monkeypatch=monkeypatch))
    assert report.outcome == expected.outcome
    assert (report.calls, report.after) == (expected.calls, expected.after)
    assert report.differences == expected.differences


def test_what_airflow_keeps_is_plain(emulate, connect):
    """XCom gets a dict of text, and a list of such outcomes, and nothing else."""
    emulate()
    connect(ACCOUNT)
    results, outcomes = share(JANE), share_rows([JOHN], Instance())
    assert type(results) is type(outcomes[0]["results"]) is dict
    assert (results["change"], outcomes[0]["results"]["change"]) == ("created", "created")


def test_a_user_who_is_not_allowed_is_refused(emulate, connect):
    """Neither operator acts as somebody whom the connection does not allow, whatever the step does."""
    emulator = emulate()
    key = emulator.service_account_key()
    connect({"service_account": key, "act_as_by_default": "ann@acme.com", "may_add_to_lists_of": "acme.com"})
    for role in ("none", "reader"):
        step = {**JANE, "calendar_name": "Team Calendar", "calendar_access": role, "act_as": "bob@acme.com"}
        for do in (share, lambda step: share_rows([step], Instance())):
            with pytest.raises(AirflowFailException, match=r"^policy_refused: "):
                do(step)
    assert emulator.calls == []


def test_a_service_account_shares_into_a_list(emulate, connect):
    """Act As and Add to List are parameters as others are, and XCom says what became of them."""
    emulator = emulate()
    connect(
        {"service_account": emulator.service_account_key(), "may_act_as": "acme.com", "may_add_to_lists_of": "acme.com"}
    )
    step = {**JANE, "calendar_name": "Team Calendar", "act_as": "ann@acme.com", "add_to_list": "Yes"}
    results, (outcome,) = share(step), share_rows([step], Instance())
    assert (results["acted_as"], results["list_entry"]) == ("ann@acme.com", "added")
    assert (outcome["results"]["acted_as"], outcome["results"]["list_entry"]) == ("ann@acme.com", "present")


def test_the_message_says_code_and_sentence(connect):
    """What a user reads in the log is the code, and the handler's own sentence."""
    connect(ACCOUNT)
    with pytest.raises(AirflowFailException, match=r"^invalid_input: calendar_access: is missing; give one of none,"):
        share({"calendar_name": "primary"})


@pytest.mark.parametrize("parameters", [None, "text", [JANE], {**JANE, "role": "reader"}], ids=repr)
def test_what_are_no_parameters_fails_for_good(connect, parameters):
    """Parameters in the wrong form are said, and never tried again."""
    connect(ACCOUNT)
    with pytest.raises(AirflowFailException) as caught:
        share(parameters)
    assert failure_of(caught.value)[0]["code"] == "invalid_input"


def test_what_may_pass_is_raised_whatever_error_handling_says(emulate, connect):
    """An error as a result would end the task as done; what does not pass becomes one."""
    emulate({"faults": [{**LIMIT, "method": "acl.get"}]})
    connect(ACCOUNT)
    wish = {**JANE, "error_handling": "Error Message"}
    with pytest.raises(AirflowException) as caught:
        share(wish)
    assert failure_of(caught.value)[0]["code"] == "rate_limited"
    assert share({**wish, "calendar_name": "Nowhere"})["handler_error_code"] == "calendar_not_found"


def test_an_extra_that_is_no_json_object_fails_for_good(monkeypatch):
    """The task names the connection and its field, and shows nothing of what stands there."""
    monkeypatch.setattr(StepHook, "get_connection", lambda *_: SimpleNamespace(extra="{CANARY"))
    with pytest.raises(AirflowFailException) as caught:
        share(JANE, gcal_conn_id="acme")
    assert str(caught.value).startswith("invalid_input: connection acme, field Extra: is no JSON object")
    assert [error["code"] for error in failure_of(caught.value)] == ["invalid_input"]
    assert "CANARY" not in str(caught.value)


def test_a_missing_connection_is_left_to_airflow():
    """It may be a vault that is down: Airflow's own exception, which names the connection and is tried again."""
    with pytest.raises(AirflowNotFoundException, match="nowhere"):
        share(JANE, gcal_conn_id="nowhere")
    assert not issubclass(AirflowNotFoundException, AirflowFailException)


def test_the_connection_may_be_another_one(emulate, connect):
    """Each task names the account that it uses."""
    emulate()
    connect({**ACCOUNT, "allowed_domains": "example.com"})
    connect(ACCOUNT, "other")
    with pytest.raises(AirflowFailException, match=r"^policy_refused: "):
        share(JANE)
    assert share(JANE, gcal_conn_id="other")["change"] == "created"


@pytest.mark.parametrize(
    ("operator", "given"),
    [(StepOperator, {"parameters": JANE}), (RowsOperator, {"rows": [JANE]})],
    ids=["step", "rows"],
)
def test_of_an_unexpected_exception_airflow_sees_the_class_name(monkeypatch, connect, caplog, operator, given):
    """Its text, which may hold anything, is in the log alone, redacted; whether to try again is up to the task."""

    def broken(*_, **__):
        raise LookupError(*CANARIES.values())

    connect(CANARIES)
    monkeypatch.setattr("handler.engines.attempt.execute", broken)
    monkeypatch.setattr("handler.engines.airflow_operator.execute_many", broken)
    with pytest.raises(AirflowException, match=r"^LookupError; the log of the task has more$") as caught:
        operator(task_id="share", **given).execute({})
    assert not isinstance(caught.value, AirflowFailException)
    assert caught.value.__context__ is None
    assert "LookupError: ('1d.apps.example.com', '***', '***')" in caplog.text
    assert "CANARY" not in caplog.text


def test_a_row_that_fails_fails_the_task_after_the_others(emulate, connect, capfd):
    """A task is red as long as a row is not as wanted; the outcomes are in its XCom, and lines of its log."""
    emulator = emulate()
    connect(ACCOUNT)
    instance = Instance()
    failing = r"^1 of 2 rows failed: calendar_not_found \(1\); the log has a line for each row$"
    with pytest.raises(AirflowFailException, match=failing):
        share_rows([NOWHERE, JANE], instance)
    assert emulator.mails == ["user:jane@acme.com"]
    (outcomes,) = instance.pushed.values()
    assert outcomes[0]["error"]["code"] == "calendar_not_found"
    assert outcomes[1]["results"]["previous_access"] == "none"
    log = capfd.readouterr().out
    for number in (0, 1):
        assert f"rows[{number}]: {outcomes[number]}" in log


def test_rows_are_tried_again_if_any_error_may_pass(emulate, connect):
    """A task with both kinds of errors is tried again, and fails for good once only the permanent ones are left."""
    emulator = emulate({"faults": [{**LIMIT, "retry_after": 7}]})
    connect(ACCOUNT)
    rows, instance = [NOWHERE, JANE], Instance()
    with pytest.raises(
        AirflowException, match=r"2 of 2 rows failed: calendar_not_found \(1\), rate_limited \(1\)"
    ) as one:
        share_rows(rows, instance)
    assert not isinstance(one.value, AirflowFailException)
    with pytest.raises(AirflowFailException, match=r"1 of 2 rows failed"):
        share_rows(rows, instance)
    assert emulator.mails == ["user:jane@acme.com"]


def test_a_task_without_xcom_pushes_none(emulate, connect):
    """Who wants no XCom gets none of a failed task either."""
    emulate()
    connect(ACCOUNT)
    instance = Instance()
    with pytest.raises(AirflowFailException):
        share_rows([NOWHERE], instance, do_xcom_push=False)
    assert instance.pushed == {}


@pytest.mark.parametrize(
    ("waits", "own", "expected"),
    [
        ([77.0], 3600, 77.0),
        ([77.0], 5, 77.0),
        ([None], 5, None),
        ([], 5, None),
        ([None, 3.0, 20.5], 5, 20.5),
        ([1.0], 300, None),
        ([1.0], 0, 1.0),
        ([0.0], 0, None),
    ],
)
def test_retry_after_is_honoured(waits, own, expected):
    """The longest wait that was asked for is the delay; one of a second is not, if the task waits longer by itself."""
    exception = AirflowException("text")
    exception.errors = [{"retry_after": wait} for wait in waits]
    context = {"task": SimpleNamespace(retry_delay=timedelta(seconds=own))}
    decision = RetryAfter().evaluate(exception=exception, try_number=1, max_tries=3, context=context)
    delay = None if expected is None else timedelta(seconds=expected)
    assert (decision.action, decision.retry_delay) == (
        RetryAction.DEFAULT if delay is None else RetryAction.RETRY,
        delay,
    )


def test_exceptions_of_others_are_left_to_the_task():
    """The policy decides on nothing that it does not know."""
    assert (
        RetryAfter().evaluate(exception=ValueError("text"), try_number=1, max_tries=3, context={}).action
        is RetryAction.DEFAULT
    )


def test_a_policy_of_the_user_s_own_is_kept():
    """Who brings a retry policy has it."""
    own = RetryAfter()
    assert StepOperator(task_id="share", parameters={}, retry_policy=own).retry_policy is own
    assert RowsOperator(task_id="share", rows=[], default_args={"retry_policy": own}).retry_policy is own
    assert isinstance(StepOperator(task_id="share", parameters={}).retry_policy, RetryAfter)


def test_without_retry_policies_the_task_s_own_delay_applies(monkeypatch):
    """On Airflow before 3.3, which has none, the operators are the same."""
    monkeypatch.delitem(vars(airflow.sdk)["__lazy_imports"], "RetryPolicy")
    monkeypatch.delitem(vars(airflow.sdk), "RetryPolicy", raising=False)
    spec = importlib.util.spec_from_file_location("handler.engines.before_3_3", airflow_operator.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not hasattr(module, "RetryAfter")
    assert module.StepOperator(task_id="share", parameters={}).retry_policy is None


def test_names_are_those_of_the_descriptor():
    """Airflow's pages show the handler's name, and the connection has its id."""
    document = load().document
    assert StepOperator(task_id="share", parameters={}).operator_name == document["name"]
    assert (StepHook.conn_type, StepHook.hook_name) == (document["id"], document["name"])
    assert StepHook().gcal_conn_id == StepHook.default_conn_name == f"{document['id']}_default"
