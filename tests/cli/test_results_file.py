"""The results of a bulk: on the disk row by row, for their owner's eyes, and read back as they were."""

from __future__ import annotations

import csv
import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler import InvalidInput
from handler.cli.bulk.results_file import FOUND, ResultsFile, begin_results
from handler.cli.bulk.row_file import MARK, RowFile, read_rows
from handler.descriptor import load

ROW = {"calendar_name": "Team", "scope": "user", "recipient": "a@acme.com", "calendar_access": "reader"}
RESULTS = {
    "calendar_id": "team@group.calendar.google.com",
    "rule_id": "user:a@acme.com",
    "calendar_access": "reader",
    "previous_access": "none",
    "change": "created",
}
NAMES = [name for name in load().parameters.fields if name != "error_handling"]


def like(delimiter=",", *, marked=False):
    """Return a file of rows that results are written like."""
    return RowFile([ROW], [2], {}, delimiter, marked)


def lines(path):
    """Return the lines of a results file as mappings."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def full(*_):
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


CELLS = st.text(
    st.sampled_from("=+-@'\t\r\n\"';, \ufeff") | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=6,
)


def test_a_nul_ends_no_run(tmp_path):
    """A character that no table can hold on every Python is written as the sign for that."""
    path = tmp_path / "results.csv"
    with ResultsFile(path, like(",")) as file:
        file.write(
            2, dict.fromkeys(NAMES, "x"), {"results": {**dict.fromkeys(RESULTS, ""), "rule_id": "user:\0@acme.com"}}
        )
    assert "user:\ufffd@acme.com" in path.read_text(encoding="utf-8")


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, CELLS)),
    st.fixed_dictionaries(dict.fromkeys(RESULTS, CELLS)),
    st.sampled_from(",;\t"),
    st.booleans(),
)
def test_rows_come_back_as_they_were(tmp_path_factory, row, results, delimiter, marked):
    """Whatever a cell begins with and holds, the reader of rows makes the same text of it."""
    path = tmp_path_factory.mktemp("law") / "results.csv"
    with ResultsFile(path, like(delimiter, marked=marked)) as file:
        file.write(2, row, {"results": results})
    header, _, rest = path.read_bytes().decode().partition("\n")
    columns = header.removeprefix(MARK).split(delimiter)
    # The reader wants the columns of a step, and leaves those that begin with _ alone.
    known = delimiter.join(name if name in NAMES else f"_{name}" for name in columns)
    path.write_bytes(f"{known}\n{rest}".encode())
    (read,) = read_rows(path).rows
    assert {name: read[name] for name in NAMES} == row
    assert {name: read[f"_{name}"] for name in ("change", "previous_access", "rule_id", "calendar_id")} == {
        name: results[name] for name in ("change", "previous_access", "rule_id", "calendar_id")
    }


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("'=1", "''=1"),
        ("''=1", "'''=1"),
        ("'Team", "'Team"),
        ("Team=1", "Team=1"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(tmp_path, text, cell):
    """What a spreadsheet would calculate is text with an apostrophe before it; nothing else is touched."""
    with ResultsFile(tmp_path / "results.csv", like()) as file:
        file.write(2, {**ROW, "calendar_name": text}, {"results": {**RESULTS, "rule_id": text}})
    (line,) = lines(file.path)
    assert (line["calendar_name"], line["rule_id"]) == (cell, cell)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_results_are_for_their_owner_only(tmp_path, umask):
    """Nobody else may read who has access to what, and the owner may, whatever the umask."""
    before = os.umask(umask)
    try:
        file = ResultsFile(tmp_path / "results.csv", like())
    finally:
        os.umask(before)
    with file:
        assert file.path.stat().st_mode & 0o777 == 0o600


def test_runs_that_choose_a_name_at_once_get_one_each(tmp_path):
    """However many runs look for a free name at the same instant, no two write into one file."""
    gate = threading.Barrier(16)

    def begin(_):
        gate.wait(30)
        with begin_results(None, tmp_path / "people.csv", like()) as file:
            return file.path.name

    with ThreadPoolExecutor(16) as pool:
        names = list(pool.map(begin, range(16)))
    assert sorted(names) == sorted(["people.results.csv", *(f"people.results-{number}.csv" for number in range(2, 17))])


def test_a_link_that_leads_nowhere_is_a_name_that_is_taken(tmp_path):
    """Results are never written through a link that somebody has put there."""
    (tmp_path / "people.results.csv").symlink_to(tmp_path / "elsewhere")
    with begin_results(None, tmp_path / "people.csv", like()) as file:
        assert file.path.name == "people.results-2.csv"
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_cannot_be_begun_leaves_nothing_behind(tmp_path, monkeypatch):
    """A disk that is full at the first line is wrong input, and the name is free for the next run."""
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InvalidInput, match=r"done\.csv: cannot be written: No space left on device"):
        begin_results(tmp_path / "done.csv", tmp_path / "people.csv", like())
    assert list(tmp_path.iterdir()) == []


def test_each_line_is_on_the_disk_when_it_is_written(tmp_path, monkeypatch):
    """Header, the file's name and each row are synchronised one by one."""
    sizes = []
    sync = os.fsync
    monkeypatch.setattr("os.fsync", lambda number: (sync(number), sizes.append(Path(file_path).stat().st_size)))
    file_path = tmp_path / "results.csv"
    with ResultsFile(file_path, like()) as file:
        header = len(file_path.read_bytes())
        assert sizes == [header, header]
        for _ in range(3):
            file.write(2, ROW, {"results": RESULTS})
            assert sizes[-1] == len(file_path.read_bytes())
    assert len(sizes) == 5


