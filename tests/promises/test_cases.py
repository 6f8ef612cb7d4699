"""Every parameter file comes out as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handler import InvalidInput
from handler.testing.cases import play, read_case

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
FOLDERS = ("bulk", "cases", "examples")
FILES = sorted(file for folder in FOLDERS for file in (FIXTURES / folder).rglob("*.yaml"))


def _name(file):
    return file.relative_to(FIXTURES).as_posix()


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_case(file):
    """A step ends as its file expects: outcome, calls, waits, rules and mails."""
    report = play(read_case(file))
    told = "\n  ".join([f"{_name(file)}: {report.case.what}", *report.differences, f"got {report.outcome}"])
    assert not report.differences, told


def test_no_file_is_skipped():
    """A folder or file that no case is read from fails, instead of proving nothing."""
    known = {*FILES, *(parent for file in FILES for parent in file.parents)}
    strays = [_name(path) for path in FIXTURES.rglob("*") if path not in known]
    assert not strays
    assert {file.relative_to(FIXTURES).parts[0] for file in FILES} == set(FOLDERS)


def test_names_differ_in_more_than_capitals():
    """Two files are two files on every system, also where capitals do not count."""
    names = [_name(file).casefold() for file in FILES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("file", [file for file in FILES if "examples" in file.parts], ids=_name)
def test_example_names_its_schema(file):
    """An example begins with the line that lets an editor check it."""
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../handler/testing/case.schema.json"


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("", "is missing parameters, or rows"),
        ("parameters: {}\nrows: []\n", "has both parameters and rows"),
    ],
    ids=["neither", "both"],
)
def test_a_file_has_parameters_or_rows(tmp_path, steps, problem):
    """A file that leaves out what is to be done, or says it twice, is refused."""
    (tmp_path / "case.yaml").write_text(f"what: Nothing.\n{steps}expect: {{rows: []}}\ncalls: []\n")
    with pytest.raises(InvalidInput, match=problem):
        read_case(tmp_path / "case.yaml")


def test_a_file_may_leave_out_the_calls(tmp_path):
    """Who cares for the outcome alone writes no calls, and any will do."""
    path = tmp_path / "case.yaml"
    lines = (FIXTURES / "examples" / "share_with_a_user.yaml").read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("calls:")))
    report = play(read_case(path))
    assert (report.differences, report.calls) == ([], ["oauth2.token", "calendarList.list", "acl.get", "acl.insert"])


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("expct: {}", "the document: has the unknown key expct; did you mean expect"),
        ("google: {fault: []}", "google: has the unknown key fault; did you mean faults"),
        ("google: {faults: [{method: acl.get, fault: error, stat: 1}]}", "unknown key stat; did you mean status"),
        ("xyzzy: 1", "unknown key xyzzy; known are what, info, parameters, "),
        (
            "google: {faults: [{method: acl.isnert, fault: dropped}]}",
            "unknown method: 'acl.isnert'; did you mean acl.insert",
        ),
    ],
    ids=["top", "inner", "of a fault", "like no other", "method"],
)
def test_a_wrong_key_is_told_with_the_nearest_one(tmp_path, wrong, problem):
    """Whoever mistypes a key of a parameter file, or a method, reads which one was meant."""
    path = tmp_path / "case.yaml"
    path.write_text(f"what: Nothing.\nparameters: {{}}\nexpect: {{results: {{}}}}\n{wrong}\n")
    with pytest.raises(InvalidInput, match=re.escape(problem)):
        play(read_case(path))
