"""The benchmark of commits: what it counts is there, and it runs small."""

from pathlib import Path

import pytest
from tests.unit.releases.shop import config, publish

from recsys.lab.bench.releases import Job, run, work
from recsys.progress import silent
from recsys.releases import Releases, create_tenant
from recsys.store import open_store


def test_a_ship_forces_its_record_and_the_directory_and_each_commit_stands(tmp_path: Path):
    store = open_store(tmp_path / "store")
    create_tenant(store, "bench", actor="test")
    manifests = tuple(publish(store, "s0", likes=likes, tenant="bench") for likes in (1, 2))
    job = Job(kind="ship", where=str(tmp_path / "store"), who=0, seconds=0.05, manifests=manifests)
    tally = work(job, ready=lambda: None)
    assert tally.done >= 1
    assert tally.fsyncs == 2 * tally.done
    assert Releases(store, "bench", actor="test").current().generation == 1 + tally.done


def test_a_withdrawal_forces_a_blob_too_and_the_bare_writer_two_files_a_turn(tmp_path: Path):
    store = open_store(tmp_path / "store")
    create_tenant(store, "bench", actor="test")
    Releases(store, "bench", actor="test").put_config(config(limits={"max_k": 5}))
    withdrawn = work(Job(kind="withdraw", where=str(tmp_path / "store"), who=0, seconds=0.05), ready=lambda: None)
    assert 2 < withdrawn.fsyncs / withdrawn.done <= 6
    bare = work(Job(kind="disk", where=str(tmp_path / "disk"), who=0, seconds=0.05), ready=lambda: None)
    assert bare.fsyncs == 2 * bare.done == 2 * len(list((tmp_path / "disk").iterdir()))


@pytest.mark.long
def test_the_whole_runs_small_and_leaves_nothing(tmp_path: Path):
    report = run(publishers=2, seconds=0.2, folder=tmp_path, progress=silent, kinds=("withdraw",))
    assert [(race.kind, race.publishers) for race in report.races] == [("withdraw", 1), ("withdraw", 2)]
    assert all(race.commits > 0 and race.share > 0 for race in report.races)
    assert report.table().count("\n") == 4
    assert list(tmp_path.iterdir()) == []
