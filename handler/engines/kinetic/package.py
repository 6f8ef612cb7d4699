"""The package that Kinetic Task imports: the definitions, the Ruby end, the Python that it runs, and test files.

Its bytes follow from its contents alone, so that the same sources make the same package.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement

from ...descriptor import DESCRIPTOR, SCHEMA, load
from ...testing.cases import read_case
from .definition import info_fields, info_xml, node_xml, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...testing.cases import Case

ROOT = DESCRIPTOR.parent
HERE = Path(__file__).parent
EXAMPLES = ROOT / "fixtures" / "examples"
BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold; the time of packing would differ each time."""
ERROR_AS_RESULT = {"error_handling": "Error Message"}


def package() -> bytes:
    """Return the zip; raises InvalidDescriptor if handler.yaml is wrong, InvalidInput if an example is."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files().items()):
            entry = zipfile.ZipInfo(name, BEGINNING)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(entry, content)
    return packed.getvalue()


def files() -> dict[str, bytes]:
    """Return what the zip holds, by name."""
    document = load().document
    written = {"process/node.xml": node_xml(document), "process/info.xml": info_xml(document)}
    for example in sorted(EXAMPLES.glob("*.yaml")):
        case = read_case(example)
        if case.rows is None:  # Kinetic's tests know single steps alone
            written[f"test/{example.stem}_input.rb"] = _input(case)
            written[f"test/{example.stem}_output.xml"] = _output(case)
    carried = {DESCRIPTOR, SCHEMA, HERE / "start.py", *_modules(HERE / "bridge.py")}
    return {
        **{name: text.encode() for name, text in written.items()},
        **{path.relative_to(ROOT).as_posix(): path.read_bytes() for path in carried},
        "handler/init.rb": (HERE / "init.rb").read_bytes(),
    }


def _modules(path: Path) -> set[Path]:
    """Return the module and all that it imports of the handler."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting += [folder / "__init__.py" for folder in module.parents if ROOT in folder.parents]
        for node in ast.walk(ast.parse(module.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.level and node.module:
                imported = module.parents[node.level - 1].joinpath(*node.module.split("."))
                waiting.append(imported / "__init__.py" if imported.is_dir() else imported.with_suffix(".py"))
    return found


def _input(case: Case) -> str:
    """Return a test's input: a Ruby hash, with something to be replaced for each info value that has to be given."""
    document = load().document
    conditions = document["info"].get("allOf", ())
    signing_in = {name for one in conditions for name in one["then"].get("required", ())}
    info = {
        name: f"PUT THE {field['title'].upper()} HERE"
        if name in signing_in
        else case.info.get(name, field.get("default", ""))
        for name, field in info_fields(document).items()
    }
    parameters = case.parameters if "results" in case.expect else {**case.parameters, **ERROR_AS_RESULT}
    lines = [f"# {case.what}", *([f"# Google has to hold: {json.dumps(case.google)}"] if case.google else [])]
    return "\n".join([*lines, "{", _hash("info", info) + ",", _hash("parameters", parameters), "}", ""])


def _hash(name: str, values: Mapping[str, Any]) -> str:
    rows = ",\n".join(f"    {_quoted(key)} => {_quoted(str(value))}" for key, value in values.items())
    return f"  {_quoted(name)} => {{\n{rows}\n  }}"


def _quoted(text: str) -> str:
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"


def _output(case: Case) -> str:
    """Return what a test's results are compared with; of an error's message a pattern of what the example names."""
    titles = load().titles
    expected, patterns = case.expect.get("results", {}), {}
    if error := case.expect.get("error"):
        expected = {"handler_error_code": error["code"]}
        parts = [*error.get("says", ()), *error.get("fields", {}).values()]
        patterns = {"handler_error_message": r"(?m)\A" + "".join(f"(?=.*{re.escape(part)})" for part in parts)}
    root = Element("results")
    for name, title in titles.items():
        result = SubElement(root, "result", name=title)
        if name in patterns:
            result.set("type", "Regexp")
        result.text = patterns.get(name, expected.get(name))
    return written(root)
