"""The README tells the truth: its commands print what it says, and its tables are there."""

from __future__ import annotations

import difflib
import re
import subprocess

import pytest

from handler.cli import VERBS
from handler.testing.cases import play as play_case
from handler.testing.cases import read_case

from ..support.readme import README, rewritten
from .test_loading import LOADER

TEXT = README.read_text(encoding="utf-8")


def test_the_commands_print_what_the_readme_says():
    """Its commands, run in order in a fresh copy of the tree, print what stands below them."""
    now = rewritten(TEXT)
    assert now == TEXT, "\n".join(
        difflib.unified_diff(TEXT.splitlines(), now.splitlines(), "README.md", "true", lineterm="")
    )


def test_the_parameter_file_of_the_readme_passes(tmp_path):
    """The example of a parameter file does what it says."""
    example = re.search(r"^```yaml\n(# yaml-language-server.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert example is not None
    (tmp_path / "example.yaml").write_text(example[1], encoding="utf-8")
    assert play_case(read_case(tmp_path / "example.yaml")).differences == []


def test_the_recipe_for_loading_is_the_tested_one():
    """The statements that load a handler by path are those that the tests load it with."""
    for statement in LOADER.splitlines()[1:]:
        assert statement in TEXT


GENERATED = [*(f'table("{part}")' for part in ("info", "parameters", "results", "errors")), "markdown("]


@pytest.mark.parametrize("call", GENERATED)
def test_each_generated_table_is_between_its_markers(call):
    """A table that lost its markers would be checked no more."""
    assert re.search(rf"\[\[\[cog((?!\]\]\]).)*{re.escape(call)}", TEXT, re.DOTALL)
    assert TEXT.count("[[[end]]]") == len(GENERATED)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_in_the_readme(verb):
    """Each verb of the command line is shown or named."""
    assert re.search(rf"(google-apps-calendar-share |`){verb}\b", TEXT)


@pytest.mark.parametrize("engine", ["Engines that run commands", "Temporal", "Airflow", "Celery"])
def test_the_section_of_an_engine_begins_with_three_lines_to_paste(engine):
    """Whoever has that engine begins with the lines below its heading."""
    block = re.search(rf"^### {engine}\n\n(?:[^`]*\n\n)?```sh\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert block is not None
    assert len(block[1].splitlines()) == 3


@pytest.mark.parametrize(("statuses", "ends_with"), [([0], 0), ([75, 75, 0], 0), ([75, 1], 1), ([2], 2)], ids=str)
def test_the_script_that_tries_again_ends_as_the_step_does(statuses, ends_with, tmp_path):
    """It goes on at 75 only, waits in between, and ends with the status of the last attempt."""
    loop = re.search(r"^```sh\n(until .*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert loop is not None
    for number, status in enumerate(statuses):
        (tmp_path / str(number)).write_text(str(status))
    stand_ins = (
        "google-apps-calendar-share() { first=$(ls | head -1); status=$(cat $first); rm $first; return $status; }\n"
        "sleep() { test $1 -eq 60; }\n"
    )
    done = subprocess.run(["bash", "-c", f"{stand_ins}{loop[1]}"], cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == ends_with
    assert not list(tmp_path.iterdir())
