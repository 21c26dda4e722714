"""A guard ends what harms, promotes what is better, and does nothing on what it cannot see."""

import itertools
import json
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from tests.unit.operations.guarded import NOW_S, Street
from tests.unit.releases.shop import TENANT

from recsys.errors import NotFound
from recsys.releases.guarded import hear_guard
from recsys.store import Unavailable


@pytest.fixture
def street() -> Iterator[Street]:
    made = Street()
    yield made
    made.close()


def test_it_needs_a_candidate(street: Street):
    street.shop.theirs.candidates.abort("home")
    with pytest.raises(NotFound, match="home of demo runs no candidate"):
        street.guard()


def test_a_candidate_that_leaves_people_without_answers_is_aborted_held_and_its_evidence_kept(street: Street):
    street.people(1500, empty=0.05)
    look = street.look(reason="on duty")
    assert look.state == "aborted"
    head = street.shop.theirs.current()
    assert (head.surfaces["home"].candidate, head.surfaces["home"].manifest) == (None, street.shop.m(1))
    assert [(hold.surface, hold.levers) for hold in head.holds] == [("home", ("artifacts",))]
    assert head.reason.startswith("guard: ")
    assert "of the candidate are empty" in head.reason
    assert head.reason.endswith("; on duty")
    kept = json.loads(street.store.blobs.read(TENANT, head.evidence[0]))
    (worst, *_) = kept["look"]["standings"]
    assert (kept["kind"], worst["check"], worst["control"]["bad"]) == ("guard.v1", "empty", 0)
    assert worst["candidate"]["bad"] > 20
    assert look.changes[0].undo == "recsys releases undo 4 --tenant demo"


@pytest.mark.parametrize(
    ("more", "check"),
    [
        ({"error": "ranking failed"}, "error"),
        ({"context": {"rung": "floor", "generation": "2"}}, "fallback"),
        ({"latency_ms": 80.0}, "slow"),
    ],
)
def test_errors_lower_rungs_and_slow_answers_are_harm_too(street: Street, more: dict, check: str):
    street.people(1500)
    street.write(street.exposure(f"v{number}", arm="candidate", **more) for number in range(60))
    look = street.look()
    assert look.state == "aborted"
    assert look.standings[0].check == check


def test_what_control_has_as_often_is_no_harm(street: Street):
    street.people(1500)
    for number in range(400):
        street.write([street.exposure(f"v{number}", empty=True)])
    look = street.look()
    assert look.state == "watching"
    assert look.standings[0].wealth < 1


def test_one_visitor_who_asks_for_the_impossible_again_and_again_is_no_harm(street: Street):
    street.people(1500)
    street.write(street.exposure("bot", arm="candidate", empty=True) for _ in range(1000))
    assert street.look().state == "watching"


def test_each_line_is_counted_once_and_only_what_is_new_is_read(street: Street):
    street.people(300)
    guard = street.guard()
    assert [guard.look().lines, guard.look().lines] == [300, 300]
    street.people(100, seed=2)
    assert guard.look().lines == 400


@pytest.mark.parametrize("where", ["store", "spool"])
def test_a_line_over_which_counting_failed_is_read_again_and_none_is_lost(street: Street, tmp_path, where: str):
    street.people(50)
    if where == "spool":
        (key,) = street.store.objects.keys(f"events/{TENANT}/exposures/")
        file = tmp_path / "ready" / key.removeprefix("events/")
        file.parent.mkdir(parents=True)
        file.write_bytes(street.store.objects.read(key))
        street.store.objects.delete(key)
    guard = street.guard(spool=tmp_path if where == "spool" else None)
    count, answers = guard._answers.read, itertools.count()

    def fails_once(line: bytes):
        if next(answers) == 20:
            raise Unavailable("release 2", "gone")
        return count(line)

    guard._answers.read = fails_once
    assert "the event log cannot be read" in guard.look().why
    look = guard.look()
    assert (look.lines, [hole for hole in look.missing if "gone" in hole]) == (50, [])


def test_a_guard_that_begins_again_comes_to_the_same_numbers(street: Street):
    guard = street.guard()
    for seed in range(5):
        street.people(100, seed=seed, empty=0.03)
        before = guard.look()
    assert street.look().standings == before.standings


