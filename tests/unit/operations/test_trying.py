"""One request tried out: what comes of it, why, from which copy, and for whom."""

from pathlib import Path

import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.operations.test_side_by_side import ANN, profiled

from recsys.encoding import canonical
from recsys.errors import NotFound
from recsys.operations.here import Here, look_here
from recsys.operations.trying import answering_here, served_here, try_at, try_here
from recsys.ranking import RecommendRequest
from recsys.ranking.request import HistoryEvent, User
from recsys.releases import erase_users
from recsys.serving.clock import boot_id, since_boot
from recsys.serving.host_state import HostState, Kept, Places, TenantState, write_host_state
from recsys.snapshot import SnapshotRejected, open_release, open_snapshot, prepare, recommend, write_floor
from recsys.snapshot.bound import write_bound

NOBODY = RecommendRequest(surface="home", k=5)
SEEN = RecommendRequest(surface="home", k=5, user=User(history=(HistoryEvent(item_id="i01"),)))


@pytest.fixture
def incident(tmp_path) -> Incident:
    """A shop whose generation 2 serves ``home``."""
    made = Incident(tmp_path)
    made.ship()
    return made


@pytest.fixture
def host(incident, tmp_path) -> Here:
    """A host that keeps generation 2, and has not seen the store since its start."""
    places = Places(tmp_path / "host")
    release = incident.releases.current()
    path = prepare(release, blobs=incident.store.blobs, root=places.root)
    kept = Kept(generation=2, path=str(path.relative_to(places.root)), log=release.log, attempt=release.attempt)
    tenants = {"demo": TenantState(kept=(kept,), head=2, log=release.log)}
    state = HostState(run="run", boot=boot_id(), written_at=since_boot(), tenants=tenants)
    write_host_state(places.state, state, durable=False)
    write_floor(open_snapshot(path), places.floor("demo"))
    return look_here(places.root)


def at(incident, request=NOBODY, *, generation=None, **how):
    release = incident.releases.current() if generation is None else incident.releases.read(generation)
    return try_at(incident.store, release, request, cache=incident.cache, now=NOW_S, **how)


def ids(found) -> list[str]:
    return [item.item_id for item in found.items]


def test_it_is_what_the_ranking_answers_with_every_part_of_every_score(incident):
    rules = [{"id": "more 12", "action": "boost", "item_ids": ["i12"], "boost_value": 2.0}]
    incident.releases.put_rules(canonical(rules))
    found = at(incident, SEEN)
    answer = recommend(open_release(incident.store, "demo", root=incident.cache), SEEN, now=NOW_S)
    assert [(item.item_id, item.score) for item in found.items] == [(i.item_id, i.score) for i in answer.items]
    for item in found.items:
        assert sum(value for _, value in item.parts) == pytest.approx(item.score)
        assert all(value for _, value in item.parts)
        assert item.title == f"Thing {int(item.item_id[1:])}"
    lifted = next(item for item in found.items if item.item_id == "i12")
    assert lifted.rules == ("more 12",)
    assert dict(lifted.parts)["rules"] > 0
    assert found.signals == ("cooc", "popularity", "rules")
    assert (found.rung, found.history, found.by_profile) == (None, 1, False)


def test_titles_of_what_reasons_name_are_there_though_it_is_not_shown(incident):
    found = at(incident, SEEN)
    named = {reason for item in found.items for reason in item.reasons if reason.endswith(":i01")}
    assert not named or found.anchors == {"i01": "Thing 1"}


def test_a_user_is_known_by_the_profile_and_who_was_erased_is_nobody(incident):
    profiled(incident, ["i01"])
    ann = RecommendRequest(surface="home", k=5, user=User(user_id=ANN))
    found = at(incident, ann)
    assert (found.history, found.by_profile, found.erased) == (1, True, False)
    erase_users(incident.releases, [ANN], reason="asked for it")
    found = at(incident, ann, generation=3)
    assert (found.history, found.erased, ids(found)) == (0, True, ids(at(incident, generation=3)))


def test_what_can_be_asked_of_a_surface_is_said(incident):
    rules = [{"id": "no 16", "action": "block", "item_ids": ["i16"], "surface": "home"}]
    incident.releases.candidates.start("home", share=0.5, rules=canonical(rules), reason="try without 16")
    everywhere = [{"id": "new", "action": "block", "item_ids": ["i15"], "segment": "new_users"}]
    incident.releases.put_rules(canonical(everywhere))
    found = at(incident)
    assert (found.surfaces, found.segments, found.arms, found.draws) == (
        ("home",),
        ("new_users",),
        ("candidate",),
        False,
    )
    assert "i16" in ids(found)
    assert "i16" not in ids(at(incident, arm="candidate"))
    assert "i15" not in ids(at(incident, RecommendRequest(surface="home", k=5, segment="new_users")))


def test_a_release_that_does_not_open_is_an_error(incident):
    incident.lose("config")
    with pytest.raises(SnapshotRejected):
        try_at(incident.store, incident.releases.current(), NOBODY, cache=incident.cache / "elsewhere", now=NOW_S)


def test_a_host_answers_from_its_own_copy_whatever_became_of_the_store(incident, host):
    incident.block("no 17", ["i17"])
    incident.lose("manifest")
    found = try_here(host, "demo", NOBODY, now=NOW_S)
    assert (found.generation, found.rung, ids(found)[0]) == (2, "disk", "i17")
    assert "FALLBACK_DISK" in {warning.code for warning in found.warnings}
    answering = answering_here(host, "demo")
    assert (answering.rung, answering.generation) == ("disk", 2)


def test_what_newer_releases_withdraw_is_out_and_who_they_erase_is_nobody(host):
    write_bound(host.places.withdrawn("demo"), generation=3, digest=None, ids=["i17"])
    write_bound(host.places.erased("demo"), generation=3, digest=None, ids=[ANN])
    asked = RecommendRequest(surface="home", k=5, user=User(user_id=ANN, history=(HistoryEvent(item_id="i01"),)))
    found = try_here(host, "demo", asked, now=NOW_S)
    assert ids(found)[0] == "i16"
    assert (found.erased, found.history) == (True, 0)


def test_data_past_its_objective_is_said(host):
    found = try_here(host, "demo", NOBODY, now=NOW_S + 400 * 86_400)
    assert "DATA_STALE" in {warning.code for warning in found.warnings}


def test_a_host_that_can_open_nothing_answers_from_its_floor_and_then_says_that_there_is_none(host):
    for path in Path(host.places.root).glob("snapshots/demo/*/snapshot.json"):
        path.unlink()
    assert served_here(host, "demo") is None
    found = try_here(host, "demo", NOBODY, now=NOW_S)
    assert (found.rung, ids(found)[0], found.items[0].parts[0][0]) == ("floor", "i17", "popularity")
    for path in host.places.floor("demo").parent.iterdir():
        path.unlink()
    with pytest.raises(NotFound, match="no floor"):
        try_here(host, "demo", NOBODY, now=NOW_S)


def test_a_tenant_that_is_not_served_here_is_not_found(host):
    with pytest.raises(NotFound):
        try_here(host, "other", NOBODY, now=NOW_S)
