"""F4 over real servers: processes that share nothing but a bucket, or a database and a directory, change one tenant."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.contract.servers import new_bucket, new_database, s3_options
from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.faults.processes import scenario
from tests.faults.racing import gathered, judged
from tests.faults.trials import lay_out

from recsys.store import open_store

pytestmark = pytest.mark.long

RACERS = 4
COMMITS = {"a bucket": 3, "PostgreSQL and a directory": 4}
"""Of each, in the short form."""


@pytest.fixture(params=list(COMMITS))
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, str]:
    """Return what it is called, the address of its objects, and that of its log."""
    if request.param != "a bucket":
        return request.param, str(tmp_path / "store"), new_database()
    options = s3_options()
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(options["endpoint"]))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(options["access_key_id"]))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", str(options["secret_access_key"]))
    return request.param, f"s3://{new_bucket()}/team/shop", ""


def test_processes_at_once_make_one_log_and_lose_no_update_wherever_it_is(
    tmp_path: Path, counting: Counting, place: tuple[str, str, str]
):
    name, address, log = place
    commits = 25 if FULL else COMMITS[name]
    with (
        closing(open_store(address, log=log or None)) as store,
        counting("F4", f"{RACERS} processes commit all kinds of changes on {name}; no gap, no lost update") as count,
    ):
        first, manifests = gathered(store, RACERS)

        def race(who: int) -> Any:
            where: dict[str, int | str] = {"address": address, "log": log, "of": RACERS, "first": first}
            own: dict[str, int | str] = {"who": who, "commits": commits, "seed": count.seed}
            own["manifests"] = " ".join(manifests[who])
            return scenario("racing", "racer", tmp_path / "racers", **where, **own)

        with ThreadPoolExecutor(RACERS) as pool:
            ends = list(pool.map(race, range(RACERS)))
        lay_out(store, tmp_path / "found")
        told = [(generation, attempt) for end in ends for generation, attempt in end["told"]]
        count.survived(len(told))
        count.bad += judged(tmp_path / "found", told, first=first)
        count.notes["races lost"] = sum(end["appends"] for end in ends) - len(told)
        assert len(told) == RACERS * commits
        assert int(count.notes["races lost"]) > 0
