"""Files that people write: plain YAML only, and mistakes told without what was found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler import InvalidInput
from handler.documents import LARGEST_BYTES, read, written
from handler.plain_yaml import DEEPEST_LEVEL

CANARY = "CANARY-5up3r-s3cret"
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a file and gives its path."""

    def write(content):
        path = tmp_path / "file.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 1\nb: [yes, x]\nc: {d: null}\n", {"a": 1, "b": [True, "x"], "c": {"d": None}}),
        ('{"a": "b"}', {"a": "b"}),
        ("", None),
        ("\ufeffa: b\n", {"a": "b"}),
        ("when: 2026-11-22\n", {"when": "2026-11-22"}),
        ("<<: {a: b}\n", {"<<": {"a": "b"}}),
    ],
    ids=["YAML", "JSON", "empty", "byte order mark", "a date is text", "no merge keys"],
)
def test_plain_documents_are_read(file, content, expected):
    """Plain YAML and JSON give JSON's types."""
    assert read(file(content)) == expected


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f"a: !!python/object:os.system {CANARY}\n", "line 1, column 4: tags (!) are not allowed"),
        (f"a: !secret {CANARY}\n", "tags (!) are not allowed"),
        (BOMB, "line 1, column 4: anchors and aliases (& and *) are not allowed"),
        (f"a: {CANARY}\na: {CANARY}\n", "line 2, column 1: the same key stands here twice"),
        (f"1: {CANARY}\n", "a key must be text; put it in quotes"),
        (f"on: {CANARY}\n", "a key must be text; put it in quotes"),
        (f"? [{CANARY}]\n: b\n", "a key must be text; put it in quotes"),
        (f"client_id: x\nclient_secret:{CANARY}\nb: c\n", "not well-formed YAML"),
        (f"a: '{CANARY}\n", "not well-formed YAML"),
        (f"a: {CANARY}\n--- \nb: c\n", "not well-formed YAML"),
        (f"a: {CANARY}\x01\n", "not well-formed YAML"),
        (b"a: \xff" + CANARY.encode(), "not UTF-8 text"),
        ("a: " + "1" * 5000, "not well-formed YAML"),
        ("[" * (DEEPEST_LEVEL + 1) + "]" * (DEEPEST_LEVEL + 1), f"nested more than {DEEPEST_LEVEL} levels deep"),
        (b"#" * (LARGEST_BYTES + 1), "more than 4,000,000 bytes"),
    ],
    ids=[
        "Python tag", "own tag", "alias bomb", "same key twice", "number as key", "boolean as key", "list as key",
        "missing blank", "open quote", "two documents", "control character", "not UTF-8", "endless number", "too deep",
        "too large",
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_quoting_it(file, content, problem):
    """A file that is not plain is refused with a place and a rule, never with its text."""
    with pytest.raises(InvalidInput) as caught:
        read(file(content))
    assert problem in caught.value.message
    assert "file.yaml" in caught.value.message
    assert CANARY not in caught.value.message
    assert caught.value.__cause__ is None


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.booleans() | st.none() | st.integers() | st.lists(st.text())))
def test_what_is_written_reads_the_same(tmp_path_factory, document):
    """Whatever the values are, "No" and line ends among them, a file that was written gives them back."""
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_bytes(written(document).encode())
    assert read(path) == document


@pytest.mark.parametrize("name", ["missing.yaml", "", "a\0b"], ids=["missing", "a folder", "no name of a file"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    """A file that is not there, or is none, is an invalid input."""
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path / name)
    assert caught.value.code == "invalid_input"
    assert caught.value.details["fields"]
