"""The step as an operator of Airflow, and many of them as one task.

Info values stay in the connection; parameters and outcomes are what Airflow keeps.
Needs the extra `airflow`.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import XCOM_RETURN_KEY, AirflowException, AirflowFailException, BaseOperator

from ..bulk import execute_many
from ..errors import HandlerError
from .airflow_hook import DEFAULT_CONNECTION, DESCRIPTOR, StepHook
from .attempt import Unexpected, one_step, shielded

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:  # before 3.3: the task's own delay applies
    RetryPolicy = None

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..bulk import Outcome
    from ..errors import ErrorDict

# What the handler itself asks for after a write that may have landed. Airflow's delay
# is longer as a rule, and in an outage a task would use up its tries in seconds.
SHORTEST_WAIT = timedelta(seconds=1)

if RetryPolicy:

    class RetryAfter(RetryPolicy):
        """Waits as long as Google asks for, and as long as the task says if it does not ask."""

        def evaluate(self, exception: BaseException, context: Any, **_: Any) -> Any:
            """Decide on the delay alone; `retries` of the task stays the limit."""
            waits = [error["retry_after"] for error in getattr(exception, "errors", ())]
            wait = timedelta(seconds=max((seconds for seconds in waits if seconds is not None), default=0))
            if not wait or wait <= SHORTEST_WAIT <= context["task"].retry_delay:
                return RetryDecision.default()
            return RetryDecision.retry(wait, f"not before {wait.total_seconds():g} s have passed")


class _Operator(BaseOperator):
    """What both operators are: a connection, and failures in the words of the engine."""

    custom_operator_name = DESCRIPTOR.document["name"]
    template_fields: Sequence[str] = ("gcal_conn_id",)
    retry_policy: Any

    def __init__(self, *, gcal_conn_id: str = DEFAULT_CONNECTION, **options: Any) -> None:
        super().__init__(**options)
        self.gcal_conn_id = gcal_conn_id
        if RetryPolicy and not self.retry_policy:
            self.retry_policy = RetryAfter()

    def _do(self, what: Callable[[Any], Any]) -> Any:
        """Do something with the info values, and fail the task as its error says."""
        try:
            info = StepHook(self.gcal_conn_id).get_conn()
            return shielded(lambda: info, what)
        except HandlerError as error:
            failed = _failure(f"{error.code}: {error}", [error.to_dict()])
        except Unexpected as error:
            failed = AirflowException(f"{error}; the log of the task has more")
        raise failed  # here, as Airflow writes down what was being handled too


class StepOperator(_Operator):
    """Does one step; its XCom is the results by their ids.

    `parameters` is a mapping as for `execute`, and is templated. Errors that may pass
    are raised as AirflowException, whatever Error Handling says, and all others as
    AirflowFailException, which is never tried again; their `errors` are as `HandlerError.to_dict()` gives them.
    """

    template_fields = ("parameters", *_Operator.template_fields)
    template_fields_renderers: ClassVar = {"parameters": "json"}

    def __init__(self, *, parameters: Mapping[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.parameters = parameters

    def execute(self, context: Any) -> dict[str, str]:  # noqa: ARG002 -- as Airflow calls it
        """Do the step once: to try again is up to the task."""
        results: dict[str, str] = self._do(lambda info: one_step(info, self.parameters))
        return results


class RowsOperator(_Operator):
    """Does many steps in one task; its XCom is the outcome of each row, as `execute_many` gives them.

    `rows` is a list of mappings of parameters, and is templated. If a row fails the
    others are done, and then the task fails: to be tried again if any error may pass, for good otherwise.
    """

    template_fields = ("rows", *_Operator.template_fields)
    template_fields_renderers: ClassVar = {"rows": "json"}

    def __init__(self, *, rows: Sequence[Mapping[str, Any]], **options: Any) -> None:
        super().__init__(**options)
        self.rows = rows

    def execute(self, context: Any) -> list[Outcome]:
        """Do each row once; one that is as wanted already, say by an earlier try, costs nothing."""
        outcomes: list[Outcome] = self._do(lambda info: execute_many(info, self.rows, attempts=1))
        errors = [outcome["error"] for outcome in outcomes if "error" in outcome]
        if not errors:
            return outcomes
        for number, outcome in enumerate(outcomes):
            # The next try begins without the XCom of this one.
            self.log.info("rows[%s]: %s", number, outcome)
        if self.do_xcom_push:
            context["ti"].xcom_push(key=XCOM_RETURN_KEY, value=outcomes)
        codes = Counter(error["code"] for error in errors)
        told = ", ".join(f"{code} ({times})" for code, times in codes.items())
        raise _failure(f"{len(errors)} of {len(outcomes)} rows failed: {told}; the log has a line for each row", errors)


def _failure(message: str, errors: list[ErrorDict]) -> Any:
    may_pass = any(error["retryable"] for error in errors)
    failed = (AirflowException if may_pass else AirflowFailException)(message)
    failed.errors = errors
    return failed
