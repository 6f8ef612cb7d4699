"""The Python end of a step of Kinetic Task: documents in, documents out, and one process a step."""

from __future__ import annotations

import configparser
import functools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler import HandlerError, execute
from handler.descriptor import load
from handler.engines.kinetic.bridge import answer, read
from handler.results import NOT_XML
from handler.testing.cases import play, read_case
from handler.testing.emulator import ACCOUNT, Emulator

from ...support.kinetic import STEP, document, make_python, results, unpack

ROOT = Path(__file__).parent.parent.parent.parent
FIXTURES = ROOT / "fixtures"
CASES = {
    str(file.relative_to(FIXTURES)): case
    for file in sorted(FIXTURES.rglob("*.yaml"))
    if (case := read_case(file)).rows is None
}
OPTIONS = re.search(r"OPTIONS = %w\((.*)\)", (ROOT / "handler/engines/kinetic/init.rb").read_text(encoding="utf-8"))
CANARY = "CANARY-5up3r-s3cret"


def in_xml(values):
    """Say whether a document can hold the values, which are text or absent then."""
    return isinstance(values, dict) and all(
        isinstance(text, str) and not re.search(NOT_XML, text)
        for pair in values.items()
        for text in pair
        if text is not None
    )


THROUGH_XML = {name: case for name, case in CASES.items() if in_xml(case.info) and in_xml(case.parameters)}


@pytest.mark.long
@pytest.mark.parametrize("name", THROUGH_XML)
def test_every_case_comes_out_as_with_execute(name):
    """A case that goes through documents ends as its file expects, and the answer is what execute gave or raised."""

    def through_documents(case):
        given = {}

        def recorded(info, parameters):
            try:
                found = execute(info, parameters, attempts=case.attempts)
            except HandlerError as error:
                given["error"] = error.to_dict()
                raise
            given["results"] = dict(found)
            return found

        kind, text = answer(document(case.info, case.parameters).encode(), recorded)
        if kind == "error":
            assert text == f"{given['error']['code']}: {given['error']['message']}".replace("\n", "; ")
        else:
            found = results(text)
            assert found == {load().titles[key]: value for key, value in given["results"].items()}
        return given

    report = play(THROUGH_XML[name], through_documents)
    assert report.differences == []


def test_few_cases_are_left_out():
    """Only a case with a value that is no text, or no text that XML can hold, does not go through documents."""
    assert len(THROUGH_XML) > len(CASES) * 0.9


TEXT = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: not re.search(NOT_XML, text))


@given(st.dictionaries(TEXT, TEXT), st.dictionaries(TEXT, TEXT))
def test_values_arrive_as_they_were_sent(info, parameters):
    """What XML can hold is read from a document as it was put in, by name."""
    info.pop("python_command", None)
    found = read(document(info, parameters).encode())
    assert found == tuple({key: value or None for key, value in values.items()} for values in (info, parameters))


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ""),
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16LE"),
        ("utf-32", ""),
        ("iso-8859-15", "ISO-8859-15"),
        ("cp1252", "windows-1252"),
    ],
)
def test_any_declared_encoding_is_read(encoding, declared):
    """A document is read by its byte order mark, its first bytes or its declaration, else as UTF-8."""
    head = f"<?xml version='1.0' encoding='{declared}'?>" if declared else "<?xml version='1.0'?>"
    sent = document({}, {"calendar_name": "Ünïcode €"}, head).encode(encoding)
    assert read(sent) == ({}, {"calendar_name": "Ünïcode €"})


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (b"", "is not well-formed XML (line 1, column 1)"),
        (f"<handler>{CANARY}".encode(), "is not well-formed XML (line 1, column 29)"),
        (b"<handler><infos><info name='a'>\x01</info></infos></handler>", "is not well-formed XML (line 1, column 32)"),
        (b"<results/>", "is not a <handler> document of Kinetic Task"),
        (b"<?xml version='1.0' encoding='klingon'?><handler/>", "declares an encoding that is not known"),
        (b"<?xml version='1.0' encoding='hex'?><handler/>", "declares an encoding that is not known"),
        (CANARY.encode() + b"\xff", "is not utf-8 text, as it should be"),
        (b"<!DOCTYPE handler><handler/>", "has a document type (DOCTYPE), which is not allowed"),
    ],
)
def test_a_document_that_is_none_is_refused_without_quoting_it(sent, problem):
    """What is wrong with a document is said with a place and a rule; it holds secrets."""
    assert answer(sent) == ("error", f"invalid_input: input document: {problem}")


