"""Share a Google calendar as a step of a workflow: execute(info, params); many steps: execute_many(info, rows)."""

from .bulk import Outcome, execute_many
from .check import check
from .errors import (
    AuthorizationFailed,
    HandlerError,
    InvalidDescriptor,
    InvalidInput,
    NotFound,
    Refused,
    Unavailable,
)
from .findings import Findings
from .results import ResultId, Results
from .task import execute
from .version import __version__

__all__ = [
    "AuthorizationFailed",
    "Findings",
    "HandlerError",
    "InvalidDescriptor",
    "InvalidInput",
    "NotFound",
    "Outcome",
    "Refused",
    "ResultId",
    "Results",
    "Unavailable",
    "__version__",
    "check",
    "execute",
    "execute_many",
]
