"""Reads YAML and JSON files strictly, writes YAML, and checks documents against a JSON Schema.

Plain YAML only: no tags, no anchors or aliases, no duplicate keys. Mistakes are described
by place and rule, never by the text found there: it may be a secret.
"""

from __future__ import annotations

import functools
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .errors import HandlerError, InvalidInput
from .installation import hold_versions, installed
from .quick_check import FORMATS, check_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

LARGEST_BYTES = 4_000_000
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
NO_TEXTS = {
    b"PK\x03\x04": "a workbook or another packed file",
    b"\xd0\xcf\x11\xe0": "a workbook of an older Excel",
    b"%PDF": "a PDF",
    b"{\\rtf": "a document in RTF",
}
"""What a file is by its first bytes, if it is none that can be read here."""


def read(path: Path, form: str = "") -> Any:
    """Return the content of a YAML or JSON file as JSON values (an empty file: None).

    Raises InvalidInput if it cannot be read, is too large or is not plain YAML; then `form` is said too.
    """
    return parsed(read_text(path), path, form)


def parsed(text: str, path: Path, form: str = "") -> Any:
    """Return what the text of a YAML or JSON file says, as `read` does."""
    found, problem = _plain_yaml()[0](text.removeprefix("\ufeff"))
    if problem:
        raise wrong_file(path, f"{problem}; {form}" if form else problem)
    return found


def written(document: Mapping[str, Any]) -> str:
    """Return YAML that `read` turns back into the same JSON values, one line for each key."""
    return str(_plain_yaml()[1](document))


def _plain_yaml() -> tuple[Callable[[str], tuple[Any, str]], Callable[[Mapping[str, Any]], str]]:
    with installed():
        # `import handler` passes without PyYAML, and the first step says that it is missing.
        from .plain_yaml import dump, parse
    return parse, dump


with suppress(HandlerError):
    _plain_yaml()  # if available, import it before any step begins: a fork in the middle of an import hangs


def read_text(path: Path, largest_bytes: int = LARGEST_BYTES, remedy: str = "; save it as such") -> str:
    """Return the text of a file, a byte order mark included; raises InvalidInput if it is unreadable or too large."""
    try:
        with path.open("rb") as file:
            content = file.read(largest_bytes + 1)
        if len(content) > largest_bytes:
            raise wrong_file(path, f"has more than {largest_bytes:,} bytes; split it, or name another file")
    except OSError as error:
        raise wrong_file(path, error.strerror or type(error).__name__) from None
    except ValueError:  # a NUL in the file's name
        raise wrong_file(path, "is no name of a file, as it holds a NUL; name another one") from None
    kind = next((kind for begin, kind in NO_TEXTS.items() if content.startswith(begin)), "")
    text, problem = ("", f"is {kind}, and not UTF-8 text") if kind else _decoded(content)
    if problem:
        raise wrong_file(path, f"{problem}{remedy}")
    return text


def _decoded(content: bytes) -> tuple[str, str]:
    """Return the text of some bytes, and "" - or else "" and what is wrong with them."""
    is_16 = content.startswith(UTF_16)
    try:
        text = content.decode("utf-16" if is_16 else "utf-8")
    except UnicodeDecodeError as error:
        # Of the exception, which holds the content, the place alone.
        place = error.start
        line = len(content[: place + 1].splitlines())
        byte = place - max(content.rfind(end, 0, place) for end in (b"\n", b"\r"))
        return "", "is damaged UTF-16, and not UTF-8 text" if is_16 else f"line {line}: byte {byte} is not UTF-8 text"
    if "\0" in text[:4]:
        return "", "is UTF-16 without its mark, or UTF-32, and not UTF-8 text"
    return text, ""


class Rules:
    """A JSON Schema, and which of its rules a document breaks."""

    def __init__(self, schema: Any) -> None:
        """Take the schema as JSON values; its keywords are those that quick_check knows."""
        self._schema = schema
        self._keeps = check_of(schema)

    def violations(self, document: Any) -> Iterator[Any]:
        """Yield jsonschema's error for each broken rule, in the schema's order."""
        if self._keeps(document):
            return
        with installed():
            # Slow to import, half as slow as Google's client, and needed only to explain.
            from jsonschema import Draft202012Validator, FormatChecker

            hold_versions("jsonschema")
        formats = FormatChecker(())
        for name, keeps in FORMATS.items():
            formats.checks(name)(keeps)
        yield from Draft202012Validator(self._schema, format_checker=formats).iter_errors(document)

    def problems(self, document: Any) -> list[str]:
        """Return the mistakes as `where: what`, in the document's order, without its values."""
        if document is None and not self._keeps(document):
            return ["the document: is empty"]
        found = (
            f"{'.'.join(map(str, error.absolute_path)) or 'the document'}: {_rule(error)}"
            for error in self.violations(document)
        )
        return list(dict.fromkeys(found))


@functools.cache
def rules_of(path: Path, part: str = "") -> Rules:
    """Return the cached rules of one of our schema files, or of one of its `$defs`."""
    schema = json.loads(path.read_text(encoding="utf-8"))
    return Rules({"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]} if part else schema)


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to say of a name that is unknown: the nearest known one, or all of them."""
    import difflib  # 9 ms to import, and needed only for a mistake

    names = list(known)
    near = difflib.get_close_matches(name.casefold().replace(" ", "_"), names, n=1)
    return f"did you mean {near[0]}" if near else f"known are {_names(names)}"


def wrong_file(path: Path, problem: str) -> InvalidInput:
    """Return the error for a file that cannot be used; the problem says what to do, as no field is named."""
    return InvalidInput("invalid_input", f"{path}: {problem}", {"fields": {str(path): problem}, "remedy": ""})


def _rule(error: Any) -> str:
    """Return which rule is broken; jsonschema's own message would quote the value."""
    keyword, rule, value = error.validator, error.validator_value, error.instance
    if keyword == "required":
        return f"is missing {_names(key for key in rule if key not in value)}"
    if keyword in {"additionalProperties", "unevaluatedProperties"}:
        known = error.schema.get("properties", {})
        return "; ".join(f"has the unknown key {key}; {hint(key, known)}" for key in value if key not in known)
    if keyword in {"enum", "const"}:
        return f"must be one of {_names(rule if keyword == 'enum' else [rule])}"
    if keyword == "type":
        return f"must be of the type {rule if isinstance(rule, str) else ' or '.join(rule)}"
    if keyword == "pattern":
        return f"is not what it has to be: {error.schema['description']}"
    return f"breaks the rule {keyword} {json.dumps(rule)[:100]}"


def _names(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names))
