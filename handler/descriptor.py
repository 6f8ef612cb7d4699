"""Reads handler.yaml, and checks info values and parameters against it.

Knows no field by name: what a value may be, and what is said if it is not, stands in
handler.yaml. Values of info are never quoted, as they may be secrets; only an entry of a list is.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .characters import hidden_at, named
from .documents import Rules, hint, read, rules_of
from .errors import CONTROL, InvalidDescriptor, InvalidInput, quote, shown
from .installation import demand, installed
from .quick_check import check_of
from .service_account_key import flaw_of

DESCRIPTOR = Path(__file__).parent.parent / "handler.yaml"
SCHEMA = Path(__file__).parent / "descriptor.schema.json"
CONTROL_IN_LINES = rf"(?![\t\n\r]){CONTROL}"
LIKE_A_SECRET = re.compile(r"[\w/+=-]{24}")
"""Longer than any part of most domains, and as long as what Google makes: not quoted from a list."""
# A key of info that does not look like a name may be a secret in the wrong place.
PLAIN_NAME = re.compile(r"[A-Za-z_ ]{1,40}")


class Form:
    """A descriptor's info or parameters: reads values, and explains what is wrong with them."""

    def __init__(
        self, name: str, schema: Mapping[str, Any], *, secret: bool, without: Mapping[str, str] | None = None
    ) -> None:
        """Take the JSON Schema of the mapping, and fields `without` a place in it, with what is said of each.

        Values of a secret form are never quoted.
        """
        self.name = name
        self.schema = schema
        self.fields: Mapping[str, Mapping[str, Any]] = schema["properties"]
        self._without = without or {}
        self._secret = secret
        self._rules = Rules(schema)
        self._misnamed = {
            _letters(name): others["x-problem"] for others in schema.get("x-misnamed", ()) for name in others["names"]
        }
        self._menus = {name: _spellings(field) for name, field in self.fields.items() if "oneOf" in field}

    def read(self, values: object) -> tuple[dict[str, str], dict[str, str]]:
        """Return the values with defaults, and the problems, both by field name.

        Values are trimmed, normalised to NFC and spelt as in the menu; blank means not given,
        except for a field that must not be blank. A field that is not given and has no default
        is left out. Keys that begin with `_` are ignored.
        """
        if not isinstance(values, Mapping):
            return {}, {self.name: f"is of the type {type(values).__name__}, but must be a mapping"}
        found, wrong = self._given(values)
        if wrong and (problem := self.mistaken(values)):
            return {}, {self.name: problem}
        # A field that is wrong already counts as given, so that it is not reported missing too.
        given = {**found, **dict.fromkeys(wrong.keys() & self.fields.keys(), "")}
        for name, problem in self._violations(given):
            wrong.setdefault(name, problem)
        defaults = {name: field["default"] for name, field in self.fields.items() if "default" in field}
        return {**defaults, **found}, wrong

    def _given(self, values: Mapping[Any, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the values that are given, and what is wrong with any by itself."""
        found: dict[str, str] = {}
        wrong: dict[str, str] = {}
        for name, value in values.items():
            if not isinstance(name, str):
                wrong[f"a name of the type {type(name).__name__}"] = "is unknown; names are text"
                continue
            if name.startswith("_"):
                continue
            if name not in self.fields:
                wrong[self._shown(name)] = f"is unknown; {self._misnamed.get(_letters(name)) or self._hint(name)}"
                continue
            try:
                text = self._text(name, value)
            except ValueError as error:
                wrong[name] = str(error)
            else:
                if text:
                    found[name] = text
        return found, wrong

    def mistaken(self, values: Mapping[Any, Any], file: str = "key.json") -> str:
        """Return what is said of another mapping that people take for this one, "" if it is none of those.

        `file` is where it stands, for whoever is to name it elsewhere.
        """
        others = self.schema.get("x-mistaken", ())
        problem = next((other["x-problem"] for other in others if check_of(other["if"])(dict(values))), "")
        return str(problem).replace("{file}", file)

    def spellings(self, name: str) -> Iterable[str]:
        """Return every accepted spelling of a field's menu, in lower case."""
        return self._menus[name]

    def named_by(self, word: str) -> str:
        """Return the field that others call so, "" if it is none or has no place here."""
        return next((name for name in self._known() if _hints_at(self.fields[name], word)), "")

    def _known(self) -> list[str]:
        return [name for name in self.fields if name not in self._without]

    def _hint(self, name: str) -> str:
        meant = self.named_by(name)
        return f"did you mean {meant}" if meant else hint(name, self._known())

    def _text(self, name: str, value: object) -> str:
        """Return the value as the descriptor spells it, "" if none is given."""
        if name in self._without and value not in (None, ""):
            raise ValueError(self._without[name])
        menu = self._menus.get(name, {})
        if isinstance(value, bool) and "true" in menu:
            value = str(value)
        if value is None:
            return self._blank(name)
        if isinstance(value, Mapping) and (problem := self.fields[name].get("x-no-mapping")):
            raise ValueError(problem)
        if not isinstance(value, str):
            examples = self.fields[name].get("examples")
            such = f", such as {quote(examples[0])}" if examples else ""
            raise ValueError(f"is of the type {type(value).__name__}, but must be text{such}")  # noqa: TRY004 -- a problem, told apart from bugs
        # str's own methods: a subclass of the caller's may override them, and goes no further than this.
        text = str.strip(value if str.isascii(value) else unicodedata.normalize("NFC", value))
        if not text:
            return self._blank(name)
        forbidden = CONTROL_IN_LINES if self.fields[name].get("x-multiline") else CONTROL
        if not text.isprintable() and (control := re.search(forbidden, text)):
            character, place = ord(control[0]), control.start() + 1
            raise ValueError(f"holds the control character U+{character:04X} as character {place}; remove it")
        if text in menu.values():
            return text
        return menu.get(text.casefold(), text)

    def _blank(self, name: str) -> str:
        if remedy := self.fields[name].get("x-never-blank"):
            raise ValueError(f"is blank; {remedy}; a template or variable may have come out empty")
        return ""

    def _violations(self, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the field name and the problem for each broken rule, in the schema's order."""
        for error in self._rules.violations(values):
            told = error.schema.get("x-problem")
            if error.validator == "required":
                for name in (name for name in self.fields if name in error.validator_value and name not in values):
                    yield name, told or self._missing(name)
            else:
                name = str(error.absolute_path[0])
                text = values[name]
                subject = "this value" if self._secret else quote(text)
                problem = told or self._rule(name, error, text)
                if "{character}" in problem:
                    problem = problem.replace("{character}", named(text, hidden_at(text)))
                problem = problem.replace("{flaw}", flaw_of(text) if "{flaw}" in problem else "")
                if "{entry}" in problem:
                    problem = problem.replace("{entry}", _wrong_entry(error.schema, text))
                yield name, f"{subject} {problem}"

    def _missing(self, name: str) -> str:
        field = self.fields[name]
        if remedy := field.get("x-never-blank"):
            return f"is missing; {remedy}"
        if "oneOf" in field:
            return f"is missing; give one of {', '.join(choice['const'] for choice in field['oneOf'])}"
        return f"is missing. {field['description']}"

    def _rule(self, name: str, error: Any, text: str) -> str:
        if error.validator == "oneOf":
            choices = [choice["const"] for choice in self.fields[name]["oneOf"]]
            for choice in choices:
                if choice.casefold() == text.casefold():
                    return f"must be spelt exactly {choice}"
            meant = [choice["const"] for choice in self.fields[name]["oneOf"] if _hints_at(choice, text)]
            hint = f"; did you mean {meant[0]}?" if meant else ""
            if (place := hidden_at(text)) >= 0:
                hint = f"; it holds {named(text, place)}, which is invisible; type it anew"
            return f"is not in the menu: {', '.join(choices)}{hint}"
        if error.validator == "maxLength":
            return f"has {len(text):,} characters; at most {error.validator_value:,} are allowed"
        return f"breaks the rule {error.validator} of handler.yaml"

    def _shown(self, name: str) -> str:
        plain = PLAIN_NAME.fullmatch(name) or _letters(name) in map(_letters, self.fields)
        return shown(name) if plain or not self._secret else "(a name not shown)"


class Descriptor:
    """What handler.yaml says, as Python values."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the document, already validated against the schema."""
        self.document = document
        self.info = Form("info", document["info"], secret=True)
        self.parameters = Form("parameters", document["parameters"], secret=False)
        self.titles: dict[str, str] = {result["id"]: result["title"] for result in document["results"]}
        self.errors: dict[str, Mapping[str, Any]] = {error["code"]: error for error in document["errors"]}

    def remedy(self, error: Mapping[str, Any]) -> str:
        """Return what to do about an error (as `to_dict` has it) beyond what its message says; "" if that is all."""
        code, message, details = error["code"], error["message"], error["details"]
        if isinstance(own := details.get("remedy"), str):
            return own
        declared = self.errors.get(code, {"said_by_message": True})
        # In capitals are variables of the environment: the message says what they must be.
        if declared.get("said_by_message") or (
            code == "invalid_input" and all(map(str.isupper, details.get("fields", ())))
        ):
            return ""
        return " ".join(said for said in re.split(r"(?<=\.) ", declared["remedy"]) if said not in message)

    @functools.cached_property
    def rows(self) -> Form:
        """The parameters as rows and the command line have to provide them."""
        schema = self.document["parameters"]
        more = schema.get("x-rows", {})
        stricter = {key: [*schema.get(key, ()), *more[key]] for key in ("required", "allOf") if key in more}
        return Form("parameters", {**schema, **stricter}, secret=False, without=more.get("x-without"))


@functools.cache
def load(path: Path = DESCRIPTOR) -> Descriptor:
    """Return a descriptor, read once per process.

    Raises InvalidDescriptor, with every mistake in its message, if there is one, and
    HandlerError (installation_broken) if a package that reads or explains it is missing.
    """
    with installed():
        demand("jsonschema")  # which explains mistakes: a missing one would go unnoticed until the first
    try:
        document = read(path)
        mistakes = rules_of(SCHEMA).problems(document) or list(_contradictions(document))
    except InvalidInput as error:
        raise InvalidDescriptor("invalid_descriptor", error.message) from None
    except OSError:
        raise InvalidDescriptor("invalid_descriptor", f"{SCHEMA}: is missing; it belongs beside the code") from None
    if mistakes:
        raise InvalidDescriptor("invalid_descriptor", f"{path}: {'; '.join(mistakes)}", {"problems": mistakes})
    return Descriptor(document)


def invalid_input(wrong: Mapping[str, str]) -> InvalidInput:
    """Return one error with all problems, one line for each field."""
    lines = [f"{name}: {problem}" for name, problem in wrong.items()]
    return InvalidInput("invalid_input", "\n".join(lines), {"fields": dict(wrong)})


def wrong_number(name: str, number: object) -> dict[str, str]:
    """Return the problem of a number by its name, {} if there is none; None means not given."""
    if number is None or (type(number) is int and number >= 1):
        return {}
    return {name: "must be a whole number from 1 on"}


def _spellings(field: Mapping[str, Any]) -> dict[str, str]:
    """Return the menu's value for each accepted spelling, in lower case."""
    return {
        spelling.casefold(): choice["const"]
        for choice in field["oneOf"]
        if not choice.get("x-exact-spelling")
        for spelling in _named_in(choice)
    }


def _hints_at(item: Mapping[str, Any], text: str) -> bool:
    """Say whether the text is what others call a field or choice: it is not accepted, but may be what was meant."""
    return _letters(text) in map(_letters, (item["title"], *item.get("x-hints", ())))


def _wrong_entry(rule: Mapping[str, Any], text: str) -> str:
    """Return the first entry of a list with commas that breaks the rule, with its number."""
    keeps = check_of(rule)
    entries = [entry.strip(" ") for entry in text.split(",")]
    number, entry = next(((at, one) for at, one in enumerate(entries, 1) if not keeps(one)), (len(entries), ""))
    if LIKE_A_SECRET.search(entry):
        return f"entry {number} is too long to be shown"
    return f"entry {number} is {quote(entry) if entry else 'empty'}"


def _letters(text: str) -> str:
    """Return what two spellings of a word have in common, as calendarId and "Calendar ID" do."""
    return "".join(filter(str.isalnum, text.casefold()))


def _named_in(choice: Mapping[str, Any]) -> tuple[str, ...]:
    return (choice["const"], *choice.get("x-aliases", ()))


def _contradictions(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield mistakes that a schema cannot express: names and values that must be declared elsewhere."""
    for form in ("info", "parameters"):
        fields = document[form]["properties"]
        for name in _named(document[form]):
            if name not in fields:
                yield f"{form}: a rule names {name}, which is no field of it"
        for name, field in fields.items():
            yield from (f"{form}.properties.{name}.{mistake}" for mistake in _menu_mistakes(field))
            # Forms of engines preselect a value, and it would be any.
            if "oneOf" in field and "default" not in field and name not in document[form].get("required", ()):
                yield (
                    f"{form}.properties.{name}: is a menu without a default; "
                    "name one of its values, or list it in required"
                )
    for name in document["info"]["properties"].keys() & document["parameters"]["properties"].keys():
        yield f"{name}: is declared both in info and in parameters"
    for table, key in (("results", "id"), ("errors", "code")):
        yield from (f"{table}: {name} is declared twice" for name in _twice(row[key] for row in document[table]))


def _menu_mistakes(field: Mapping[str, Any]) -> Iterator[str]:
    choices = field.get("oneOf", ())
    if choices and field.get("default", choices[0]["const"]) not in [choice["const"] for choice in choices]:
        yield "default: is not in the menu"
    spellings = (spelling.casefold() for choice in choices for spelling in _named_in(choice))
    yield from (f"oneOf: {quote(spelling)} stands there twice" for spelling in _twice(spellings))


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _named(rule: Mapping[str, Any]) -> Iterator[str]:
    """Yield each field name that the rules of a form mention."""
    yield from rule.get("required", ())
    for name, others in rule.get("dependentRequired", {}).items():
        yield from (name, *others)
    yield from rule.get("properties", ())
    yield from rule.get("x-without", ())
    for inner in (*rule.get("allOf", ()), *(rule[key] for key in ("if", "then", "not", "x-rows") if key in rule)):
        yield from _named(inner)
