"""Slow answers: whether it is one host or the release, since which generation, and which lever makes it so."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.operations.incidents import NOW_S, Incident

from recsys.encoding import canonical, rfc3339
from recsys.operations.thresholds import THRESHOLDS

_SLOW_MS = 80.0


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    return made


def test_fast_answers_are_no_finding(incident: Incident) -> None:
    incident.serve(60)
    assert incident.doctor("latency").healthy


def test_one_slow_host_among_others_is_that_hosts_trouble(incident: Incident) -> None:
    incident.serve(60, host="web-1")
    incident.serve(60, host="web-2", latency_ms=_SLOW_MS)
    (finding,) = incident.doctor("latency").findings
    assert "answers of web-2 take 80 ms at p99" in finding.cause
    assert (finding.lever, finding.command) == (None, None)
    assert "web-1 in 2 ms" in finding.ruled_out[0]
    assert "on web-2: recsys profile" in (finding.next_step or "")


def test_a_release_that_makes_ranking_slow_is_named_with_its_lever(
    incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower = replace(THRESHOLDS, p99_degraded_ms=3.0)  # so that 4,000 rules do, and not 100,000
    monkeypatch.setattr("recsys.operations.doctor.latency.THRESHOLDS", lower)
    incident.serve(60)
    good = incident.releases.current().generation
    flash_sales = [
        {
            "id": f"sale-{n}",
            "action": "boost",
            "target_type": "tag",
            "target_key": "red",
            "boost_value": 0.001,
            "valid_from": rfc3339(NOW_S - 20_000 + n),
        }
        for n in range(4_000)
    ]  # one begins each second, and the rules are put together anew each time
    incident.releases.put_rules(canonical(flash_sales), reason="every flash sale ever")
    incident.releases.put_config(b'{"limits":{"max_k":150}}', reason="harmless")
    incident.serve(60, latency_ms=4.0)
    (finding,) = incident.doctor("latency").findings
    assert finding.lever == "rules"
    assert f"--lever rules --to {good}" in (finding.command or "")
    assert finding.evidence["since_generation"] == good + 2
    assert finding.evidence["p99_ms_before"] == {str(good): 1.5}
    assert any(reason.startswith("config: ranking takes") for reason in finding.ruled_out)


def test_slow_answers_of_a_release_that_ranks_as_fast_as_ever_are_no_reason_to_roll_back(incident: Incident) -> None:
    incident.serve(60)
    incident.releases.put_config(b'{"limits":{"max_k":150}}', reason="harmless")
    incident.serve(60, latency_ms=_SLOW_MS)
    (finding,) = incident.doctor("latency").findings
    assert finding.command is None
    assert "ranking alone is no slower than before" in finding.cause


def test_a_host_whose_name_has_dashes_is_named_whole(incident: Incident) -> None:
    incident.serve(60, host="web-eu-1-worker", latency_ms=_SLOW_MS)
    (finding,) = incident.doctor("latency").findings
    assert list(finding.evidence["p99_ms"]) == ["web-eu-1"]
