"""The command line: `google-apps-calendar-share`, also `python -m handler`."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import TYPE_CHECKING, TextIO

from .cli import run_command
from .cli.exit_statuses import FAILED, INTERRUPTED
from .cli.output import Streams

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = f"python -m {__package__}" if __name__ == "__main__" else "google-apps-calendar-share"


def main(
    argv: Sequence[str] | None = None,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Run one command and give its exit status; what is not given is the process's own."""
    # google-api-core warns by the calendar; whoever only shares can do nothing about it.
    warnings.filterwarnings("ignore", r"You are using a (non-supported )?Python version", FutureWarning)
    streams = Streams(*(_open(*pair) for pair in ((stdin, sys.stdin), (stdout, sys.stdout), (stderr, sys.stderr))))
    try:
        status = run_command(PROGRAM, sys.argv[1:] if argv is None else argv, streams)
        streams.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if streams.stdout is sys.stdout:
            # What is still buffered would fail again, and loudly, when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"error: {error}", file=streams.stderr)
        return FAILED
    return status


def _open(given: TextIO | None, own: TextIO | None) -> TextIO:
    stream = given or own or io.StringIO()  # a process may be started with its streams closed
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


if __name__ == "__main__":
    sys.exit(main())
