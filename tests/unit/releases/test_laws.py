"""Laws of the log, whatever is done to it in whatever order."""

import contextlib

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.releases.shop import TENANT, config, opened, rules

from recsys.encoding import digest
from recsys.errors import Refused
from recsys.releases import Change
from recsys.releases.record import Release, parts_of
from recsys.releases.withdraw import withdrawn_in

SURFACES = st.sampled_from(["home", "pdp"])
LEVERS = st.sampled_from(["config", "rules", "artifacts", "all"])
CONTENT = ("config", "rules", "surfaces")


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
            assert now.surfaces.get(name) == (old if moves else before).surfaces.get(name)

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
            assert {part: getattr(again, part) for part in CONTENT} == {part: getattr(before, part) for part in CONTENT}
            assert set(again.holds) == set(before.holds)

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
