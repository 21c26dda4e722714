"""What one worker answers and records where a candidate runs."""

import pytest
from tests.integration.serving.shops import Shop
from tests.unit.serving.test_desk import Counter, break_ranking

from recsys.access import load_directory
from recsys.encoding import canonical
from recsys.releases import erase_users
from recsys.releases.arm import arm_of, is_assigned
from recsys.serving.answering import answer_digest
from recsys.serving.requests import read_recommend
from recsys.snapshot import open_release, recommend

UNITS = [f"browser-{number}" for number in range(60)]
OWN_RULES = canonical([{"id": "own", "action": "block", "item_ids": ["b-000"], "surface": "home"}])


@pytest.fixture
def shop(tmp_path):
    """A shop that serves ``a`` and tries ``b`` without its first item on half of the browsers, since generation 3."""
    made = Shop(tmp_path)
    made.ship("a")
    made.releases.candidates.start("home", share=0.5, manifest=made.manifest("b"), rules=OWN_RULES)
    return made


@pytest.fixture
def counter(shop):
    return Counter(shop)


def asked(counter, **user):
    status, answer = counter.recommend(user=user)
    assert status == 200
    return answer, counter.exposures()[-1]


def items(answer):
    return [item["item_id"] for item in answer["items"]]


A, B = [f"a-{n:03d}" for n in range(5)], [f"b-{n:03d}" for n in range(1, 6)]


def test_each_browser_gets_one_arm_whole_and_its_exposure_says_which(counter):
    candidate = counter.shop.releases.current().surfaces["home"].candidate
    arms = set()
    for unit in UNITS:
        answer, exposure = asked(counter, anonymous_id=unit, user_id="ann", session_id="s")
        pseudonym = counter.pseudonyms.of(unit)
        chosen = is_assigned(candidate, tenant="demo", surface="home", unit_id=pseudonym)
        arm = "candidate" if chosen else "control"
        arms.add(arm)
        assert answer["meta"]["variant"] == arm
        assert items(answer) == (B if chosen else A)
        context = exposure.context
        assert (context["experiment_id"], context["experiment_variant"]) == ("home-3", arm)
        assert (context["unit_type"], context["unit_id"]) == ("anonymous_id", pseudonym)
        assert exposure.decision.arm == arm
        for version in ("config_version", "rules_version", "manifest_version"):
            assert context[version] == answer["meta"][version]
    assert arms == {"control", "candidate"}


def test_the_versions_of_an_answer_are_those_of_its_arm(counter):
    release = counter.shop.releases.current()
    arm, _ = arm_of(release, "home", lambda named: counter.shop.store.blobs.read("demo", named))
    wanted = {
        "control": (release.surfaces["home"].manifest, release.rules),
        "candidate": (arm.surfaces["home"].manifest, arm.rules),
    }
    for unit in UNITS[:10]:
        meta = asked(counter, anonymous_id=unit)[0]["meta"]
        assert (meta["manifest_version"], meta["rules_version"]) == wanted[meta["variant"]]


@pytest.mark.parametrize("user", [{}, {"user_id": "ann"}, {"session_id": "s"}])
def test_who_has_not_the_unit_gets_what_the_surface_serves_and_is_marked_as_in_no_arm(counter, user):
    answer, exposure = asked(counter, **user)
    assert items(answer) == A
    assert "variant" not in answer["meta"]
    assert exposure.context["experiment_id"] == "home-3"
    assert "experiment_variant" not in exposure.context
    assert exposure.decision.arm is None
    assert exposure.context.get("unit_type") == next(iter(user), None)


def test_the_unit_of_the_comparison_is_the_one_recorded(shop):
    shop.releases.candidates.abort("home")
    shop.releases.candidates.start("home", share=0.5, manifest=shop.manifest("b"), unit="user_id")
    counter = Counter(shop)
    _, exposure = asked(counter, anonymous_id="x", user_id="ann")
    assert (exposure.context["unit_type"], exposure.context["unit_id"]) == ("user_id", counter.pseudonyms.of("ann"))
    arms = {asked(counter, anonymous_id=unit, user_id="ann")[0]["meta"]["variant"] for unit in UNITS[:10]}
    assert len(arms) == 1


def test_similar_items_are_in_no_arm(counter):
    _, answer = counter.post("/v1/similar", {"surface": "home", "item_id": "a-000", "k": 3})
    assert {item["item_id"][0] for item in answer["items"]} == {"a"}
    assert "experiment_variant" not in counter.exposures()[-1].context


def test_another_surface_is_not_compared(counter):
    counter.post("/v1/recommend", {"surface": "pdp", "k": 3, "user": {"anonymous_id": "x"}})
    assert "experiment_id" not in counter.exposures()[-1].context


def test_every_recorded_answer_of_both_arms_is_computed_again_identically(counter):
    for unit in UNITS:
        asked(counter, anonymous_id=unit)
    shop = counter.shop
    snapshot = open_release(shop.store, "demo", generation=3, root=shop.root / "replay")
    for exposure in counter.exposures():
        request = read_recommend(canonical(exposure.decision.request))
        again = recommend(snapshot, request, now=exposure.decision.now, arm=exposure.decision.arm)
        assert answer_digest(again.items) == exposure.decision.answer


def test_an_erased_browser_is_in_no_arm(shop):
    pseudonyms = load_directory(shop.store).tenant("demo").pseudonyms
    erase_users(shop.releases, [pseudonyms.of(unit) for unit in UNITS[:5]])
    counter = Counter(shop)
    for unit in UNITS[:5]:
        answer, exposure = asked(counter, anonymous_id=unit)
        assert items(answer) == A
        assert "experiment_variant" not in exposure.context


def test_below_live_there_are_no_arms(counter):
    view = counter.desk._hosted.views["demo"]
    view.newest = False  # a newer release did not load: this candidate may be aborted there
    for unit in UNITS[:10]:
        answer, exposure = asked(counter, anonymous_id=unit)
        assert (answer["meta"]["rung"], items(answer)) == ("last_good", A)
        assert exposure.context.keys().isdisjoint({"experiment_id", "experiment_variant"})
        assert exposure.context["unit_type"] == "anonymous_id"


def test_a_failure_of_an_arm_counts_against_that_arm(counter, monkeypatch):
    break_ranking(monkeypatch, RuntimeError("a mistake of ours"))
    for unit in UNITS[:10]:
        answer, exposure = asked(counter, anonymous_id=unit)
        assert answer["meta"]["rung"] == exposure.context["rung"] == "floor"
        assert exposure.context["experiment_variant"] == answer["meta"]["variant"]
        assert "manifest_version" not in answer["meta"]


def test_what_was_not_recorded_is_told_by_the_next_in_its_own_arm(counter):
    counter.book.takes = False
    counter.recommend(user={"anonymous_id": "lost"})
    counter.book.takes = True
    _, exposure = asked(counter, anonymous_id=UNITS[0])
    assert exposure.context["unrecorded"] == "1"
    assert exposure.context["experiment_id"] == "home-3"