@pytest.mark.parametrize(
    "declaration",
    [
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
        '<!ENTITY % a SYSTEM "http://127.0.0.1:1/x.dtd"> %a;',
    ],
    ids=["bomb", "file", "network"],
)
def test_no_entity_is_ever_expanded(declaration):
    """A document that declares entities is refused before the first of them."""
    sent = document({}, {}, f"<!DOCTYPE handler [{declaration}]>").replace("<infos>", "<infos>&a;")
    assert answer(sent.encode())[1].endswith("has a document type (DOCTYPE), which is not allowed")


def test_an_undeclared_entity_is_refused():
    """A reference to nothing is not well-formed, and never a shorter title."""
    sent = document({}, {"calendar_name": "x"}).replace(">x<", ">x&y;<")
    assert "is not well-formed XML" in answer(sent.encode())[1]


def test_a_value_that_was_not_escaped_is_refused():
    """A title with elements in it is not cut at the first: another calendar may have the shorter title."""
    sent = document({}, {"calendar_name": "TITLE"}).replace("TITLE", "Team <b>A</b>")
    expected = "invalid_input: calendar_name: holds XML elements; a value has to be escaped, as in &lt;"
    assert answer(sent.encode()) == ("error", expected)


SECTIONS = "has to have one <infos> and then one <parameters>, and nothing else; a value that is not escaped breaks it"
FOREIGN = "holds more than <info> and <parameter> elements with names in them; a value that is not escaped breaks it"
HIDDEN = "has a comment or a CDATA section with an end tag in it; a value has to be escaped, as in &lt;"
TWICE = "stands there twice; a value has to be escaped, as in &lt;"
INFOS = "<infos><info name='allow_public'>Yes</info></infos>"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{infos}<parameters/>{infos}", id="second infos"),
        pytest.param("{infos}{infos}<parameters/>", id="infos twice before"),
        pytest.param("<infos/><parameters/><parameters/>", id="parameters twice"),
        pytest.param("<parameters/>{infos}", id="the other way round"),
        pytest.param("{infos}", id="no parameters"),
        pytest.param("<parameters/>", id="no infos"),
        pytest.param("", id="neither"),
        pytest.param("{infos}<parameters/><results/>", id="unknown section"),
        pytest.param("{infos}<handler>{infos}<parameters/></handler><parameters/>", id="nested document"),
        pytest.param("{infos}text<parameters/>", id="text between"),
        pytest.param("text{infos}<parameters/>", id="text before"),
        pytest.param("{infos}<parameters/>text", id="text after"),
        pytest.param("<x:infos xmlns:x='urn:x'/>{infos}<parameters/>", id="namespace"),
    ],
)
def test_a_document_has_two_sections(content):
    """Nothing that came with a value can bring a second set of info values, guard rails among them."""
    sent = f"<handler>{content.format(infos=INFOS)}</handler>"
    assert answer(sent.encode()) == ("error", f"invalid_input: input document: {SECTIONS}")


@pytest.mark.parametrize(
    "section",
    [
        pytest.param("<infos>{infos}</infos><parameters/>", id="infos in infos"),
        pytest.param("<infos/><parameters>{infos}</parameters>", id="infos in parameters"),
        pytest.param("<infos/><parameters><info name='allow_public'>Yes</info></parameters>", id="info in parameters"),
        pytest.param(
            "<infos><parameter name='scope'>default</parameter></infos><parameters/>", id="parameter in infos"
        ),
        pytest.param("<infos/><parameters><parameter>x</parameter></parameters>", id="no name"),
        pytest.param("<infos/><parameters>x<parameter name='scope'>user</parameter></parameters>", id="text before"),
        pytest.param("<infos/><parameters><parameter name='scope'>user</parameter>x</parameters>", id="text after"),
    ],
)
def test_a_section_has_its_fields_alone(section):
    """Text and elements that no template of ours has are not passed over."""
    sent = f"<handler>{section.format(infos=INFOS)}</handler>"
    assert answer(sent.encode()) == ("error", f"invalid_input: input document: {FOREIGN}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("calendar_name", "x</parameter></parameters>{infos}<parameters><parameter name='a'>", id="infos"),
        pytest.param("calendar_name", "x</parameter><parameter name='scope'>default", id="parameter before"),
        pytest.param("calendar_access", "reader</parameter><parameter name='scope'>default", id="parameter after"),
        pytest.param("calendar_name", "x</parameter></parameters></handler><!--", id="the end"),
    ],
)
def test_a_value_that_the_engine_did_not_escape_changes_nothing_else(name, value):
    """Whoever may choose one value of a step chooses neither another one nor an info value."""
    sent = document({**ACCOUNT, "allow_public": "No"}, {**STEP, name: "VALUE"})
    kind, text = answer(sent.replace("VALUE", value.format(infos=INFOS)).encode(), _never)
    assert (kind, text.partition(":")[0]) == ("error", "invalid_input")


