"""The wheel and the sdist hold what the program reads, and work elsewhere."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from handler import __version__
from handler.engines.kinetic.package import package
from handler.testing.emulator import Emulator

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent
BUILT = shutil.ignore_patterns("__pycache__", ".*", "build", "dist", "*.egg-info")
PACKAGE = "google_apps_calendar_share_v1"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the sdist, and from it the wheel, from a copy of the tree; give both paths."""
    tree = tmp_path_factory.mktemp("build") / "tree"
    shutil.copytree(ROOT, tree, ignore=BUILT)
    shutil.copytree(ROOT / ".ci", tree / ".ci")
    shutil.copy(ROOT / "handler" / ".airflowignore", tree / "handler")
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", str(tree)], check=True, capture_output=True)
    return next((tree / "dist").glob("*.tar.gz")), next((tree / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Install the wheel into a fresh environment that has the run-time dependencies alone; give its Python."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(built[1])], check=True, capture_output=True)
    return python


def run(python, *arguments, cwd, **environment):
    """Run a Python elsewhere, without this environment's settings for it."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COVERAGE"))}
    return subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_one_release_number():
    """The changelog's newest section and setup.cfg name the release that the program names."""
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert newest is not None
    assert newest[1] == __version__
    assert setup["metadata"]["version"] == "attr: handler.version.__version__"


@pytest.mark.parametrize(("section", "name"), [("options", "install_requires"), ("options.extras_require", "cli")])
def test_each_package_has_a_lower_bound(section, name):
    """Every package that is needed names its oldest version, which `make test-minima` takes from there."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    needs = setup[section][name].split()
    assert needs
    assert all(re.fullmatch(r"[A-Za-z0-9-]+>=[0-9.]+", need) for need in needs)


def test_the_wheel_holds_every_file_that_the_program_has(built):
    """handler.yaml, all of handler/, the examples and the fixture for pytest are in the wheel, and nothing else."""
    expected = {"handler.yaml", "pytest_calendar_emulator.py"}
    for folder in ("handler", "fixtures/examples"):
        files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        expected |= {path.relative_to(ROOT).as_posix() for path in files}
    with zipfile.ZipFile(built[1]) as wheel:
        found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == {f"{PACKAGE}/{name}" for name in expected}


def test_the_sdist_holds_the_tests_and_what_they_read(built):
    """Whoever packages the program can run its tests from the sdist."""
    with tarfile.open(built[0]) as sdist:
        found = {name.partition("/")[2] for name in sdist.getnames()}
    assert {
        "Makefile",
        "pytest_calendar_emulator.py",
        "README.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "LICENSE",
        ".ci/run",
        "handler.yaml",
    } <= found
    assert "tests/conftest.py" in found
    for folder, kind in (("fixtures", "*.yaml"), ("examples", "*.py"), ("docs", "*.md"), ("tests/engines", "*.txt")):
        assert {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob(kind)} <= found


def test_the_installed_program_knows_its_release(installed, tmp_path):
    """The installed command names its release."""
    done = run(installed, "-m", f"{PACKAGE}.handler", "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


def test_the_console_script_describes_the_handler(installed, tmp_path):
    """The console script is there, and finds handler.yaml in site-packages."""
    done = run(installed.parent / "google-apps-calendar-share", "describe", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Calendar Name" in done.stdout


def test_the_installed_wheel_runs_the_examples_that_came_with_it(installed, tmp_path):
    """`run` needs nothing but the run-time dependencies, and the examples are installed."""
    where = run(installed, "-c", f"import {PACKAGE}.handler as h; print(h.__file__)", cwd=tmp_path).stdout.strip()
    examples = Path(where).parent.parent / "fixtures" / "examples"
    done = run(installed, "-m", f"{PACKAGE}.handler", "run", str(examples), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 failed" in done.stdout


def test_the_installed_wheel_makes_the_kinetic_package(installed, tmp_path):
    """The package for Kinetic Task can be made without a checkout, and is the same."""
    done = run(installed, "-m", f"{PACKAGE}.handler", "package", "kinetic", "-o", "x.zip", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "x.zip").read_bytes() == package()


def test_the_installed_wheel_shares(installed, tmp_path):
    """A plain script that imports the installed package shares a calendar."""
    program = (
        f"from {PACKAGE}.handler import execute\n"
        "info = {'client_id': 'emulator-client', 'client_secret': 'emulator-secret',\n"
        "        'refresh_token': 'emulator-refresh-token'}\n"
        "parameters = {'calendar_name': 'primary', 'scope': 'public', 'calendar_access': 'freebusy'}\n"
        "print(execute(info, parameters)['change'])\n"
    )
    with Emulator() as emulator:
        done = run(installed, "-c", program, cwd=tmp_path, CALENDAR_EMULATOR_HOST=emulator.host)
        assert (done.stdout, done.returncode) == ("created\n", 0)
        assert emulator.rules() == {"owner@example.com": {"default": "freeBusyReader"}}


def test_the_wheel_brings_a_fixture_for_pytest(built, tmp_path):
    """Where the wheel is installed, a test of a user needs three lines and no import of a fixture."""
    with zipfile.ZipFile(built[1]) as wheel:
        wheel.extractall(tmp_path / "site")  # noqa: S202 -- made a moment ago, from our own tree
    (tmp_path / "test_own.py").write_text(
        f"from {PACKAGE} import handler, pytest_calendar_emulator as own\n"
        "def test(calendar_emulator):\n"
        "    step = {'calendar_name': 'primary', 'scope': 'public', 'calendar_access': 'reader'}\n"
        "    assert handler.execute(calendar_emulator.info, step)['change'] == 'created'\n"
        f"    assert own.__file__.startswith({str(tmp_path / 'site')!r})\n",
        encoding="utf-8",
    )
    done = run(sys.executable, "-m", "pytest", "-q", "test_own.py", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_its_extra_a_verb_says_what_to_install(installed, tmp_path):
    """Where only the run-time dependencies are, `authorize` ends with one line that holds the pip command."""
    done = run(installed, "-m", f"{PACKAGE}.handler", "authorize", "--info", "account.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("; pip install google-auth-oauthlib\n")
    assert done.stderr.count("\n") == 1
