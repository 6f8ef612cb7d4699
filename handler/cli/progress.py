"""A bar that shows how far a command is, for whoever sits in front of a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO


@contextmanager
def progress_bar(total: int, stream: TextIO) -> Iterator[Callable[[], None] | None]:
    """Give what moves the bar by one row; None if nobody sees it, or rich (of the extra `cli`) is not installed."""
    if not stream.isatty():
        yield None
        return
    try:
        # An extra, and slow to import: only those pay who see it.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        yield None
        return
    looks = (TextColumn("Sharing"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*looks, console=Console(file=stream), redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
