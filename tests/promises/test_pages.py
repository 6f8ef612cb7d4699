"""The pages as a whole: each says what it is, nothing leads nowhere, and the door stays a door."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import PurePosixPath

import pytest

from ..support.docs import FENCE, PAGES, ROOT, read

MOST_LINES, MOST_BYTES = 200, 12_000
"""What a README may have, so that it is read."""
LINK = re.compile(r"""\]\(\s*<?([^)\s>]+)|^\[[^\]]+\]:\s*<?([^\s>]+)|(?:href|src)=["']?([^"'\s>]+)""", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} (.+?)(?: #+)?$", re.MULTILINE)
KINDS = ("Tutorial", "How-to", "Reference", "Explanation")
READERS = [page for page in PAGES if page not in {"README.md", "CHANGELOG.md"}]


def prose(page):
    """Return the text of a page without its blocks and comments."""
    return re.sub(r"<!--.*?-->", "", FENCE.sub("", read(page)), flags=re.DOTALL)


def anchors(page):
    """Return the anchors of a page's headings, as forges make them."""
    found = []
    for heading in HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        before = [one for one in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", one)]
        found.append(f"{anchor}-{len(before)}" if before else anchor)
    return found


def links(page):
    """Return path and anchor of each link of a page that stays in this tree; a page of its own is "README.md", say."""
    found = []
    for target in map("".join, LINK.findall(prose(page))):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            parts = []
            for part in (PurePosixPath(page).parent / path).parts if path else PurePosixPath(page).parts:
                parts = parts[:-1] if part == ".." else [*parts, part]
            found.append(("/".join(parts), anchor))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    """The file of a link is there, and the heading that it names."""
    dead = [
        f"{path}#{anchor}"
        for path, anchor in links(page)
        if not (ROOT / path).exists() or (anchor and anchor not in anchors(path))
    ]
    assert not dead


def test_every_page_can_be_reached_from_the_readme():
    """Whoever begins at the README finds each page by links alone."""
    reached, to_visit = set(), ["README.md"]
    while to_visit:
        page = to_visit.pop()
        if page not in reached and page in PAGES:
            reached.add(page)
            to_visit += [path for path, _ in links(page)]
    assert sorted(reached) == PAGES


@pytest.mark.parametrize("page", READERS)
def test_each_page_begins_with_what_it_is_and_for_whom(page):
    """Below its title a page says which of four kinds it is, and who needs it."""
    title, blank, first = read(page).splitlines()[:3]
    assert title.startswith("# ")
    assert not blank
    assert re.match(rf"\*\*({'|'.join(KINDS)})\*\* for (the|whoever|everybody) ", first)


def test_the_readme_is_short():
    """It is a door: whatever is longer belongs on a page of its own."""
    text = read("README.md")
    assert len(text.splitlines()) <= MOST_LINES
    assert len(text.encode()) <= MOST_BYTES


def test_each_page_for_an_engine_is_in_the_readme_s_table():
    """Whoever has an engine is one click from its page."""
    assert {page for page in PAGES if page.startswith("docs/engines/")} <= {path for path, _ in links("README.md")}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page):
    """A path of this tree in a page's text is one of a file or folder."""
    named = re.findall(r"`((?:\.ci|docs|examples|fixtures|handler|tests)/[\w./-]*)`", prose(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_files_with_secrets_that_the_pages_make_are_no_part_of_the_tree():
    """Whoever follows a page in a checkout commits neither an account nor what a run answered."""
    text = "\n".join(map(read, PAGES))
    secret = set(re.findall(r"(?:--info |--client |@|import |default=)([\w-]+\.(?:yaml|json))", text))
    assert {"account.yaml", "client_secret.json", "connection.json", "info.json"} <= secret
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    for name in secret | {"people.results.csv", "people.results-2.csv", "emulator.env"}:
        assert any(fnmatch(name, pattern.strip("/")) for pattern in ignored), name


@pytest.mark.parametrize("page", PAGES)
def test_an_emulator_that_did_not_start_leads_no_command_to_google(page):
    """Blocks point the handler at the emulator themselves, and ask whether it still runs, as its port may be taken."""
    starts = [line for line in read(page).splitlines() if line.startswith("$ until") and "emulator.env" in line]
    assert all("|| ! kill -0 " in line and "export CALENDAR_EMULATOR_HOST=" in line for line in starts)
    assert ". ./emulator.env" not in read(page)