def test_harm_is_found_in_its_hour_however_good_the_hours_before_were(street: Street):
    guard = street.guard()
    for hour in range(30):
        street.now_s = NOW_S + 3600 * hour
        street.beat()
        street.people(400, seed=hour)
        assert guard.look().state == "watching"
    street.now_s += 3600
    street.beat()
    street.people(1500, seed=99, empty=0.06)
    look = guard.look()
    assert (look.state, look.standings[0].span) == ("aborted", "hour")


# -- what cannot be seen


def test_without_a_word_it_says_what_is_missing(street: Street):
    assert street.look().missing == (
        "no answer of candidate yet",
        "no answer of control yet",
    )
    street.now_s += 130
    assert street.look().missing[0] == "web-1 is up, and its log ends before the candidate"


def test_a_host_that_does_not_serve_the_candidate_is_named_with_its_reason(street: Street):
    street.people(200)
    street.beat("web-2", generation=2, rejected="a score is not finite")
    look = street.look()
    assert look.state == "paused"
    assert look.missing == ("web-2 serves generation 2, not the candidate: a score is not finite",)


def test_no_host_one_arm_and_old_answers_are_missing(street: Street):
    street.people(200, only="control")
    assert street.look().missing == ("no answer of candidate yet",)
    street.people(200, seed=2)
    assert street.look().missing == ()
    street.now_s += 130
    assert [said.partition(" since")[0] for said in street.look().missing[1:]] == [
        "no answer of candidate",
        "no answer of control",
    ]
    street.store.objects.delete("replicas/web-1.json")
    assert street.look().missing[0] == "no serving host is heard of: is the service running?"


def test_answers_from_the_future_are_not_seen_as_answers(street: Street):
    street.people(200)
    street.write([street.exposure("x", arm="candidate", ts="2024-11-14T22:15:00Z")])
    (said,) = street.look().missing
    assert said == "answers of candidate are from 2024-11-14T22:15:00.000Z, which is to come: whose clock is off?"


def test_a_file_that_is_lost_before_it_was_read_is_a_hole(street: Street, tmp_path):
    street.people(200)
    growing = tmp_path / "open" / TENANT / "exposures" / "dt=2023-11-14" / "web-1-worker-1-7.jsonl"
    growing.parent.mkdir(parents=True)
    growing.write_text('{"ts":"2023-11-14T22:15:00Z"}\n{"ts":"20')
    guard = street.guard(spool=tmp_path)
    assert guard.look().missing == ()
    growing.unlink()
    assert "was read to byte 30 of at least 39" in guard.look().missing[0]


def test_a_line_of_the_candidate_that_cannot_be_read_is_a_hole(street: Street):
    street.people(200)
    street.put(b'{"context":{"experiment_id":"home-3"},"ts":"2023-11-14T22:15:00Z"}\n')
    assert "cannot be read" in street.look().missing[0]


# -- with others


def test_two_guards_do_what_one_does(street: Street):
    street.people(1500, empty=0.05)
    one, other = street.guard(), street.guard()
    assert one.look().state == "aborted"
    assert other.look().state == "ended"
    assert street.shop.theirs.current().generation == 4


def test_two_guards_at_the_same_moment_make_one_release(street: Street):
    street.people(1500, empty=0.05)
    other = street.guard()
    street.shop.meanwhile(lambda _: other.look())
    assert street.look().state in ("aborted", "ended")
    assert street.shop.theirs.current().generation == 4


def test_a_candidate_that_began_meanwhile_is_left_alone(street: Street):
    street.people(1500, empty=0.05)
    guard = street.guard()
    street.shop.theirs.candidates.abort("home")
    street.shop.theirs.candidates.start("home", share=0.1, manifest=street.shop.m(3))
    look = guard.look()
    assert (look.state, look.candidate) == ("ended", "home-3")
    assert street.shop.theirs.current().generation == 5


def test_one_that_people_promoted_is_told_as_promoted(street: Street):
    guard = street.guard()
    street.shop.theirs.candidates.promote("home")
    assert guard.look().state == "promoted"


