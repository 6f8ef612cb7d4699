"""Plays the console blocks of README.md, in order, in a fresh copy of the tree.

`python -m tests.support.readme` writes what the commands print into README.md.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PORT = "8085"
CHANCE = (
    (re.compile(r"\b(state|code_challenge)=[\w-]+"), r"\1=..."),
    (re.compile(r"127\.0\.0\.1%3A\d+"), "127.0.0.1%3A50123"),
)
"""What differs from run to run, and what stands for it."""
FOREIGN = ("PYTHON", "COVERAGE", "MAKE", "MFLAGS", "VENV", "VIRTUAL_ENV", "GOOGLE_", "CALENDAR_", "PYTEST")
"""How variables begin that would change what a newcomer's shell does."""


class Command(NamedTuple):
    """A command of the README, and what it prints there."""

    line: str
    output: str


def commands(text: str) -> list[Command]:
    """Give the commands of all console blocks, in order."""
    found = []
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, output = part.partition("\n")
            found.append(Command(line, output))
    return found


def play(lines: list[str]) -> list[str]:
    """Run the lines in one shell in a fresh copy of the tree; give what each printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    browser = f"{shlex.quote(sys.executable)} -m tests.support.consenting %s"
    environment |= {"PYTHON": sys.executable, "COLUMNS": "80", "BROWSER": browser}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "google-apps-calendar-share"
        shutil.copytree(
            ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv*", "*.egg-info", "__pycache__", ".*_cache")
        )
        script = "".join(f"printf '\\036'\n{line}\n" for line in lines).replace(PORT, port)
        done = subprocess.run(
            ["bash"], input=script, cwd=tree, env=environment, text=True, check=False, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    printed = done.stdout.replace(port, PORT)
    for pattern, stand_in in CHANCE:
        printed = pattern.sub(stand_in, printed)
    return printed.split("\036")[1:]


def rewritten(text: str) -> str:
    """Give the README's text with what its commands print now."""
    outputs = iter(play([command.line for command in commands(text)]))

    def block(match: re.Match[str]) -> str:
        lines = [command.line for command in commands(match[0])]
        return "```console\n" + "".join(f"$ {line}\n{next(outputs)}" for line in lines) + "```"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
