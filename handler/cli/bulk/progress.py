"""A bar that shows how far a command is, for whoever sits in front of a terminal."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO


@contextmanager
def progress_bar(total: int, stream: TextIO) -> Iterator[Callable[[], None] | None]:
    """Provide what moves the bar by one row; None if nobody sees it, or rich (of the extra `cli`) is not installed."""
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
    screen: Any = _Screen(stream)
    with Progress(*looks, console=Console(file=screen), redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


class _Screen:
    """A terminal that may go away: whatever becomes of it must not end what the bar is about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
