"""How lists change from one release to another, by requests that were asked, or by plain ones."""

from pathlib import Path

import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.signals import artifacts
from tests.unit.snapshot.shops import POPULARITY

from recsys.access import PSEUDONYM_LENGTH
from recsys.errors import NotFound
from recsys.events.observed import Observed
from recsys.releases.erase import erase_users
from recsys.snapshot import Snapshot, open_release
from recsys.snapshot.sampled import SampledDiff, plain_requests, recent_requests, sampled


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    """A shop whose generation 2 serves ``home``."""
    made = Incident(tmp_path)
    made.ship()
    return made


def at(incident: Incident, generation: int) -> Snapshot:
    return open_release(incident.store, "demo", generation=generation, root=incident.cache)


def asked(incident: Incident, *, most: int = 20, surface: str | None = None):
    with Observed(incident.store, "demo", since_s=NOW_S - 86_400) as observed:
        return recent_requests(observed, surface=surface, most=most)


def compared(incident: Incident, a: int, b: int, *, k: int = 20) -> SampledDiff:
    return sampled(at(incident, a), at(incident, b), asked(incident), k=k)


def test_a_blocked_item_leaves_every_list_and_the_next_one_enters(incident):
    incident.serve(6)
    incident.block("best", ["i17"])
    found = compared(incident, 2, 3, k=5)
    assert (found.a, found.b, found.recorded, found.changed, found.empty) == (2, 3, 6, 1.0, (0, 0))
    assert found.overlap == pytest.approx(4 / 5)
    one = found.lists[0]
    assert [(item.item_id, item.rank, item.title) for item in one.left] == [("i17", 1, "Thing 17")]
    assert [(item.item_id, item.rank, item.title) for item in one.entered] == [("i12", 5, "Thing 12")]
    assert one.moved == ()  # closing up behind it is not moving
    assert [(item.item_id, item.lists, item.title) for item in found.left] == [("i17", 6, "Thing 17")]
    assert [(item.item_id, item.lists) for item in found.entered] == [("i12", 6)]


def test_an_item_that_overtakes_others_is_the_one_that_moved(incident):
    incident.serve(1)
    incident.ship(popularity=artifacts.popularity({**POPULARITY, "i13": 99.0}))
    one = compared(incident, 2, 3, k=5).lists[0]
    assert (one.entered, one.left, one.overlap) == ((), (), 1.0)
    assert [(item.item_id, item.before, item.after, item.title) for item in one.moved] == [("i13", 5, 1, "Thing 13")]
    assert one.changed


def test_lists_are_compared_down_to_k_however_few_were_asked_for(incident):
    incident.serve(1, k=5)
    incident.block("twelfth", ["i06"])
    found = compared(incident, 2, 3)
    assert (found.lists[0].before, found.lists[0].after) == (19, 18)
    assert [item.item_id for item in found.lists[0].left] == ["i06"]


def test_of_the_same_content_nothing_changes(incident):
    incident.serve(3)
    incident.releases.hold(reason="quiet")
    found = compared(incident, 2, 3)
    assert (found.changed, found.overlap, found.entered, found.left) == (0.0, 1.0, (), ())
    assert found.lines() == [
        "3 recorded requests, top 20: 0 of 3 lists change, and keep 100% of their items on average"
    ]


def test_lists_that_become_empty_are_counted(incident):
    incident.serve(4)
    incident.block_all()
    found = compared(incident, 2, 3)
    assert (found.empty, found.overlap) == ((0, 4), 0.0)
    assert found.lines()[-1] == "empty lists: 0 → 4"
    back = compared(incident, 3, 2)
    assert (back.empty, back.overlap, back.changed) == ((4, 0), 0.0, 1.0)


def test_people_see_ranks_titles_and_how_many_more(incident):
    incident.serve(1, k=5)
    incident.ship(popularity=artifacts.popularity({f"i{n:02d}": float(20 - n) for n in range(1, 18)}))
    first, *_, summary, enter, leave = compared(incident, 2, 3, k=5).lines()
    request_id = asked(incident)[0].request_id
    assert first.startswith(f"home {request_id}: in 1 Thing 1 (i01), 2 Thing 2 (i02), 3 Thing 3 (i03) and 2 more; out ")
    assert summary == "1 recorded request, top 5: 1 of 1 lists change, and keep 0% of their items on average"
    assert enter.startswith("enter most lists: Thing 1 (i01) 1×, ")
    assert leave.startswith("leave most lists: Thing 13 (i13) 1×, ")


def test_the_newest_requests_are_taken_and_none_for_similar_items(incident):
    incident.serve(10, similar_too=True)
    everything = asked(incident)
    assert len(everything) == 5
    newest = asked(incident, most=2)
    assert [one.request_id for one in newest] == [one.request_id for one in everything[:2]]
    assert [one.now for one in everything] == sorted((one.now for one in everything), reverse=True)
    assert asked(incident, surface="pdp") == []


def test_requests_of_users_who_were_erased_since_are_passed_over(incident):
    gone, here = "0" * PSEUDONYM_LENGTH, "1" * PSEUDONYM_LENGTH
    incident.serve(6, people=lambda number: gone if number > 2 else here)
    assert {one.request.user.user_id for one in asked(incident, most=3)} == {gone}
    erase_users(incident.releases, [gone], reason="asked for it")
    assert [one.request.user.user_id for one in asked(incident, most=2)] == [here, here]


def test_without_a_log_each_surface_is_asked_once_as_by_a_stranger(incident):
    incident.releases.ship("pdp", incident.shop.manifest(surface="pdp"), reason="test")
    assert asked(incident) == []
    snapshots = at(incident, 2), at(incident, 3)
    plain = plain_requests(snapshots, now=NOW_S)
    assert [(one.request.surface, one.request_id) for one in plain] == [("home", None), ("pdp", None)]
    found = sampled(*snapshots, plain)
    assert (found.recorded, len(found.lists)) == (0, 2)
    assert found.lines()[-1].startswith("2 requests without a user, top 20: 0 of 2 lists change")
    assert [one.request.surface for one in plain_requests(snapshots, now=NOW_S, surface="pdp")] == ["pdp"]
    with pytest.raises(NotFound, match="serves a surface hone"):
        plain_requests(snapshots, now=NOW_S, surface="hone")


def test_before_the_first_ship_there_is_no_list(incident):
    found = sampled(at(incident, 1), at(incident, 1), plain_requests((at(incident, 1),), now=NOW_S))
    assert found.lists == ()
    assert found.lines() == ["no list to compare: neither generation serves a surface"]
