"""The verb validate: holds a handler.yaml to the schema."""

from __future__ import annotations

import yaml

from handler.descriptor import DESCRIPTOR

from ..support.command_line import command

DOCUMENT = yaml.safe_load(DESCRIPTOR.read_text(encoding="utf-8"))
OK = (
    f"handler.yaml: ok, google_apps_calendar_share version {DOCUMENT['version']}: "
    f"{len(DOCUMENT['info']['properties'])} info values, {len(DOCUMENT['parameters']['properties'])} parameters, "
    f"{len(DOCUMENT['results'])} results, {len(DOCUMENT['errors'])} errors\n"
)


def test_the_handlers_own_descriptor_is_in_order():
    """Without a folder the handler's own descriptor is checked, from wherever."""
    assert command("validate") == (0, OK, "")


def test_a_folder_is_checked(tmp_path):
    """A folder that holds a handler.yaml can be named."""
    (tmp_path / "handler.yaml").write_bytes(DESCRIPTOR.read_bytes())
    assert command("validate", tmp_path) == (0, OK, "")


def test_every_mistake_is_a_line(tmp_path):
    """All mistakes are said at once, each with its place, and the status is 2."""
    path = tmp_path / "handler.yaml"
    text = DESCRIPTOR.read_text(encoding="utf-8")
    text = text.replace("version: 1", "version: one", 1).replace("categories:", "kategories:", 1)
    path.write_text(text, encoding="utf-8")
    status, out, errors = command("validate", tmp_path)
    assert (status, out) == (2, "")
    assert all(line.startswith(f"{path}: ") for line in errors.splitlines())
    assert f"{path}: version: must be of the type integer\n" in errors
    assert "has the unknown key kategories" in errors


def test_a_folder_without_a_descriptor_is_an_error(tmp_path):
    """What cannot be read is an error with what to do."""
    status, out, errors = command("validate", tmp_path)
    assert (status, out) == (2, "")
    assert errors.startswith(
        f"error: {tmp_path / 'handler.yaml'}: No such file or directory\ncode: invalid_descriptor\n"
    )
