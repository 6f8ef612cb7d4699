"""The verb describe: the descriptor, for people and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...descriptor import load
from ...engines.kinetic.definition import info_xml, node_xml
from ...errors import InvalidInput
from ..exit_statuses import DONE, exit_statuses
from ..output import Streams, paragraph, print_json, print_xml
from .descriptor_tables import markdown, tables, text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

DEFINITIONS = {"node-xml": node_xml, "info-xml": info_xml}
SUMMARY = "Show what the handler takes, answers and says"
SCHEMAS = {"parameters": "Parameters", "info": "Info values"}
"""What a JSON Schema is of, by part."""
EXAMPLES = f"""\
{exit_statuses()}
Examples:
  %(prog)s
  %(prog)s --part errors
  %(prog)s --format markdown --part parameters
  %(prog)s --format json-schema
  %(prog)s --format json-schema --part info
  %(prog)s --format node-xml
"""


def add_describe(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser("describe", help=SUMMARY, description=f"{SUMMARY}.", epilog=EXAMPLES)
    parser.add_argument(
        "--format",
        choices=("text", "json", "markdown", "json-schema", *DEFINITIONS),
        default="text",
        help="text for people (the default), json (the whole descriptor), markdown (tables), "
        "json-schema (of the parameters or the info values, for editors and forms), "
        "or node-xml and info-xml (what Kinetic Task imports)",
    )
    parser.add_argument(
        "--part",
        choices=("info", "parameters", "results", "errors"),
        help="one table alone, as text or markdown; as json-schema info or parameters (the default)",
    )
    parser.set_defaults(perform=describe)


def describe(arguments: argparse.Namespace, streams: Streams) -> int:
    """Write the descriptor."""
    document = load().document
    form, part = arguments.format, arguments.part
    if part and form in {"json", *DEFINITIONS}:
        raise InvalidInput("invalid_input", f"--part does not go with the format {form}, which has no parts")
    if form == "json":
        print_json(document, streams.stdout)
        return DONE
    if form in DEFINITIONS:
        print_xml(DEFINITIONS[form](document).rstrip(), streams.stdout)
        return DONE
    if form == "json-schema":
        part = part or "parameters"
        if part not in SCHEMAS:
            raise InvalidInput("invalid_input", "--part: the format json-schema is for info and parameters only")
        print_json(_schema(document, part), streams.stdout)
        return DONE
    wanted = tables(document)
    if part:
        print((markdown if form == "markdown" else text)(wanted[part]), file=streams.stdout)
    elif form == "markdown":
        sections = (f"## {table.heading}\n\n{markdown(table)}" for table in wanted.values())
        print(f"# {document['name']}", document["description"], *sections, sep="\n\n", file=streams.stdout)
    else:
        title = f"{document['name']} ({document['id']}, version {document['version']})"
        sections = (f"{table.heading}\n\n{text(table)}" for table in wanted.values())
        print(title, paragraph(document["description"]), *sections, sep="\n\n", file=streams.stdout)
    return DONE


def _schema(document: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Return the JSON Schema of a form, without the keywords that are ours alone; forms take `multiline` for a box."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{SCHEMAS[part]} of {document['name']}",
        "description": document["description"],
        **_without_ours(document[part]),
    }


def _without_ours(schema: Any) -> Any:
    if isinstance(schema, dict):
        ours = {
            key for key, value in schema.items() if key.startswith("x-") or (key, str(value)[:2]) == ("format", "x-")
        }
        box = {"format": "multiline"} if "x-multiline" in schema else {}
        return {key: _without_ours(value) for key, value in schema.items() if key not in ours} | box
    return [_without_ours(item) for item in schema] if isinstance(schema, list) else schema
