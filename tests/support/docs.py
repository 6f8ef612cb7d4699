"""The pages for readers, and their blocks: those that are played, saved, or listed.

`python -m tests.support.docs` plays the console blocks of all pages, in order, in one fresh
copy of the tree, and writes what the commands print into the pages. A comment before
a block says that it is not played here, and why: `<!-- block: needs Google -->`; one
that is to be saved as a file first says so: `<!-- block: saved as people.csv -->`.
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
import textwrap
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
PLAYED = (
    "README.md",  # makes the environment that the others use
    "docs/account.md",
    "docs/command-line.md",
    "docs/bulk.md",
    "docs/testing.md",
    "docs/engines/commands.md",
    "docs/engines/kinetic.md",
)
"""The pages with commands that are played, in this order."""
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in chain(ROOT.glob("*.md"), ROOT.glob("docs/**/*.md")))
FENCE = re.compile(
    r"^(?:(?P<before> *)<!-- block: (?P<mark>.+?) -->\n)?(?P<indent> *)```(?P<language>\S*)\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)
SAVED = "saved as "
PORT = "8085"
CHANCE = (
    (re.compile(r"\b(state|code_challenge)=[\w-]+"), r"\1=..."),
    (re.compile(r"127\.0\.0\.1%3A\d+"), "127.0.0.1%3A50123"),
    (re.compile(r"1 second (ahead of|behind) Google's"), "as Google's"),
    (re.compile(r"passed in \d+\.\d+s"), "passed in 0.25s"),
)
"""What differs from run to run, and what stands for it."""
FOREIGN = ("PYTHON", "COVERAGE", "MAKE", "MFLAGS", "VENV", "VIRTUAL_ENV", "GOOGLE_", "CALENDAR_", "PYTEST")
"""How variables begin that would change what a newcomer's shell does."""
MARK = "\036"
"""Printed before each command, to tell what it printed."""


class Block(NamedTuple):
    """A fenced block of a page."""

    mark: str
    """What the comment before it says; "" without one."""
    language: str
    text: str

    @property
    def played(self) -> bool:
        """Whether its commands are run here."""
        return self.language == "console" and not self.mark

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, in order."""
        return COMMAND.findall(self.text)


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    return [_block(match) for match in FENCE.finditer(read(page))]


def block_of(page: str, language: str, beginning: str) -> str:
    """Return the text of the one block of a page that begins so."""
    (found,) = (one.text for one in blocks(page) if one.language == language and one.text.startswith(beginning))
    return found


def rewritten() -> Iterator[tuple[str, str]]:
    """Yield each played page with its text as it would have to be, by what its commands print now."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    browser = f"{shlex.quote(sys.executable)} -m tests.support.consenting %s"
    environment |= {"PYTHON": sys.executable, "COLUMNS": "80", "BROWSER": browser}
    # google-api-core warns by the calendar, on an old Python.
    environment["PYTHONWARNINGS"] = "ignore::FutureWarning"
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "google-apps-calendar-share"
        shutil.copytree(
            ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv*", "*.egg-info", "__pycache__", ".*_cache")
        )
        for page in PLAYED:
            outputs = iter(_play(blocks(page), tree, environment))
            yield page, FENCE.sub(lambda match, outputs=outputs: _with_outputs(match, outputs), read(page))


def _play(found: list[Block], tree: Path, environment: dict[str, str]) -> list[str]:
    """Run the commands of a page in a shell of its own; return what each printed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    script = "".join(_script(block) for block in found).replace(PORT, port)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tree, env=environment, text=True, check=False, timeout=900,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    printed = done.stdout.replace(port, PORT)
    for pattern, stand_in in CHANCE:
        printed = pattern.sub(stand_in, printed)
    return printed.split(MARK)[1:]


def _script(block: Block) -> str:
    if block.mark.startswith(SAVED):
        return f"printf %s {shlex.quote(block.text)} > {block.mark.removeprefix(SAVED)}\n"
    return "".join(f"printf '\\036'\n{line}\n" for line in block.commands) if block.played else ""


def _block(match: re.Match[str]) -> Block:
    return Block(match["mark"] or "", match["language"], textwrap.dedent(match["text"]))


def _with_outputs(match: re.Match[str], outputs: Iterator[str]) -> str:
    block = _block(match)
    if not block.played:
        return match[0]
    return "```console\n" + "".join(f"$ {line}\n{next(outputs)}" for line in block.commands) + "```"


if __name__ == "__main__":
    for name, text in rewritten():
        (ROOT / name).write_text(text, encoding="utf-8")
