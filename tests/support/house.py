"""The house as setup.cfg and the modules themselves describe it, as Markdown for docs/architecture.md."""

from __future__ import annotations

import ast
from configparser import ConfigParser
from typing import TYPE_CHECKING

from .docs import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = ROOT / "handler"


def setup() -> ConfigParser:
    """Return what setup.cfg says."""
    found = ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


def layers() -> list[list[str]]:
    """Return the rooms of each of import-linter's layers, from the top."""
    lines = setup()["importlinter:contract:layers"]["layers"].split("\n")
    return [[room.strip() for room in line.split(":")] for line in lines if line.strip()]


def modules(room: str) -> list[Path]:
    """Return the modules of a room, in order; a folder's own stands first."""
    if (HANDLER / f"{room}.py").exists():
        return [HANDLER / f"{room}.py"]
    return sorted((HANDLER / room).rglob("*.py"), key=lambda path: (path.parent, path.name != "__init__.py", path))


def purpose(module: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "").split("\n")[0]


def shown_name(module: Path) -> str:
    """Return the path of a module below the root; that of a folder for its `__init__.py`."""
    path = module.relative_to(ROOT).as_posix()
    return path.removesuffix("__init__.py")


def diagram() -> str:
    """Return the layers as a Mermaid flowchart: a layer may import from every one below it."""
    lines = ["```mermaid", "flowchart TD"]
    for number, rooms in enumerate(layers()):
        names = ", ".join(room if (HANDLER / f"{room}.py").exists() else f"{room}/" for room in rooms)
        lines.append(f'    layer{number}["{names}"]')
        if number:
            lines.append(f"    layer{number - 1} --> layer{number}")
    return "\n".join([*lines, "```"])


def module_table() -> str:
    """Return a line for each module, the rooms from the top of the house."""
    lines = ["| Module | What it is for |", "| --- | --- |"]
    for module in (HANDLER / "__init__.py", *(one for rooms in layers() for room in rooms for one in modules(room))):
        name = shown_name(module)
        lines.append(f"| [`{name}`](../{name}) | {purpose(module).replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


def entry_points() -> str:
    """Return a line for each entry point of the wheel."""
    lines = ["| Group | Name | What it leads to |", "| --- | --- | --- |"]
    for group, entries in setup()["options.entry_points"].items():
        for entry in entries.strip().split("\n"):
            name, _, target = entry.partition(" = ")
            lines.append(f"| `{group}` | `{name}` | `{target}` |")
    return "\n".join(lines)
