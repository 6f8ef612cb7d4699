"""A Python that cannot run the handler says which package is to blame, and the command that mends it."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from handler.installation import NEEDS
from handler.testing.emulator import ACCOUNT

from ..support.command_line import without_note
from ..support.kinetic import STEP, document, make_python

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent
HIDE = """\
class Hidden:
    def find_spec(self, name, *_):
        if f"{{name}}.".startswith({module!r} + "."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""
MISSING = {
    "googleapiclient": "google-api-python-client>=2.34",
    "google.auth": "google-auth>=2.24",
    "google.oauth2": "google-auth>=2.24",
    "google.api_core": "google-api-core",
    "httplib2": "httplib2",
    "uritemplate": "uritemplate",
    "urllib3": "urllib3>=2.0.7",
    "certifi": "certifi",
    "yaml": "PyYAML>=6.0",
    "jsonschema": "jsonschema>=4.6",
}
"""What pip has to install for a module that is not there."""
STUB = "import pathlib; sys.path.insert(0, str(pathlib.Path(__file__).parent / 'stubs'))"
HALF = {
    "googleapiclient/discovery.py": ("", "google-api-python-client>=2.34"),
    "googleapiclient/__init__.py": ("def f(:", "google-api-python-client>=2.34"),
    "google/auth/__init__.py": ("from google.auth._nothing import nothing", "google-auth>=2.24"),
    "httplib2/__init__.py": ("", "httplib2"),
    "httplib2/error.py": ("raise OSError('{CANARY}')", "httplib2"),
    "urllib3/__init__.py": ("class", "urllib3>=2.0.7"),
    "urllib3/connection.py": ("", "urllib3>=2.0.7"),
    "certifi/__init__.py": ("", "certifi"),
    "yaml/__init__.py": ("", "PyYAML>=6.0"),
    "yaml/nodes.py": ("1 / 0", "PyYAML>=6.0"),
    "jsonschema/__init__.py": ("raise RuntimeError('{CANARY}')", "jsonschema>=4.6"),
}
"""A file of a package that is cut off or from elsewhere, and what pip has to install anew."""
OLD = {"urllib3": "1.26.20", "google.auth": "2.3.0", "googleapiclient.version": "2.0.2", "yaml": "5.4.1"}
API = """\
import json
import handler
from handler.engines.attempt import attempt
info, step = json.loads(%r)
ways = {
    "execute": lambda: handler.execute(info, step),
    "Error Message": lambda: handler.execute(info, {**step, "error_handling": "Error Message"}),
    "an engine": lambda: attempt({"default": info}.__getitem__, None, {**step, "error_handling": "Error Message"}),
    "execute_many": lambda: handler.execute_many(info, [step]),
    "check": lambda: handler.check(info),
    "a wrong input": lambda: handler.execute(info, {**step, "scope": "x"}),
}
told = {}
for way, do in ways.items():
    try:
        told[way] = do()
    except handler.HandlerError as error:
        told[way] = error.to_dict()
print(json.dumps(told))
"""
LATE = {"yaml", "jsonschema"}
"""What is needed before an input is looked at; the others before the first request."""


@pytest.fixture(scope="module")
def python_without(tmp_path_factory):
    """Return a function that makes a Python without a module."""

    def make(module):
        return make_python(tmp_path_factory.mktemp("python"), HIDE.format(module=module))

    return make


def run(python, *arguments, **more):
    """Run a Python with the handler's folder as the working one; nothing answers at the emulator's address."""
    environment = {"CALENDAR_EMULATOR_HOST": "127.0.0.1:1", "PYTHONWARNINGS": "ignore"}
    environment |= {f"GOOGLE_{name.upper()}": value for name, value in ACCOUNT.items()}
    return subprocess.run(
        [python, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60, **more
    )


def api(python):
    """Return what each way in of the Python API raised, as HandlerError.to_dict()."""
    done = run(python, "-c", API % json.dumps([ACCOUNT, STEP]))
    assert done.stderr == ""
    return json.loads(done.stdout)


def says(message, python, need):
    """Say whether a message is one sentence with the package and the pip command."""
    command = f"{python} -m pip install '{need}'"
    return command in message and re.split("[<>=]", need)[0] in message.split(" -m pip")[0] and "\n" not in message


@pytest.mark.parametrize(("module", "need"), MISSING.items(), ids=MISSING)
def test_a_missing_package_is_told_from_every_call(python_without, module, need):
    """Whichever package is missing, every call raises the same sentence, Error Handling or not."""
    python = python_without(module)
    told = api(python)
    wrong = told.pop("a wrong input")
    assert {error["code"] for error in told.values()} == {"installation_broken"}
    assert all(says(error["message"], python, need) for error in told.values())
    assert wrong["code"] == ("installation_broken" if module in LATE else "invalid_input")


VERBS = {
    "share": ("share", "--calendar", "primary", "--scope", "user", "--recipient", "a@acme.com", "--access", "reader"),
    "check": ("check",),
    "run": ("run", "fixtures/examples"),
}


@pytest.mark.parametrize("form", ["text", "json", "xml"])
@pytest.mark.parametrize(
    ("module", "verb"), [*(("googleapiclient", verb) for verb in VERBS), ("yaml", "share"), ("jsonschema", "share")]
)
def test_a_missing_package_is_told_on_the_command_line(python_without, module, verb, form):
    """Each form of output has the sentence once, and the status is that of a failure."""
    python = python_without(module)
    done = run(python, "-m", "handler", *VERBS[verb], "--format", form)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("-m pip install") == 1
    if form == "json":
        error = json.loads(done.stderr)["error"]
        assert error["code"] == "installation_broken"
        assert says(error["message"], python, MISSING[module])
    elif form == "xml":
        assert done.stderr.startswith('<error code="installation_broken">The Python ')
    else:
        assert says(without_note(done.stderr).splitlines()[0], python, MISSING[module])
        assert "code: installation_broken" in done.stderr


WORKER = pytest.param(
    ("worker", "temporal"),
    marks=pytest.mark.skipif(find_spec("temporalio") is None, reason="the extra temporal is not installed"),
)


@pytest.mark.parametrize("verb", [("bulk", "rows.csv"), WORKER, ("authorize", "--info", "x.yaml")])
def test_a_missing_package_is_told_by_verbs_without_a_format(python_without, tmp_path, verb):
    """A bulk, a worker and a sign-in end before anything was done, with the sentence and not with another one."""
    (tmp_path / "rows.csv").write_text(
        "calendar_name,scope,recipient,calendar_access\nprimary,user,a@acme.com,reader\n"
    )
    python = python_without("google.auth")
    arguments = [str(tmp_path / word) if "." in word else word for word in verb]
    done = run(python, "-m", "handler", *arguments)
    assert (done.returncode, done.stdout.count("takes steps")) == (1, 0)
    assert says(without_note(done.stderr).splitlines()[0], python, MISSING["google.auth"])
    assert [file.name for file in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(("module", "need"), MISSING.items(), ids=MISSING)
def test_a_missing_package_is_told_by_kinetics_bridge(python_without, module, need):
    """The Python end of a step of Kinetic answers with the sentence as an error."""
    python = python_without(module)
    done = run(python, "-E", "-s", "-B", "handler/engines/kinetic/start.py", input=document(ACCOUNT, STEP))
    head, text = done.stdout.split("\n")
    assert (head.split()[0], done.stderr) == ("error", "")
    assert text.startswith("installation_broken: ")
    assert says(text, python, need)


@pytest.mark.parametrize(("file", "stub"), HALF.items(), ids=HALF)
def test_a_half_written_package_is_told(tmp_path, file, stub):
    """Whatever a broken package raises when it is imported, the sentence names it and has it installed anew."""
    python = make_python(tmp_path / "python", STUB)
    content, need = stub
    path = next((tmp_path / "python" / "lib").glob("python*/site-packages")) / "stubs" / file
    path.parent.mkdir(parents=True)
    if not file.endswith("__init__.py"):
        (path.parent / "__init__.py").write_text(
            "from pkgutil import extend_path\n__path__ = extend_path(__path__, __name__)\n"
            "exec(open(__path__[1] + '/__init__.py').read())\n",
        )
    path.write_text(content)
    told = api(python)["a wrong input" if file.startswith("jsonschema") else "execute"]
    assert told["code"] == "installation_broken"
    assert says(told["message"], python, need)
    assert "CANARY" not in told["message"]


@pytest.mark.parametrize("module", OLD)
def test_a_package_that_is_too_old_is_told(tmp_path, module):
    """An older version than the handler needs is said with its number, though it can be imported."""
    code = f"import {module}; {module}.__version__ = {OLD[module]!r}"
    python = make_python(tmp_path, f"import sysconfig; sys.path.append({site()!r})\n{code}")
    told = api(python)["execute"]
    assert told["code"] == "installation_broken"
    assert f" in the version {OLD[module]}, which is too old; " in told["message"]
    assert says(told["message"], python, NEEDS[module.removesuffix(".version")])


@pytest.mark.parametrize("content", [None, "", '{"kind": "disc', "[]"], ids=["missing", "empty", "half", "another"])
def test_a_client_without_its_discovery_documents_is_told(tmp_path, content):
    """Google's client without its description of Google Calendar is told as a broken package."""
    if content is not None:
        (tmp_path / "calendar.v3.json").write_text(content)
    code = f"import googleapiclient.discovery_cache as cache; cache.DISCOVERY_DOC_DIR = {str(tmp_path)!r}"
    python = make_python(tmp_path / "python", f"sys.path.append({site()!r})\n{code}")
    told = api(python)
    assert {error["code"] for way, error in told.items() if way != "a wrong input"} == {"installation_broken"}
    assert says(told["execute"]["message"], python, NEEDS["googleapiclient"])
    assert "discovery_cache.documents" in told["execute"]["message"]


def test_a_bare_python_is_given_one_command(tmp_path):
    """Where all packages are missing, the command of the first installs them all."""
    python = make_python(tmp_path, packages=False)
    told = api(python)["execute"]["message"]
    assert all(f" '{need}'" in told for need in NEEDS.values())


def site():
    """Return the folder with the packages of this environment."""
    import sysconfig

    return sysconfig.get_path("purelib")


def test_the_needs_are_those_of_the_package():
    """What is told to be installed is what setup.cfg has pip install, and what the page of Kinetic says."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    needs = setup["options"]["install_requires"].split()
    assert list(NEEDS.values()) == needs
    quoted = " ".join(f'"{need}"' for need in needs)
    assert f"pip install {quoted}\n" in (ROOT / "docs" / "engines" / "kinetic.md").read_text(encoding="utf-8")
