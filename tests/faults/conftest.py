"""What fault tests share. Each opens one :class:`~tests.faults.counts.Count` and counts what it survived.

Short by default; ``RECSYS_FAULTS=full`` reaches the figures of the goals, ``RECSYS_FAULTS_SEED=N`` makes other choices,
``RECSYS_FAULTS_REPORT=DIR`` leaves one JSON file a fault.
"""

from collections.abc import Callable

import pytest
from tests.faults.counts import FULL, Count

Counting = Callable[..., Count]


@pytest.fixture
def counting(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Counting:
    """Return what begins a count: ``with counting("F1", "SIGKILL at …") as count: …``."""

    def tell(line: str) -> None:
        print(line)
        record_property("fault", line)

    def begin(fault: str, what: str, *, seed: int | None = None) -> Count:
        return Count(fault, what, test=request.node.nodeid, seed=seed, tell=tell)

    return begin


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the full form no test is ended for taking its time."""
    for item in items:
        if FULL and "tests/faults/" in item.nodeid:
            item.add_marker(pytest.mark.timeout(7_200))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print every count once more at the end, whoever's output was captured."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, ())]
    lines = [value for report in reports for name, value in getattr(report, "user_properties", ()) if name == "fault"]
    if lines:
        terminalreporter.section("faults")
        for line in sorted(set(lines)):
            terminalreporter.line(line)
