"""What has come of the rows of a bulk: written down as it comes, told in the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ...calendar_names import PRIMARY
from ...documents import wrong_file
from ...errors import InvalidInput, quote, shown, visible
from ..output import count, remedy_of, share_sentence
from .plan_table import plan_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from ...bulk import Outcome
    from ...errors import ErrorDict
    from .results_file import ResultsFile
    from .row_file import RowFile

FAILED, NOT_TRIED, UNCHANGED = "failed", "not tried", "unchanged"
CHANGES = ("created", "updated", "removed")
REMEDY = (
    "Keep what is told here: it says how to undo these rows. "
    "Then make room, or name another file with --results, and run the same command again."
)
COUNTED = (*CHANGES, UNCHANGED, FAILED, NOT_TRIED)


class BulkReport:
    """One run over the rows of a file."""

    def __init__(self, file: RowFile, *, dry_run: bool) -> None:
        """Begin with no row done."""
        self.rows = len(file.rows)
        self.results: ResultsFile | None = None
        """Where each row is written down, if anywhere."""
        self.file = file
        self._dry_run = dry_run
        self._outcomes: dict[int, Outcome] = {}
        self._unwritten: set[int] = set()
        self._counts: Counter[str] = Counter()
        self._told = False

    def take(self, number: int, outcome: Outcome, tell: TextIO | None = None) -> None:
        """Write down what came of a row, and tell it if something was changed or failed."""
        self._outcomes[number] = outcome
        self._counts[_kind(outcome)] += 1
        if self.results:
            self._unwritten.add(number)  # whatever may interrupt us here
            self.results.write(self.file.lines[number], self.file.rows[number], outcome)
            if not self.results.failed:
                self._unwritten.discard(number)
        if tell:
            self._told = True
            if _kind(outcome) not in {UNCHANGED, NOT_TRIED} or _listed(outcome):
                print(self._sentence(number, outcome), file=tell, flush=True)

    @property
    def left(self) -> int:
        """How many rows were not begun."""
        return self.rows - self._counts.total()

    @property
    def is_lossy(self) -> bool:
        """Whether rows that were done are not in the results file."""
        return bool(self._unwritten)

    def loss(self) -> InvalidInput | None:
        """Return the error that names each changed row that is not in the results file; None if all rows are."""
        if not self.results or not self._unwritten:
            return None
        problem = self.results.failed or "does not have all rows, as the run was ended while they were written"
        numbers = self._lost()
        told = "".join(f"\n{self._sentence(number, self._outcomes[number])}" for number in numbers)
        which = f"These rows were changed and are in no file:{told}" if numbers else "Every changed row is in it."
        found = wrong_file(self.results.path, problem)
        details = {**found.details, "rows": [self._row(number) for number in numbers], "remedy": REMEDY}
        return InvalidInput(found.code, f"{found.message}. The run was stopped. {which}", details)

    def whereabouts(self) -> str:
        """Return how many rows were done, and which file has them."""
        return f"{self._summary()}{f'; results: {self.results.path}' if self.results else ''}"

    def errors(self) -> list[ErrorDict]:
        """Return the errors of rows, those of rows that were not tried included."""
        return [outcome["error"] for outcome in self._outcomes.values() if "error" in outcome]

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON values; the rows in the order of the file, without those that were not begun."""
        rows = [self._row(number) for number in sorted(self._outcomes)]
        counts = {name.replace(" ", "_"): self._counts[name] for name in COUNTED}
        return {
            "rows": rows,
            "summary": {"rows": self.rows, **counts, "not_begun": self.left, **self._lists()},
            "results_file": str(self.results.path) if self.results else None,
            "unrecorded": [self.file.lines[number] for number in self._lost()],
        }

    def text(self) -> Iterator[str]:
        """Yield the lines that end a run: of a dry run the plan, then what failed, what to do, and the counts."""
        outcomes = sorted(self._outcomes.items())
        if self._dry_run:
            yield from plan_table(
                (self.file.lines[number], self.file.rows[number], outcome["results"])
                for number, outcome in outcomes
                if "results" in outcome
            )
        if not self._told:
            yield from (self._sentence(number, outcome) for number, outcome in outcomes if _kind(outcome) == FAILED)
        untried = [one for one in outcomes if _kind(one[1]) == NOT_TRIED]
        yield from (self._sentence(*one) for one in untried[:1])
        if untried[1:]:
            yield f"... and {count(len(untried) - 1, 'row')} more, for the same reason"
        for code, remedy in dict.fromkeys((error["code"], remedy_of(error)) for error in self.errors()):
            if remedy:
                yield f"what to do ({code}): {remedy}"
        yield self._summary()
        if self.left:
            begun = f"{count(self.left, 'row')} {'was' if self.left == 1 else 'were'} not begun"
            yield f"interrupted: {begun}; run the same command again to go on"
        if self.results:
            lost = len(self._lost())
            without = f", without {count(lost, 'row')} that {'was' if lost == 1 else 'were'} changed" if lost else ""
            yield f"results: {self.results.path}{without}"

    def _lost(self) -> list[int]:
        """Return the numbers of the changed rows that are not in the results file."""
        if not self.results:
            return []
        candidates = self._outcomes if self.results.gone else self._unwritten
        return [number for number in sorted(candidates) if _change(self._outcomes[number]) in CHANGES]

    def _row(self, number: int) -> dict[str, Any]:
        return {
            "line": self.file.lines[number],
            "parameters": self.file.rows[number],
            **self._outcomes[number],
        }

    def _summary(self) -> str:
        to_be = "to be " if self._dry_run else ""
        kinds = [
            f"{self._counts[kind]} {to_be if kind in CHANGES else ''}{kind}" for kind in COUNTED if self._counts[kind]
        ]
        lists = self._lists()
        entries, owners = count(lists["list_entries"], "calendar"), count(lists["lists"], "recipient")
        listed = f"; {entries} {to_be}added to the lists of {owners}" if lists["lists"] else ""
        end = "; this was a dry run, and nothing was changed" if self._dry_run else ""
        return f"{count(self.rows, 'row')}: {', '.join(kinds) or 'none begun'}{listed}{end}"

    def _lists(self) -> dict[str, int]:
        """Return how many entries come into how many recipients' lists; rows for the same entry count once."""
        entries = {listed for outcome in self._outcomes.values() if (listed := _listed(outcome))}
        return {"list_entries": len(entries), "lists": len({recipient for recipient, _ in entries})}

    def _sentence(self, number: int, outcome: Outcome) -> str:
        row = self.file.rows[number]
        user = outcome["results"]["acted_as"] if "results" in outcome else str(row.get("act_as") or "").strip().lower()
        name = f"{quote(str(row['calendar_name']).strip())}{f' as {shown(user)}' if user else ''}"
        if "results" in outcome:
            what = share_sentence(outcome["results"], dry_run=self._dry_run)
        else:
            error = outcome["error"]
            change, before = _change(outcome), error["details"].get("previous_access")
            written = f"; {change} all the same (before: {before})" if change in CHANGES else ""
            kind = "" if _kind(outcome) == NOT_TRIED else f"{FAILED}: "  # the message of the former begins with it
            what = f"{kind}{visible(error['message'])} ({error['code']}){written}"
        return f"line {self.file.lines[number]}: {name}: {what}"


def _listed(outcome: Outcome) -> tuple[str, str] | None:
    """Return the recipient's rule and the calendar if the latter came, or would come, into the former's list."""
    if "error" in outcome or outcome["results"]["list_entry"] != "added":
        return None
    results = outcome["results"]
    own = results["calendar_id"] == PRIMARY
    return results["rule_id"], results["acted_as"] if own else results["calendar_id"]


def _kind(outcome: Outcome) -> str:
    """Return the change, or how it failed, as one of COUNTED."""
    if "results" in outcome:
        return outcome["results"]["change"]
    return NOT_TRIED if outcome["error"]["details"].get("not_tried") else FAILED


def _change(outcome: Outcome) -> str:
    """Return what a row has changed, also if an error came after it; "" if that is not known."""
    return str(outcome["error"]["details"].get("change", "") if "error" in outcome else outcome["results"]["change"])
