"""A recorded answer is found, replayed and explained; or it is said what is missing, and what to do."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.operations.records import Recorder, request_id_at, shown
from tests.unit.signals import artifacts

from recsys.encoding import canonical, rfc3339
from recsys.events import Exposure, Outcome
from recsys.operations.recorded import NotRecorded
from recsys.operations.why import Why
from recsys.operations.why import why as explain
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.ranking.request import Candidates, HistoryEvent, User
from recsys.releases import collect_garbage, create_tenant, erase_users
from recsys.releases.manifest import read_manifest

AT = NOW_S - 3_600.0
ANN = User(user_id="a" * 32, history=(HistoryEvent(item_id="i01", event_type="click"),))
ASKED = RecommendRequest(surface="home", k=5, user=ANN)


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    """A shop whose generation 2 serves ``home``."""
    made = Incident(tmp_path)
    made.ship()
    return made


@pytest.fixture
def recorder(incident: Incident) -> Recorder:
    return Recorder(incident.store, incident.cache)


def why(incident: Incident, request_id: str, **how: Any) -> Why:
    how = {"cache": incident.cache, "now_s": NOW_S, **how}
    return explain(incident.store, "demo", request_id, **how)


def test_an_answer_is_replayed_and_every_part_of_every_score_is_told(incident, recorder):
    lift = {"id": "lift", "action": "boost", "target_type": "item", "item_ids": ["i02"], "boost_value": 0.5}
    incident.releases.put_rules(canonical([lift]), reason="for spring")
    incident.releases.put_config(canonical({"personalization": {"boost": 0.3, "min_events": 1}}), reason="by taste")
    exposure = recorder.record(ASKED, at=AT, history_from=("tail",))
    found = why(incident, exposure.request_id)
    assert (found.result, found.generation, found.rung, found.surface) == ("exact", 4, "live", "home")
    assert [item.item_id for item in found.items] == [item.item_id for item in exposure.items]
    for item in found.items:
        assert sum(item.signals.values()) == pytest.approx(item.score)
        assert item.title == f"Thing {int(item.item_id[1:])}"
        assert item.by_score == item.rank
    best = next(item for item in found.items if item.item_id == "i02")
    assert {"cooc", "popularity", "rules"} <= best.signals.keys()
    assert best.rules == ("lift",)
    assert "together_with:i01" in best.reasons
    assert [event["item_id"] for event in found.request["user"]["history"]] == ["i01"]
    assert found.history_from == ("tail",)
    assert "HISTORY_BEST_EFFORT" in {warning.code for warning in found.warnings}
    left = found.left_out[0]
    assert (left.of, left.out, left.blocked, left.excluded) == (
        21,
        2,
        0,
        0,
    )  # one is unavailable, one is in no catalogue


def test_it_says_who_shipped_each_part_when_and_why(incident, recorder):
    incident.block("late", ["i17"])
    incident.releases.put_config(canonical({"limits": {"max_k": 50}}), reason="longer lists")
    exposure = recorder.record(ASKED, at=AT)
    found = why(incident, exposure.request_id)
    made = {one.part: (one.made.generation, one.made.actor, one.made.reason) for one in found.versions}
    assert made == {
        "config": (4, "test", "longer lists"),
        "rules": (3, "test", "test"),
        "artifacts:home": (2, "test", "test"),
    }
    assert found.versions[0].version == exposure.context["config_version"]
    assert (found.release.generation, found.release.action) == (4, "config")


def test_an_answer_of_a_candidate_names_what_the_candidate_brought(incident, recorder):
    rules = canonical(
        [{"id": "no 16", "action": "block", "target_type": "item", "item_ids": ["i16"], "surface": "home"}]
    )
    started = incident.releases.candidates.start("home", share=0.5, rules=rules, reason="try without 16")
    exposure = recorder.record(ASKED, at=AT, arm="candidate")
    found = why(incident, exposure.request_id)
    assert (found.result, found.arm) == ("exact", "candidate")
    assert "i16" not in {item.item_id for item in found.items}
    made = {one.part: one.made.reason for one in found.versions}
    assert made == {"config": "", "rules": "try without 16", "artifacts:home": "test"}
    assert found.generation == started.release.generation


def test_where_the_order_is_not_that_of_the_scores_it_says_the_place_by_score(incident, recorder):
    incident.block("few blue ones", ["i16", "i14"])
    incident.releases.put_config(canonical({"diversity": {"mmr_lambda": 0.2}}))
    exposure = recorder.record(RecommendRequest(surface="home", k=5), at=AT)
    found = why(incident, exposure.request_id)
    assert found.result == "exact"
    assert [item.by_score for item in found.items] != [1, 2, 3, 4, 5]
    assert sorted(item.by_score for item in found.items) == [1, 2, 3, 4, 5]


def test_what_was_drawn_or_asked_by_an_item_is_exact_too(incident, recorder):
    config = {"exploration": {"policy": "plackett_luce", "temperature": 4.0, "slots": 3}}
    incident.releases.put_config(canonical(config))
    drawn = recorder.record(RecommendRequest(surface="home", k=5), at=AT, seed="s1")
    beside = recorder.record(SimilarRequest(surface="home", item_id="i01", k=5), at=AT + 1)
    found = why(incident, drawn.request_id)
    assert (found.result, why(incident, beside.request_id).result) == ("exact", "exact")
    assert [item.propensity for item in found.items] == [item.propensity for item in drawn.items]


def test_what_people_did_with_it_is_told_once(incident, recorder):
    exposure = recorder.record(ASKED, at=AT)
    click = Outcome(
        request_id=exposure.request_id, item_id="i16", event_type="click", ts=rfc3339(AT + 9), event_id="e1", key_id="k"
    )
    recorder.write(click, msgspec.structs.replace(click, request_id="another", event_id="e2"))
    recorder.write(click)
    found = why(incident, exposure.request_id)
    assert [(act.event_type, act.item_id, act.ts) for act in found.outcomes] == [("click", "i16", rfc3339(AT + 9))]


def test_a_host_that_had_seen_later_withdrawals_answered_without_them_and_is_replayed_so(incident, recorder):
    exposure = recorder.answer(ASKED, at=AT, generation=2, withdrawn=frozenset(["i16"]))
    incident.block("later", ["i03"])
    incident.releases.withdraw(["i16"], reason="recalled")
    recorder.write(exposure)
    found = why(incident, exposure.request_id)
    assert (found.result, found.bound_by) == ("exact", 4)
    assert "i16" not in {item.item_id for item in found.items}


def test_a_record_that_was_changed_differs_and_says_where(incident, recorder):
    true = recorder.answer(RecommendRequest(surface="home", k=3), at=AT)
    ids = [item.item_id for item in true.items]
    decision = msgspec.structs.replace(true.decision, answer="sha256:" + "0" * 64)
    recorder.write(msgspec.structs.replace(true, items=shown(ids[1], ids[0], ids[2]), decision=decision))
    found = why(incident, true.request_id)
    assert found.result == "differs"
    assert (
        found.because
        == f"place 1 was {ids[1]}, the replay gives {ids[0]}; place 2 was {ids[0]}, the replay gives {ids[1]}"
    )
    assert "releases verify" in found.next_step
    assert found.replayed == tuple(ids)
    assert all(item.signals is None for item in found.items)


def test_a_record_whose_list_alone_was_changed_is_not_called_exact(incident, recorder):
    true = recorder.answer(RecommendRequest(surface="home", k=3), at=AT)
    recorder.write(msgspec.structs.replace(true, items=shown("i01", *(item.item_id for item in true.items[1:]))))
    found = why(incident, true.request_id)
    assert found.result == "differs"
    assert found.because.startswith("the record lists other items than its own digest names: place 1 was i01")


def test_a_generation_that_is_another_than_the_one_recorded_is_named(incident, recorder):
    true = recorder.answer(ASKED, at=AT)
    context = {**true.context, "rules_version": "sha256:" + "1" * 64}
    decision = msgspec.structs.replace(true.decision, answer="sha256:" + "0" * 64)
    recorder.write(msgspec.structs.replace(true, context=context, decision=decision))
    assert "another rules than the one recorded: the log was replaced" in why(incident, true.request_id).because


def test_what_a_collection_deleted_is_named_with_the_collection(incident, recorder, tmp_path):
    exposure = recorder.record(ASKED, at=AT)
    for number in range(3):
        incident.ship(popularity=artifacts.popularity({"i01": 1.0 + number}))
    done = collect_garbage(incident.store, "demo", actor="test", keep=1, grace_s=0.0)
    found = why(incident, exposure.request_id, cache=tmp_path / "elsewhere")
    assert (found.result, found.generation) == ("unreplayable", 2)
    assert found.because == (f"of generation 2 is gone: the manifest of home; collected by generation {done.begun}")
    assert "gc --keep" in found.next_step
    assert [item.item_id for item in found.items] == [item.item_id for item in exposure.items]


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"rung": "floor"}, "the floor of a host answered"),
        (
            {"algo_version": "blend-9", "answer": "sha256:0"},
            "it was ranked by blend-9, and this program ranks by blend-2",
        ),
        ({"algo_version": "blend-9", "request": {"surface": "home", "mood": 1}}, "it was ranked by blend-9"),
        ({"request": {"surface": "home", "mood": 1}}, "this version cannot read the request of its record"),
        ({"generation": 99}, "its release cannot be read: tenant demo has no generation 99"),
    ],
)
def test_what_cannot_be_replayed_says_why_and_what_to_do(incident, recorder, changed, because):
    exposure = recorder.record(ASKED, at=AT, changed=changed)
    found = why(incident, exposure.request_id)
    assert found.result == "unreplayable"
    assert found.because.startswith(because)
    assert found.next_step


def test_a_record_without_a_decision_is_unreplayable(incident, recorder):
    recorder.write(msgspec.structs.replace(recorder.answer(ASKED, at=AT), decision=None))
    found = why(incident, request_id_at(AT))
    assert (found.result, found.because) == ("unreplayable", "its record has no decision record")
    assert found.generation == 2


def test_an_answer_for_a_user_erased_since_shows_no_history_and_nobody(incident, recorder):
    exposure = recorder.record(ASKED, at=AT, context={"unit_type": "anonymous_id", "unit_id": "b" * 32})
    click = Outcome(
        request_id=exposure.request_id, item_id="i16", event_type="click", ts=exposure.ts, user_id="a" * 32, key_id="k"
    )
    recorder.write(click)
    erase_users(incident.releases, ["a" * 32], reason="asked for it")
    found = why(incident, exposure.request_id)
    assert (found.result, found.request, found.user_id, found.unit) == ("unreplayable", None, None, None)
    assert "erased" in found.because
    told = msgspec.json.encode(found)
    assert b"i01" not in told
    assert b"aaaa" not in told
    assert b"bbbb" not in told
    assert found.outcomes == ()


def test_by_any_id_that_an_erased_user_had_their_record_shows_no_history(incident, recorder):
    browser = RecommendRequest(surface="home", k=5, user=User(anonymous_id="b" * 32, history=ANN.history))
    exposure = recorder.record(browser, at=AT)
    erase_users(incident.releases, ["b" * 32], reason="asked for it")
    assert why(incident, exposure.request_id).request is None


def test_nobody_sees_an_answer_of_another_tenant(incident, recorder):
    exposure = recorder.record(ASKED, at=AT)
    create_tenant(incident.store, "other", actor="test")
    with pytest.raises(NotRecorded, match="of other in"):
        explain(incident.store, "other", exposure.request_id, cache=incident.cache, now_s=NOW_S)
    # not even where its record was put among the other's by mistake
    incident.store.objects.create(
        f"events/other/exposures/dt={exposure.ts[:10]}/h-0-1.jsonl", canonical(exposure) + b"\n"
    )
    with pytest.raises(NotRecorded):
        explain(incident.store, "other", exposure.request_id, cache=incident.cache, now_s=NOW_S)


def test_an_id_that_tells_its_time_is_looked_for_in_that_time_alone_unless_asked(incident, recorder):
    exposure = recorder.answer(ASKED, at=AT)
    recorder.write(exposure, day="2025-11-20")  # AT lies on 2025-11-24
    with pytest.raises(NotRecorded, match="written on 2025-11-24, the day its id tells"):
        why(incident, exposure.request_id)
    assert why(incident, exposure.request_id, since_s=NOW_S - 30 * 86_400).result == "exact"


def test_a_record_written_past_midnight_is_found(incident, recorder):
    midnight = 1_764_028_800.0
    exposure = recorder.answer(ASKED, at=midnight - 1)
    recorder.write(exposure, day=rfc3339(midnight)[:10])
    assert why(incident, exposure.request_id, now_s=midnight).result == "exact"


def test_the_id_of_a_client_finds_its_newest_answer_and_names_the_others(incident, recorder):
    made = [recorder.answer(ASKED, at=AT + n) for n in range(3)]
    recorder.write(*(msgspec.structs.replace(one, client_request_id='page "7"') for one in made))
    found = why(incident, 'page "7"')
    assert found.request_id == made[2].request_id
    assert found.other_request_ids == (made[1].request_id, made[0].request_id)


def test_how_far_it_was_looked_for_an_id_that_tells_no_time_is_said(incident, recorder):
    exposure = msgspec.structs.replace(recorder.answer(ASKED, at=NOW_S - 9 * 86_400), request_id="odd")
    recorder.write(exposure)
    with pytest.raises(NotRecorded, match="written since 2025-11-17"):
        why(incident, "odd")
    assert why(incident, "odd", since_s=NOW_S - 10 * 86_400).result == "exact"


@pytest.mark.parametrize("odd", ["", "\udcff", "../..", "\x00", "*", "%00", "0" * 10_000])
def test_whatever_is_asked_for_is_not_found_rather_than_a_failure(incident, recorder, odd):
    recorder.record(ASKED, at=AT)
    with pytest.raises(NotRecorded):
        why(incident, odd)


def _spooled(folder: Path, exposure: Exposure, state: str, *, torn: bytes = b"") -> Path:
    path = folder / state / "demo" / "exposures" / f"dt={exposure.ts[:10]}" / f"h-0-{int(AT * 1000)}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(canonical(exposure) + b"\n" + torn)
    return path


@pytest.mark.parametrize("state", ["open", "ready", "shipped", "."])
def test_what_is_only_on_the_host_or_kept_elsewhere_is_found(incident, recorder, tmp_path, state):
    exposure = recorder.answer(ASKED, at=AT)
    path = _spooled(tmp_path / "spool", exposure, state, torn=b'{"request_id":"' + exposure.request_id.encode())
    found = why(incident, exposure.request_id, spool=tmp_path / "spool")
    assert (found.result, found.found_in) == ("exact", str(path))
    assert why(incident, exposure.request_id, kept=tmp_path / "spool").result == "exact"


def test_where_records_are_kept_elsewhere_the_store_is_not_looked_at(incident, recorder, tmp_path):
    exposure = recorder.record(ASKED, at=AT)
    (tmp_path / "kept").mkdir()
    with pytest.raises(NotRecorded):
        why(incident, exposure.request_id, kept=tmp_path / "kept")


def test_a_record_of_a_newer_version_is_told_from_none(incident, recorder):
    exposure = recorder.answer(ASKED, at=AT)
    line = canonical({**msgspec.to_builtins(exposure), "mood": "good"}) + b"\n"
    incident.store.objects.create(f"events/demo/exposures/dt={exposure.ts[:10]}/h-0-77.jsonl", line)
    with pytest.raises(NotRecorded, match=r"h-0-77.jsonl names it, and this version cannot read it"):
        why(incident, exposure.request_id)


def test_an_answer_of_one_surface_needs_nothing_of_another(incident, recorder, tmp_path):
    pdp = incident.shop.manifest(surface="pdp", end="2026-11-21")
    incident.releases.ship("pdp", pdp, reason="test")
    exposure = recorder.record(ASKED, at=AT)
    incident.store.blobs.delete("demo", pdp)
    assert why(incident, exposure.request_id, cache=tmp_path / "elsewhere").result == "exact"


def test_a_surface_and_a_segment_the_release_does_not_know_are_replayed(incident, recorder):
    incident.releases.ship("pdp", incident.shop.manifest(surface="pdp"), reason="test")
    odd = recorder.record(RecommendRequest(surface="attic", segment="new_users", k=4), at=AT)
    left = recorder.record(
        RecommendRequest(surface="pdp", segment="nobody", k=4, candidates=Candidates(exclude_ids=("i17",))), at=AT + 1
    )
    assert why(incident, odd.request_id).result == "exact"
    assert "UNKNOWN_SURFACE" in {warning.code for warning in why(incident, odd.request_id).warnings}
    assert why(incident, left.request_id).result == "exact"


def test_a_personal_signal_that_was_deleted_after_its_last_day_is_named(incident, recorder, tmp_path):
    plain = read_manifest(incident.store.blobs.read("demo", incident.shop.manifest()))
    ref = msgspec.structs.replace(plain.signals["cooc"][0], retain_until=date(9999, 1, 1))
    manifest = msgspec.structs.replace(plain, signals={**plain.signals, "cooc": (ref,)})
    incident.releases.ship("home", incident.shop.put(canonical(manifest)), reason="by what people took")
    exposure = recorder.record(ASKED, at=AT)
    assert why(incident, exposure.request_id).result == "exact"
    incident.store.blobs.delete("demo", ref.artifact)
    found = why(incident, exposure.request_id, cache=tmp_path / "elsewhere")
    assert found.result == "unreplayable"
    assert found.because == "cooc of home held personal data and were deleted after their last day"


def test_why_not_names_the_first_step_that_dropped_it(incident, recorder):
    block = {"id": "no-one", "action": "block", "item_ids": ["i04"]}
    incident.releases.put_rules(canonical([block]), reason="recall")
    exposure = recorder.record(ASKED, at=AT)
    shown = exposure.items[0].item_id
    (blocked,) = why(incident, exposure.request_id, not_item="i04").missing
    assert (blocked.step, blocked.rules) == ("exclusions", ("no-one",))
    (first,) = why(incident, exposure.request_id, not_item=shown).missing
    assert (first.step, first.because) == ("shown", "it was shown at place 1")
    (unknown,) = why(incident, exposure.request_id, not_item="nothing").missing
    assert unknown.step == "candidates"
    assert why(incident, exposure.request_id).missing == ()


def test_why_not_of_similar_items(incident, recorder):
    exposure = recorder.record(SimilarRequest(surface="home", item_id="i01", k=3), at=AT)
    (anchor,) = why(incident, exposure.request_id, not_item="i01").missing
    assert anchor.step == "exclusions"