def test_half_a_line_is_taken_back(tmp_path):
    """A disk that fills up in the middle of a line leaves the lines before it, and nothing of this one."""
    resource = pytest.importorskip("resource", reason="this system limits no file's size")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ResultsFile(tmp_path / "results.csv", like()) as file:
        file.write(2, ROW, {"results": RESULTS})
        good = file.path.read_bytes()
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) + 20, before[1]))
            file.write(3, ROW, {"results": RESULTS})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert file.failed == "cannot be written any more: File too large"
        file.write(4, ROW, {"results": RESULTS})
    assert file.path.read_bytes() == good


@pytest.mark.parametrize(
    "lose", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.with_name("x").replace(path)],
    ids=["removed", "emptied", "replaced"],
)  # fmt: skip
def test_a_file_that_is_lost_is_noticed(tmp_path, lose):
    """What somebody removes, empties or replaces holds none of the rows any more."""
    (tmp_path / "x").write_bytes(b"")
    with ResultsFile(tmp_path / "results.csv", like()) as file:
        file.write(2, ROW, {"results": RESULTS})
        assert (file.failed, file.gone) == ("", False)
        lose(file.path)
        file.write(3, ROW, {"results": RESULTS})
    assert (file.failed, file.gone) == ("was removed or changed by somebody else", True)


def test_a_lone_surrogate_is_written(tmp_path):
    """Half of a character in what Google answered has a form in the file, and costs no row."""
    with ResultsFile(tmp_path / "results.csv", like()) as file:
        file.write(2, ROW, {"results": {**RESULTS, "rule_id": "user:\ud800@acme.com"}})
    assert lines(file.path)[0]["rule_id"] == "user:\\ud800@acme.com"


def test_an_error_after_a_write_can_be_undone(tmp_path):
    """A row that failed after it had changed something has what was there before, beside its error."""
    details = {"change": "updated", "previous_access": "owner", "rule_id": "user:a@acme.com", "calendar_id": "team"}
    details |= {"acted_as": "ann@acme.com"}
    error = {"code": "unexpected_answer", "message": "odd", "details": {**details, "status": 200}}
    with ResultsFile(tmp_path / "results.csv", like()) as file:
        file.write(2, ROW, {"error": error})
    (line,) = lines(file.path)
    assert {name: line[name] for name in FOUND} == {
        **details,
        "granted_access": "",
        "list_entry": "",
        "error_code": "unexpected_answer",
        "error_message": "odd",
    }
