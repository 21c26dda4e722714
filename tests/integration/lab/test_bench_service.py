"""The benchmarks of serving run small, and what they say they saw happened."""

import pytest

from recsys.lab.bench import boot, growth, rollback, serve
from recsys.progress import silent

pytestmark = pytest.mark.bench
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


def test_growth_asks_every_size_and_looks_at_the_second_worker():
    said: list[str] = []
    report = growth.run(
        items=(_ITEMS, 2 * _ITEMS), users=(20,), tenants=(2,), seconds=0.3, turns=1, progress=silent, say=said.append
    )
    lines = set(report.table().splitlines())
    assert set(said) < lines, "each figure is said when it is there"
    assert len(lines - set(said)) == 2, "the ratios and the machine come at the end"
    assert [(one.items, one.users, one.tenants) for one in report.sizes[:2]] == [(_ITEMS, 0, 2), (2 * _ITEMS, 0, 2)]
    assert all(one.p50_ms > 0 for one in report.sizes)
    assert set(report.ratios) == {"items", "users", "tenants"}
    assert report.worker.uss_mb > 0
