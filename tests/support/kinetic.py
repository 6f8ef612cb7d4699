"""What the tests of the Kinetic package need: input documents, Pythons of several kinds, and a Ruby that does steps."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from handler.engines.kinetic.package import package
from handler.testing.emulator import ACCOUNT

HARNESS = Path(__file__).parent.parent / "engines" / "kinetic" / "harness.rb"
INFO = {**ACCOUNT, "python_command": sys.executable}
STEP = {
    "calendar_name": "Example Calendar",
    "scope": "user",
    "recipient": "jane@acme.com",
    "calendar_access": "reader",
}


def document(info, parameters, head=""):
    """Return a step's input document, as Kinetic would render it."""
    fields = [
        "".join(f"<{tag} name={quoteattr(name)}>{_text(value)}</{tag}>" for name, value in values.items())
        for tag, values in (("info", info), ("parameter", parameters))
    ]
    infos, params = fields
    return f"{head}<handler><infos>{infos}</infos><parameters>{params}</parameters></handler>"


def _text(value):
    return escape(value or "", {"\r": "&#13;"})


def root(xml):
    """Return the root element of a document of ours."""
    return ET.fromstring(xml)  # noqa: S314 -- ours


def results(xml):
    """Return the texts of a results document by name, in its order."""
    return {result.get("name"): result.text or "" for result in root(xml)}


def unpack(folder):
    """Unpack the package into the folder and give it."""
    zipfile.ZipFile(io.BytesIO(package())).extractall(folder)
    return folder


def make_python(folder, first="", *, packages=True):
    """Make a Python that does `first` before anything else; give its path.

    It has the packages of this environment or none.
    """
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "sitecustomize.py").write_text(f"import sys\n{first}\n", encoding="utf-8")
    if packages:
        (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return str(python)


def make_program(path, script):
    """Write a shell script that can be named as Python; give its path."""
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


class Ruby:
    """A running Ruby with the class of an unpacked package; see the harness for what it does."""

    def __init__(self, program, folder, **environment):
        """Start it; JRuby takes some seconds."""
        # Without --dev JRuby optimises, and starts more slowly by half.
        given = {"JRUBY_OPTS": "--dev"} | environment
        self._process = subprocess.Popen(
            [program, HARNESS, folder],
            env=os.environ | given,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def do(self, *steps, **more):
        """Do steps at once; give their outcomes and what the class wrote to the engine's log."""
        self._process.stdin.write(json.dumps({"steps": steps, **more}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["outcomes"], answer["stderr"]

    def fails(self, python_command=sys.executable, info=INFO, **more):
        """Do a step that raises; give the message."""
        step = {"info": {**info, "python_command": python_command}, "parameters": STEP}
        (outcome,), _ = self.do({**step, **more.pop("step", {})}, **more)
        assert outcome["class"] == "RuntimeError"
        return outcome["error"]

    def stop(self):
        """End it."""
        self._process.communicate()
