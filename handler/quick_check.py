"""Says quickly whether a document keeps a JSON Schema; jsonschema says why one does not.

A schema becomes a function once. A share then costs a few comparisons, and a process
with nothing to explain never imports jsonschema.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .characters import hidden_at
from .public_principal import is_public
from .service_account_key import flaw_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = Callable[[Any], bool]
    Make = Callable[[Any], Check]

ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "default", "writeOnly"})
READ_ELSEWHERE = frozenset({"$ref", "then"})
TYPES: Mapping[str, Check] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: TYPES["number"](value) and value == value // 1,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def check_of(schema: Any) -> Check:
    """Return a function that tells whether a value keeps the schema.

    Raises KeyError for a keyword that is not known here.
    """
    definitions: dict[str, Check] = {}

    def make(part: Any) -> Check:
        if isinstance(part, bool):
            return lambda _: part
        rules = [
            KEYWORDS[key](rule, part, make)
            for key, rule in part.items()
            if key not in ANNOTATIONS | READ_ELSEWHERE and not key.startswith("x-")
        ]
        if reference := part.get("$ref"):
            name = reference.removeprefix("#/$defs/")
            rules.append(lambda value: definitions[name](value))  # noqa: PLW0108 -- a rule may hold rules: not there yet
        return rules[0] if len(rules) == 1 else _all(rules)

    definitions.update({name: make(part) for name, part in schema.get("$defs", {}).items()})
    return make(schema)


def _all(rules: list[Check]) -> Check:
    def keeps(value: Any) -> bool:
        for rule in rules:  # noqa: SIM110 -- all() over a generator takes twice the time
            if not rule(value):
                return False
        return True

    return keeps


def _type(names: str | list[str], _: Any, __: Make) -> Check:
    if isinstance(names, str):
        return TYPES[names]
    kinds = [TYPES[name] for name in names]
    return lambda value: any(kind(value) for kind in kinds)


def _limit(kind: str, keeps: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Make], Check]:
    """Make a keyword that holds one kind of value to a limit."""
    concerns = TYPES[kind]
    return lambda limit, _, __: lambda value: not concerns(value) or keeps(value, limit)


def _const(wanted: str | bool, _: Any, __: Make) -> Check:  # noqa: FBT001 -- a value of a schema
    kind = {str: str, bool: bool}[type(wanted)]  # a KeyError for what would need more than ==
    return lambda value: isinstance(value, kind) and value == wanted


def _enum(wanted: list[str | bool], _: Any, make: Make) -> Check:
    constants = [_const(one, None, make) for one in wanted]
    return lambda value: any(constant(value) for constant in constants)


def _pattern(pattern: str, _: Any, __: Make) -> Check:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _format(name: str, _: Any, __: Make) -> Check:
    return FORMATS[name]


def _is_pattern(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError):
        return not isinstance(value, str)
    return True


def _items(rule: Any, _: Any, make: Make) -> Check:
    keeps = make(rule)
    return lambda value: not isinstance(value, list) or all(map(keeps, value))


def _properties(rules: Mapping[str, Any], _: Any, make: Make) -> Check:
    checks = [(name, make(rule)) for name, rule in rules.items()]

    def keeps(value: Any) -> bool:
        if isinstance(value, dict):
            for name, check in checks:
                if name in value and not check(value[name]):
                    return False
        return True

    return keeps


def _additional_properties(rule: Any, schema: Mapping[str, Any], make: Make) -> Check:
    known, keeps = schema.get("properties", {}).keys(), make(rule)
    return lambda value: not isinstance(value, dict) or all(keeps(value[name]) for name in value.keys() - known)


def _property_names(rule: Any, _: Any, make: Make) -> Check:
    keeps = make(rule)
    return lambda value: not isinstance(value, dict) or all(map(keeps, value))


def _dependent_required(rule: Mapping[str, list[str]], _: Any, __: Make) -> Check:
    return lambda value: (
        not isinstance(value, dict)
        or all(value.keys() >= set(others) for name, others in rule.items() if name in value)
    )


def _all_of(rules: list[Any], _: Any, make: Make) -> Check:
    return _all([make(rule) for rule in rules])


def _one_of(rules: list[Any], _: Any, make: Make) -> Check:
    checks = [make(rule) for rule in rules]
    return lambda value: sum(check(value) for check in checks) == 1


def _not(rule: Any, _: Any, make: Make) -> Check:
    keeps = make(rule)
    return lambda value: not keeps(value)


def _if(rule: Any, schema: Mapping[str, Any], make: Make) -> Check:
    concerns, keeps = make(rule), make(schema["then"])
    return lambda value: not concerns(value) or keeps(value)


FORMATS: Mapping[str, Check] = {
    "regex": _is_pattern,
    "x-not-the-public": lambda value: not isinstance(value, str) or not is_public(value),
    "x-service-account": lambda value: not isinstance(value, str) or not flaw_of(value),
    "x-visible": lambda value: not isinstance(value, str) or hidden_at(value) < 0,
}
"""What a value may have to be; jsonschema is taught those that begin with x-, which are ours."""
KEYWORDS: Mapping[str, Callable[[Any, Any, Make], Check]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "minimum": _limit("number", lambda value, limit: not value < limit),
    "maximum": _limit("number", lambda value, limit: not value > limit),
    "exclusiveMinimum": _limit("number", lambda value, limit: not value <= limit),
    "minLength": _limit("string", lambda value, limit: len(value) >= limit),
    "maxLength": _limit("string", lambda value, limit: len(value) <= limit),
    "pattern": _pattern,
    "format": _format,
    "items": _items,
    "minItems": _limit("array", lambda value, limit: len(value) >= limit),
    # 1 and true are two items and equal to Python: such a list is left to jsonschema.
    "uniqueItems": _limit("array", lambda value, _: all(one not in value[:place] for place, one in enumerate(value))),
    "required": _limit("object", lambda value, names: value.keys() >= set(names)),
    "properties": _properties,
    "additionalProperties": _additional_properties,
    "propertyNames": _property_names,
    "minProperties": _limit("object", lambda value, limit: len(value) >= limit),
    "maxProperties": _limit("object", lambda value, limit: len(value) <= limit),
    "dependentRequired": _dependent_required,
    "allOf": _all_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
}
