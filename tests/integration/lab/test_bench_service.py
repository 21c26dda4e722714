"""The benchmarks of serving run small, and what they say they saw happened."""

from recsys.lab.bench import boot, rollback, serve
from recsys.progress import silent

_ITEMS = 300


def test_answers_are_counted_and_none_fails():
    report = serve.run(items=_ITEMS, users=50, connections=4, seconds=0.3, profile=None, progress=silent)
    loads = (report.static, report.easy, report.open_loop, report.hard)
    assert all(load.report.answers > 0 and load.report.errors == 0 and load.cpu_us > 0 for load in loads)
    assert "hard / recommend" in report.table()


def test_a_restart_answers_with_the_store_away_from_this_hosts_copy():
    report = boot.run(items=_ITEMS, restarts=1, progress=silent)
    assert report.rungs
    assert set(report.rungs) <= {"disk", "live", "last_good"}
    assert len(report.store_up_s) == len(report.store_away_s) == 1


def test_rollbacks_take_effect_on_every_worker_while_clients_ask():
    report = rollback.run(items=_ITEMS, rollbacks=2, workers=2, progress=silent)
    assert len(report.effect_s) == 2
    assert report.answers > 0
    assert report.errors == 0
