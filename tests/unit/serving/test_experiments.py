"""What one worker answers and records where a config compares or explores."""

from collections import Counter as Counted

import pytest
from scipy import stats
from tests.integration.serving.shops import Shop
from tests.unit.serving.test_desk import Counter, break_ranking

from recsys.encoding import canonical, decode
from recsys.errors import Refused
from recsys.events import Assignment
from recsys.releases import UnfitRelease
from recsys.releases.arm import candidate_in
from recsys.serving.answering import answer_digest
from recsys.snapshot import open_release, replay

UNITS = [f"browser-{number}" for number in range(60)]
UNSEEN, ONLY_POPULAR = {"exclude_seen": {"events": ["view"]}}, {"algorithm": "popularity"}
AB = {
    "type": "ab",
    "variants": {"unseen": {"share": 0.5, **UNSEEN}, "popular": {"share": 0.5, **ONLY_POPULAR}},
}
TURNS = {"type": "interleave", "variants": {"unseen": UNSEEN, "popular": ONLY_POPULAR}}
EXPLORE = {"policy": "plackett_luce", "temperature": 5.0, "slots": 3}
ANCHOR = {"item_ids": ["a-000"]}


def counter_of(tmp_path, **settings):
    shop = Shop(tmp_path)
    shop.ship("a")
    shop.releases.put_config(canonical(settings))
    return Counter(shop)


@pytest.fixture
def compared(tmp_path):
    return counter_of(tmp_path, surfaces={"home": {"experiments": {"e1": AB}}})


@pytest.fixture
def interleaved(tmp_path):
    return counter_of(tmp_path, surfaces={"home": {"experiments": {"e1": TURNS}}})


@pytest.fixture
def explored(tmp_path):
    return counter_of(tmp_path, exploration=EXPLORE)


def asked(counter, *, unit=None, **body):
    if unit is not None:
        body["user"] = {"anonymous_id": unit, "history": [{"item_id": "a-001"}]}
    status, answer = counter.recommend(anchors=ANCHOR, **body)
    assert status == 200, answer
    return answer, counter.exposures()[-1]


def assignments(counter):
    return [decode(line, Assignment, what="line") for line in counter.book.assigned]


def items(answer):
    return [item["item_id"] for item in answer["items"]]


def test_each_browser_gets_one_variant_and_its_exposure_and_assignment_say_which(compared):
    arms = {}
    for unit in UNITS + UNITS:
        answer, exposure = asked(compared, unit=unit)
        arm = answer["meta"]["variant"]
        assert arms.setdefault(unit, arm) == arm
        pseudonym = compared.pseudonyms.of(unit)
        context = exposure.context
        assert (context["experiment_id"], context["experiment_variant"]) == ("e1", arm)
        assert (context["unit_type"], context["unit_id"]) == ("anonymous_id", pseudonym)
        assert exposure.decision.arm == arm
        told = assignments(compared)[-1]
        assert (told.experiment_id, told.variant, told.request_id) == ("e1", arm, exposure.request_id)
        assert (told.unit_type, told.unit_id, told.key_id) == ("anonymous_id", pseudonym, exposure.key_id)
        assert told.ts == exposure.ts
    assert len(assignments(compared)) == 2 * len(UNITS)
    assert stats.binomtest(list(arms.values()).count("unseen"), len(UNITS)).pvalue > 0.001


def test_each_variant_is_ranked_by_its_own_settings(compared):
    """Who has seen ``a-001`` is shown it in one variant alone."""
    for unit in UNITS[:20]:
        answer, _ = asked(compared, unit=unit)
        first = {"popular": 1, "unseen": 2}[answer["meta"]["variant"]]
        assert items(answer) == [f"a-{first + place:03d}" for place in range(5)]


def test_a_growing_share_moves_nobody_from_one_variant_to_another(tmp_path):
    def arms():
        return {unit: asked(counter, unit=unit)[0]["meta"].get("variant") for unit in UNITS}

    counter = counter_of(tmp_path, experiments={"e1": {**AB, "share": 0.3}})
    before = arms()
    assert {None, "unseen", "popular"} == set(before.values())
    change = counter.shop.releases.put_config(canonical({"experiments": {"e1": {**AB, "share": 0.8}}}))
    counter.follow(change.release.generation)
    after = arms()
    assert all(after[unit] == arm for unit, arm in before.items() if arm is not None)
    assert list(after.values()).count(None) < list(before.values()).count(None)


@pytest.mark.parametrize("kind", ["ab", "interleave"])
def test_who_has_not_the_unit_gets_what_the_config_says_and_is_in_no_arm(tmp_path, kind):
    experiment = {"ab": AB, "interleave": TURNS}[kind]
    counter = counter_of(tmp_path, surfaces={"home": {"experiments": {"e1": experiment}}})
    answer, exposure = asked(counter, user={"user_id": "ann"})
    assert "variant" not in answer["meta"]
    assert exposure.context["experiment_id"] == "e1"
    assert "experiment_variant" not in exposure.context
    assert exposure.decision.arm is None
    assert assignments(counter) == []
    _, similar = counter.post("/v1/similar", {"surface": "home", "item_id": "a-000"})
    assert "variant" not in similar["meta"]


