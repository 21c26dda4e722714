"""Laws of the log, whatever is done to it in whatever order."""

import contextlib

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.releases.shop import TENANT, config, opened, rules

from recsys.documents.parts import with_config_part, with_rules_part
from recsys.encoding import canonical, digest
from recsys.errors import Refused, UsageError
from recsys.releases import Change, Held, UnfitRelease
from recsys.releases.arm import arm_of, candidate_in, candidates_in, carried
from recsys.releases.hold import covering
from recsys.releases.record import Release, parts_of
from recsys.releases.ship import manifest_of
from recsys.releases.withdraw import withdrawn_in

SURFACES = st.sampled_from(["home", "pdp"])
LEVERS = st.sampled_from(["config", "rules", "artifacts", "all"])


def content(release: Release) -> tuple[object, ...]:
    served = {name: surface.manifest for name, surface in release.surfaces.items()}
    return release.config, release.rules, served


class AnyHistory(RuleBasedStateMachine):
    """A model is kept beside the log: the generations acknowledged, and the items that must never be served."""

    @initialize()
    def begin(self) -> None:
        self.shop = opened()
        self.known: list[Release] = [self.shop.theirs.current()]
        self.gone: set[str] = set()

    def done(self, change: Change) -> Change:
        if change.changed:
            assert change.release.generation == len(self.known) + 1
            self.known.append(change.release)
        assert change.release == self.shop.theirs.current()
        return change

    @rule(surface=SURFACES, likes=st.integers(1, 4), race=st.booleans())
    def ship(self, surface: str, likes: int, race: bool) -> None:
        manifest = self.shop.m(likes, surface)
        if race:
            item = f"race-{len(self.known)}"
            self.shop.meanwhile(lambda r: self.raced(r.withdraw([item]), item))
        with contextlib.suppress(Refused):
            change = self.done(self.shop.ours.ship(surface, manifest))
            assert change.release.surfaces[surface].manifest == manifest
        self.shop.log.meanwhile = None

    def raced(self, change: Change, item: str) -> None:
        self.known.append(change.release)
        self.gone.add(item)

    @rule(k=st.integers(1, 4), own=st.integers(0, 2))
    def put_config(self, k: int, own: int) -> None:
        surfaces = {"surfaces": {"home": {"limits": {"max_k": own}}}} if own else {}
        with contextlib.suppress(Refused):
            self.done(self.shop.ours.put_config(config(limits={"max_k": k}, **surfaces)))

    @rule(ids=st.sets(st.sampled_from("abc"), min_size=1), surface=st.sampled_from([{}, {"surface": "home"}]))
    def put_rules(self, ids: set[str], surface: dict[str, str]) -> None:
        with contextlib.suppress(Refused):
            self.done(self.shop.ours.put_rules(rules(*ids, **surface)))

    @rule(lever=LEVERS, surface=st.sampled_from([None, "home", "pdp"]), no_hold=st.booleans(), data=st.data())
    def roll_back(self, lever: str, surface: str | None, no_hold: bool, data: st.DataObject) -> None:
        to = data.draw(st.none() | st.integers(1, len(self.known)))
        further = to is None and data.draw(st.booleans())
        before = self.known[-1]
        try:
            change = self.shop.ours.rollback(
                lever, surface=surface, to=to, further=further, no_hold=no_hold, dry_run=data.draw(st.booleans())
            )
        except Exception as error:
            assert type(error).__module__.startswith("recsys."), error  # noqa: PT017 - never a bare failure
            return
        if change.dry_run:
            assert self.shop.theirs.current() == before
            return
        self.done(change)
        if change.changed:
            restored = self.known[change.release.restores - 1]
            self.restores_exactly(change.release, restored, before, lever, surface or change.surface)

    def restores_exactly(self, now: Release, old: Release, before: Release, lever: str, surface: str | None) -> None:
        """The lever's digests are the old ones; what it does not move is as it was."""
        for part in ("config", "rules"):
            if lever not in (part, "all"):
                assert getattr(now, part) == getattr(before, part)
            elif surface is None:
                assert getattr(now, part) == getattr(old, part)
        for name in {*now.surfaces, *old.surfaces, *before.surfaces}:
            moves = lever in ("artifacts", "all") and surface in (None, name)
            assert manifest_of(now, name) == manifest_of(old if moves else before, name)
            candidate = candidate_in(now, name)
            assert candidate in (None, candidate_in(before, name))  # none is brought back
            assert lever != "all" or surface not in (None, name) or candidate is None

    @precondition(lambda self: len(self.known) > 1)
    @rule(data=st.data())
    def undo_and_undo_that(self, data: st.DataObject) -> None:
        of = data.draw(st.integers(2, len(self.known)))
        before = self.known[-1]
        try:
            undone = self.done(self.shop.ours.undo(of))
        except Refused:
            return
        if not undone.changed:
            return
        with contextlib.suppress(Refused):  # shipping again stops at a hold
            again = self.done(self.shop.ours.undo(undone.release.generation)).release
            assert content(again) == content(before)
            assert set(again.holds) == set(before.holds)

    @rule(
        surface=SURFACES,
        share=st.sampled_from([0.1, 0.5, 1.0]),
        likes=st.none() | st.integers(1, 4),
        k=st.none() | st.integers(1, 3),
        own=st.none() | st.sampled_from("abc"),
    )
    def begin_candidate(self, surface: str, share: float, likes: int | None, k: int | None, own: str | None) -> None:
        read = self.shop.theirs._history.document
        before = self.known[-1]
        part = canonical({"limits": {"max_k": k}})
        given = {
            "manifest": None if likes is None else self.shop.m(likes, surface),
            "config": None if k is None else with_config_part(read(before.config), surface, part),
            "rules": None,
        }
        with contextlib.suppress(Refused, UsageError):
            if own is not None:
                given["rules"] = with_rules_part(read(before.rules), surface, rules(own, surface=surface))
            change = self.done(self.shop.ours.candidates.start(surface, share=share, **given))
            now, was = candidate_in(change.release, surface), candidate_in(before, surface)
            assert now is not None
            assert now.share == share
            assert was is None or msgspec.structs.replace(was, share=share) == now
            assert content(change.release) == content(before)

    @rule(surface=SURFACES)
    def promote(self, surface: str) -> None:
        before = self.known[-1]
        candidate = candidate_in(before, surface)
        try:
            change = self.done(self.shop.ours.candidates.promote(surface))
        except Held:
            assert candidate is not None
            assert any(covering(before.holds, lever, surface) for lever in carried(candidate))
        except UnfitRelease as error:  # its rule would take the id of a rule that the other candidate brings
            assert "does not go with it" in error.message  # noqa: PT017 - which refusal it is, is the question
            assert len(list(candidates_in(before))) == 2
        except Refused:
            assert candidate is None
        else:
            arm, _ = arm_of(before, surface, self.shop.theirs._history.document)
            assert parts_of(change.release) == parts_of(arm)

    @rule(surface=SURFACES, hold=st.booleans())
    def abort(self, surface: str, hold: bool) -> None:
        before = self.known[-1]
        change = self.done(self.shop.ours.candidates.abort(surface, hold=hold))
        assert candidate_in(change.release, surface) is None
        assert content(change.release) == content(before)

    @rule(surface=st.sampled_from([None, "home"]), lever=st.sampled_from(["config", "rules", "artifacts"]))
    def hold(self, surface: str | None, lever: str) -> None:
        self.done(self.shop.ours.hold(surface=surface, levers=[lever]))

    @rule(surface=st.sampled_from([None, "home", "pdp"]))
    def resume(self, surface: str | None) -> None:
        with contextlib.suppress(Refused):
            self.done(self.shop.ours.resume(surface=surface))

    @rule(item=st.sampled_from(["mug", "cup"]), back=st.booleans())
    def withdraw(self, item: str, back: bool) -> None:
        if back:
            self.done(self.shop.ours.restore_items([item]))
            self.gone.discard(item)
        else:
            self.done(self.shop.ours.withdraw([item]))
            self.gone.add(item)

    @invariant()
    def what_was_acknowledged_stands_and_is_chained(self) -> None:
        log = self.shop.store.releases
        assert log.head(TENANT) == len(self.known)
        previous = None
        for number, release in enumerate(self.known, start=1):
            data = log.read(TENANT, number)
            assert data == release.encode()
            assert (release.generation, release.previous, release.log) == (number, previous, self.known[0].log)
            previous = digest(data)

    @invariant()
    def withdrawn_items_stay_withdrawn(self) -> None:
        assert withdrawn_in(self.known[-1], self.shop.theirs._history) == self.gone

    @invariant()
    def every_candidate_can_be_served_beside_something_and_is_what_it_was_when_it_began(self) -> None:
        newest = self.known[-1]
        for surface, candidate in candidates_in(newest):
            assert manifest_of(newest, surface) is not None
            arm_of(newest, surface, self.shop.theirs._history.document)
            begun = candidate_in(self.known[candidate.since - 1], surface)
            assert begun is not None
            assert msgspec.structs.replace(begun, share=candidate.share) == candidate

    @invariant()
    def changed_names_the_generation_in_which_each_lever_last_changed(self) -> None:
        newest = self.known[-1]
        for part, generation in newest.changed.items():
            values = [parts_of(release).get(part) for release in self.known]
            expected = next((n for n in range(len(values), 1, -1) if values[n - 1] != values[n - 2]), 1)
            assert generation == expected, part

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            assert self.shop.theirs.verify().findings == ()


AnyHistory.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestAnyHistory = AnyHistory.TestCase