@pytest.mark.parametrize(
    ("opened", "closed"), [("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?x ", "?>")], ids=["CDATA", "comment", "PI"]
)
def test_two_values_that_were_not_escaped_hide_nothing_between_them(opened, closed):
    """Values before and after another one cannot take it away together, and put theirs in its place."""
    smuggled = f"Team</parameter><parameter name='scope'>default</parameter><parameter name='recipient'>{opened}"
    sent = document(ACCOUNT, {**STEP, "calendar_name": "FIRST", "recipient": "SECOND"})
    sent = sent.replace("FIRST", smuggled).replace("SECOND", closed)
    assert answer(sent.encode(), _never) == ("error", f"invalid_input: input document: {HIDDEN}")


def _never(*_):
    raise AssertionError("the step was done")


@pytest.mark.parametrize("values", [({"client_id": "x"}, {}), ({}, {"scope": "user"})], ids=["info", "parameter"])
def test_a_name_that_stands_twice_is_refused(values):
    """Which of two values was meant cannot be told; version 1 took the last."""
    (name,) = {**values[0], **values[1]}
    tag = "info" if values[0] else "parameter"
    sent = document(*values).replace(f"</{tag}s>", f"<{tag} name='{name}'>group</{tag}></{tag}s>")
    assert answer(sent.encode(), _never) == ("error", f"invalid_input: {name}: {TWICE}")


def test_comments_between_elements_and_cdata_in_values_are_read_as_xml_says():
    """A definition may hold comments, and a CDATA section is one way to escape a value."""
    sent = (
        document({}, {"calendar_name": "X"}).replace(">X<", ">T<![CDATA[<e>]]>am<").replace("<info", "<!-- a --><info")
    )
    assert read(sent.encode()) == ({}, {"calendar_name": "T<e>am"})


@pytest.mark.parametrize("part", ["<!-- A -->", "<?A?>"], ids=["comment", "PI"])
def test_a_comment_in_a_value_was_not_escaped(part):
    """A title with a comment in it is not shortened by it: another calendar may have the shorter title."""
    sent = document({}, {"calendar_name": "TITLE"}).replace("TITLE", f"Team {part}")
    assert answer(sent.encode(), _never)[1].startswith("invalid_input: calendar_name: holds XML elements")


def test_the_packages_own_info_value_is_not_the_handlers():
    """python_command is for the Ruby end, and execute would refuse it."""
    assert read(document({"python_command": "python3", "client_id": "x"}, {}).encode()) == ({"client_id": "x"}, {})


def test_all_problems_are_one_line():
    """Kinetic's console runs lines together, so the fields are told apart on one."""
    kind, text = answer(document(ACCOUNT, {**STEP, "scope": "x", "recipient": "a,b"}).encode())
    assert kind == "error"
    assert text.startswith("invalid_input: scope: 'x' is not in the menu")
    assert "\n" not in text


@pytest.fixture
def unpacked(tmp_path):
    """Return a folder with the package unpacked."""
    return unpack(tmp_path / "package")


def start(folder, sent, python=sys.executable, **environment):
    """Run the Python end as the Ruby end does; give the kind and the text of its answer, and its stderr."""
    program = folder / "handler" / "engines" / "kinetic" / "start.py"
    done = subprocess.run(
        [python, *OPTIONS[1].split(), program], input=sent.encode(), env=environment, capture_output=True, check=True
    )
    head, _, text = done.stdout.partition(b"\n")
    kind, length = head.decode().split()
    assert int(length) == len(text)
    return kind, text.decode(), done.stderr.decode()


