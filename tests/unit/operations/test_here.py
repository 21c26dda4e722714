"""What a host shows of itself in its own directory, with no process running and no store."""

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from recsys.errors import NotFound
from recsys.operations.doctor import diagnose_here
from recsys.operations.doctor.delivery import check_host
from recsys.operations.health import health_here
from recsys.operations.here import Here, look_here
from recsys.operations.thresholds import THRESHOLDS
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.counters import Counters
from recsys.serving.health import Check
from recsys.serving.host_state import HostState, Kept, Places, TenantState, write_host_state
from recsys.serving.processes import Processes


@pytest.fixture
def host(tmp_path: Path) -> Path:
    made = tmp_path / "host"
    made.mkdir()
    kept = tuple(Kept(generation=n, path=f"snapshots/demo/{n}", log="log", attempt=f"a{n}") for n in (3, 2))
    tenants = {name: TenantState(kept=kept, head=3, log="log") for name in ("demo", "other")}
    state = HostState(run="run", boot=boot_id(), written_at=since_boot(), store="./var/store", tenants=tenants)
    write_host_state(Places(made).state, state, durable=False)
    return made


def _refuse(host: Path, *, code: str = "RATE_LIMITED", times: int, at_s: float, tenant: str = "demo") -> None:
    counters = Counters(Places(host).counters / "worker-0.cells")
    counters.cells[counters.cell("recsys_refusals", {"code": code})] += times
    counters.cells[counters.cell("recsys_refused_at", {"code": code, "tenant": tenant})] = at_s
    counters.cells[counters.cell("recsys_answers", {"tenant": tenant, "rung": "live"})] += 100


def _limits(here: Here, **more: Any) -> list[str]:
    found = diagnose_here(here, problem="gone", symptoms=["limit-exceeded"], **more)
    return [finding.evidence["code"] for finding in found.findings]


def test_a_directory_in_which_nothing_was_ever_served_is_not_a_host(tmp_path: Path) -> None:
    here = look_here(tmp_path / "nothing")
    assert (here.known, here.running, here.tenants(), here.spool) == (False, False, {}, None)


def test_what_was_refused_lately_is_found_with_its_share_and_its_tenants(host: Path) -> None:
    _refuse(host, times=25, at_s=time.time() - 60)
    found = diagnose_here(look_here(host), problem="gone", symptoms=["limit-exceeded"])
    (finding,) = found.findings
    assert finding.evidence["share_of_requests"] == 0.2
    assert finding.evidence["tenants"] == ["demo"]


@pytest.mark.parametrize(
    ("times", "seconds_ago"),
    [(THRESHOLDS.refused_least - 1, 60.0), (25, THRESHOLDS.refused_recent_s + 60)],
    ids=["too few", "over"],
)
def test_a_trial_and_what_is_over_are_no_finding(host: Path, times: int, seconds_ago: float) -> None:
    _refuse(host, times=times, at_s=time.time() - seconds_ago)
    assert _limits(look_here(host)) == []


def test_a_host_that_refused_nothing_and_answered_nothing_yet_is_in_no_trouble(host: Path) -> None:
    counters = Counters(Places(host).counters / "worker-0.cells")
    counters.cell("recsys_refusals", {"code": "RATE_LIMITED", "status": "429"})  # it is there from the start
    assert _limits(look_here(host)) == []


def test_what_was_refused_before_the_service_was_started_is_over(host: Path) -> None:
    now = time.time()
    _refuse(host, times=25, at_s=now - 60)
    here = look_here(host)
    assert _limits(replace(here, began_s=now - 120)) == ["RATE_LIMITED"]
    assert _limits(replace(here, began_s=now - 30)) == []


def test_requests_that_mean_nothing_are_not_refused_because_of_a_limit(host: Path) -> None:
    _refuse(host, code="NO_CREDENTIALS", times=500, at_s=time.time())
    assert _limits(look_here(host)) == []


def test_one_tenant_is_told_nothing_of_another(host: Path) -> None:
    _refuse(host, times=25, at_s=time.time(), tenant="other")
    here = look_here(host).of("demo")
    assert list(here.tenants()) == ["demo"]
    found = diagnose_here(here, problem="gone", tenant="demo")
    assert "other" not in str(found.findings)
    assert "limit-exceeded" not in [finding.symptom for finding in found.findings]  # its refusals are other's alone
    assert list(health_here(here, problem="gone").tenants) == ["demo"]


def test_with_store_and_service_away_nobody_is_said_to_be_answered(host: Path) -> None:
    found = diagnose_here(look_here(host), problem="there is no store", symptoms=["not-ready"])
    (finding,) = found.findings
    assert finding.cause == "the store does not answer (there is no store); and no service answers on this host"
    assert finding.ruled_out == ()
    assert finding.evidence["serving"]["demo"] == {
        "generation": 3,
        "kept": [3, 2],
        "rung": "disk",
        "head_unseen_for_s": None,
    }


@pytest.mark.parametrize(("seconds", "found"), [(5.0, False), (60.0, True)])
def test_a_host_that_does_not_reach_the_store_is_found_when_that_is_more_than_a_moment(
    host: Path, seconds: float, found: bool
) -> None:
    here = look_here(host)
    assert here.state is not None
    processes = Processes(
        supervisor=1, run="run", host="127.0.0.1", port=1, admin_host="127.0.0.1", admin_port=1, children={}
    )
    known = replace(here.tenants()["demo"], confirmed_at=since_boot() - seconds)
    store = Check("store", "degraded", "the network is down")
    here = replace(
        here,
        processes=processes,
        running=True,
        unready=(),
        state=replace(here.state, tenants={"demo": known}),
        health=replace(here.health, checks=(store,)),
    )
    assert ["store: the network is down" in finding.cause for finding in check_host(here, 0.0)] == [True] * found


def test_a_tenant_that_this_host_does_not_serve_is_not_found(host: Path) -> None:
    here = look_here(host)
    for ask in (health_here, diagnose_here):
        with pytest.raises(NotFound, match="this host serves no tenant nosuch") as told:
            ask(here, problem="gone", tenant="nosuch")
        assert told.value.next_step == "it serves: demo, other"
