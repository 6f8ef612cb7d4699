"""The pytest fixture `calendar_emulator`, which comes with the installed package.

Every run of pytest imports this module, so that it imports nothing but pytest until
the fixture is used; inside handler/ it would bring the whole handler along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .handler.testing import Emulator


@pytest.fixture
def calendar_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Let a local emulator of Google Calendar stand in for Google; waits between attempts pass at once.

    It has one account (`info`), and tells what was done: `rules()`, `calls`, `mails`.
    `order(fault)` lets a call fail; a fault that never happens fails the test. It begins
    with another state where the fixture is parametrized indirectly with one.
    """
    from .handler.testing import Emulator
    from .handler.testing.cases import standing_in

    emulator = Emulator(getattr(request, "param", None))
    with standing_in(emulator):
        yield emulator
    if emulator.unused_faults:
        pytest.fail("ordered, and never happened:\n" + "\n".join(emulator.unused_faults), pytrace=False)
