"""What Airflow is told of the connection type and its form: an entry point, made from handler.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..descriptor import load
from ..version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping


def get_provider_info() -> dict[str, Any]:
    """Return the provider as Airflow's provider_info.schema.json and provider.yaml.schema.json describe it."""
    document, info = load().document, load().info
    required = info.schema.get("required", ())
    return {
        "package-name": document["id"].replace("_", "-"),
        "name": document["name"],
        "description": document["description"],
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": document["id"],
                "hook-name": document["name"],
                "hook-class-name": f"{__package__}.airflow_hook.StepHook",
                "conn-fields": {
                    name: _form_field(field, required=name in required) for name, field in info.fields.items()
                },
                "ui-field-behaviour": {"hidden-fields": ["host", "schema", "login", "password", "port"]},
            }
        ],
    }


def _form_field(field: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string" if required else ["string", "null"]}
    if field.get("x-multiline"):
        schema["format"] = "multiline"  # a password's field would drop the line feeds
    elif field.get("writeOnly"):
        schema["format"] = "password"
    if "default" in field:
        schema["default"] = field["default"]
    if "oneOf" in field:
        schema["enum"] = [choice["const"] for choice in field["oneOf"]]
    return {"label": field["title"], "description": field["description"], "schema": schema}
