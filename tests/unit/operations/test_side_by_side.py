"""One request at two generations: what came, went and moved, which part did it, and what to say where a list is not to
be had.
"""

import random
from datetime import date

import msgspec
import numpy as np
import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.operations.records import Recorder
from tests.unit.signals import artifacts
from tests.unit.signals.test_profiles import Part, blob_of

from recsys.catalog import ItemUpdate, checked_update
from recsys.encoding import canonical
from recsys.operations.side_by_side import Comparing, SideBySide, recorded_beside
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.ranking.request import HistoryEvent, User
from recsys.releases import collect_garbage, erase_users
from recsys.releases.errors import UnknownGeneration
from recsys.releases.manifest import read_manifest

AT = NOW_S - 3_600.0
ANN = "a" * 32
ASKED = RecommendRequest(surface="home", k=5, user=User(user_id=ANN, history=(HistoryEvent(item_id="i01"),)))
NOBODY = RecommendRequest(surface="home", k=5)


@pytest.fixture
def incident(tmp_path) -> Incident:
    """A shop whose generation 2 serves ``home``."""
    made = Incident(tmp_path)
    made.ship()
    return made


@pytest.fixture
def recorder(incident) -> Recorder:
    return Recorder(incident.store, incident.cache)


def beside(incident, request, a, b, **how) -> SideBySide:
    return Comparing(incident.store, "demo", cache=incident.cache).request(request, a, b, now=AT, **how)


def recorded(incident, exposure, against, **how) -> SideBySide:
    how = {"cache": incident.cache, "now_s": NOW_S, **how}
    return recorded_beside(incident.store, "demo", exposure.request_id, against, **how)


def changes(found: SideBySide) -> dict[str, tuple[str, int | None, int | None]]:
    return {row.item_id: (row.change, row.a, row.b) for row in found.rows}


def effects(found: SideBySide) -> dict[str, str]:
    return {part.part: part.effect for part in found.parts}


def test_what_came_went_and_stayed_stands_with_both_ranks_and_titles(incident, recorder):
    served = recorder.record(NOBODY, at=AT)
    incident.block("no 16", ["i16"])
    found = recorded(incident, served, 3)
    assert changes(found) == {
        "i17": ("stayed", 1, 1),
        "i16": ("went", 2, None),
        "i15": ("stayed", 3, 2),
        "i14": ("stayed", 4, 3),
        "i13": ("stayed", 5, 4),
        "i12": ("came", None, 5),
    }
    assert [row.item_id for row in found.rows] == ["i17", "i16", "i15", "i14", "i13", "i12"]
    assert {row.title for row in found.rows} == {f"Thing {number}" for number in range(12, 18)}
    assert (found.same, found.overlap, found.explained_by) == (False, 0.8, "rules")
    assert (found.parts[0].changes, found.because) == (("rule added: no 16",), "rules alone make the difference")
    assert (found.a.source, found.b.source, found.a.release.action, found.b.release.action) == (
        "recorded", "ranked", "ship", "rules",
    )  # fmt: skip


def test_what_overtakes_has_moved(incident):
    lift = {"id": "lift", "action": "boost", "target_type": "item", "item_ids": ["i13"], "boost_value": 1.0}
    incident.releases.put_rules(canonical([lift]))
    found = beside(incident, NOBODY, 2, 3)
    assert changes(found)["i13"] == ("moved", 5, 1)
    assert {row.change for row in found.rows if row.item_id != "i13"} == {"stayed"}


def test_the_part_that_is_enough_and_needed_explains_it_though_others_changed(incident):
    incident.releases.put_config(canonical({"limits": {"max_k": 50}}))
    incident.block("no 16", ["i16"])
    incident.ship(end="2026-11-23", popularity=artifacts.popularity({f"i{n:02}": float(n) for n in range(1, 18)}))
    found = beside(incident, NOBODY, 2, 5)
    assert (found.explained_by, effects(found)) == ("rules", {"config": "none", "rules": "all", "artifacts": "none"})


def test_where_it_takes_two_parts_no_one_explains_it(incident):
    incident.block("no 16", ["i16"])
    incident.ship(popularity=artifacts.popularity({f"i{n:02}": float(40 - n) for n in range(1, 18)}))
    found = beside(incident, NOBODY, 2, 4)  # the artifacts bring this list alone; taken back, the rule would be seen
    assert (found.explained_by, effects(found)) == (None, {"rules": "some", "artifacts": "some"})
    assert found.because == ("no part alone makes the difference there and back: rules and artifacts have a part in it")


