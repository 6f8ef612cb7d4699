"""Reads YAML and JSON files strictly, writes YAML, and holds documents to a JSON Schema.

Plain YAML only: no tags, no anchors or aliases, no key twice. What is wrong is said
with a place and a rule, never with the text found there: it may be a secret.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from .errors import InvalidInput
from .quick_check import check_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

LARGEST_BYTES = 4_000_000
DEEPEST_LEVEL = 50
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "map", "seq"))
BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times quicker, and not everywhere


class _Mistake(yaml.MarkedYAMLError):
    """A mistake that is described in our own words."""

    def __init__(self, rule: str, found: Any) -> None:
        """Take the rule, and the event or node that breaks it."""
        super().__init__(problem=rule, problem_mark=found.start_mark)


class _Loader(BASE):  # type: ignore[misc] # one of two classes, chosen at run time
    """Knows the types that JSON has, so a date stays text, and no merge keys."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in PLAIN_TAGS]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 -- PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _Mistake("a key must be text; put it in quotes", key)
            if key.value in seen:
                raise _Mistake("the same key stands here twice", key)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read(path: Path) -> Any:
    """Give what a YAML or JSON file says, as JSON values (an empty file: None).

    Raises InvalidInput if it cannot be read, is too large or is not plain YAML.
    """
    text = read_text(path).removeprefix("\ufeff")
    try:
        _refuse_extras(text)
        return yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader, and stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        rule = error.problem if isinstance(error, _Mistake) else "not well-formed YAML"
        raise wrong_file(path, f"{place}{rule}") from None
    except (yaml.YAMLError, ValueError):  # ValueError: a number of 5,000 digits
        raise wrong_file(path, "not well-formed YAML") from None


def written(document: Mapping[str, Any]) -> str:
    """Give YAML that `read` makes the same JSON values of, a line a key."""
    return str(yaml.safe_dump(dict(document), sort_keys=False, width=LARGEST_BYTES))


def read_text(path: Path, largest_bytes: int = LARGEST_BYTES) -> str:
    """Give what a file holds, a byte order mark included; raises InvalidInput if it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(largest_bytes + 1)
        if len(content) > largest_bytes:
            raise wrong_file(path, f"more than {largest_bytes:,} bytes")
        return content.decode()
    except OSError as error:
        raise wrong_file(path, error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:
        raise wrong_file(path, "not UTF-8 text") from None
    except ValueError:  # a NUL in the file's name
        raise wrong_file(path, "not the name of a file") from None


class Rules:
    """A JSON Schema, and what a document breaks of it."""

    def __init__(self, schema: Any) -> None:
        """Take the schema as JSON values; its keywords are those that quick_check knows."""
        self._schema = schema
        self._keeps = check_of(schema)

    def violations(self, document: Any) -> Iterator[Any]:
        """Give jsonschema's error for each broken rule, in the schema's order."""
        if self._keeps(document):
            return
        # Half as slow to import as Google's client, and needed only to explain.
        from jsonschema import Draft202012Validator

        formats = Draft202012Validator.FORMAT_CHECKER
        yield from Draft202012Validator(self._schema, format_checker=formats).iter_errors(document)

    def problems(self, document: Any) -> list[str]:
        """List the mistakes as `where: what`, in the document's order, without its values."""
        found = (
            f"{'.'.join(map(str, error.absolute_path)) or 'the document'}: {_rule(error)}"
            for error in self.violations(document)
        )
        return list(dict.fromkeys(found))


@functools.cache
def rules_of(path: Path, part: str = "") -> Rules:
    """Give the kept rules of a schema file of ours, or of one of its `$defs`."""
    schema = json.loads(path.read_text(encoding="utf-8"))
    return Rules({"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]} if part else schema)


def _refuse_extras(text: str) -> None:
    # Event by event, before anything is built: an alias bomb never goes off.
    level = 0
    for event in yaml.parse(text, BASE):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Mistake("anchors and aliases (& and *) are not allowed", event)
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in PLAIN_TAGS:
            raise _Mistake("tags (!) are not allowed", event)
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > DEEPEST_LEVEL:
            raise _Mistake(f"nested more than {DEEPEST_LEVEL} levels deep", event)


def wrong_file(path: Path, problem: str) -> InvalidInput:
    """Make the error for a file that cannot be used."""
    return InvalidInput("invalid_input", f"{path}: {problem}", {"fields": {str(path): problem}})


def _rule(error: Any) -> str:
    """Say which rule is broken; jsonschema's own sentence would quote the value."""
    keyword, rule, value = error.validator, error.validator_value, error.instance
    if keyword == "required":
        return f"is missing {_names(key for key in rule if key not in value)}"
    if keyword in {"additionalProperties", "unevaluatedProperties"}:
        known = error.schema.get("properties", {})
        return f"has the unknown key {_names(key for key in value if key not in known)}; known are {_names(known)}"
    if keyword in {"enum", "const"}:
        return f"must be one of {_names(rule if keyword == 'enum' else [rule])}"
    if keyword == "type":
        return f"must be of the type {rule if isinstance(rule, str) else ' or '.join(rule)}"
    return f"breaks the rule {keyword} {json.dumps(rule)[:100]}"


def _names(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names))
