"""What an evaluation decided is done, with its report as evidence; twice is once; the wrong thing is never done."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.releases.shop import TENANT, Shop, config, opened

from recsys.encoding import digest
from recsys.errors import Refused, UsageError
from recsys.evaluation import Report, evaluate, read_report
from recsys.evaluation.settings import Apply, Lever
from recsys.operations.applying import apply


@pytest.fixture
def shop() -> Shop:
    """Generation 2 is live, and candidate home-3 tries other artifacts."""
    made = opened()
    made.theirs.ship("home", made.m(1))
    made.theirs.candidates.start("home", share=0.5, manifest=made.m(2))
    return made


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report on home-3, of two hundred people whose answers say what the service's do."""
    import json

    folder = tmp_path_factory.mktemp("logs")
    exposures, outcomes = [], []
    for person in range(200):
        arm = "candidate" if person % 2 else "control"
        request = f"r{person}"
        context = {
            "tenant_id": TENANT, "surface": "home", "experiment_id": "home-3", "experiment_variant": arm,
            "unit_type": "anonymous_id", "unit_id": f"p{person}", "rung": "live",
        }  # fmt: skip
        exposures.append(
            {
                "request_id": request,
                "ts": f"2026-11-{22 + person % 3}T08:00:00Z",
                "items": [{"item_id": "mug", "rank": 1}],
                "context": context,
            }
        )
        if person % 10 < 3:
            outcomes.append(
                {
                    "request_id": request,
                    "item_id": "mug",
                    "event_type": "click",
                    "ts": f"2026-11-{22 + person % 3}T08:01:00Z",
                }
            )
    paths = {}
    for role, rows in {"exposures": exposures, "outcomes": outcomes}.items():
        path = folder / f"{role}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths[role] = {"type": "jsonl", "path": str(path)}
    return evaluate(
        dataset=paths, config={"mode": "experiment", "experiment": {"primary_metrics": ["ctr"]}}, experiment_id="home-3"
    )


@pytest.fixture(scope="module")
def decided(judged: Report) -> Callable[..., Report]:
    """The report as it would be with another decision, and with other arms or another config."""

    def make(outcome: str, rule: str, *, freezes: bool = False, asked: Apply | None = None, **found: Any) -> Report:
        assert judged.experiment is not None
        decision = replace(judged.decision, outcome=outcome, rule=rule, freezes=freezes)
        config = judged.config if asked is None else replace(judged.config, apply=asked)
        return replace(judged, decision=decision, config=config, experiment=replace(judged.experiment, **found))

    return make


def test_the_report_says_whose_experiment_it_was(judged: Report):
    assert judged.experiment is not None
    assert (judged.experiment.tenants, judged.experiment.surfaces) == ((TENANT,), ("home",))


def test_a_winner_is_promoted(shop: Shop, decided: Callable[..., Report]):
    report = decided("ship", "success")
    applied = apply(report, shop.ours)
    assert applied.action == "promote"
    head = shop.theirs.current()
    assert (head.surfaces["home"].manifest, head.surfaces["home"].candidate) == (shop.m(2), None)
    assert head.evidence == (digest(report.to_json()),)
    assert head.reason == "experiment of home-3: ship (success)"
    kept = shop.store.blobs.read(TENANT, head.evidence[0])
    assert read_report(kept).to_json() == kept


@pytest.mark.parametrize(("outcome", "rule"), [("abort", "operational_harm"), ("rollback", "primary_worse")])
def test_a_loser_is_aborted_and_held(shop: Shop, decided: Callable[..., Report], outcome: str, rule: str):
    report = decided(outcome, rule)
    assert apply(report, shop.ours).action == "abort"
    head = shop.theirs.current()
    assert (head.surfaces["home"].manifest, head.surfaces["home"].candidate) == (shop.m(1), None)
    assert [(hold.surface, hold.levers) for hold in head.holds] == [("home", ("artifacts",))]
    assert head.evidence == (digest(report.to_json()),)


def test_doubtful_data_freezes_the_share(shop: Shop, decided: Callable[..., Report]):
    applied = apply(decided("hold", "integrity", freezes=True), shop.ours)
    assert applied.action == "hold"
    head = shop.theirs.current()
    assert head.surfaces["home"].candidate.share == 0.5
    with pytest.raises(Refused, match="held"):
        shop.ours.candidates.start("home", share=0.9)