@pytest.mark.long
def test_a_process_does_one_step(unpacked):
    """The unpacked package shares a calendar, and logs its stages only if it is asked to."""
    with Emulator() as emulator:
        sent = document({**ACCOUNT, "enable_debug_logging": "Yes"}, STEP)
        kind, text, log = start(unpacked, sent, CALENDAR_EMULATOR_HOST=emulator.host)
        assert (kind, emulator.rules()) == (
            "results",
            {"example@group.calendar.google.com": {"user:jane@acme.com": "reader"}},
        )
        assert '<result name="Change">created</result>' in text
        assert "input checked" in log
        quiet = start(unpacked, document(ACCOUNT, STEP), CALENDAR_EMULATOR_HOST=emulator.host)
        assert quiet[::2] == ("results", "")


@pytest.mark.long
def test_what_is_printed_is_no_answer(unpacked):
    """A library that prints, in Python or below it, does not get into the answer."""
    with (unpacked / "handler" / "__init__.py").open("a", encoding="utf-8") as module:
        module.write("print('stray')\nimport os\nos.system('echo stray too')\n")
    kind, text, log = start(unpacked, document({}, {}))
    assert (kind, text.startswith("invalid_input: "), log) == ("error", True, "stray too\nstray\n")


@pytest.mark.long
def test_a_fault_of_ours_is_told_by_its_place(unpacked):
    """An exception that should not be is told by type, file and line; its text may be a secret."""
    (unpacked / "handler" / "share.py").write_text(f"\nraise ValueError('{CANARY}')\n", encoding="utf-8")
    kind, text, log = start(unpacked, document({}, {}))
    assert (kind, log) == ("error", "")
    assert re.match(
        r"bridge_failed: a fault of the handler or its installation, ValueError in .*/share\.py, line 2", text
    )
    assert CANARY not in text


@pytest.mark.long
def test_a_python_that_is_too_old_says_so(unpacked, tmp_path):
    """Before anything of ours is imported, an old Python names itself and what to set."""
    old = make_python(tmp_path / "old", "sys.version_info = (3, 9, 18, 'final', 0)")
    kind, text, _ = start(unpacked, document({}, {}), old)
    assert kind == "error"
    assert text.startswith(f"bridge_failed: the program {old} is Python 3.9, but Python 3.10 or newer is needed; ")
    assert "python_command" in text


def test_the_oldest_python_is_that_of_the_package():
    """The version that start.py asks for is the one that setup.cfg names."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    code = (ROOT / "handler" / "engines" / "kinetic" / "start.py").read_text(encoding="utf-8")
    assert setup["options"]["python_requires"] == ">={}.{}".format(
        *re.search(r"OLDEST = \((\d+), (\d+)\)", code).groups()
    )


@pytest.mark.long
def test_an_installed_copy_is_never_imported(unpacked, tmp_path):
    """Neither packages of the interpreter nor variables hide the handler that came in the package."""
    python = make_python(tmp_path / "python")
    site = next((tmp_path / "python" / "lib").glob("python*/site-packages"))
    for place in (site, tmp_path):
        for name in ("handler", "google_apps_calendar_share_v1"):
            shutil.copytree(ROOT / "handler" / "engines", place / name / "engines")
            (place / name / "__init__.py").write_text("raise SystemExit('the wrong one')\n", encoding="utf-8")
    run = functools.partial(start, unpacked, document({}, {}), python, PYTHONPATH=str(tmp_path))
    assert run()[1].startswith("invalid_input: client_id: is missing")


@pytest.mark.long
def test_a_step_writes_nothing_beside_the_handler(unpacked):
    """No compiled file is left in the engine's folder, where an older one could outlive an upgrade."""
    start(unpacked, document({}, {}))
    assert not list(unpacked.rglob("__pycache__"))


EXPLAINING = ("causes", "certificates", "network_errors", "proxy_errors")
"""Modules that are imported when there is a mistake to explain."""


@pytest.mark.long
def test_only_what_a_step_needs_is_imported(unpacked):
    """A step imports what the package carries, but for what explains mistakes: no command line, no emulator."""
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "import handler.engines.kinetic.bridge, handler.calendar_api\n"
        "print(*(name for name in sys.modules if name.startswith('handler.')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {ROOT / f"{name.replace('.', '/')}.py" for name in done.stdout.split()}
    carried = {
        ROOT / file.relative_to(unpacked) for file in unpacked.rglob("*.py") if file.stem not in {"__init__", "start"}
    }
    explaining = {ROOT / "handler" / "calendar_api" / f"{name}.py" for name in EXPLAINING}
    assert {file for file in imported if file.exists()} == carried - explaining
    assert explaining <= carried