@pytest.mark.parametrize(("unit", "user"), [("user_id", {"user_id": "ann"}), ("session_id", {"session_id": "s"})])
def test_the_unit_is_the_one_the_experiment_names(tmp_path, unit, user):
    counter = counter_of(tmp_path, experiments={"e1": {**AB, "unit": unit}})
    arms = {asked(counter, user={**user, "anonymous_id": other})[0]["meta"]["variant"] for other in UNITS[:10]}
    assert len(arms) == 1
    assert {told.unit_type for told in assignments(counter)} == {unit}


def test_by_request_every_answer_is_a_unit_of_its_own(tmp_path):
    counter = counter_of(tmp_path, experiments={"e1": {**AB, "unit": "request_id"}})
    arms = Counted(asked(counter)[0]["meta"]["variant"] for _ in range(40))
    assert set(arms) == {"unseen", "popular"}
    assert all(told.unit_id == told.request_id for told in assignments(counter))


def test_an_experiment_of_the_tenant_gives_a_browser_one_variant_on_all_surfaces_it_has(tmp_path):
    counter = counter_of(tmp_path, experiments={"e1": AB})
    asked(counter, unit=UNITS[0])
    status, answer = counter.post("/v1/recommend", {"surface": "nowhere", "user": {"anonymous_id": UNITS[0]}})
    assert status == 200
    assert "variant" not in answer["meta"]
    assert "experiment_id" not in counter.exposures()[-1].context


def test_an_interleaved_answer_says_who_placed_each_item(interleaved):
    teams = Counted()
    for unit in UNITS[:20]:
        answer, exposure = asked(interleaved, unit=unit)
        assert answer["meta"]["variant"] == exposure.context["experiment_variant"] == "interleaved"
        assert len(exposure.decision.teams) == len(exposure.items) == 5
        assert all(item.propensity is None for item in exposure.items)
        assert assignments(interleaved)[-1].variant == "interleaved"
        teams.update(exposure.decision.teams)
    assert set(teams) == {"unseen", "popular"}
    assert abs(teams["unseen"] - teams["popular"]) <= 20


def test_a_coin_whose_seed_the_client_chose_is_none(interleaved):
    answer, exposure = asked(interleaved, unit=UNITS[0], options={"seed": 7})
    assert "variant" not in answer["meta"]
    assert exposure.decision.teams == ()


def test_each_item_of_a_drawn_list_has_its_propensity(explored):
    firsts = set()
    for _ in range(30):
        answer, exposure = asked(explored)
        propensities = [item.propensity for item in exposure.items]
        assert propensities[3:] == [1.0, 1.0]
        assert all(0 < propensity < 1 for propensity in propensities[:3])
        assert exposure.decision.seed == exposure.request_id
        firsts.add(items(answer)[0])
    assert len(firsts) > 1


def test_a_seed_from_the_client_repeats_the_draw_and_claims_no_propensity(explored):
    lists = set()
    for _ in range(5):
        answer, exposure = asked(explored, options={"seed": 7})
        lists.add(tuple(items(answer)))
        assert all(item.propensity is None for item in exposure.items)
        assert exposure.decision.seed == "7"
    assert len(lists) == 1


def test_without_exploration_nothing_of_chance_is_recorded(compared):
    _, exposure = asked(compared, unit=UNITS[0])
    assert all(item.propensity is None for item in exposure.items)
    assert (exposure.decision.seed, exposure.decision.teams) == (None, ())


def test_every_recorded_answer_is_computed_again_identically(tmp_path):
    varied = {**AB, "variants": {**AB["variants"], "popular": {"share": 0.5, "exploration": EXPLORE}}}
    for name, settings in {
        "explored": {"exploration": EXPLORE},
        "ab": {"experiments": {"e1": varied}},
        "interleaved": {"experiments": {"e1": TURNS}},
    }.items():
        counter = counter_of(tmp_path / name, **settings)
        for unit in UNITS:
            asked(counter, unit=unit)
        counter.post("/v1/similar", {"surface": "home", "item_id": "a-000"})
        snapshot = open_release(counter.shop.store, "demo", generation=3, root=counter.shop.root / "replay")
        seen = set()
        for exposure in counter.exposures():
            again = replay(snapshot, exposure.decision)
            assert answer_digest(again.items) == exposure.decision.answer
            assert (again.teams or ()) == exposure.decision.teams
            if again.propensities is not None:
                assert [item.propensity for item in exposure.items] == list(again.propensities)
            seen.add(exposure.decision.answer)
        assert len(seen) > 1, name


def as_operator(counter, **body):
    key, counter.shop.client = counter.shop.client, counter.shop.operator
    try:
        return counter.recommend(anchors=ANCHOR, **body)
    finally:
        counter.shop.client = key


