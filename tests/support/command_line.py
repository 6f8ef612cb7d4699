"""The program as a function, and the streams that a person or a full disk is at the end of."""

from __future__ import annotations

import io
import re

from handler.__main__ import main
from handler.cli.environment import VARIABLES
from handler.descriptor import DESCRIPTOR

ROOT = DESCRIPTOR.parent
EXAMPLE = ROOT / "fixtures" / "examples" / "share_with_a_user.yaml"


def without_note(errors):
    """Return what stands on stderr below the line that says that this is an emulator."""
    return re.sub(r"\Anote: this is the emulator at .+\n", "", errors)


def command(*argv, stdin=None):
    """Run a command line; return its status, stdout and stderr, the latter without the note about the emulator."""
    stdout, stderr = io.StringIO(), io.StringIO()
    status = main([str(word) for word in argv], stdin or io.StringIO(), stdout, stderr)
    return status, stdout.getvalue(), without_note(stderr.getvalue())


def leave_to_the_file(monkeypatch):
    """Unset what names an account in the environment, as no value may stand there and in an info file, too."""
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(f"{variable}_FILE", raising=False)


class Screen(io.StringIO):
    """A stream that a person sees or types into."""

    def isatty(self):
        """Say that it is a terminal."""
        return True


class Fails(io.StringIO):
    """A stream that cannot be written."""

    def __init__(self, error):
        """Take the error that writing raises."""
        super().__init__()
        self.error = error

    def write(self, _):
        """Fail."""
        raise self.error
