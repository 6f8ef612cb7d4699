"""`python -m benchmarks [group ...]`: measure, print a table, and write the figures as JSON."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
from pathlib import Path

from .bench import has_callgrind
from .goals import GROUPS, Figure
from .kinetic import has_jruby


def main() -> int:
    """Return status 0 if every goal is met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"what to measure: {', '.join(GROUPS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which medians are taken (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    given = parser.parse_args()
    if unknown := set(given.groups) - GROUPS.keys():
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    about = {
        "date": dt.datetime.now(dt.timezone.utc).date().isoformat(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "processor": _processor(),
    }
    _print("{date}, Python {python}, {cores} cores, {processor}; server on loopback, 200 calendars".format(**about))
    if not has_callgrind():
        _print("valgrind is not here: instructions are not counted")
    if not has_jruby():
        _print("jruby is not here: the step of Kinetic Task is not measured")
    _print(f"\n{'':<64} {'goal':>9} {'measured':>12}")
    figures = []
    for name in given.groups or GROUPS:
        for figure in GROUPS[name](given.rounds):
            figures.append(figure)
            _print(_line(figure))
    if given.json:
        rows = [{**figure._asdict(), "met": figure.met} for figure in figures]
        given.json.write_text(json.dumps({**about, "figures": rows}, indent=2) + "\n", encoding="utf-8")
    missed = [figure for figure in figures if not figure.met]
    _print(f"\n{len(missed)} of {sum(figure.goal is not None for figure in figures)} goals missed")
    return bool(missed)


def markdown(results: Path) -> str:
    """Return the written figures as docs/performance.md shows them: date, machine, and a table."""
    found = json.loads(results.read_text(encoding="utf-8"))
    lines = [
        "Measured on {date} with Python {python} on {cores} cores ({processor}).".format(**found),
        "",
        "| Figure | Goal | Measured | |",
        "| --- | --- | --- | --- |",
    ]
    for row in found["figures"]:
        figure = Figure(**{name: row[name] for name in Figure._fields})
        lines.append(f"| {figure.name} | {_goal(figure)} | {_value(figure)} | {_verdict(figure)} |")
    return "\n".join(lines)


def _goal(figure: Figure) -> str:
    return f"{figure.relation} {figure.goal:g}" if figure.goal is not None else ""


def _value(figure: Figure) -> str:
    return f"{figure.value:.4g} {figure.unit}".rstrip()


def _verdict(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return "met" if figure.met else f"missed by {abs(figure.value - figure.goal):.3g}"


def _line(figure: Figure) -> str:
    return f"{figure.name:<64} {_goal(figure):>9} {_value(figure):>12}  {_verdict(figure)}".rstrip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