def test_an_operator_sees_any_variant_and_no_arm_counts_it(compared):
    for variant in ("unseen", "popular"):
        status, answer = as_operator(
            compared, user={"anonymous_id": UNITS[0]}, experiment={"id": "e1", "variant": variant}
        )
        assert (status, answer["meta"]["variant"]) == (200, variant)
        exposure = compared.exposures()[-1]
        assert exposure.decision.arm == variant
        assert exposure.context["experiment_id"] == "e1"
        assert "experiment_variant" not in exposure.context
    assert assignments(compared) == []


@pytest.mark.parametrize(
    ("experiment", "status", "said"),
    [
        ({"id": "e1", "variant": "unseen"}, 403, "for operators"),
        ({"id": "e2"}, 422, "does not run on home"),
        ({"id": ""}, 422, "experiment"),
        ({"id": "e1", "arm": "unseen"}, 422, "arm"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/recommend/validate"])
def test_a_request_may_name_the_experiment_it_believes_in_and_no_other(compared, path, experiment, status, said):
    found, problem = compared.post(path, {"surface": "home", "experiment": experiment})
    assert found == status
    assert said in problem["detail"]
    assert compared.book.lines == []
    assert compared.post(path, {"surface": "home", "experiment": {"id": "e1"}})[0] == 200


def test_a_variant_that_is_not_there_is_refused_to_operators_too(compared):
    status, problem = as_operator(compared, experiment={"id": "e1", "variant": "unsen"})
    assert (status, problem["next_step"]) == (422, "did you mean `unseen`?")


def test_below_live_nothing_is_compared_and_nothing_refused(compared):
    view = compared.desk._hosted.views["demo"]
    view.newest = False
    answer, exposure = asked(compared, unit=UNITS[0], experiment={"id": "gone"})
    assert (answer["meta"]["rung"], "variant" in answer["meta"]) == ("last_good", False)
    assert "experiment_id" not in exposure.context
    assert assignments(compared) == []


def test_a_failure_of_a_variant_counts_against_it(compared, monkeypatch):
    break_ranking(monkeypatch, RuntimeError("a mistake of ours"))
    answer, exposure = asked(compared, unit=UNITS[0])
    assert exposure.context["rung"] == "floor"
    assert exposure.context["experiment_variant"] == answer["meta"]["variant"]
    assert assignments(compared)[-1].variant == answer["meta"]["variant"]


def test_an_answer_whose_assignment_the_disk_did_not_take_is_unrecorded(compared):
    compared.book.takes = False
    compared.recommend(user={"anonymous_id": UNITS[0]})
    compared.book.takes = True
    _, exposure = asked(compared, unit=UNITS[0])
    assert exposure.context["unrecorded"] == "1"


def test_an_answer_of_a_candidate_has_its_assignment_too(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    shop.releases.candidates.start("home", share=0.5, manifest=shop.manifest("b"))
    counter = Counter(shop)
    for unit in UNITS[:10]:
        answer, _ = asked(counter, unit=unit)
        told = assignments(counter)[-1]
        assert (told.experiment_id, told.variant) == ("home-3", answer["meta"]["variant"])
    status, answer = as_operator(counter, experiment={"id": "home-3", "variant": "candidate"})
    assert (status, answer["meta"]["variant"]) == (200, "candidate")
    assert {item[0] for item in items(answer)} == {"b"}
    assert counter.post("/v1/recommend", {"surface": "home", "experiment": {"id": "home-2"}})[0] == 422


def test_a_batch_records_the_assignment_of_each_of_its_lists(compared):
    one = {"surface": "home", "k": 3, "user": {"anonymous_id": UNITS[0]}}
    status, _ = compared.post("/v1/recommend/batch", {"requests": [one, one]})
    assert status == 200
    assert [told.request_id for told in assignments(compared)] == [one.request_id for one in compared.exposures()]


def test_a_candidate_and_an_experiment_do_not_run_on_one_surface(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    releases, candidates = shop.releases, shop.releases.candidates
    releases.put_config(canonical({"experiments": {"e1": AB}}))
    with pytest.raises(Refused, match="home runs experiment e1"):
        candidates.start("home", share=0.5, manifest=shop.manifest("b"))
    with pytest.raises(Refused, match="home runs experiment e1"):
        candidates.start("home", share=0.5, config=canonical({"experiments": {"e1": AB}, "surfaces": {"home": {}}}))
    releases.put_config(canonical({"experiments": {"e1": AB}, "surfaces": {"home": {"experiments": {}}}}))
    candidates.start("home", share=0.5, manifest=shop.manifest("b"))
    with pytest.raises(UnfitRelease, match="home runs experiment e1"):
        releases.put_config(canonical({"surfaces": {"home": {"experiments": {"e1": AB}}}}))


def test_a_rollback_to_a_config_with_an_experiment_ends_the_candidate(tmp_path):
    shop = Shop(tmp_path)
    shop.ship("a")
    shop.releases.put_config(canonical({"experiments": {"e1": AB}}))
    shop.releases.put_config(b"{}")
    shop.releases.candidates.start("home", share=0.5, manifest=shop.manifest("b"))
    change = shop.releases.rollback("config", to=3, reason="as it was")
    assert candidate_in(change.release, "home") is None
