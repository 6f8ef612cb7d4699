"""The package that Kinetic Task imports: its definitions, its files, and the verb that makes it."""

from __future__ import annotations

import copy
import io
import re
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from handler.descriptor import load
from handler.engines.kinetic import package as kinetic_package
from handler.engines.kinetic.definition import info_xml, node_xml
from handler.engines.kinetic.package import files, package
from handler.testing.cases import read_case

from ...support.command_line import command
from ...support.kinetic import results, root

ROOT = Path(__file__).parent.parent.parent.parent
GOLDEN = Path(__file__).parent.parent.parent / "engines" / "kinetic"
DOCUMENT = load().document
EXAMPLES = [path for path in sorted((ROOT / "fixtures" / "examples").glob("*.yaml")) if read_case(path).rows is None]
VERSION_1 = {"calendar_name": "true", "scope": "true", "recipient": "false", "calendar_access": "true"}
"""The parameters of version 1, and whether its node requires them."""


def node(document=DOCUMENT):
    """Return the root of node.xml."""
    return root(node_xml(document))


def changed(form, name, **keys):
    """Return the descriptor with other keys in one field."""
    document = copy.deepcopy(DOCUMENT)
    document[form]["properties"][name] |= keys
    return document


@pytest.mark.parametrize("name", ["node", "info"])
def test_a_definition_is_the_kept_one(name):
    """A change of what Kinetic's users see is seen in a review: `make docs` writes the kept files anew."""
    status, text, errors = command("describe", "--format", f"{name}-xml")
    assert (status, errors) == (0, "")
    assert text == (GOLDEN / f"{name}.xml").read_text(encoding="utf-8")
    assert ET.canonicalize(text) == ET.canonicalize(files()[f"process/{name}.xml"].decode())


def test_the_node_is_that_of_version_1():
    """Trees of version 1 find the same definition: id, version, and its parameters as they were."""
    definition = node()
    assert (definition.get("id"), definition.get("version"), definition.get("schema_version")) == (
        "google_apps_calendar_share",
        "1",
        "1.0",
    )
    old = definition.findall("parameters/parameter")[: len(VERSION_1)]
    assert {parameter.get("id"): parameter.get("required") for parameter in old} == VERSION_1
    labels = ["Calendar Name", "Sharing Scope", "Recipient", "Calendar Access"]
    assert [parameter.get("label") for parameter in old] == labels
    assert not any(parameter.text or parameter.get("menu") for parameter in old)


def test_the_info_values_are_those_of_version_1():
    """What was set for version 1 is kept: its info values are there by name, and the package's own has a default."""
    infos = {info.get("name"): info for info in root(info_xml(DOCUMENT))}
    assert {"refresh_token", "client_id", "client_secret", "enable_debug_logging"} <= infos.keys()
    assert infos["enable_debug_logging"].text == "No"
    assert infos["python_command"].text == "python3"


def test_new_parameters_are_optional_and_have_their_defaults():
    """A new parameter is optional, with its menu and the default that applies if it is absent."""
    for parameter in node().findall("parameters/parameter")[len(VERSION_1) :]:
        field = DOCUMENT["parameters"]["properties"][parameter.get("id")]
        assert parameter.get("required") == "false"
        assert (parameter.text or "") == field.get("default", "")
        assert (parameter.get("menu") or "").split(",") == [
            choice["const"] for choice in field.get("oneOf", [{"const": ""}])
        ]
        assert parameter.get("tooltip") == field["description"]


def test_exactly_the_secrets_are_encrypted():
    """Kinetic keeps a secret encrypted and hides it in its console."""
    infos = {info.get("name"): info.get("type") for info in root(info_xml(DOCUMENT))}
    secrets = {name for name, field in DOCUMENT["info"]["properties"].items() if field.get("writeOnly")}
    assert {name for name, kind in infos.items() if kind} == secrets
    assert {infos[name] for name in secrets} == {"encrypted"}


def test_every_field_and_result_is_declared_and_handed_on():
    """Each info value, parameter and result of handler.yaml is in the definitions, each field in the template too."""
    definition = node()
    info = [*DOCUMENT["info"]["properties"], "python_command"]
    parameters = list(DOCUMENT["parameters"]["properties"])
    assert [field.get("name") for field in root(info_xml(DOCUMENT))] == info
    assert [field.get("id") for field in definition.findall("parameters/parameter")] == parameters
    assert [result.get("name") for result in definition.findall("results/result")] == list(load().titles.values())
    for path, names, values in (("infos/info", info, "info"), ("parameters/parameter", parameters, "parameters")):
        templates = {field.get("name"): field.text for field in definition.findall(f"handler/{path}")}
        assert templates == {name: f"<%= @{values}['{name}'] %>" for name in names}


def test_what_a_descriptor_says_is_escaped():
    """A label or text with what means something in XML comes back as it stands in handler.yaml."""
    hostile = "\"<&>'é☕\n]]>"
    parameter = node(changed("parameters", "recipient", title=hostile, description=hostile))[5][2]
    assert (parameter.get("label"), parameter.get("tooltip")) == (hostile, hostile)
    info = root(info_xml(changed("info", "client_id", description=hostile, default=hostile)))[0]
    assert (info.get("description"), info.text) == (hostile, hostile)


def test_a_menu_that_is_not_shown_is_in_the_tooltip():
    """A text box says which values there are."""
    tooltips = {field.get("id"): field.get("tooltip") for field in node().findall("parameters/parameter")}
    assert tooltips["scope"].endswith("One of: default, user, group, domain.")
    assert tooltips["calendar_access"].endswith("writer, owner.")


