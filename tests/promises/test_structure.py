"""The shape of the code that other promises rest on: imports, names, and no side effects."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from handler.cli import VERBS

ROOT = Path(__file__).parent.parent.parent
HANDLER = ROOT / "handler"
MODULES = sorted(HANDLER.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
THIRD_PARTIES = {
    "google": {"calendar_api"},
    "google_auth_oauthlib": {"calendar_api"},
    "googleapiclient": {"calendar_api"},
    "httplib2": {"calendar_api"},
    "urllib3": {"calendar_api"},
    "certifi": {"calendar_api"},
    "cryptography": {"testing"},
    "rsa": {"testing"},
    "airflow": {"engines"},
    "temporalio": {"engines"},
    "yaml": {"plain_yaml.py"},
    "jsonschema": {"documents.py"},
    "rich": {"cli"},
}
"""Which part of handler/ may import which third party."""


BLOCKING = {"acquire", "get", "join", "result", "wait"}
"""What threads, queues, futures and locks have to wait with; without a time it may be for ever."""
MAY_BLOCK = {
    "bulk/pace.py: self._gate.acquire()",  # of a lock that nobody else knows yet
    "bulk/pace.py: self._pace_of(user).wait()",  # waits by the run's own clock
    "bulk/run.py: turn.acquire()",  # in a thread of the crew
    "cli/authorize/loopback.py: self.server.page.result()",  # in the server's thread
    "engines/temporal_activity.py: thread.join()",  # in an activity's thread
    "testing/emulator/wire.py: self._loop.join()",  # of a loop that has ended
}
"""Waits without a time that the main thread does not meet."""
MAY_BLOCK_FOR_LONGER = {
    "bulk/paced_calls.py: self.stopped.wait(seconds)",  # which waits in pieces
    "cli/authorize/loopback.py: self._server.told.wait(FAREWELL_SECONDS)",  # at the end, until a page is shown
    "engines/temporal_activity.py: ended.wait(seconds)",  # in a thread that sends heartbeats
    "engines/temporal_worker.py: asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)",  # of a loop
    "testing/emulator/faults.py: turn.wait(arguments['seconds'])",  # in the server's threads
    "testing/emulator/server.py: self._stopping.wait(seconds)",  # as above
}
"""Waits with a time that is not LONGEST_BLOCK."""


def imports(path):
    """Return the import statements of a module."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def name(path):
    """Name a module in a test's id."""
    return str(path.relative_to(HANDLER))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_within_the_package_are_relative_and_name_what_they_take(path):
    """Loaded under any name, a module finds its siblings: `from .module import name`, never `from . import module`."""
    for node in imports(path):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0 or node.module, f"line {node.lineno}: from . import ..."
            assert node.level > 0 or node.module.partition(".")[0] != "handler", f"line {node.lineno}: absolute import"
        else:
            assert all(alias.name.partition(".")[0] != "handler" for alias in node.names), f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_third_parties_are_imported_at_one_place_each(path):
    """Whoever wants to change how Google is talked to knows where to look."""
    part = path.relative_to(HANDLER).parts[0]
    for node in imports(path):
        names = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else names
        for top in (imported.partition(".")[0] for imported in names):
            assert top in sys.stdlib_module_names or part in THIRD_PARTIES[top], f"{top} at line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_is_named_like_a_top_level_package(path):
    """A folder of ours on the module path hides no module of others, as `calendar.py` would."""
    assert path.stem == "__init__" or path.stem not in {
        *sys.stdlib_module_names,
        *THIRD_PARTIES,
        "packaging",
        "requests",
    }


def test_no_verb_imports_another():
    """What two verbs share stands beside them, so that each verb is read by itself."""
    cli = HANDLER / "cli"
    for verb in VERBS:
        files = [cli / f"{verb}.py"] if (cli / f"{verb}.py").exists() else sorted((cli / verb).glob("*.py"))
        assert files, f"the verb {verb} has no module of its name"
        for path in files:
            up = len(path.relative_to(cli).parts)
            named = {node.module.partition(".")[0] for node in imports(path) if getattr(node, "level", 0) == up}
            assert not named & (VERBS.keys() - {verb}), path


def test_no_two_things_share_a_name():
    """A class or a module is named once in all of handler/; verbs have the names of what they show."""
    classes = [
        node.name.lstrip("_")
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert len(classes) == len(set(classes)), [one for one in set(classes) if classes.count(one) > 1]
    modules = [path.stem for path in MODULES if path.stem != "__init__" and path.parent.name not in {"cli", "kinetic"}]
    assert len(modules) == len(set(modules)), [one for one in set(modules) if modules.count(one) > 1]


def test_no_test_module_imports_another():
    """A test module can be moved or rewritten alone: what several of them need stands in tests/support/."""
    taken = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in TESTS
        for node in imports(path)
        for imported in (getattr(node, "module", None) or "", *(alias.name for alias in node.names))
        if any(part.startswith("test_") for part in imported.split("."))
    ]
    assert not taken


@pytest.mark.long
def test_importing_neither_loads_google_nor_touches_anything():
    """An engine that only imports the handler pays for no client of Google's, and nothing is changed."""
    program = (
        "import logging, os, signal, sys\n"
        "before = dict(os.environ), list(sys.path), logging.root.handlers[:], signal.getsignal(signal.SIGTERM)\n"
        "import handler\n"
        "assert before == (dict(os.environ), sys.path, logging.root.handlers, signal.getsignal(signal.SIGTERM))\n"
        "log = logging.getLogger('google_apps_calendar_share')\n"
        "assert not log.handlers and not log.level\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'google', 'googleapiclient', 'urllib3'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def waits():
    """Return the calls that wait for another thread, with their arguments."""
    return {
        f"{path.relative_to(HANDLER).as_posix()}: {ast.unparse(node)}": [*node.args, *node.keywords]
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in BLOCKING
    }


def test_no_wait_for_another_thread_is_without_a_time():
    """Ctrl-C reaches the main thread on Windows only between two waits, so each of them has an end."""
    assert {wait for wait, arguments in waits().items() if not arguments} == MAY_BLOCK


def test_no_wait_for_another_thread_is_long():
    """For the same reason no wait that the main thread may meet is longer than half a second, but for known ones."""
    found = {
        wait
        for wait, arguments in waits().items()
        if arguments and not re.search(r"\.(get|join)\((?!timeout)|LONGEST_BLOCK", wait)
    }
    assert found == MAY_BLOCK_FOR_LONGER
