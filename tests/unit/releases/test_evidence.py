"""Reports kept with changes, and surfaces that take artifacts only with one."""

import msgspec
import pytest
from tests.unit.releases.shop import TENANT, Shop, config, opened

from recsys.encoding import digest
from recsys.errors import Refused
from recsys.store import Missing

ASKING = config(surfaces={"home": {"gate": {"require_report": True}}})


@pytest.fixture
def shop() -> Shop:
    """Something is live, and then the surface begins to ask for reports."""
    made = opened()
    made.theirs.ship("home", made.m(1))
    made.theirs.put_config(ASKING)
    return made


def report(
    manifest: str | None,
    *,
    mode: str = "offline",
    outcome: str = "pass",
    rule: str = "gates_passed",
    lists: str = "reranked",
    experiment: str | None = None,
) -> bytes:
    """What the policy reads of a report, among other things that it does not."""
    found = {
        "mode": mode,
        "decision": {"outcome": outcome, "rule": rule, "steps": []},
        "data": {"lists": lists, "ranker": manifest, "requests": 3},
        "experiment": None if experiment is None else {"experiment_id": experiment},
    }
    return msgspec.json.encode(found)


def test_a_report_that_judged_exactly_this_manifest_lets_it_in(shop: Shop):
    passed = report(shop.m(2))
    change = shop.ours.ship("home", shop.m(2), evidence=[passed])
    assert change.committed
    assert change.release.evidence == (digest(passed),)
    assert shop.store.blobs.read(TENANT, digest(passed)) == passed


def test_one_that_is_stored_already_counts_too(shop: Shop):
    named = shop.store.blobs.put(TENANT, report(shop.m(2)))
    assert shop.ours.ship("home", shop.m(2), evidence=[named]).committed


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"manifest": 3},
        {"outcome": "gate_failed", "rule": "gates_failed"},
        {"outcome": "hold", "rule": "gates_unclear"},
        {"rule": "nothing_to_compare"},
        {"lists": "logged"},
        {"mode": "aa-check", "rule": "sound"},
        {"mode": "experiment", "outcome": "ship", "rule": "success", "experiment": "home-4"},
    ],
    ids=[
        "none",
        "another manifest",
        "failed",
        "unclear",
        "no baseline",
        "logged lists",
        "an a/a check",
        "no candidate",
    ],
)
def test_anything_else_does_not(shop: Shop, given: dict[str, object]):
    evidence = [report(shop.m(given.pop("manifest", 2)), **given)] if given else []
    with pytest.raises(Refused, match="only with a passing report of exactly sha256:") as refused:
        shop.ours.ship("home", shop.m(2), evidence=evidence)
    assert "recsys recommend" in refused.value.next_step
    assert shop.theirs.current().surfaces["home"].manifest == shop.m(1)


def test_a_report_of_another_kind_is_kept_and_does_not_count(shop: Shop):
    with pytest.raises(Refused, match="none came with this change"):
        shop.ours.ship("home", shop.m(2), evidence=[b'{"schema": "gate.v1"}'])


def test_brakes_never_ask(shop: Shop):
    shop.ours.ship("home", shop.m(2), evidence=[report(shop.m(2))])
    assert shop.ours.rollback("artifacts", surface="home").committed


def test_other_surfaces_are_not_asked(shop: Shop):
    assert shop.ours.ship("pdp", shop.m(2, "pdp")).committed


def test_a_config_that_begins_to_ask_meanwhile_is_kept_to():
    shop = opened()
    shop.theirs.ship("home", shop.m(1))
    shop.meanwhile(lambda theirs: theirs.put_config(ASKING))
    with pytest.raises(Refused, match="only with a passing report"):
        shop.ours.ship("home", shop.m(2))


def test_a_candidate_is_promoted_on_its_own_experiment(shop: Shop):
    shop.ours.candidates.start("home", share=0.1, manifest=shop.m(2))
    (runs,) = shop.ours.candidates.running()
    with pytest.raises(Refused, match="home-9: ship"):
        shop.ours.candidates.promote(
            "home", evidence=[report(None, mode="experiment", outcome="ship", rule="success", experiment="home-9")]
        )
    won = report(None, mode="experiment", outcome="ship", rule="success", experiment=runs.name)
    assert shop.ours.candidates.promote("home", evidence=[won]).committed


def test_a_candidate_without_artifacts_needs_none(shop: Shop):
    shop.ours.candidates.start(
        "home", share=0.1, config=config(surfaces={"home": {"gate": {"require_report": True}, "algorithm": "cooc"}})
    )
    assert shop.ours.candidates.promote("home").committed


@pytest.mark.parametrize("change", ["rollback", "hold", "abort"])
def test_every_lever_keeps_its_report(shop: Shop, change: str):
    shop.ours.candidates.start("home", share=0.1, manifest=shop.m(2))
    seen = report(shop.m(2), outcome="hold")
    pull = {
        "rollback": lambda: shop.ours.rollback("config", evidence=[seen]),
        "hold": lambda: shop.ours.hold(surface="home", evidence=[seen]),
        "abort": lambda: shop.ours.candidates.abort("home", evidence=[seen]),
    }
    assert pull[change]().release.evidence == (digest(seen),)
    assert shop.store.blobs.read(TENANT, digest(seen)) == seen


def test_a_dry_run_stores_no_report(shop: Shop):
    seen = report(shop.m(2))
    assert shop.ours.hold(surface="home", evidence=[seen], dry_run=True).changed
    with pytest.raises(Missing):
        shop.store.blobs.read(TENANT, digest(seen))


def test_a_document_that_nobody_can_read_to_its_bottom_is_no_report_and_no_mistake(shop: Shop) -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    with pytest.raises(Refused, match="none came with this change"):
        shop.theirs.ship("home", shop.m(2), evidence=(deep,))
