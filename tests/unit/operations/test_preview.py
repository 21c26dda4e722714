"""What sample requests would show before and after a change, one that is planned only or stands in the log."""

import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.operations.records import Recorder
from tests.unit.signals import artifacts

from recsys.encoding import canonical
from recsys.errors import NotFound
from recsys.operations.preview import Preview, asked_by, preview
from recsys.ranking import RecommendRequest
from recsys.ranking.request import Anchors, HistoryEvent, User
from recsys.releases import Change, erase_users

AT = NOW_S - 3_600.0
ANN = "a" * 32
NOBODY = RecommendRequest(surface="home", k=5)
KNOWN = RecommendRequest(surface="home", k=5, user=User(user_id=ANN, history=(HistoryEvent(item_id="i01"),)))
UPSIDE_DOWN = {f"i{number:02}": float(40 - number) for number in range(1, 18)}


@pytest.fixture
def incident(tmp_path) -> Incident:
    """A shop whose generation 2 serves ``home``."""
    made = Incident(tmp_path)
    made.ship()
    return made


@pytest.fixture
def recorder(incident) -> Recorder:
    return Recorder(incident.store, incident.cache)


def of(incident, change: Change, **how) -> Preview:
    """Preview a change of a dry run against what is in force."""
    head = incident.releases.current()
    how = {"cache": incident.cache, "now_s": NOW_S, "documents": change.documents, "k": 5, **how}
    return preview(incident.store, head, change.release, **how)


def blocking(*item_ids: str, **more) -> bytes:
    return canonical([{"id": "no 16", "action": "block", "target_type": "item", "item_ids": item_ids, **more}])


def changes(found: Preview) -> dict[str, tuple[str, int | None, int | None]]:
    (one,) = found.lists
    return {row.item_id: (row.change, row.a, row.b) for row in one.rows}


def test_rules_that_are_only_planned_are_shown_at_work_and_nothing_is_stored(incident, recorder):
    recorder.record(NOBODY, at=AT)
    blobs = len(list(incident.store.objects.keys("blobs/demo/")))
    change = incident.releases.put_rules(blocking("i16"), dry_run=True)
    found = of(incident, change)
    assert (found.before, found.after, found.requests, found.recorded) == (2, 3, 1, 1)
    assert changes(found) == {
        "i17": ("stayed", 1, 1),
        "i16": ("went", 2, None),
        "i15": ("stayed", 3, 2),
        "i14": ("stayed", 4, 3),
        "i13": ("stayed", 5, 4),
        "i12": ("came", None, 5),
    }
    (one,) = found.lists
    assert {row.title for row in one.rows} == {f"Thing {number}" for number in range(12, 18)}
    assert (one.gone, one.same, one.overlap) == ({"i16": "blocked by no 16"}, False, 0.8)
    assert found.changes == ("rule added: no 16",)
    assert (incident.releases.current().generation, len(list(incident.store.objects.keys("blobs/demo/")))) == (2, blobs)


def test_rules_that_leave_nothing_show_up_as_empty_answers(incident, recorder):
    recorder.record(NOBODY, at=AT)
    change = incident.releases.put_rules(blocking(*(f"i{number:02}" for number in range(20)), "x1"), dry_run=True)
    found = of(incident, change)
    (home,) = found.surfaces
    assert (home.empty_before, home.empty_after, home.same, home.overlap) == (0, 1, 0, 0.0)
    assert found.lists[0].warnings_after


def test_a_config_that_is_only_planned_and_one_that_changes_no_list(incident, recorder):
    recorder.record(KNOWN, at=AT)
    heavier = incident.releases.put_config(canonical({"weights": {"popularity": 1.0}}), dry_run=True)
    assert of(incident, heavier).total.same == 0
    other = of(incident, incident.releases.put_config(canonical({"limits": {"max_k": 50}}), dry_run=True))
    assert (other.total.same, other.total.overlap, other.lists[0].same) == (1, 1.0, True)
    assert other.changes == ("config limits.max_k: none → 50",)


