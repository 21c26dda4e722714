"""The replay gate, on what a real core answered and people took."""

import msgspec
import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import ITEMS, POPULARITY

from recsys.catalog import pack_catalog
from recsys.encoding import canonical
from recsys.events.observed import Observed
from recsys.pipelines.errors import GateFailed
from recsys.pipelines.gate import GateReport, ReplayGate, violations
from recsys.snapshot import open_release
from recsys.snapshot.sampled import recent_requests

UPSIDE_DOWN = artifacts.popularity({item: 20.0 - score for item, score in POPULARITY.items()})


@pytest.fixture
def incident(tmp_path):
    """Generation 2 serves ``home``; 60 requests were answered, and every third list had its first item clicked."""
    made = Incident(tmp_path)
    made.ship()
    made.serve(60, clicks=lambda number: number % 3 == 0)
    return made


def gated(incident, *, force=False, cache=None, **artifacts_of):
    gate = ReplayGate(incident.store, "home", cache=cache or incident.cache, now_s=NOW_S, force=force)
    return incident.releases.ship("home", incident.shop.manifest(**artifacts_of), gate=gate)


def report_of(incident, change):
    (named,) = change.release.evidence
    return msgspec.json.decode(incident.store.blobs.read("demo", named), type=GateReport)


def limit(incident, **gate):
    incident.releases.put_config(canonical({"gate": gate}))


def refused(incident, *, match, **artifacts_of):
    before = incident.releases.current().generation
    with pytest.raises(GateFailed, match=match):
        gated(incident, **artifacts_of)
    assert incident.releases.current().generation == before


def test_a_release_that_passes_has_the_report_as_its_evidence(incident):
    report = report_of(incident, gated(incident, end="2026-11-23"))
    assert (report.requests, report.generation, report.failed, report.forced) == (60, 2, (), False)
    assert (report.empty_rate, report.overlap, report.violations) == ((0.0, 0.0), 1.0, ())
    assert (report.taken, report.hit_rate) == (20, (1.0, 1.0))
    assert min(report.p99_ms) > 0


def test_lists_that_keep_too_little_are_refused(incident):
    limit(incident, min_overlap=0.9)
    few = artifacts.popularity({item: POPULARITY[item] for item in sorted(POPULARITY)[:6]})
    only = pack_catalog([item for item in ITEMS if item.item_id < "i07"], tenant="demo")
    refused(incident, match=r"lists keep \d+\.\d% of their items \(min_overlap 0.9\)", popularity=few, catalog=only)


def test_more_empty_lists_than_now_are_refused(incident):
    incident.releases.put_rules(
        canonical([{"id": "r", "action": "block", "target_type": "category", "target_key": "hats"}])
    )
    hats = pack_catalog([item for item in ITEMS if item.category == "hats"], tenant="demo")
    few = artifacts.popularity({item: POPULARITY[item] for item in sorted(POPULARITY)[:6]})
    refused(incident, match=r"100.0% of the lists are empty \(0.0% are now", catalog=hats, popularity=few)


def test_slow_ranking_is_refused_where_the_config_says_how_slow(incident):
    limit(incident, max_p99_ms=0.000001)
    refused(incident, match="ranking takes .* ms at p99", end="2026-11-23")


def test_what_is_forced_passes_and_its_report_says_so(incident):
    limit(incident, max_p99_ms=0.000001)
    report = report_of(incident, gated(incident, force=True, end="2026-11-23"))
    assert report.forced
    assert "ranking takes" in report.failed[0]


def test_an_order_turned_upside_down_passes_by_default_and_shows_in_what_people_took(incident):
    incident.serve(60, clicks=lambda _number: True, k=3)
    report = report_of(incident, gated(incident, popularity=UPSIDE_DOWN))
    assert report.failed == ()
    assert report.taken == 80


def test_without_requests_or_without_anything_live_there_is_nothing_to_judge(tmp_path):
    fresh = Incident(tmp_path)
    assert gated(fresh).release.evidence == ()
    assert gated(fresh, end="2026-11-23").release.evidence == ()


def test_requests_of_another_surface_are_no_evidence_for_this_one(incident):
    for end in ("2026-11-22", "2026-11-23"):
        gate = ReplayGate(incident.store, "pdp", cache=incident.cache, now_s=NOW_S, force=False)
        change = incident.releases.ship("pdp", incident.shop.manifest(surface="pdp", end=end), gate=gate)
        assert change.release.evidence == ()


def test_a_live_release_that_does_not_open_does_not_stop_the_one_that_mends_it(incident, tmp_path):
    live = incident.releases.current().surfaces["home"].manifest
    incident.store.objects.delete(f"blobs/demo/sha256/{live[7:9]}/{live[7:]}")
    assert gated(incident, cache=tmp_path / "another host", end="2026-11-23").release.evidence == ()


def test_what_a_rule_blocks_is_found_without_the_ranking(incident):

    rules = [
        {"id": "r", "action": "block", "target_type": "tag", "target_key": "wool", "valid_from": "2025-01-01T00:00:00Z"}
    ]
    incident.releases.put_rules(canonical(rules))
    incident.releases.withdraw(["i03"], reason="test")
    snapshot = open_release(incident.store, "demo", root=incident.cache)
    with Observed(incident.store, "demo", since_s=NOW_S - 86_400) as observed:
        asked = recent_requests(observed, most=3)
    shown = [["i01", "i02"], ["i01", "i03"], ["i01"]]  # i02 is of wool, i03 withdrawn
    assert violations(snapshot, asked, shown) == [asked[0].request_id, asked[1].request_id]