def test_not_knowing_yet_is_no_reason_to_stand_in_the_way(shop: Shop, decided: Callable[..., Report]):
    applied = apply(decided("hold", "undecided"), shop.ours)
    assert (applied.action, applied.changes) == ("none", ())
    assert shop.theirs.current().generation == 3
    assert apply(decided("ship", "success"), shop.ours).action == "promote"


@pytest.mark.parametrize(
    ("outcome", "rule", "freezes"),
    [("ship", "success", False), ("abort", "operational_harm", False), ("hold", "integrity", True)],
)
def test_twice_is_once(shop: Shop, decided: Callable[..., Report], outcome: str, rule: str, freezes: bool):
    first = apply(decided(outcome, rule, freezes=freezes), shop.ours)
    again = apply(decided(outcome, rule, freezes=freezes), shop.ours)
    assert first.changes[0].committed
    assert not again.changes[0].changed
    assert shop.theirs.current().generation == 4


def test_one_that_began_meanwhile_is_left_alone(shop: Shop, decided: Callable[..., Report]):
    shop.theirs.candidates.abort("home")
    shop.theirs.candidates.start("home", share=0.1, manifest=shop.m(3))
    apply(decided("abort", "operational_harm"), shop.ours)
    (runs,) = shop.ours.candidates.running()
    assert runs.candidate.manifest == shop.m(3)
    with pytest.raises(Refused, match="abort"):
        apply(decided("ship", "success"), shop.ours)


def test_a_dry_run_says_so_and_writes_nothing(shop: Shop, decided: Callable[..., Report]):
    applied = apply(decided("rollback", "primary_worse"), shop.ours, dry_run=True)
    assert applied.changes[0].changed
    assert shop.theirs.current().generation == 3


def test_another_tenants_report_is_refused(shop: Shop, decided: Callable[..., Report]):
    with pytest.raises(Refused, match="this report judged other, not demo"):
        apply(decided("ship", "success", tenants=("other",)), shop.ours)


def test_swapped_arms_are_refused(shop: Shop, decided: Callable[..., Report], judged: Report):
    assert judged.experiment is not None
    with pytest.raises(Refused, match="its control is `control`"):
        apply(decided("ship", "success", arms=judged.experiment.arms[::-1]), shop.ours)


# -- what is no candidate


@pytest.fixture
def plain() -> Shop:
    """Three generations of home; an experiment of its config would be called otherwise than any candidate."""
    made = opened()
    made.theirs.ship("home", made.m(1))
    made.theirs.ship("home", made.m(2))
    made.theirs.put_config(config(limits={"max_k": 7}))
    return made


def test_harm_by_an_experiment_of_the_config_is_held_where_it_ran(plain: Shop, decided: Callable[..., Report]):
    applied = apply(decided("rollback", "primary_worse", experiment_id="taste-1"), plain.ours)
    assert applied.action == "hold"
    (hold,) = plain.theirs.current().holds
    assert (hold.surface, hold.levers) == ("home", ("rules", "artifacts"))
    plain.ours.put_config(config(limits={"max_k": 9}))  # the way to end the experiment stays open


def test_a_named_lever_is_rolled_back_to_the_named_generation(plain: Shop, decided: Callable[..., Report]):
    back = Apply(rollback=Lever(lever="artifacts", to=2))
    report = decided("rollback", "primary_worse", experiment_id="taste-1", asked=back)
    assert apply(report, plain.ours).action == "rollback"
    head = plain.theirs.current()
    assert head.surfaces["home"].manifest == plain.m(1)
    assert (head.restores, head.evidence) == (2, (digest(report.to_json()),))


def test_a_lever_is_not_pulled_for_doubt(plain: Shop, decided: Callable[..., Report]):
    back = Apply(rollback=Lever(lever="artifacts", to=2))
    applied = apply(decided("hold", "integrity", freezes=True, experiment_id="taste-1", asked=back), plain.ours)
    assert applied.action == "hold"
    assert plain.theirs.current().surfaces["home"].manifest == plain.m(2)


def test_a_win_in_the_config_is_left_to_people(plain: Shop, decided: Callable[..., Report]):
    assert apply(decided("ship", "success", experiment_id="taste-1"), plain.ours).action == "none"


def test_a_surface_is_asked_for_where_nothing_says_it(plain: Shop, decided: Callable[..., Report]):
    report = decided("rollback", "primary_worse", experiment_id="taste-1", surfaces=())
    with pytest.raises(UsageError, match="which surface"):
        apply(report, plain.ours)
    assert apply(report, plain.ours, surface="home").action == "hold"