def test_an_overlay_and_withdrawals_are_parts_too(incident):
    incident.releases.withdraw(["i17"], reason="recalled")
    assert beside(incident, NOBODY, 2, 3).explained_by == "withdrawals"
    incident.releases.update_items(checked_update([ItemUpdate(item_id="i16", available=False)]), reason="sold out")
    found = beside(incident, NOBODY, 3, 4)
    assert (found.explained_by, changes(found)["i16"][0]) == ("overlay", "went")


def test_against_itself_nothing_differs_and_the_other_way_round_is_the_mirror(incident):
    """A law, over releases that change at random in every way."""
    draw = random.Random(5)
    for number in range(8):
        match draw.randrange(4):
            case 0:
                incident.ship(popularity=artifacts.popularity({f"i{n:02}": draw.random() * 20 for n in range(1, 18)}))
            case 1:
                incident.block(f"no {number}", draw.sample([f"i{n:02}" for n in range(20)], 3))
            case 2:
                incident.releases.put_config(canonical({"weights": {"popularity": draw.random(), "cooc": number}}))
            case 3:
                incident.releases.withdraw([f"i{draw.randrange(20):02}"], reason="recalled")
    newest = incident.releases.current().generation
    comparing = Comparing(incident.store, "demo", cache=incident.cache)
    mirrored = {"came": "went", "went": "came", "moved": "moved", "stayed": "stayed"}
    differed = 0
    for a in range(2, newest + 1):
        itself = comparing.request(ASKED, a, a, now=AT)
        assert (itself.same, itself.parts, {row.change for row in itself.rows}) == (True, (), {"stayed"})
        for b in range(a + 1, newest + 1):
            there, back = comparing.request(ASKED, a, b, now=AT), comparing.request(ASKED, b, a, now=AT)
            differed += not there.same
            assert (there.same, there.overlap, there.explained_by) == (back.same, back.overlap, back.explained_by)
            assert effects(there) == effects(back)
            turned = {name: mirrored[change] for name, (change, _, _) in changes(back).items()}
            came_or_went = {name: change[0] for name, change in changes(there).items() if change[0] in ("came", "went")}
            assert came_or_went.items() <= turned.items()
            ranks = {row.item_id: (row.b, row.a) for row in back.rows}
            assert {row.item_id: (row.a, row.b) for row in there.rows} == ranks
            assert sum(row.change == "moved" for row in there.rows) == sum(row.change == "moved" for row in back.rows)
    assert differed > 5


def test_a_generation_that_was_collected_has_no_list_and_says_by_which_collection(incident, recorder, tmp_path):
    exposure = recorder.record(NOBODY, at=AT)
    for number in range(3):
        incident.ship(popularity=artifacts.popularity({"i01": 1.0 + number}))
    done = collect_garbage(incident.store, "demo", actor="test", keep=1, grace_s=0.0)
    found = recorded(incident, exposure, 3, cache=tmp_path / "elsewhere")
    assert (found.compared, found.b.source, found.same) == (False, "none", None)
    assert found.b.notes == (f"of generation 3 is gone: the manifest of home; collected by generation {done.begun}",)
    assert "gc --keep" in found.b.next_step
    # what was served at a collected generation stands in its record
    found = recorded(incident, exposure, 5, cache=tmp_path / "elsewhere")
    assert (found.a.source, found.a.count, found.same, found.explained_by) == ("recorded", 5, False, None)
    assert "is gone" in found.a.notes[0]
    assert "cannot be told" in found.because


def test_a_surface_absent_at_one_of_them_is_said_and_the_list_that_would_be_shown_is_shown(incident):
    incident.releases.ship("pdp", incident.shop.manifest(surface="pdp", popularity=artifacts.popularity({"i01": 1.0})))
    found = beside(incident, RecommendRequest(surface="pdp", k=3), 2, 3)
    assert [warning.code for warning in found.a.warnings] == ["UNKNOWN_SURFACE"]
    assert found.b.warnings == ()
    assert (found.a.count, found.explained_by) == (3, "artifacts")


def test_an_answer_of_another_version_stands_as_it_was_served_and_nothing_is_blamed(incident, recorder):
    exposure = recorder.record(NOBODY, at=AT, changed={"algo_version": "blend-1", "answer": "sha256:" + "0" * 64})
    incident.block("no 16", ["i16"])
    found = recorded(incident, exposure, 3)
    assert (found.a.source, found.same, found.explained_by, found.parts) == ("recorded", False, None, ())
    assert found.a.notes == ("it was ranked by blend-1, and this program ranks by blend-2",)


