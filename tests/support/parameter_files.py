"""All parameter files of fixtures/, read."""

from __future__ import annotations

from pathlib import Path

from handler.testing.cases import read_case

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
CASES = [read_case(file) for file in sorted(FIXTURES.rglob("*.yaml"))]
