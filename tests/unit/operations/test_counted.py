"""What a host's workers counted of one tenant."""

from pathlib import Path

from recsys.operations.counted import Counted, counted
from recsys.serving.counters import Counters
from recsys.serving.host_state import Places


def worker(places: Places, name: str, *counts: tuple[str, dict[str, str], int]) -> None:
    """Count so much of each series, as a worker does."""
    counters = Counters(places.counters / f"{name}.cells")
    for series, labels, count in counts:
        counters.cells[counters.cell(series, labels)] += count


def test_workers_and_routes_are_added_up_and_other_tenants_left_out(tmp_path: Path) -> None:
    places = Places(tmp_path)
    home = {"tenant": "demo", "surface": "home", "route": "recommend"}
    worker(places, "worker-0", ("recsys_answers", {**home, "rung": "live"}, 5), ("recsys_answers_empty", home, 2))
    worker(
        places,
        "worker-1",
        ("recsys_answers", {**home, "rung": "live"}, 3),
        ("recsys_answers", {**home, "rung": "floor"}, 1),
        ("recsys_answers", {**home, "route": "similar", "rung": "live"}, 4),
        ("recsys_answers_failed_ranking", home, 1),
        ("recsys_answers_unrecorded", {**home, "surface": "pdp"}, 6),
        ("recsys_answers", {**home, "tenant": "other", "rung": "live"}, 9),
        ("recsys_refusals", {"code": "OVERLOADED", "tenant": "demo"}, 2),
    )
    found = counted(places, "demo")
    assert found == {
        "home": Counted(failed=1, empty=2, rungs={"live": 12, "floor": 1}),
        "pdp": Counted(unrecorded=6),
    }
    assert found["home"].answers == 13


def test_a_host_that_never_served_counted_nothing(tmp_path: Path) -> None:
    assert counted(Places(tmp_path), "demo") == {}
