"""What a script learns from the end of a command."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from ..errors import HandlerError, InvalidDescriptor, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DONE, FAILED, WRONG_INPUT, TRY_AGAIN, INTERRUPTED = 0, 1, 2, 75, 130


def exit_statuses(
    *,
    done: str = "done",
    failed: str = "refused or failed",
    wrong_input: str = "wrong usage or input",
    try_again: str = "try again later",
) -> str:
    """Return the paragraph of a help that says what the statuses mean; a verb may have words of its own."""
    statuses = (
        f"{DONE} {done}; {FAILED} {failed}; {WRONG_INPUT} {wrong_input}; {TRY_AGAIN} {try_again}; "
        f"{INTERRUPTED} interrupted"
    )
    return textwrap.fill(f"Exit status: {statuses}.", 79) + "\n"


def status_of(error: HandlerError) -> int:
    """Return the exit status that tells a script what it can do about an error."""
    if error.retryable:
        return TRY_AGAIN
    return WRONG_INPUT if isinstance(error, InvalidInput | InvalidDescriptor) else FAILED


def status_of_all(errors: Iterable[Mapping[str, Any]]) -> int:
    """Return the status of what ended with these errors or problems, each with its `retryable`: DONE for none."""
    errors = list(errors)
    if not errors:
        return DONE
    return TRY_AGAIN if all(error["retryable"] for error in errors) else FAILED