def test_a_candidate_is_asked_where_it_runs_and_named(incident, recorder):
    rules = canonical(
        [{"id": "no 16", "action": "block", "target_type": "item", "item_ids": ["i16"], "surface": "home"}]
    )
    incident.releases.candidates.start("home", share=0.5, rules=rules, reason="try without 16")
    served = recorder.record(NOBODY, at=AT, arm="candidate")
    found = recorded(incident, served, 2)
    assert (found.b.arm, found.explained_by, changes(found)["i16"]) == (None, "rules", ("came", None, 2))
    assert found.b.notes == ("no candidate runs on home: what the surface serves is shown",)
    again = beside(incident, NOBODY, 3, 2, arm="candidate")
    assert (again.a.arm, changes(again), again.explained_by) == ("home-3", changes(found), "rules")
    assert beside(incident, NOBODY, 3, 2).same  # what the surface serves did not change


def profiled(incident, items: list[str]) -> str:
    """Publish a manifest with a profile of Ann; return the digest of the profiles."""
    day = date(2025, 11, 20).toordinal() - date(1970, 1, 1).toordinal()
    rows = {
        "owner": np.zeros(len(items), dtype=np.int64),
        "item": np.arange(len(items)),
        "type": np.zeros(len(items), dtype=np.int64),
        "day": np.full(len(items), day),
    }
    blob = blob_of([Part([ANN], rows)], types=["click"], items=items)
    ref = msgspec.structs.replace(incident.shop.ref(blob), retain_until=date(9999, 1, 1))
    plain = read_manifest(incident.store.blobs.read("demo", incident.shop.manifest()))
    manifest = incident.shop.put(canonical(msgspec.structs.replace(plain, profiles=ref)))
    incident.releases.ship("home", manifest, reason="with profiles")
    return ref.artifact


def test_a_user_is_known_by_each_generations_profiles_until_those_are_deleted(incident, tmp_path):
    ann = RecommendRequest(surface="home", k=5, user=User(user_id=ANN))
    held = profiled(incident, ["i01"])
    found = beside(incident, ann, 2, 3)
    assert (found.a.history, found.b.history, found.explained_by) == (0, 1, "artifacts")
    incident.store.blobs.delete("demo", held)
    found = Comparing(incident.store, "demo", cache=tmp_path / "elsewhere").request(ann, 2, 3, now=AT)
    assert (found.same, found.b.history) == (True, 0)
    assert found.b.notes == ("profiles of home held personal data and were deleted after their last day",)


def test_who_was_erased_is_nobody(incident, recorder):
    profiled(incident, ["i01"])
    served = recorder.record(ASKED, at=AT)
    erase_users(incident.releases, [ANN], reason="asked for it")
    found = beside(incident, RecommendRequest(surface="home", k=5, user=User(user_id=ANN)), 2, 3)
    assert (found.same, found.b.history) == (True, 0)
    assert "erased" in found.because
    found = recorded(incident, served, 2)
    assert (found.compared, found.a.count, found.b.source) == (False, 5, "none")
    assert "erased" in found.a.notes[0]


def test_neighbours_and_answers_bound_by_later_withdrawals_are_compared(incident, recorder):
    beside_item = recorder.record(SimilarRequest(surface="home", item_id="i01", k=3), at=AT)
    bound = recorder.answer(NOBODY, at=AT + 1, generation=2, withdrawn=frozenset(["i16"]))
    incident.releases.withdraw(["i16"], reason="recalled")
    recorder.write(bound)
    incident.ship(popularity=artifacts.popularity({"i05": 9.0, "i03": 4.0}))
    assert recorded(incident, beside_item, 2).same
    assert recorded(incident, bound, 3).same
    found = recorded(incident, bound, 4)
    assert (found.explained_by, found.a.notes) == (
        "artifacts", ("without the items that generation 3 withdraws: the host had seen that much",),
    )  # fmt: skip


def test_a_generation_that_is_not_there_is_an_error(incident, recorder):
    exposure = recorder.record(NOBODY, at=AT)
    with pytest.raises(UnknownGeneration):
        recorded(incident, exposure, 99)
    with pytest.raises(UnknownGeneration):
        beside(incident, NOBODY, 2, 99)
