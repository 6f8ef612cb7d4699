"""docs/architecture.md shows the house as it is."""

from __future__ import annotations

import re
from configparser import ConfigParser

import handler

from ..support.docs import ROOT, block_of, read

PAGE = "docs/architecture.md"
BOX = re.compile(r'^ +(\w+)\["(.+)"\]$', re.MULTILINE)
ARROW = re.compile(r"^ +(\w+) --> (\w+)$", re.MULTILINE)


def test_the_diagram_shows_the_import_directions_that_are_enforced():
    """Its boxes, followed along their arrows, are the layers that import-linter holds the code to."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    enforced = [
        {room.strip() for room in line.split(":")}
        for line in setup["importlinter:contract:layers"]["layers"].strip().splitlines()
    ]
    chart = block_of(PAGE, "mermaid", "flowchart TD")
    boxes, below = dict(BOX.findall(chart)), dict(ARROW.findall(chart))
    (place,) = boxes.keys() - below.values()
    drawn = [boxes[place]]
    while place := below.get(place):
        drawn.append(boxes[place])
    assert [{room.strip(" /") for room in names.split(",")} for names in drawn] == enforced


def test_each_module_has_its_line_and_no_line_a_module_that_is_gone():
    """Whoever looks for what a module is for finds it, once."""
    lines = re.findall(r"^\| \[`(handler/[^`]*)`\]\(\.\./\1\) \| \S.* \|$", read(PAGE), re.MULTILINE)
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / "handler").rglob("*.py")]
    assert sorted(lines) == sorted(module.removesuffix("__init__.py") for module in modules)


def test_every_public_name_is_said_to_be_public():
    """What the package root gives out is named, or is a child of what is named."""
    said = read(PAGE).partition("## What is public")[2]
    for name in set(handler.__all__) - {"__version__"}:
        found = getattr(handler, name)
        is_child = isinstance(found, type) and issubclass(found, handler.HandlerError)
        assert f"`{name}`" in said or is_child, name
