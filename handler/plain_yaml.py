"""Plain YAML, the only place that knows PyYAML: no tags, no anchors or aliases, no key twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from .installation import hold_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_LINE = 4_000_000
DEEPEST_LEVEL = 50
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "map", "seq"))
hold_versions("yaml")
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


def parse(text: str) -> tuple[Any, str]:
    """Return what a text says, as JSON values, and "" - or else None and the place and rule that it breaks."""
    try:
        _refuse_extras(text)
        return yaml.load(text, _Loader), ""  # noqa: S506 -- a SafeLoader, and stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return None, f"{place}{error.problem if isinstance(error, _Mistake) else 'not well-formed YAML'}"
    except (yaml.YAMLError, ValueError):  # ValueError: a number of 5,000 digits
        return None, "not well-formed YAML"


def dump(document: Mapping[str, Any]) -> str:
    """Return YAML with a line for each key."""
    return str(yaml.safe_dump(dict(document), sort_keys=False, width=LONGEST_LINE))


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
