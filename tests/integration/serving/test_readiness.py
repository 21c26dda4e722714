"""An installation that is ready: two real services, everything practised, everything answered; and then they stop."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.serving.shops import Shop, served, until

from recsys.cli.app import run
from recsys.encoding import canonical, rfc3339
from recsys.operations.readiness import ITEMS, Answer, written
from recsys.pipelines.report import LastRun, record_run
from recsys.replicas import read_heartbeats

pytestmark = pytest.mark.long


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A shop that has done all that the checklist looks for in a log."""
    made = Shop(tmp_path)
    made.releases.put_config(canonical({"freshness_slo_h": 36, "gate": {"max_empty_rate": 0.01}}), reason="objectives")
    made.releases.ship("home", made.manifest("a"), reason="night", evidence=[b'{"forced":false}'])
    made.releases.put_rules(b"[]", reason="none")
    made.releases.put_config(canonical({"freshness_slo_h": 30, "gate": {"max_empty_rate": 0.01}}), reason="too eager")
    made.releases.undo(reason="too eager")
    now = rfc3339(datetime.now(UTC).timestamp())
    record_run(made.store, LastRun(tenant="demo", surface="home", stage="done", started=now, finished=now))
    for name, value in (
        ("RECSYS_ENV", "production"),
        ("RECSYS_SERVE_TENANT_RATE_PER_S", "500"),
        ("RECSYS_STORE", made.address),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return made


def answer_all(shop, **changed):
    today = datetime.now(UTC).date()
    given = {item.id: Answer(answer=True, by="ann", on=changed.get(item.id, today)) for item in ITEMS if item.asked}
    (shop.root / "readiness.yaml").write_text(written(ITEMS, given))


def walk(capsys, *words):
    capsys.readouterr()
    code = run(["readiness", "--json", "--host-dir", "host", *words])
    return code, json.loads(capsys.readouterr().out)


def test_two_services_practised_and_answered_for_are_ready_and_stopped_are_not(shop, capsys):
    answer_all(shop)
    with served(shop, host_name="one") as one, served(shop, host_name="two", host_dir=str(shop.root / "second")):
        until(lambda: len(read_heartbeats(shop.store.objects)) == 2, "both report")
        one.answers_from(shop.releases.current().generation)
        code, found = walk(capsys)
        assert [item for item in found["items"] if item["result"] != "yes"] == []
        assert (code, found["ready"], found["unseen"]) == (0, True, [])
        seen = {item["id"]: item["seen"] for item in found["items"]}
        assert seen["probes-answer"] == f"{one.process.base_url}: /healthz 200, /readyz 200"
        assert seen["operators-port-guarded"].endswith("without a key: 401")
        assert seen["two-hosts"].endswith("one, two")
        answer_all(shop, tls=datetime.now(UTC).date() - timedelta(days=100))
        code, found = walk(capsys)
        assert (code, found["unseen"]) == (1, ["tls: ann answered yes, 100 d ago: too old"])
        assert walk(capsys, "--max-age-days", "120")[0] == 0
    answer_all(shop)
    code, found = walk(capsys)
    told = {item["id"]: item["result"] for item in found["items"] if item["result"] != "yes"}
    assert (code, set(told) >= {"probes-answer", "operators-port-guarded"}) == (1, True)
    assert told["probes-answer"] == "not known"