def test_the_package_has_kinetics_three_folders_and_the_handler():
    """At the zip's root lie handler/, process/, test/ and handler.yaml, and nothing that a step does not need."""
    names = zipfile.ZipFile(io.BytesIO(package())).namelist()
    assert names == sorted(names)
    assert {name.partition("/")[0] for name in names} == {"handler", "handler.yaml", "process", "test"}
    assert {"handler/init.rb", "process/node.xml", "process/info.xml", "handler/engines/kinetic/bridge.py"} <= set(
        names
    )
    assert not [name for name in names if re.search(r"testing/|cli/|tests/|__main__|__pycache__", name)]


def test_the_same_sources_make_the_same_package():
    """Neither the time nor the order of a folder is in the bytes, so two packages can be compared."""
    assert package() == package()
    assert {entry.date_time for entry in zipfile.ZipFile(io.BytesIO(package())).infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_class_is_the_one_that_kinetic_looks_for():
    """The class is called by the definition's id and version, without underscores and with capitals."""
    wanted = f"{DOCUMENT['id']}_v{DOCUMENT['version']}".title().replace("_", "")
    assert re.findall(r"^class (\w+)", files()["handler/init.rb"].decode(), re.MULTILINE) == [wanted]


def test_the_time_out_is_longer_than_the_longest_step():
    """A step ends by itself before the Ruby end ends it: the last request begins before the deadline."""
    timeout = int(re.search(r"TIMEOUT = (\d+)", files()["handler/init.rb"].decode())[1])
    retry = DOCUMENT["retry"]
    assert timeout > retry["deadline_seconds"] + retry["connect_seconds"] + retry["read_seconds"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_each_example_is_a_test_of_the_package(file):
    """An example is an input and an output file, with the example's sentence and every declared result."""
    made, case = files(), read_case(file)
    source, output = (made[f"test/{file.stem}_{end}"].decode() for end in ("input.rb", "output.xml"))
    assert source.startswith(f"# {case.what}\n")
    assert ("# Google has to hold: " in source) == bool(case.google)
    for name, value in case.parameters.items():
        assert f"    '{name}' => '{value}'" in source
    expected = results(output)
    assert list(expected) == list(load().titles.values())
    if "results" in case.expect:
        assert expected == {title: case.expect["results"].get(key, "") for key, title in load().titles.items()}
    else:
        assert "'error_handling' => 'Error Message'" in source
        assert expected["Handler Error Code"] == case.expect["error"]["code"]


def test_no_test_file_holds_a_secret():
    """What has to be given is a placeholder that says so."""
    for name, content in files().items():
        if name.endswith("_input.rb"):
            assert b"emulator-" not in content
            for secret in ("CLIENT ID", "CLIENT SECRET", "REFRESH TOKEN"):
                assert f"=> 'PUT THE {secret} HERE'".encode() in content


def test_an_example_is_written_as_ruby(tmp_path, monkeypatch):
    """Info values of an example's own stand in its input file, and quotes and backslashes mean themselves."""
    (tmp_path / "hostile.yaml").write_text(
        "what: A 'title' is quoted.\ninfo: {client_id: x, enable_debug_logging: 'Yes'}\n"
        'parameters: {calendar_name: "a\'b\\\\c#{1}", send_notifications: true}\nexpect: {results: {}}\ncalls: []\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(kinetic_package, "EXAMPLES", tmp_path)
    source = files()["test/hostile_input.rb"].decode()
    assert r"'calendar_name' => 'a\'b\\c#{1}'," in source
    assert "'send_notifications' => 'True'" in source
    assert "'client_id' => 'PUT THE CLIENT ID HERE'" in source
    assert "'enable_debug_logging' => 'Yes'" in source


def test_package_writes_the_zip_and_says_where(tmp_path, monkeypatch):
    """The verb writes to the given file, by default to the name that Kinetic expects, over an earlier one."""
    monkeypatch.chdir(tmp_path)
    Path("google_apps_calendar_share_v1.zip").write_bytes(b"an earlier one")
    said = ": google_apps_calendar_share_v1, for the handler import of Kinetic Task\n"
    assert command("package", "kinetic") == (0, f"google_apps_calendar_share_v1.zip{said}", "")
    assert Path("google_apps_calendar_share_v1.zip").read_bytes() == package()
    assert command("package", "kinetic", "-o", "other.zip") == (0, f"other.zip{said}", "")
    assert Path("other.zip").read_bytes() == package()


def test_package_says_what_it_cannot_write(tmp_path):
    """A folder that is not there is a mistake with the file's name."""
    status, text, errors = command("package", "kinetic", "-o", tmp_path / "none" / "x.zip")
    assert (status, text) == (2, "")
    assert f"error: {tmp_path}/none/x.zip: No such file or directory" in errors


def test_an_engine_that_is_not_known_is_refused():
    """Only engines that have a package are named."""
    status, text, errors = command("package", "airflow")
    assert (status, text) == (2, "")
    assert "kinetic" in errors


@pytest.mark.long
def test_make_docs_writes_the_kept_definitions():
    """One command makes the kept definitions anew."""
    done = subprocess.run(["make", "-n", "docs"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("node", "info"):
        assert f"describe --format {name}-xml > tests/engines/kinetic/{name}.xml" in done.stdout
