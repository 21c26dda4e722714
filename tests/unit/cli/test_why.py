"""``recsys why``: what a person sees of one answer, and the exit codes a script goes by."""

import time
from pathlib import Path

import msgspec
import pytest
from tests.unit.cli.test_commands import Cli, cli  # noqa: F401 - a fixture
from tests.unit.operations.records import Recorder, request_id_at
from tests.unit.snapshot.shops import Shop

from recsys.encoding import canonical
from recsys.ranking import RecommendRequest
from recsys.ranking.request import HistoryEvent, User
from recsys.releases import Releases
from recsys.store import open_store

ANN = User(user_id="a" * 32, history=(HistoryEvent(item_id="i01", event_type="click"),))


@pytest.fixture
def recorder(cli: Cli, tmp_path: Path) -> Recorder:  # noqa: F811
    shop = Shop(open_store(tmp_path / "store"))
    Releases(shop.store, "demo", actor="ann").ship("home", shop.manifest(), reason="the nightly run")
    return Recorder(shop.store, tmp_path / "cache")


def test_an_answer_that_replays_is_told_with_its_parts_and_exits_0(cli: Cli, recorder: Recorder) -> None:  # noqa: F811
    made = recorder.record(RecommendRequest(surface="home", k=3, user=ANN), at=time.time(), history_from=("request",))
    told = cli("why", made.request_id, "--tenant", "demo")
    assert told.startswith("exact: the replay gave the same items")
    for word in ("generation 2", "the nightly run", "ann", "history from request: i01 (click)", "Thing 2", "cooc 0."):
        assert word in told
    document = cli.json("why", made.request_id)
    assert (document["result"], document["generation"]) == ("exact", 2)
    assert [item["item_id"] for item in document["items"]] == [item.item_id for item in made.items]


def test_an_answer_that_differs_or_cannot_be_replayed_exits_1(cli: Cli, recorder: Recorder) -> None:  # noqa: F811
    asked, now = RecommendRequest(surface="home", k=3), time.time()
    other = recorder.record(asked, at=now, changed={"answer": "sha256:" + "0" * 64})
    floor = recorder.record(asked, at=now + 0.1, changed={"rung": "floor"})
    assert cli("why", other.request_id, code=1).startswith("differs: the same items in the same places, and another")
    assert cli.json("why", floor.request_id, code=1)["result"] == "unreplayable"


def test_an_answer_nobody_recorded_exits_3_and_says_where_was_looked(cli: Cli, recorder: Recorder) -> None:  # noqa: F811
    told = cli.json("why", request_id_at(time.time()), code=3)
    assert told["error"]["code"] == "NOT_FOUND"
    assert "events/demo" in told["error"]["message"]
    assert "--since" in told["error"]["next_step"]
    cli("why", "x", "--tenant", "dmeo", code=2)
    cli("why", "x", "--events", "nowhere", code=2)
    cli("why", "x", "--since", "long", code=2)


def test_records_kept_elsewhere_are_found_there(cli: Cli, recorder: Recorder, tmp_path: Path) -> None:  # noqa: F811
    made = recorder.answer(RecommendRequest(surface="home", k=3), at=time.time() - 9 * 86_400)
    made = msgspec.structs.replace(made, request_id="of-a-client")
    folder = tmp_path / "kept" / "demo" / "exposures" / f"dt={made.ts[:10]}"
    folder.mkdir(parents=True)
    (folder / "h-0-1.jsonl").write_bytes(canonical(made) + b"\n")
    cli("why", "of-a-client", "--events", str(tmp_path / "kept"), code=3)
    found = cli.json("why", "of-a-client", "--events", str(tmp_path / "kept"), "--since", "10d")
    assert (found["result"], found["found_in"]) == ("exact", str(folder / "h-0-1.jsonl"))


def test_a_sample_of_the_log_is_replayed_and_counted(cli: Cli, recorder: Recorder) -> None:  # noqa: F811
    now = time.time()
    cli("why", "--sample", "10", code=3)
    recorder.write(*(recorder.answer(RecommendRequest(surface="home", k=3), at=now + n / 10) for n in range(5)))
    told = cli("why", "--sample", "10", "--tenant", "demo")
    assert told.startswith("5 of 5 identical: 0 differ, 0 cannot be replayed")
    bad = recorder.record(RecommendRequest(surface="home", k=3), at=now + 1, changed={"answer": "sha256:0"})
    document = cli.json("why", "--sample", "10", code=1)
    assert (document["identical"], document["differs"]) == (5, 1)
    assert document["reasons"][0]["request_ids"] == [bad.request_id]
    assert bad.request_id in cli("why", "--sample", "10", code=1)
    cli("why", code=2)
    cli("why", bad.request_id, "--sample", "3", code=2)
    cli("why", "--sample", "3", "--against", "2", code=2)
