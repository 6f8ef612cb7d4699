"""Makes tables of a descriptor, for the terminal and for docs/reference.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..output import paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Table(NamedTuple):
    """One part of a descriptor; ids and values are in backticks, and a cell may have several lines."""

    heading: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(document: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables by the name of their part."""
    info, parameters = document["info"], document["parameters"]
    return {
        "info": Table(
            "Info values",
            ("Id", "Label", "Required", "Secret", "Default", "Meaning"),
            [
                (*_names(name, field), _required(info, name), _yes(field.get("writeOnly")), *_meaning(field))
                for name, field in info["properties"].items()
            ],
        ),
        "parameters": Table(
            "Parameters",
            ("Id", "Label", "Required", "Default", "Meaning"),
            [
                (*_names(name, field), _required(parameters, name), *_meaning(field))
                for name, field in parameters["properties"].items()
            ],
        ),
        "results": Table(
            "Results",
            ("Id", "Title", "Meaning"),
            [(f"`{row['id']}`", row["title"], row["description"]) for row in document["results"]],
        ),
        "errors": Table(
            "Errors",
            ("Code", "Try again", "Meaning", "What to do"),
            [(f"`{row['code']}`", _yes(row["retryable"]), row["meaning"], row["remedy"]) for row in document["errors"]],
        ),
    }


def markdown(table: Table) -> str:
    """Return the table in Markdown, without its heading."""
    lines = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    return "\n".join(f"| {' | '.join(map(_markdown_cell, cells))} |" for cells in lines)


def text(table: Table) -> str:
    """Return the table for a terminal: below each id a line, or several, for each other column."""
    width = max(map(len, table.columns))
    lines: list[str] = []
    for row in table.rows:
        lines.append(row[0].strip("`"))
        for column, cell in zip(table.columns[1:], row[1:], strict=True):
            lines += _wrapped(f"  {column:<{width}}  ", cell.replace("`", ""))
    return "\n".join(lines)


def _wrapped(label: str, cell: str) -> Iterator[str]:
    for line in cell.splitlines():
        yield paragraph(line, label)
        label = " " * len(label)


def _markdown_cell(cell: str) -> str:
    return cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", "<br>")


def _names(name: str, field: Mapping[str, Any]) -> tuple[str, str]:
    return f"`{name}`", field["title"]


def _meaning(field: Mapping[str, Any]) -> tuple[str, str]:
    """Return the default, and what the value means, with a line for each choice of a menu."""
    default = f"`{field['default']}`" if "default" in field else ""
    return default, "\n".join([field["description"], *map(_choice, field.get("oneOf", ()))])


def _choice(choice: Mapping[str, Any]) -> str:
    aliases = "".join(f", also `{alias}`" for alias in choice.get("x-aliases", ()))
    return f"- `{choice['const']}`{aliases}: {choice['description']}"


def _required(form: Mapping[str, Any], name: str) -> str:
    """Say whether a field has to be given, or in which cases."""
    if name in form["required"]:
        return "yes"
    conditions = [rule["if"] for rule in form.get("allOf", ()) if name in rule["then"].get("required", ())]
    values: dict[str, list[str]] = {}
    for condition in conditions:
        for other in {**dict.fromkeys(condition.get("required", ())), **condition.get("properties", {})}:
            rule = condition.get("properties", {}).get(other, {})
            values.setdefault(other, []).extend(rule.get("enum", [rule["const"]] if "const" in rule else []))
    cases = [f"`{other}` is {_any_of(wanted)}" for other, wanted in values.items()]
    if cases:
        return f"if {' or '.join(cases)}"
    return "in some cases" if conditions else "no"


def _any_of(values: list[str]) -> str:
    if not values:
        return "given"
    *others, last = [f"`{value}`" for value in values]
    return f"{', '.join(others)} or {last}" if others else last


def _yes(value: object) -> str:
    return "yes" if value else "no"
