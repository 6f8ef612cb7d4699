"""What a type checker tells those who call the handler: read by `make check` with mypy --strict, never run.

A line that has to be an error says which one; without it mypy complains that the remark is unused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from handler import Findings, HandlerError, Outcome, ResultId, Results, check, execute, execute_many

if TYPE_CHECKING:
    from collections.abc import Mapping


def results_of_a_step(info: Mapping[str, str], parameters: dict[str, str | bool | None], name: str) -> str:
    """What is under a declared id is text; an id that no step answers is an error, and so is one that may be any."""
    results: Results = execute(info, parameters)
    change: str = results["change"]
    results["chnage"]  # type: ignore[index]
    results.get(name)  # type: ignore[call-overload]
    declared: ResultId = "previous_access"
    known: str = results[declared]
    return change + known + results.to_xml()


def results_as_a_dict_of_text(results: Results, name: str) -> str:
    """For ids that are computed the items make a dict of text."""
    by_any_name: dict[str, str] = dict(results.items())
    return by_any_name[name]


def outcomes_of_a_bulk(info: Mapping[str, str], rows: list[dict[str, str]]) -> list[str]:
    """Asking for "error" tells which of the two an outcome is; a misspelt key or id is an error."""
    outcomes: list[Outcome] = execute_many(info, rows)
    told = []
    for outcome in outcomes:
        outcome["result"]  # type: ignore[typeddict-item]
        outcome["results"]  # type: ignore[typeddict-item]  # it may have failed
        if "error" in outcome:
            after: float | None = outcome["error"]["retry_after"]
            outcome["error"]["retryabel"]  # type: ignore[typeddict-item]
            told.append(f"{outcome['error']['message']} {after}")
        else:
            outcome["results"]["chnage"]  # type: ignore[index]
            told.append(outcome["results"]["change"])
    return [*told, json.dumps(outcomes)]


def findings_of_a_check(info: Mapping[str, str]) -> str:
    """What a check has found is typed to the last leaf."""
    findings: Findings = check(info, "primary")
    findings["acount"]  # type: ignore[typeddict-item]
    return "".join(problem["remedy"] for problem in findings["problems"]) + findings["account"]


def an_error_as_a_dict(error: HandlerError) -> str:
    """The dict of an error has the keys that the class has."""
    error.to_dict()["codes"]  # type: ignore[typeddict-item]
    return error.to_dict()["code"]
