"""Share a Google calendar as a step of a workflow: execute(info, params); many steps: execute_many(info, rows)."""

from .bulk import execute_many
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
from .results import Results
from .task import execute
from .version import __version__

__all__ = [
    "AuthorizationFailed",
    "HandlerError",
    "InvalidDescriptor",
    "InvalidInput",
    "NotFound",
    "Refused",
    "Results",
    "Unavailable",
    "__version__",
    "check",
    "execute",
    "execute_many",
]
