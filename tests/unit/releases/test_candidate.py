"""Candidates: begun, grown, promoted and aborted through the log."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.releases.shop import TENANT, Shop, config, opened, popularity, publish, rules

from recsys.encoding import digest
from recsys.errors import Refused, UsageError
from recsys.releases import (
    AlreadyPromoted,
    Candidate,
    CandidateRuns,
    CannotUndo,
    Held,
    LostRace,
    NoCandidate,
    UnfitRelease,
)
from recsys.releases.arm import arm_of, is_assigned
from recsys.releases.record import parts_of

LIVE_CONFIG = config(limits={"max_k": 11}, surfaces={"pdp": {"algorithm": "cooc"}})
OWN_CONFIG = config(limits={"max_k": 11}, surfaces={"pdp": {"algorithm": "cooc"}, "home": {"limits": {"max_k": 3}}})
LIVE_RULES = rules("all")
OWN_RULES = rules("all")[:-1] + b"," + rules("mine", surface="home")[1:]


@pytest.fixture
def shop() -> Shop:
    """Two surfaces (2, 3), a config (4) and rules (5)."""
    made = opened()
    made.theirs.ship("home", made.m(1))
    made.theirs.ship("pdp", made.m(1, "pdp"))
    made.theirs.put_config(LIVE_CONFIG)
    made.theirs.put_rules(LIVE_RULES)
    return made


def begin(shop: Shop, share: float = 0.1, **what: object):
    """Begin a candidate that carries all there is, as generation 6 of a fresh shop."""
    given = {"manifest": shop.m(2), "config": OWN_CONFIG, "rules": OWN_RULES, **what}
    return shop.ours.candidates.start("home", share=share, **given)


def runs(shop: Shop) -> Candidate | None:
    return shop.theirs.current().surfaces["home"].candidate


def read(shop: Shop, named: str) -> object:
    return msgspec.json.decode(shop.store.blobs.read(TENANT, named))


# -- beginning


def test_a_candidate_changes_nothing_of_what_the_surface_serves(shop: Shop):
    before = shop.theirs.current()
    change = begin(shop)
    after = change.release
    assert (after.action, after.requires.format) == ("candidate", 2)
    assert after.surfaces["home"].manifest == before.surfaces["home"].manifest
    assert (after.config, after.rules, after.changed) == (before.config, before.rules, before.changed)
    assert after.surfaces["home"].candidate == Candidate(
        share=0.1, since=6, unit="anonymous_id", manifest=shop.m(2), config=digest(OWN_CONFIG), rules=digest(OWN_RULES)
    )
    assert change.document()["changed"] == {"candidate:home": {"from": None, "to": "6 at 0.1"}}
    assert change.why == "candidate home-6: 10% by anonymous_id get other config, rules, artifacts"
    (seen,) = shop.ours.candidates.running()
    assert (seen.name, seen.carries, seen.actor) == ("home-6", ("config", "rules", "artifacts"), "us")
    assert shop.ours.candidates.running("pdp") == ()
    assert shop.ours.verify().sound


def test_the_arm_is_what_is_in_force_with_the_surfaces_part_replaced(shop: Shop):
    begin(shop)
    shop.theirs.put_config(config(limits={"max_k": 12}))  # reaches both arms
    shop.theirs.put_rules(rules("other"))
    arm, made = arm_of(shop.theirs.current(), "home", lambda named: shop.store.blobs.read(TENANT, named))
    assert [digest(data) for data in made] == [arm.config, arm.rules]
    assert msgspec.json.decode(made[0]) == {"limits": {"max_k": 12}, "surfaces": {"home": {"limits": {"max_k": 3}}}}
    assert [rule["id"] for rule in msgspec.json.decode(made[1])] == ["mine", "other"]
    assert arm.surfaces["home"].candidate is None
    assert arm.surfaces["home"].manifest == shop.m(2)


def test_the_same_content_again_changes_the_share_alone(shop: Shop):
    begin(shop)
    shop.theirs.put_config(config(limits={"max_k": 12}))  # the author's file is older now, and still the same content
    grown = begin(shop, share=0.5)
    assert runs(shop) == msgspec.structs.replace(shop.theirs.read(6).surfaces["home"].candidate, share=0.5)
    assert grown.release.generation == 8
    assert not begin(shop, share=0.5).changed
    assert shop.ours.candidates.start("home", share=0.2).release.surfaces["home"].candidate.since == 6


@pytest.mark.parametrize(
    "other",
    [
        {"rules": None},
        {"config": None},
        {"manifest": None},
        {"rules": LIVE_RULES},
        {"config": LIVE_CONFIG},
        {"unit": "user_id"},
    ],
)
def test_other_content_is_refused_while_one_runs_and_names_it(shop: Shop, other: dict[str, object]):
    begin(shop)
    with pytest.raises(CandidateRuns) as refused:
        begin(shop, share=0.5, **other)
    assert "home runs candidate home-6 already, begun by generation 6 (candidate by us" in refused.value.message
    assert refused.value.next_step == "end it first: recsys candidate abort --tenant demo --surface home"


def test_another_manifest_is_other_content(shop: Shop):
    begin(shop)
    with pytest.raises(CandidateRuns):
        begin(shop, manifest=shop.m(3))


@pytest.mark.parametrize("share", [0, -0.1, 1.01, math.nan, math.inf])
def test_a_share_lies_above_nothing_and_within_all(shop: Shop, share: float):
    with pytest.raises(UsageError, match="a share of"):
        begin(shop, share=share)


def test_a_candidate_carries_something(shop: Shop):
    with pytest.raises(UsageError, match="carries nothing"):
        shop.ours.candidates.start("home", share=0.1)


def test_a_surface_that_serves_nothing_has_no_control(shop: Shop):
    with pytest.raises(Refused, match="cart serves nothing a candidate could be compared with"):
        shop.ours.candidates.start("cart", share=0.1, manifest=shop.m(1, "cart"))


@pytest.mark.parametrize(
    ("document", "said", "where"),
    [
        (config(limits={"max_k": 12}), "outside `surfaces.home`: limits.max_k: 11 → 12", "under `surfaces.home`"),
        (config(limits={"max_k": 11}), "surfaces.pdp.algorithm: cooc → none", "under `surfaces.home`"),
    ],
)
def test_a_config_that_other_surfaces_would_feel_is_refused_with_where_to_put_it(
    shop: Shop, document: bytes, said: str, where: str
):
    with pytest.raises(Refused) as refused:
        begin(shop, config=document)
    assert said in refused.value.message
    assert where in refused.value.next_step
    assert shop.theirs.current().generation == 5


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (rules("all", "more"), "rule added: more"),
        (rules(), "rule removed: all"),
        (rules("all", surface="home"), "rule removed: all"),  # it would no longer hold on pdp
        (rules("all", priority=2), "rule all: priority: none → 2"),
    ],
)
def test_rules_that_other_surfaces_would_feel_are_refused_with_where_to_put_them(
    shop: Shop, document: bytes, said: str
):
    with pytest.raises(Refused) as refused:
        begin(shop, rules=document)
    assert said in refused.value.message
    assert '"surface": "home"' in refused.value.next_step


def test_what_a_candidate_names_is_checked_like_what_is_live(shop: Shop):
    with pytest.raises(UnfitRelease, match=r"is not in|nothing under"):
        begin(shop, manifest="sha256:" + "0" * 64)
    with pytest.raises(UnfitRelease, match="was built for surface pdp"):
        begin(shop, manifest=shop.m(1, "pdp"))
    with pytest.raises(UnfitRelease, match="belongs to tenant other"):
        begin(shop, manifest=publish(shop.store, data=popularity(tenant="other")))
    assert shop.theirs.current().generation == 5


def test_a_ship_finds_damage_in_what_a_candidate_serves(shop: Shop):
    begin(shop)
    key = shop.store.blobs.key(TENANT, digest(popularity(likes=2)))
    shop.store.objects.delete(key)
    with pytest.raises(UnfitRelease):
        shop.ours.ship("pdp", shop.m(3, "pdp"))
    shop.ours.withdraw(["mug"])  # a brake does not look there
    shop.ours.candidates.abort("home")
    shop.ours.ship("pdp", shop.m(3, "pdp"))


def test_a_document_that_no_longer_goes_with_the_candidate_is_refused_and_a_rollback_ends_it_instead(shop: Shop):
    shop.theirs.put_rules(rules("all", "mine"))  # 6: its id is everybody's
    shop.theirs.put_rules(LIVE_RULES)  # 7
    begin(shop)  # 8
    with pytest.raises(UnfitRelease) as refused:
        shop.ours.put_rules(rules("all", "mine"))
    assert "candidate home-8 does not go with it" in refused.value.message
    assert "recsys candidate abort --tenant demo --surface home" in refused.value.next_step
    back = shop.ours.rollback("rules", to=6)
    assert back.why == "rules as in generation 6; candidate home-8 ends"
    assert runs(shop) is None


def test_a_ship_beside_a_candidate_says_that_its_control_changed(shop: Shop):
    begin(shop)
    assert shop.ours.ship("home", shop.m(3)).why.endswith("; what candidate home-6 is compared with has changed")
    assert "home-6" not in shop.ours.ship("pdp", shop.m(3, "pdp")).why


def test_switching_off_a_rule_that_the_candidate_brings_too_says_so(shop: Shop):
    shop.theirs.put_rules(OWN_RULES)
    begin(shop, manifest=None, config=None)
    assert shop.ours.disable_rule("all").why == "rule all is disabled"  # everybody's: off in both arms
    assert shop.ours.disable_rule("mine").why == (
        "rule mine is disabled; candidate home-7 has it still: recsys candidate abort --tenant demo --surface home"
    )
    shop.theirs.put_rules(rules("x"))
    shop.store.objects.delete(shop.store.blobs.key(TENANT, digest(OWN_RULES)))
    shop.ours.disable_rule("x")


# -- promoting


def test_promoting_makes_exactly_the_arm_live(shop: Shop):
    begin(shop)
    shop.theirs.put_config(config(limits={"max_k": 12}))
    arm, _ = arm_of(shop.theirs.current(), "home", lambda named: shop.store.blobs.read(TENANT, named))
    change = shop.ours.candidates.promote("home", evidence=[b'{"better": true}'], reason="it is better")
    assert parts_of(change.release) == parts_of(arm)
    assert change.release.evidence == (digest(b'{"better": true}'),)
    assert set(change.parts) == {"config", "rules", "artifacts:home", "candidate:home"}
    assert change.release.changed["artifacts:home"] == change.release.changed["rules"] == 8
    assert shop.ours.verify().sound


def test_a_candidate_of_rules_alone_promotes_rules_alone(shop: Shop):
    begin(shop, manifest=None, config=None)
    shop.theirs.ship("home", shop.m(4))
    done = shop.ours.candidates.promote("home").release
    assert (done.surfaces["home"].manifest, done.config) == (shop.m(4), digest(LIVE_CONFIG))
    assert read(shop, done.rules) == msgspec.json.decode(OWN_RULES)


def test_promoting_nothing_is_refused(shop: Shop):
    with pytest.raises(NoCandidate, match="home runs no candidate"):
        shop.ours.candidates.promote("home")


def test_promoting_what_was_aborted_meanwhile_is_refused_with_who_did(shop: Shop):
    begin(shop)
    shop.meanwhile(lambda r: r.candidates.abort("home", reason="clicks fell"))
    with pytest.raises(LostRace, match=r"generation 7 \(abort by them at .*: clicks fell\)"):
        shop.ours.candidates.promote("home")


def test_promoting_does_not_promote_another_one_begun_meanwhile(shop: Shop):
    begin(shop)

    def another(r):
        r.candidates.abort("home", reason="clicks fell")
        r.candidates.start("home", share=0.1, manifest=shop.m(5))

    shop.meanwhile(another)
    with pytest.raises(LostRace, match="clicks fell"):
        shop.ours.candidates.promote("home")
    assert runs(shop).manifest == shop.m(5)


def test_two_who_promote_at_once_promote_once(shop: Shop):
    begin(shop)
    shop.meanwhile(lambda r: r.candidates.promote("home"))
    assert not shop.ours.candidates.promote("home").changed
    assert shop.theirs.current().generation == 7


# -- aborting


def test_aborting_leaves_what_the_surface_serves(shop: Shop):
    before = parts_of(shop.theirs.current())
    begin(shop)
    change = shop.ours.candidates.abort("home")
    assert parts_of(change.release) == before
    assert (change.release.requires.format, change.held) == (1, False)
    assert not shop.ours.candidates.abort("home").changed


def test_aborting_with_a_hold_holds_what_it_carried(shop: Shop):
    begin(shop, config=None)
    change = shop.ours.candidates.abort("home", hold=True, reason="clicks fell")
    (hold,) = change.release.holds
    assert (hold.surface, hold.levers, hold.generation) == ("home", ("rules", "artifacts"), 7)
    assert (change.held, hold.reason) == (True, "candidate home-6 was aborted: clicks fell")
    with pytest.raises(Held):
        begin(shop, config=None)
    shop.ours.candidates.start("home", share=0.1, config=OWN_CONFIG)  # what it did not carry is free


def test_aborting_does_not_end_another_one_begun_meanwhile_and_still_holds(shop: Shop):
    begin(shop)

    def another(r):
        r.candidates.abort("home")
        r.candidates.start("home", share=0.1, manifest=shop.m(5))

    shop.meanwhile(another)
    change = shop.ours.candidates.abort("home", hold=True)
    assert change.why.startswith("candidate home-6 ended already by generation 7")
    assert change.held
    assert runs(shop).since == 8


def test_aborting_what_was_promoted_meanwhile_says_that_it_is_live_for_everybody(shop: Shop):
    begin(shop)
    shop.meanwhile(lambda r: r.candidates.promote("home"))
    with pytest.raises(AlreadyPromoted) as refused:
        shop.ours.candidates.abort("home")
    assert refused.value.next_step == "take that back: recsys releases undo 7 --tenant demo"


# -- holds


@pytest.mark.parametrize("lever", ["config", "rules", "artifacts"])
@pytest.mark.parametrize("surface", ["home", None])
def test_a_hold_on_what_it_carries_refuses_begin_grow_and_promote_and_lets_abort_through(shop, lever, surface):
    carries = {"config": "config", "rules": "rules", "artifacts": "manifest"}[lever]
    alone = dict.fromkeys({"config", "rules", "manifest"} - {carries})
    begin(shop, **alone)
    shop.theirs.hold(surface=surface, levers=[lever], reason="stop")
    with pytest.raises(Held, match="stop"):
        shop.ours.candidates.start("home", share=0.2)
    with pytest.raises(Held, match="stop"):
        shop.ours.candidates.promote("home")
    assert shop.ours.candidates.abort("home").changed
    with pytest.raises(Held, match="stop"):
        begin(shop, **alone)


def test_a_hold_on_what_it_does_not_carry_or_elsewhere_is_not_met(shop: Shop):
    shop.theirs.hold(levers=["artifacts"], reason="stop")
    shop.theirs.hold(surface="pdp", reason="stop")
    begin(shop, manifest=None)
    assert shop.ours.candidates.promote("home").changed


# -- beside rollbacks


@pytest.mark.parametrize(
    ("lever", "surface"), [("artifacts", "home"), ("config", None), ("rules", None), ("rules", "home")]
)
def test_a_rollback_of_one_lever_leaves_a_candidate_running(shop: Shop, lever: str, surface: str | None):
    shop.theirs.ship("home", shop.m(9))
    shop.theirs.put_rules(OWN_RULES)
    shop.theirs.put_rules(LIVE_RULES)
    begin(shop)
    running = runs(shop)
    assert shop.ours.rollback(lever, surface=surface).changed
    assert runs(shop) == running


@pytest.mark.parametrize(("surface", "ended"), [(None, {"home", "pdp"}), ("home", {"home"})])
def test_the_lever_all_ends_the_candidates_of_its_surfaces_and_brings_none_back(shop, surface, ended):
    begin(shop)  # 6
    shop.ours.candidates.start("pdp", share=0.5, manifest=shop.m(2, "pdp"))  # 7
    shop.theirs.put_rules(rules("all", surface="home"))  # 8
    change = shop.ours.rollback("all", surface=surface, to=5)
    after = change.release
    assert {name for name, served in after.surfaces.items() if served.candidate is None} == ended
    assert "candidate home-6 ends" in change.why
    shop.theirs.put_rules(rules("all", surface="home"))
    assert runs(shop) is None
    shop.ours.rollback("all", surface=surface, to=8, no_hold=True)
    assert runs(shop) is None


def test_taking_a_surface_away_ends_its_candidate(shop: Shop):
    begin(shop)
    change = shop.ours.rollback("artifacts", surface="home", to=1)
    assert "home" not in change.release.surfaces
    assert "candidate home-6 ends" in change.why


# -- undo


def test_undoing_a_begin_aborts_whatever_the_share_is_by_now(shop: Shop):
    begin(shop)
    begin(shop, share=0.5)
    shop.theirs.hold(reason="stop")
    change = shop.ours.undo(6)
    assert change.why == "generation 6 is taken back; candidate home-6 ends"
    assert runs(shop) is None
    assert not shop.ours.undo(6).changed


def test_undoing_a_begin_leaves_a_later_candidate_alone(shop: Shop):
    begin(shop)
    shop.theirs.candidates.abort("home")
    shop.theirs.candidates.start("home", share=0.3, manifest=shop.m(5))
    assert not shop.ours.undo(6).changed
    assert runs(shop).since == 8


def test_undoing_a_share_brings_the_old_share_back_unless_it_was_changed_again(shop: Shop):
    begin(shop)  # 6
    begin(shop, share=0.5)  # 7
    assert shop.ours.undo(7).release.surfaces["home"].candidate.share == 0.1  # 8
    begin(shop, share=0.6)  # 9
    begin(shop, share=0.7)  # 10
    with pytest.raises(CannotUndo, match="the share was changed again, to 70%"):
        shop.ours.undo(9)


def test_under_a_hold_a_share_may_shrink_by_undo_and_not_grow(shop: Shop):
    begin(shop, share=0.2)  # 6
    begin(shop, share=0.5)  # 7
    begin(shop, share=0.3)  # 8
    shop.theirs.hold(reason="stop")
    with pytest.raises(Held):
        shop.ours.undo(8)
    shop.theirs.resume()
    shop.theirs.undo(8)  # 0.5 again
    shop.theirs.hold(reason="stop")
    assert shop.ours.undo(7).release.surfaces["home"].candidate.share == 0.2


def test_undoing_an_abort_runs_it_again_with_everybody_where_they_were(shop: Shop):
    begin(shop)
    running = runs(shop)
    shop.theirs.candidates.abort("home", hold=True)  # 7
    change = shop.ours.undo(7)
    assert change.why == "generation 7 is taken back; candidate home-6 runs again"
    assert runs(shop) == running
    assert change.release.holds == ()


def test_undoing_an_abort_ships_again_and_so_stops_at_a_hold_and_at_another_candidate(shop: Shop):
    begin(shop)
    shop.theirs.candidates.abort("home")  # 7
    shop.theirs.hold(surface="home", levers=["rules"], reason="stop")
    with pytest.raises(Held, match="stop"):
        shop.ours.undo(7)
    shop.theirs.resume(surface="home")
    shop.theirs.candidates.start("home", share=0.3, manifest=shop.m(5))
    with pytest.raises(CandidateRuns):
        shop.ours.undo(7)


def test_undoing_the_undo_of_a_begin_runs_it_again_and_the_third_ends_it(shop: Shop):
    begin(shop)
    first = shop.theirs.undo(6).release.generation
    second = shop.theirs.undo(first).release.generation
    assert runs(shop).since == 6
    shop.theirs.hold(reason="stop")
    assert shop.ours.undo(second).changed
    assert runs(shop) is None


def test_undoing_a_promotion_brings_everything_back_but_the_candidate_also_under_a_hold(shop: Shop):
    before = shop.theirs.current()
    begin(shop)
    promoted = shop.theirs.candidates.promote("home").release.generation
    shop.theirs.hold(reason="stop")
    change = shop.ours.undo(promoted)
    assert change.why == "generation 7 is taken back; candidate home-6 does not run again"
    after = change.release
    assert (after.surfaces, after.config, after.rules) == (before.surfaces, before.config, before.rules)
    shop.theirs.resume()
    again = shop.ours.undo(change.release.generation).release
    assert again.surfaces["home"].manifest == shop.m(2)
    assert again.surfaces["home"].candidate is None


def test_an_undo_ends_a_candidate_that_does_not_go_with_what_comes_back(shop: Shop):
    shop.theirs.put_rules(rules("all", "mine"))  # 6
    shop.theirs.put_rules(LIVE_RULES)  # 7
    begin(shop)  # 8
    assert shop.ours.undo(7).why == "generation 7 is taken back; candidate home-8 ends"
    assert runs(shop) is None


def test_undoing_a_rollback_of_all_does_not_run_a_candidate_again(shop: Shop):
    begin(shop)
    shop.theirs.put_rules(rules())
    back = shop.theirs.rollback("all", to=5).release.generation
    assert "candidate home-6 does not run again" in shop.ours.undo(back).why
    assert runs(shop) is None


# -- attempts


def test_a_resumed_attempt_is_not_made_twice(shop: Shop):
    started = begin(shop, attempt="a@5")
    assert begin(shop, attempt="a@5").release == started.release
    promoted = shop.ours.candidates.promote("home", attempt="b@6")
    assert shop.ours.candidates.promote("home", attempt="b@6").release == promoted.release
    assert shop.ours.candidates.promote("home", attempt="b").release == promoted.release
    assert shop.theirs.current().generation == 7


def test_a_dry_run_begins_nothing(shop: Shop):
    change = begin(shop, dry_run=True)
    assert (change.changed, change.committed, change.verified) == (True, False, True)
    assert shop.theirs.current().generation == 5


# -- words


def test_a_diff_says_what_was_begun_what_share_it_has_and_that_it_ended(shop: Shop):
    begin(shop)
    begin(shop, share=0.5)
    shop.ours.candidates.abort("home")
    one, two = shop.m(1)[:19], shop.m(2)[:19]
    assert shop.ours.diff(5, 6).lines() == [
        "candidate home-6 begun: share 0.1 by anonymous_id",
        "candidate home-6: config surfaces.home.limits.max_k: none → 3",
        "candidate home-6: rule added: mine",
        f"candidate home-6: home: manifest {one} → {two}",
        "candidate home-6: home: popularity (tenant) rows 3 → 3",
    ]
    assert shop.ours.diff(6, 7).lines() == ["candidate home-6: share 0.1 → 0.5"]
    assert shop.ours.diff(7, 8).lines() == ["candidate home-6 ended"]
    assert shop.ours.diff(5, 8).lines() == ["generations 5 and 8 have the same content"]


# -- who gets it

UNITS = [f"unit-{number}" for number in range(10_000)]


def of(share: float, *, since: int = 6, surface: str = "home", tenant: str = "demo") -> set[str]:
    candidate = Candidate(share=share, since=since)
    return {one for one in UNITS if is_assigned(candidate, tenant=tenant, surface=surface, unit_id=one)}


def within_bounds(found: int, share: float, of: int = len(UNITS)) -> bool:
    """Whether a count lies within the two-sided 99.9% bounds of the binomial, by its normal approximation."""
    return abs(found - of * share) <= 3.2905 * math.sqrt(of * share * (1 - share)) + 1


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.5, 0.9])
def test_the_share_of_units_is_the_share(share: float):
    assert within_bounds(len(of(share)), share)


def test_a_share_of_one_is_everybody():
    assert of(1.0) == set(UNITS)


@given(st.lists(st.floats(0.001, 1.0), min_size=2, max_size=5))
def test_a_growing_share_only_moves_units_to_the_candidate(shares: list[float]):
    units = UNITS[:200]
    last: set[str] = set()
    for share in sorted(shares):
        candidate = Candidate(share=share, since=6)
        now = {one for one in units if is_assigned(candidate, tenant="demo", surface="home", unit_id=one)}
        assert last <= now
        last = now


@pytest.mark.parametrize("other", [{"surface": "pdp"}, {"since": 7}, {"tenant": "other"}])
def test_surfaces_successive_candidates_and_tenants_sort_people_independently(other):
    assert within_bounds(len(of(0.5) & of(0.5, **other)), 0.25)


def test_a_unit_keeps_its_arm_in_every_process_and_version():
    """Fixed by hand: a change of the hash would give everybody in a running comparison a new arm."""
    candidate = Candidate(share=0.5, since=6)
    arms = [is_assigned(candidate, tenant="demo", surface="home", unit_id=one) for one in UNITS[:12]]
    assert "".join("c" if arm else "." for arm in arms) == "cc.c..cc..c."
