"""What comes of each row of a bulk, as JSON values."""

from __future__ import annotations

from typing import TypedDict, final

from ..errors import ErrorDict  # noqa: TC001 -- what reads annotations at run time finds them
from ..results import ResultId  # noqa: TC001 -- as above


# Final, so that a type checker tells them apart by `"error" in outcome`.
@final
class SharedRow(TypedDict):
    """A row that was done; its results are those of `execute`."""

    results: dict[ResultId, str]


@final
class FailedRow(TypedDict):
    """A row that failed or was not tried; its error is as `HandlerError.to_dict()` gives it."""

    error: ErrorDict


Outcome = SharedRow | FailedRow
