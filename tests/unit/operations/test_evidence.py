"""The reports that releases name: each with what it decided, and nothing else of what a tenant has stored."""

from pathlib import Path

import pytest
from tests.unit.operations.incidents import NOW_S, Incident

from recsys.encoding import canonical, digest
from recsys.errors import NotFound
from recsys.evaluation import Report, evaluate
from recsys.operations import evidence
from recsys.operations.evidence import evidence_of, reports
from recsys.pipelines.gate import GateReport, ReplayGate
from recsys.releases.errors import UnknownGeneration

GUARDED = canonical(
    {"kind": "guard.v1", "candidate": "home-4", "look": {"state": "aborted", "why": "errors: 9% and 1%"}}
)


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    made.serve(60, clicks=lambda number: number % 3 == 0)
    return made


def gated(incident: Incident, *, force: bool = False) -> str:
    gate = ReplayGate(incident.store, "home", cache=incident.cache, now_s=NOW_S, force=force)
    change = incident.releases.ship("home", incident.shop.manifest(end="2026-11-23"), gate=gate)
    return change.release.evidence[0]


def evaluated(incident: Incident, tmp_path: Path) -> Report:
    dataset = {}
    for role in ("exposures", "outcomes"):
        path = tmp_path / f"{role}.jsonl"
        keys = incident.store.objects.keys(f"events/demo/{role}/")
        path.write_bytes(b"".join(incident.store.objects.read(key) for key in keys))
        dataset[role] = {"type": "jsonl", "path": str(path), "ids": "pseudonymous"}
    return evaluate(
        dataset=dataset, config={"mode": "offline", "offline": {"metrics": [{"name": "ctr"}]}}, allow_no_baseline=True
    )


def test_each_report_is_listed_with_its_kind_its_decision_and_its_release_newest_first(
    incident: Incident, tmp_path: Path
) -> None:
    report = evaluated(incident, tmp_path)
    gated(incident)
    incident.releases.hold(surface="home", reason="looks bad", evidence=(report.to_json(), GUARDED))
    found = reports(incident.releases)
    assert [(one.kind, one.generation, one.action) for one in found.reports] == [
        ("evaluation", 4, "hold"),
        ("guard", 4, "hold"),
        ("gate", 3, "ship"),
    ]
    of_eval, of_guard, of_gate = found.reports
    assert (of_eval.mode, of_eval.decision, of_eval.why) == (
        "offline",
        report.decision.outcome,
        report.decision.what_happened,
    )
    assert (of_guard.decision, of_guard.verdict, of_guard.why) == ("aborted", "bad", "errors: 9% and 1%")
    assert (of_gate.decision, of_gate.verdict) == ("passed", "good")
    assert of_gate.why.startswith("60 requests of late keep 100% of their items")
    assert found.before is None


def test_a_report_is_read_whole_by_the_release_that_names_it(incident: Incident, tmp_path: Path) -> None:
    report = evaluated(incident, tmp_path)
    gate = gated(incident)
    incident.releases.hold(surface="home", reason="x", evidence=(report.to_json(), GUARDED))
    assert isinstance(evidence_of(incident.releases, 3, gate)[1], GateReport)
    assert evidence_of(incident.releases, 4, digest(report.to_json()))[1] == report
    named, content = evidence_of(incident.releases, 4, digest(GUARDED))
    assert named.kind == "guard"
    assert isinstance(content, dict)


def test_what_a_release_does_not_name_is_not_read(incident: Incident) -> None:
    gate = gated(incident)
    head = incident.releases.current()
    for generation, named in ((2, gate), (3, head.config), (3, "sha256:" + "0" * 64), (3, "../../secrets")):
        with pytest.raises(NotFound):
            evidence_of(incident.releases, generation, named)
    with pytest.raises(UnknownGeneration):
        evidence_of(incident.releases, 99, gate)


def test_a_report_that_is_gone_or_of_no_known_kind_is_listed_as_such(incident: Incident) -> None:
    incident.releases.hold(surface="home", reason="x", evidence=(b"a note", b"[1]", b'{"kind":"mine"}', GUARDED))
    incident.store.blobs.delete("demo", digest(GUARDED))
    assert [one.kind for one in reports(incident.releases).reports] == ["other", "other", "other", "gone"]
    assert evidence_of(incident.releases, 3, digest(b"a note"))[1] is None
    assert evidence_of(incident.releases, 3, digest(b'{"kind":"mine"}'))[1] == {"kind": "mine"}
    assert evidence_of(incident.releases, 3, digest(GUARDED))[1] is None


def test_an_evaluation_of_another_version_is_listed_and_not_opened(incident: Incident, tmp_path: Path) -> None:
    report = evaluated(incident, tmp_path)
    other = report.to_json().replace(b'"format":1', b'"format":99')
    incident.releases.hold(surface="home", reason="x", evidence=(other,))
    assert reports(incident.releases).reports[0].decision == report.decision.outcome
    assert evidence_of(incident.releases, 3, digest(other))[1] is None


def test_the_list_goes_on_where_it_ended(incident: Incident, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        incident.releases.hold(surface="home", reason=f"r{number}", evidence=(f"note {number}".encode(),))
        incident.releases.resume(surface="home")
    whole = [one.generation for one in reports(incident.releases).reports]
    assert whole == [11, 9, 7, 5, 3]
    first = reports(incident.releases, most=2)
    assert [one.generation for one in first.reports] == whole[:2]
    assert [one.generation for one in reports(incident.releases, before=first.before).reports] == whole[2:]
    monkeypatch.setattr(evidence, "MOST_READ", 3)
    paged, before = [], None
    for _ in range(10):
        page = reports(incident.releases, before=before)
        paged += [one.generation for one in page.reports]
        before = page.before
        if before is None:
            break
    assert paged == whole


def test_one_document_without_a_bottom_does_not_take_the_others_away(incident: Incident) -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    change = incident.releases.hold(surface="home", reason="looks bad", evidence=(deep, GUARDED))
    assert {one.kind for one in reports(incident.releases).reports} == {"other", "guard"}
    named, content = evidence_of(incident.releases, change.release.generation, digest(deep))
    assert (named.kind, content) == ("other", None)
