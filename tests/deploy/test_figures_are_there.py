"""A started service shows, with their labels, the series that alarms and dashboard ask for."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.deploy.dashboard import expressions
from tests.deploy.rules import ALARMS, RECORDED, names_in
from tests.integration.serving.shops import Shop, call, until

from recsys.pipelines.report import LastRun, record_run
from recsys.serving.process import ServiceProcess

pytestmark = pytest.mark.long  # it starts a service

LATER = {
    "recsys_candidate_share": "while a candidate runs",
    "recsys_guard_silent_seconds": "while a candidate runs that has a guard",
    "recsys_events_recorded_late_total": "once a line was written too late for its answer",
}
"""Series that are not there from the start, and need not be: their alarms read none as 0."""
SET_BY_PROMETHEUS = {"alertname", "alertstate", "instance", "job", "severity"}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The series of a service that answered, refused and took a hold, each with its labels."""
    shop = Shop(tmp_path_factory.mktemp("service"))
    shop.ship("a")
    generation = shop.releases.hold(surface="home", reason="a sale").release.generation
    record_run(
        shop.store,
        LastRun(tenant="demo", surface="home", stage="ingest", started="2026-11-20T00:00:00Z", error="cut off"),
    )
    settings = shop.settings(
        jwt_issuer="https://login.example", jwt_audience="recsys", jwt_jwks=str(shop.root / "none.json")
    )
    with ServiceProcess(settings) as service:
        service.wait_ready()
        asked = {"surface": "home", "k": 3}
        until(
            lambda: call(f"{service.base_url}/v1/recommend", asked, X_API_Key=shop.client).generation == generation,
            "the hold is followed",
        )
        call(f"{service.base_url}/v1/recommend", asked, X_API_Key="wrong")
        text = call(f"{service.admin_url}/metrics").body.decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def asked() -> list[str]:
    return [*(rule["expr"] for rule in ALARMS.values()), *RECORDED.values(), *expressions()]


def test_every_series_is_shown(shown: dict[str, set[str]]):
    named = {name for one in asked() for name in names_in(one)} - set(RECORDED) - {"up"}
    assert named - set(shown) <= set(LATER)


def test_every_label_is_one_of_its_series(shown: dict[str, set[str]]):
    for one in asked():
        for name, selector in re.findall(r"\b(recsys_\w+){([^}]*)}", one):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
            if name not in LATER:
                assert labels <= shown[name] | SET_BY_PROMETHEUS, one


def test_every_check_an_alarm_looks_at_is_made(tmp_path: Path, shown: dict[str, set[str]]):
    from recsys.serving.health import look_at_host

    rules = Shop(tmp_path).settings(jwt_issuer="https://a.example", jwt_audience="b", jwt_jwks=str(tmp_path / "c.json"))
    made = {check.name for check in look_at_host(rules).checks}
    assert {check for one in asked() for check in re.findall(r'check="([^"]+)"', one)} <= made
