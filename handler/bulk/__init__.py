"""Many shares at once, as a list of rows: execute_many(info, rows), and what the verb bulk is made of."""

from ..retry import Stopped
from .outcomes import Outcome
from .plan import Plan, read_plan
from .run import PER_MINUTE, THREADS, Bulk, execute_many

__all__ = ["PER_MINUTE", "THREADS", "Bulk", "Outcome", "Plan", "Stopped", "execute_many", "read_plan"]
