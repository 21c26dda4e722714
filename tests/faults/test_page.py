"""The page of reliability says what was counted, misses included."""

from tests.faults.page import table


def counted(fault: str, test: str, bad: int = 0, *, full: bool = True) -> dict[str, object]:
    return {
        "fault": fault,
        "what": "killed | cut",
        "count": 2000,
        "bad": bad,
        "notes": {"sites": 31},
        "seconds": 61.5,
        "full": full,
        "command": f"RECSYS_FAULTS=full python -m pytest -n0 tests/faults/test_x.py::{test}",
    }


def test_rows_stand_by_number_with_their_counts_and_their_test() -> None:
    rows = table([counted("F11", "test_b"), counted("F2", "test_a", bad=3)], on="2026-11-25", machine="a machine")
    assert rows.startswith("2026-11-25, a machine, the full form.\n")
    first, second = rows.splitlines()[4:]
    assert first == "| F2 | killed / cut; sites 31 | 2,000 | 3 | full | 61.5 | `test_a` |"
    assert second.startswith("| F11 |")


def test_what_was_only_sampled_is_said() -> None:
    rows = table([counted("F1", "test_a", full=False), counted("F2", "test_b")], on="2026-11-25", machine="a machine")
    assert "1 of 2 in the short form" in rows