def test_a_rollback_of_one_surface_is_previewed_on_its_requests_alone(incident, recorder):
    incident.releases.ship("pdp", incident.shop.manifest(surface="pdp"))
    incident.ship(popularity=artifacts.popularity(UPSIDE_DOWN))
    for number in range(3):
        recorder.record(NOBODY, at=AT + number)
        recorder.record(RecommendRequest(surface="pdp", k=5), at=AT + 10 + number)
    change = incident.releases.rollback("artifacts", surface="home", dry_run=True)
    found = of(incident, change, surface="home")
    assert (found.requests, [one.surface for one in found.surfaces]) == (3, ["home"])
    assert found.total.same == 0
    both = of(incident, change)
    assert [(one.surface, one.requests, one.same) for one in both.surfaces] == [("home", 3, 0), ("pdp", 3, 3)]
    assert [one.surface for one in both.lists] == ["home", "pdp"]  # what changes stands first


def test_a_rollback_of_one_surfaces_rules_needs_a_document_that_nobody_stored(incident, recorder):
    incident.releases.put_rules(blocking("i16", surface="home"))
    both = [
        {"id": "no 16", "action": "block", "item_ids": ["i15"], "surface": "home"},
        {"id": "tenant", "action": "block", "item_ids": ["i17"]},
    ]
    incident.releases.put_rules(canonical(both))
    recorder.record(NOBODY, at=AT)
    change = incident.releases.rollback("rules", surface="home", dry_run=True)
    assert change.documents
    found = changes(of(incident, change, surface="home"))
    assert (found["i16"][0], found["i15"][0], "i17" in found) == ("went", "came", False)


def test_two_generations_of_the_log_are_compared_the_same_way(incident, recorder):
    incident.block("no 16", ["i16"])
    recorder.record(NOBODY, at=AT)
    there = preview(
        incident.store, incident.releases.read(2), incident.releases.read(3), cache=incident.cache, now_s=NOW_S, k=5
    )
    assert changes(there)["i16"] == ("went", 2, None)


def test_without_a_recorded_request_one_for_each_surface_is_made_up(incident):
    change = incident.releases.put_rules(blocking("i16"), dry_run=True)
    found = of(incident, change)
    assert (found.requests, found.recorded, found.lists[0].request_id) == (1, 0, None)
    assert found.lists[0].asked == "nobody known"
    with pytest.raises(NotFound, match="cart"):
        of(incident, change, surface="cart")


def test_requests_that_nobody_could_tell_apart_are_one_list_and_count_each(incident, recorder):
    for number in range(3):
        recorder.record(NOBODY, at=AT + number)
    recorder.record(KNOWN, at=AT + 5)
    found = of(incident, incident.releases.put_rules(blocking("i16"), dry_run=True))
    assert sorted((one.asked, one.times) for one in found.lists) == [
        ("nobody known", 3), ("somebody with 1 event of history", 1),
    ]  # fmt: skip
    assert (found.requests, found.total.requests, found.total.overlap) == (4, 4, pytest.approx(0.8))


def test_no_more_requests_are_ranked_than_asked_for_and_none_of_before_the_window(incident, recorder):
    for number in range(6):
        recorder.record(NOBODY, at=AT + number)
    change = incident.releases.put_rules(blocking("i16"), dry_run=True)
    assert of(incident, change, most=4).requests == 4
    assert of(incident, change, window_s=60.0).recorded == 0


def test_a_release_that_does_not_open_is_said_and_the_other_is_shown(incident, recorder):
    recorder.record(NOBODY, at=AT)
    incident.ship(popularity=artifacts.popularity(UPSIDE_DOWN))
    change = incident.releases.rollback("artifacts", surface="home", dry_run=True)
    incident.store.blobs.delete("demo", str(incident.releases.current().surfaces["home"].manifest))
    found = of(incident, change)
    assert "manifest" in found.problem_before
    assert (found.compared, found.problem_after) == (False, "")
    assert (found.lists[0].before, found.lists[0].after, found.lists[0].same) == (0, 5, None)
    assert {row.change for row in found.lists[0].rows} == {"stayed"}


def test_who_was_erased_is_not_a_sample(incident, recorder):
    recorder.record(KNOWN, at=AT)
    recorder.record(NOBODY, at=AT)
    erase_users(incident.releases, [ANN], reason="asked for it")
    found = of(incident, incident.releases.put_rules(blocking("i16"), dry_run=True))
    assert [one.asked for one in found.lists] == ["nobody known"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (NOBODY, "nobody known"),
        (KNOWN, "somebody with 1 event of history"),
        (RecommendRequest(surface="home", user=User(anonymous_id="b")), "somebody without history"),
        (RecommendRequest(surface="pdp", anchors=Anchors(item_ids=("i01", "i02"))), "nobody known, beside 2 items"),
    ],
)
def test_who_asked_is_said_without_an_id(request_, said):
    assert asked_by(request_) == said
