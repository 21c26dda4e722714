"""Two generations side by side on the command line: what a person sees, what a script gets, and the exit codes."""

import json
import time
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from tests.unit.cli.test_commands import Cli, cli  # noqa: F401 - a fixture
from tests.unit.operations.records import Recorder, request_id_at
from tests.unit.signals.test_profiles import Part, blob_of
from tests.unit.snapshot.shops import ITEMS, Shop

from recsys.access import load_directory
from recsys.catalog import Item, pack_catalog
from recsys.encoding import canonical
from recsys.ranking import RecommendRequest
from recsys.releases import ArtifactRef, Releases
from recsys.releases.manifest import read_manifest
from recsys.store import open_store

LONG = "thing-with-an-id-that-is-as-long-as-a-uuid-0123456789"


@pytest.fixture
def releases(cli: Cli, tmp_path: Path) -> Releases:  # noqa: F811
    """Generation 2 serves ``home``; generation 3 blocks item 16."""
    shop = Shop(open_store(tmp_path / "store"))
    made = Releases(shop.store, "demo", actor="ann")
    titled = [*ITEMS, Item(item_id=LONG, title="[bold]A title[/bold] that goes on and on " * 4)]
    made.ship("home", shop.manifest(catalog=pack_catalog(titled, tenant="demo")), reason="the nightly run")
    made.put_rules(canonical([{"id": "no-16", "action": "block", "item_ids": ["i16"]}]), reason="recalled")
    return made


def test_a_recorded_answer_stands_beside_what_another_generation_gives(cli, releases, tmp_path):  # noqa: F811
    recorder = Recorder(open_store(tmp_path / "store"), tmp_path / "cache")
    made = recorder.record(RecommendRequest(surface="home", k=3), at=time.time(), generation=2)
    told = cli("why", made.request_id, "--against", "3").splitlines()
    assert "generation 2, ship by ann: the nightly run (as it was served, 3 items)" in told[1]
    assert "generation 3, rules by ann: recalled (ranked now, 3 items)" in told[2]
    assert told[3] == "rules alone make the difference"
    assert told[5].strip() == "rule added: no-16"
    assert [line.split() for line in told[6:]] == [
        ["gen", "2", "gen", "3", "item", "title"],
        ["1", "1", "i17", "Thing", "17"],
        ["2", "-", "out", "i16", "Thing", "16"],
        ["3", "2", "i15", "Thing", "15"],
        ["-", "3", "in", "i14", "Thing", "14"],
    ]
    document = cli.json("why", made.request_id, "--against", "3")
    assert (document["explained_by"], document["request_id"]) == ("rules", made.request_id)
    cli("why", request_id_at(time.time()), "--against", "3", code=3)
    cli("why", made.request_id, "--against", "99", code=2)
    cli("why", made.request_id, "--against", "3", "--not", "i16", code=2)


def test_any_request_is_ranked_at_two_generations(cli, releases):  # noqa: F811
    document = cli.json("recommend", "--surface", "home", "--k", "2", "--at", "2", "--against", "3")
    assert {row["item_id"]: row["change"] for row in document["rows"]} == {
        "i17": "stayed",
        "i16": "went",
        "i15": "came",
    }
    same = cli("recommend", "--surface", "home", "--against", "3")
    assert "the same items in the same order" in same
    cli("recommend", "--surface", "home", "--against", "3", "--explain", code=2)
    cli("recommend", "--surface", "home", "--arm", "candidate", code=2)
    assert cli.json("recommend", "--surface", "home", "--user", "u1", "--k", "1")["items"][0]["item_id"] == "i17"


def test_requests_of_a_file_are_compared_and_those_that_differ_are_shown(cli, releases, tmp_path):  # noqa: F811
    file = tmp_path / "requests.jsonl"
    lines = [{"request_id": "r1", "k": 1}, {"request_id": "r2", "k": 2}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = ("recommend", "--surface", "home", "--requests", str(file), "--at", "2", "--against", "3")
    told = cli(*words)
    assert "answer r2 to home" in told
    assert "answer r1" not in told
    assert told.splitlines()[-1] == "1 of 2 lists differ between generations 2 and 3"
    assert [one["same"] for one in cli.json(*words)["lists"]] == [True, False]


def test_a_list_that_cannot_be_had_exits_1(cli, releases, tmp_path):  # noqa: F811
    store = open_store(tmp_path / "store")
    store.blobs.delete("demo", releases.read(2).surfaces["home"].manifest)
    told = cli("recommend", "--surface", "home", "--at", "2", "--against", "3", code=1)
    assert "no list" in told
    assert "manifest of home" in told


def test_the_table_keeps_to_100_columns_and_cuts_titles_never_ids(cli, releases):  # noqa: F811
    top = {"id": "top", "action": "pin", "item_ids": [LONG]}
    releases.put_rules(canonical([top]), reason="show it")
    told = cli("recommend", "--surface", "home", "--k", "3", "--at", "2", "--against", "4")
    (line,) = (line for line in told.splitlines() if LONG in line)
    assert len(line) <= 100
    assert line.endswith("…")
    assert "[bold]A title[/bold]" in line  # what comes from outside is no markup of ours
    rows = [line for line in told.splitlines() if " i1" in line]
    assert rows
    assert max(map(len, rows)) <= 100


def test_a_user_is_named_raw_and_known_by_the_profiles_until_erased(cli, releases, tmp_path):  # noqa: F811
    store = open_store(tmp_path / "store")
    ann = load_directory(store).tenant("demo").pseudonyms.of("ann")
    day = (datetime.now(UTC).date() - date(1970, 1, 1)).days
    rows = {"owner": [0], "item": [0], "type": [0], "day": [day]}
    blob = blob_of([Part([ann], {k: np.array(v) for k, v in rows.items()})], types=["click"], items=["i01"])
    ref = ArtifactRef(
        artifact=store.blobs.put("demo", blob), rows=1, size_bytes=len(blob), retain_until=date(9999, 1, 1)
    )
    plain = read_manifest(store.blobs.read("demo", releases.current().surfaces["home"].manifest))
    releases.ship("home", store.blobs.put("demo", canonical(replace(plain, profiles=ref))), reason="with profiles")
    nobody = cli.json("recommend", "--surface", "home", "--k", "4")["items"]
    known = cli.json("recommend", "--surface", "home", "--k", "4", "--user", "ann")["items"]
    assert known != nobody
    words = ("recommend", "--surface", "home", "--k", "4", "--at", "3", "--against", "4")
    found = cli.json(*words, "--user", "ann")
    assert (found["b"]["history"], found["explained_by"]) == (1, "artifacts")
    file = tmp_path / "requests.jsonl"
    file.write_text(json.dumps({"request_id": "r1", "k": 4, "user": {"user_id": "ann"}}) + "\n")
    assert cli.json(*words, "--requests", str(file))["lists"][0]["b"]["history"] == 1
    cli(*words, "--requests", str(file), "--user", "ann", code=2)
    cli("users", "erase", "ann", "--reason", "asked for it")
    assert cli.json("recommend", "--surface", "home", "--k", "4", "--user", "ann")["items"] == nobody
    assert "erased" in cli.said
    assert "history" not in cli.json(*words, "--requests", str(file))["lists"][0]["b"]
