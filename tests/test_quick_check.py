"""The quick check of a JSON Schema says what jsonschema says, and spares a share its import."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from handler import descriptor
from handler.descriptor import load
from handler.quick_check import FORMATS, KEYWORDS, check_of
from handler.testing import cases
from handler.testing.emulator import ACCOUNT, Emulator

FIXTURES = Path(__file__).parent.parent / "fixtures"
DOCUMENTS = {
    descriptor.SCHEMA: [descriptor.DESCRIPTOR],
    cases.SCHEMA: [
        FIXTURES / "examples/share_with_a_user.yaml",
        FIXTURES / "examples/try_again_after_a_failure.yaml",
        FIXTURES / "examples/refuse_wrong_input.yaml",
    ],
}
TEXTS = st.sampled_from(["", "a", "ab", "yes", "object", "string", "Yes", "none", "a@b.co", "\ud7ff", "(", "[a-"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from([1.0, 0.5, float("nan"), float("inf")]) | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)


def law(examples):
    """Return the settings of a law: the same examples each time, and no limit of time."""
    return settings(
        derandomize=True, deadline=None, max_examples=examples, suppress_health_check=[HealthCheck.too_slow]
    )


def explains(schema):
    """Return jsonschema's validator, formats included."""
    formats = FormatChecker(())
    for name, keeps in FORMATS.items():
        formats.checks(name)(keeps)
    return Draft202012Validator(schema, format_checker=formats)


def schema_of(path):
    """Read a schema file."""
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_our_schemas_are_schemas(path):
    """Each schema file is one by JSON Schema's own rules, and has only keywords that the quick check knows."""
    Draft202012Validator.check_schema(schema_of(path))
    check_of(schema_of(path))


@st.composite
def changed(draw, document):
    """Return a document with one part replaced, removed or added."""
    document = copy.deepcopy(document)
    place = document
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(keys)) if keys else None
        if key is None or not isinstance(place[key], dict | list) or draw(st.integers(0, 3)) == 0:
            break
        place = place[key]
    change = draw(st.sampled_from(["replace", "remove", "add", "nothing"]))
    if isinstance(place, dict) and change == "add":
        place[draw(TEXTS)] = draw(VALUES)
    elif isinstance(place, list) and change == "add":
        place.append(draw(VALUES | st.sampled_from(place or [None])))
    elif key is not None and change == "replace":
        place[key] = draw(VALUES)
    elif key is not None and change == "remove":
        del place[key]
    return document


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_with_a_change_are_judged_as_by_jsonschema(path):
    """Whatever is done to a right descriptor or parameter file, both say the same of it."""
    schema = schema_of(path)
    quick, slow = check_of(schema), explains(schema)
    documents = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in DOCUMENTS[path]]
    seen = set()

    @law(250)
    @given(st.one_of([changed(document) for document in documents]))
    def same(document):
        seen.add(quick(document))
        assert quick(document) == slow.is_valid(document)

    same()
    assert seen == {True, False}


FORM_TEXTS = st.sampled_from(
    ["", "x", "Yes", "No", "user", "group", "domain", "default", "none", "reader", "owner", "a@acme.com", "acme.com",
     "a,b@acme.com", "<a@acme.com>", "x" * 255, "x" * 1025, "a\u200b@acme.com", "primary", "Raise Error"]
)  # fmt: skip


RIGHT = {
    "info": ACCOUNT,
    "parameters": {
        "calendar_name": "x", "scope": "user", "recipient": "a@acme.com", "calendar_access": "reader", "dry_run": "No",
    },
}  # fmt: skip


@pytest.mark.parametrize("form", RIGHT)
def test_forms_are_judged_as_by_jsonschema(form):
    """Whatever is filled in, both say the same of it."""
    schema = getattr(load(), form).schema
    quick, slow = check_of(schema), explains(schema)
    names = st.sampled_from(list(schema["properties"]))
    seen = set()

    @law(250)
    @given(st.dictionaries(names, FORM_TEXTS, max_size=3), st.sets(names, max_size=1))
    def same(changes, missing):
        values = {name: value for name, value in {**RIGHT[form], **changes}.items() if name not in missing}
        seen.add(quick(values))
        assert quick(values) == slow.is_valid(values)

    same()
    assert seen == {True, False}


NAMES = st.sampled_from(["a", "ab", "yes"])
LIMITS = st.integers(0, 3)
LEAVES = {
    "type": st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object", ["string", "null"]]),
    "const": TEXTS | st.booleans(),
    "enum": st.lists(TEXTS | st.booleans(), min_size=1, max_size=3),
    "pattern": st.sampled_from(["^a", "b$", "^[^@]+@", "^$"]),
    "format": st.just("regex"),
    "required": st.lists(NAMES, unique=True, max_size=2),
    "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, unique=True, max_size=2), max_size=2),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "minProperties",
         "maxProperties"), LIMITS),
}  # fmt: skip


def grown(inner):
    """Return schemas that hold others."""
    return {
        "items": inner,
        "not": inner,
        "propertyNames": inner,
        "additionalProperties": inner | st.booleans(),
        "properties": st.dictionaries(NAMES, inner, max_size=2),
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "oneOf": st.lists(inner, min_size=1, max_size=3),
    }


def test_every_keyword_is_drawn():
    """The law below crosses all that the quick check knows, but for uniqueItems, which errs to the safe side."""
    assert KEYWORDS.keys() == LEAVES.keys() | grown(st.nothing()).keys() | {"if", "uniqueItems"}


SCHEMAS = st.recursive(
    st.fixed_dictionaries({}, optional=LEAVES),
    lambda inner: (
        st.fixed_dictionaries({}, optional=grown(inner)) | st.fixed_dictionaries({"if": inner, "then": inner})
    ),
    max_leaves=5,
)


@law(500)
@given(SCHEMAS, VALUES)
def test_any_schema_is_read_as_by_jsonschema(schema, value):
    """Whatever the keywords are that a descriptor may combine, both say the same of any value."""
    assert check_of(schema)(value) == explains(schema).is_valid(value)


@law(250)
@given(st.lists(VALUES, max_size=4))
def test_what_the_quick_check_calls_unique_is(value):
    """A list is left to jsonschema rather than passed wrongly."""
    schema = {"uniqueItems": True}
    assert not check_of(schema)(value) or explains(schema).is_valid(value)


def test_a_keyword_that_is_not_known_is_refused():
    """No rule of a schema is passed over in silence."""
    with pytest.raises(KeyError, match="multipleOf"):
        check_of({"properties": {"a": {"multipleOf": 2}}})


@pytest.mark.long
def test_a_share_does_not_import_jsonschema(monkeypatch):
    """A process that has nothing to explain does not pay for what explains."""
    parameters = {"calendar_name": "Example Calendar", "calendar_access": "reader"}
    program = f"import sys\nfrom handler import execute\nexecute({ACCOUNT!r}, {parameters!r})\n"
    with Emulator() as emulator:
        monkeypatch.setenv("CALENDAR_EMULATOR_HOST", emulator.host)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program + "print('jsonschema' in sys.modules)"],
            capture_output=True, text=True, check=True, cwd=FIXTURES.parent,
        )  # fmt: skip
    assert done.stdout == "False\n"