def test_an_abort_that_was_undone_is_not_done_again_on_what_was_seen_before(street: Street):
    street.people(1500, empty=0.05)
    assert street.look().state == "aborted"
    street.shop.theirs.undo(4)
    street.shop.theirs.resume(surface="home")
    look = street.look()
    assert (look.state, look.lines) == ("paused", 0)
    street.people(1500, seed=2, empty=0.05, context={"generation": str(street.shop.theirs.current().generation)})
    assert street.look().state == "aborted"


def test_everybody_has_it_and_there_is_nothing_to_compare_with(street: Street):
    street.shop.theirs.candidates.start("home", share=1.0)
    street.write(street.exposure(f"v{n}", arm="candidate", empty=True, context={"generation": "4"}) for n in range(500))
    assert street.look().missing == ("no answer of control yet",)


def test_a_share_that_changes_on_the_way_changes_the_odds(street: Street):
    street.people(400)
    street.shop.theirs.candidates.start("home", share=0.9)
    street.people(400, seed=2, context={"generation": "4"})
    look = street.look()
    assert look.lines == 800
    assert look.share == 0.9


def test_a_dry_run_says_it_and_writes_nothing(street: Street):
    street.people(1500, empty=0.05)
    look = street.look(dry_run=True)
    assert (look.state, look.changes[0].dry_run) == ("aborted", True)
    assert street.shop.theirs.current().generation == 3
    assert hear_guard(street.store.objects, TENANT, "home-3") is None


# -- the store away


def test_while_the_store_is_away_it_says_so_and_then_goes_on(street: Street, monkeypatch: pytest.MonkeyPatch):
    street.people(1500, empty=0.05)
    guard = street.guard()
    log, objects = guard._releases.store.releases, guard._releases.store.objects

    def away(*_: object, **__: object) -> None:
        raise Unavailable("store", "no route")

    with monkeypatch.context() as gone:
        for name in ("head", "read", "append"):
            gone.setattr(log, name, away)
        for name in ("keys", "folders", "entries", "read", "replace"):
            gone.setattr(objects, name, away)
        look = guard.look()
        assert (look.state, len(look.missing)) == ("paused", 1)
        assert "no route" in look.why
    assert guard.look().state == "aborted"


def test_harm_that_this_hosts_spool_shows_is_ended_as_soon_as_the_store_is_back(
    street: Street, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    import msgspec

    folder = tmp_path / "open" / TENANT / "exposures" / "dt=2023-11-14"
    folder.mkdir(parents=True)
    rows = [street.exposure(f"v{n}", empty=street.arm(f"v{n}") == "candidate" and n % 10 == 0) for n in range(2000)]
    guard = street.guard(spool=tmp_path)
    guard.look()
    (folder / "web-1-worker-0-9.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))

    def away(*_: object, **__: object) -> None:
        raise Unavailable("store", "no route")

    with monkeypatch.context() as gone:
        gone.setattr(guard._releases.store.releases, "head", away)
        gone.setattr(guard._releases.store.objects, "folders", away)
        look = guard.look()
        assert (look.state, "not aborted yet" in look.why) == ("paused", True)
    assert guard.look().state == "aborted"


# -- the heartbeat


def test_each_look_leaves_a_heartbeat_and_leaving_says_so(street: Street):
    guard = street.guard(every_s=5.0)
    guard.look()
    heard = hear_guard(street.store.objects, TENANT, "home-3")
    assert (heard.said.state, heard.said.every_s, heard.silent) == ("paused", 5.0, False)
    assert replace(heard, age_s=21.0).silent
    guard.leave(None)
    heard = hear_guard(street.store.objects, TENANT, "home-3")
    assert (heard.said.state, replace(heard, age_s=1e6).silent) == ("left", False)


def test_one_look_beside_a_guard_leaves_its_note_as_it_is(street: Street):
    street.guard(every_s=5.0).look()
    before = hear_guard(street.store.objects, TENANT, "home-3").said
    street.now_s += 1
    once = street.guard(quiet=True)
    once.look()
    once.leave(None)
    assert hear_guard(street.store.objects, TENANT, "home-3").said == before
