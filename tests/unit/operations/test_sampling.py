"""A sample of the log is replayed, each answer once, and what is not identical is counted with its reason."""

import msgspec
import pytest
from tests.unit.operations.incidents import NOW_S, Incident
from tests.unit.operations.records import Recorder
from tests.unit.signals import artifacts

from recsys.encoding import canonical
from recsys.operations.recorded import NotRecorded
from recsys.operations.sampling import Sampled, replay_sample
from recsys.ranking import RecommendRequest
from recsys.ranking.request import User
from recsys.releases import collect_garbage, create_tenant, erase_users

AT = NOW_S - 3_600.0


@pytest.fixture
def incident(tmp_path) -> Incident:
    made = Incident(tmp_path)
    made.ship()
    return made


@pytest.fixture
def recorder(incident) -> Recorder:
    return Recorder(incident.store, incident.cache)


def drawn(incident, most, **how) -> Sampled:
    return replay_sample(incident.store, "demo", most, **{"cache": incident.cache, "now_s": NOW_S, **how})


def answers(recorder, count, *, first=0, **how):
    return [
        recorder.answer(RecommendRequest(surface="home", k=3 + n % 5), at=AT + first + n, **how) for n in range(count)
    ]


def test_all_that_is_as_it_was_is_identical_over_every_generation(incident, recorder):
    recorder.write(*answers(recorder, 30))
    incident.block("no 16", ["i16"])
    recorder.write(*answers(recorder, 30, first=100))
    found = drawn(incident, 1000)
    assert (found.of, found.sampled, found.identical, found.generations) == (60, 60, 60, 2)
    assert (found.exact, found.reasons) == (True, ())


@pytest.mark.long
def test_a_sample_is_drawn_evenly_and_the_same_again(incident, recorder):
    recorder.write(*answers(recorder, 200))
    incident.block("late", ["i16"])
    recorder.write(*answers(recorder, 200, first=300))
    one, again, other = drawn(incident, 50), drawn(incident, 50), drawn(incident, 50, seed=2)
    assert (one.of, one.sampled, one.identical, one.generations) == (400, 50, 50, 2)
    assert msgspec.structs.replace(one, seconds=0.0) == msgspec.structs.replace(again, seconds=0.0)
    assert other.sampled == 50


def test_what_is_not_identical_is_grouped_by_its_reason(incident, recorder, tmp_path):
    true = answers(recorder, 6)
    changed = [
        msgspec.structs.replace(one, decision=msgspec.structs.replace(one.decision, answer="sha256:" + "0" * 64))
        for one in answers(recorder, 3, first=50)
    ]
    floor = answers(recorder, 2, first=60, changed={"rung": "floor"})
    gone = answers(recorder, 1, first=70, changed={"generation": 99})
    recorder.write(*true, *changed, *floor, *gone)
    found = drawn(incident, 100)
    assert (found.sampled, found.identical, found.differs, found.unreplayable) == (12, 6, 3, 3)
    assert not found.exact
    assert [(reason.result, reason.count) for reason in found.reasons] == [
        ("differs", 3), ("unreplayable", 2), ("unreplayable", 1),
    ]  # fmt: skip
    differs = found.reasons[0]
    assert (differs.generation, set(differs.request_ids)) == (2, {one.request_id for one in changed})
    assert "floor" in found.reasons[1].because
    # and what a collection took is told too
    for number in range(3):
        incident.ship(popularity=artifacts.popularity({"i01": 1.0 + number}))
    collect_garbage(incident.store, "demo", actor="test", keep=1, grace_s=0.0)
    found = drawn(incident, 100, cache=tmp_path / "elsewhere")
    assert (found.identical, found.reasons[0].count) == (0, 9)
    assert "collected by generation" in found.reasons[0].because


def test_what_lies_on_the_host_and_in_the_store_is_drawn_once_and_what_is_older_is_not(incident, recorder, tmp_path):
    made = answers(recorder, 5)
    recorder.write(*made)
    folder = tmp_path / "spool" / "shipped" / "demo" / "exposures" / f"dt={made[0].ts[:10]}"
    folder.mkdir(parents=True)
    (folder / "h-0-1.jsonl").write_bytes(b"".join(canonical(one) + b"\n" for one in made) + b'{"torn')
    found = drawn(incident, 100, spool=tmp_path / "spool")
    assert (found.of, found.sampled, found.identical, found.unread) == (10, 5, 5, 1)
    assert drawn(incident, 100, since_s=AT + 2.5).sampled == 2
    with pytest.raises(NotRecorded):
        drawn(incident, 100, since_s=AT + 60)


def test_users_erased_since_are_not_ranked_again_and_tenants_see_their_own(incident, recorder):
    ann = User(user_id="a" * 32)
    recorder.write(
        recorder.answer(RecommendRequest(surface="home", k=3, user=ann), at=AT), *answers(recorder, 2, first=9)
    )
    erase_users(incident.releases, ["a" * 32], reason="asked for it")
    found = drawn(incident, 10)
    assert (found.sampled, found.identical, found.erased, found.exact) == (3, 2, 1, True)
    create_tenant(incident.store, "other", actor="test")
    with pytest.raises(NotRecorded):
        replay_sample(incident.store, "other", 10, cache=incident.cache, now_s=NOW_S)
