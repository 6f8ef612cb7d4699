"""What Kinetic Task knows of the handler: the definitions of its node and of its info values.

Made from the descriptor alone. Format: the handler packages that Kinetic Data publishes
(https://github.com/kineticdata, taskDefinition with schema_version 1.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .bridge import PYTHON_COMMAND

if TYPE_CHECKING:
    from collections.abc import Mapping

    Document = Mapping[str, Any]
    Field = Mapping[str, Any]

PYTHON = {
    "title": "Python Command",
    "description": "Program that runs the handler: the name or full path of a Python 3.10 or newer that has the "
    "handler's dependencies. On Windows python3 stands for py -3 or, without that launcher, python.",
    "default": "python3",
}
"""The info value of the package alone, as a field of the descriptor."""


def definition_id(document: Document) -> str:
    """Return the name that Kinetic knows this version of the handler by, which its package goes by too."""
    return f"{document['id']}_v{document['version']}"


def info_fields(document: Document) -> dict[str, Field]:
    """Return the info values of the package by name: the handler's, and the package's own."""
    return {**document["info"]["properties"], PYTHON_COMMAND: PYTHON}


def node_xml(document: Document) -> str:
    """Return process/node.xml, the node that trees are built with."""
    identity = {"id": document["id"], "name": document["name"], "schema_version": "1.0"}
    root = Element("taskDefinition", identity, version=str(document["version"]))
    about = {
        "author": f"The {document['name']} authors",
        "description": document["description"],
        "helpurl": document["documentation"],
        "visible": "true",
        "deferrable": "false",
    }
    for name, text in about.items():
        SubElement(root, name).text = text
    form = document["parameters"]
    parameters = SubElement(root, "parameters")
    for name, field in form["properties"].items():
        parameters.append(_parameter(name, field, required=name in form["required"]))
    root.append(_handler(document))
    results = SubElement(root, "results", format="xml")
    for result in document["results"]:
        SubElement(results, "result", name=result["title"])
    return written(root)


def info_xml(document: Document) -> str:
    """Return process/info.xml, the info values that an administrator sets."""
    root = Element("taskInfo", version="1.0")
    for name, field in info_fields(document).items():
        info = SubElement(root, "info", name=name, description=_tooltip(field))
        if field.get("writeOnly"):
            info.set("type", "encrypted")
        if name in document["info"]["required"]:
            info.set("required", "true")
        info.text = field.get("default")
    return written(root)


def _parameter(name: str, field: Field, *, required: bool) -> Element:
    old = field.get("x-kinetic")
    parameter = Element("parameter", id=name, label=field["title"])
    parameter.set("required", "true" if (old["required"] if old else required) else "false")
    if old is None and "oneOf" in field:
        parameter.set("tooltip", field["description"])
        parameter.set("menu", ",".join(choice["const"] for choice in field["oneOf"]))
    else:
        parameter.set("tooltip", _tooltip(field))
    if old is None:
        parameter.text = field.get("default")
    return parameter


def _handler(document: Document) -> Element:
    """Return the template of a step's input document: Kinetic renders each text with the step's values."""
    handler = Element("handler", name=document["id"], version=str(document["version"]))
    infos = SubElement(handler, "infos")  # first: init.rb looks for its own before the parameters
    for name in info_fields(document):
        SubElement(infos, "info", name=name).text = f"<%= @info['{name}'] %>"
    parameters = SubElement(handler, "parameters")
    for name in document["parameters"]["properties"]:
        SubElement(parameters, "parameter", name=name).text = f"<%= @parameters['{name}'] %>"
    return handler


def _tooltip(field: Field) -> str:
    """Return the description, with the values of a menu that is not shown as one."""
    values = [choice["const"] for choice in field.get("oneOf", ())]
    return f"{field['description']} One of: {', '.join(values)}." if values else field["description"]


def written(root: Element) -> str:
    """Return an XML document."""
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'
