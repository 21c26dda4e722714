"""What is looked at of the logs: each file once, wherever it lies."""

from pathlib import Path

import pytest

from recsys.events.layout import STATES
from recsys.events.observed import Observed
from recsys.store import open_store

PLACE = "demo/exposures/dt=2026-11-22/host-0-1.jsonl"


@pytest.mark.parametrize("state", STATES)
def test_a_file_that_the_store_has_is_not_taken_from_the_spool_again(tmp_path: Path, state: str) -> None:
    store = open_store(str(tmp_path / "store"))
    spooled = tmp_path / "spool" / state / PLACE
    spooled.parent.mkdir(parents=True)
    spooled.write_bytes(b'{"request_id":"a"}\n')
    with Observed(store, "demo", since_s=0, spool=tmp_path / "spool") as alone:
        assert [path.name for path in alone.files("exposures")] == ["host-0-1.jsonl"]
    store.objects.create(f"events/{PLACE}", spooled.read_bytes())
    with Observed(store, "demo", since_s=0, spool=tmp_path / "spool") as both:
        assert [path.name for path in both.files("exposures")] == ["host-0-1.jsonl"]
