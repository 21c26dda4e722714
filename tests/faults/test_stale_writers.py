"""F6: who writes with a precondition, after the part went away and came back, always loses."""

import random
from collections.abc import Callable

from tests.faults.conftest import Counting
from tests.faults.counts import FULL
from tests.unit.releases.shop import Shop, config, opened, rules

from recsys.errors import Refused
from recsys.releases import Change, Releases

Step = Callable[[Releases], object]
PARTS = ("config", "rules", "artifacts")


class Part:
    """One part of a release that is written with a precondition; ``write`` puts the ``n``-th content in force."""

    def __init__(self, shop: Shop, name: str) -> None:
        self.name = name
        self._manifests = [shop.m(likes) for likes in (1, 2, 3)]

    def write(self, who: Releases, n: int, expect: str | None = None) -> Change:
        if self.name == "config":
            return who.put_config(config(limits={"max_k": n + 1}), expect=expect)
        if self.name == "rules":
            return who.put_rules(rules(f"r{n}"), expect=expect)
        return who.ship("home", self._manifests[n], expect=expect)

    def seen(self, who: Releases, *, digest: bool) -> str:
        """Return the precondition of a writer who reads what is in force now."""
        head = who.current()
        named = {"config": head.config, "rules": head.rules}.get(self.name) or head.surfaces["home"].manifest
        return f"{head.generation}:{named}" if digest else str(head.generation)

    def back(self, who: Releases, dice: random.Random, began: int) -> object:
        """Bring back what stood in generation ``began``, in one of the ways there are."""
        surface = "home" if self.name == "artifacts" else None
        ways: list[Callable[[], object]] = [
            lambda: self.write(who, 0),
            who.undo,
            lambda: who.rollback(self.name, surface=surface, to=began, no_hold=True),  # type: ignore[arg-type]
        ]
        return dice.choice(ways)()


def noise(dice: random.Random) -> Step:
    """A change of something that no writer here has a precondition on."""
    n = dice.randrange(1 << 30)
    steps: list[Step] = [
        lambda who: who.withdraw([f"item-{n}"]),
        lambda who: who.hold(surface="pdp", levers=["artifacts"]),
        lambda who: who.resume(surface="pdp"),
    ]
    return dice.choice(steps)


def quietly(step: Step) -> Step:
    """Take a change; that there was nothing to do is no matter."""

    def taken(who: Releases) -> None:
        try:
            step(who)
        except Refused:
            pass

    return taken


def run_in_between(shop: Shop, steps: list[Step], split: int) -> None:
    """Let others take the steps up to ``split`` now, and the rest between our plan and our commit."""
    for step in steps[:split]:
        step(shop.theirs)
    rest = steps[split:]
    if rest:
        shop.meanwhile(lambda who: [step(who) for step in rest])


def test_a_stale_writer_loses_although_what_it_saw_is_in_force_again(counting: Counting):
    with counting("F6", "stale writers after A→B→A, at every interleaving: they always lose") as count:
        for trial in range(1_000 if FULL else 200):
            dice = random.Random(f"{count.seed} {trial}")
            shop = opened()
            part = Part(shop, dice.choice(PARTS))
            part.write(shop.theirs, 0)
            began = shop.theirs.current().generation
            expect = part.seen(shop.ours, digest=dice.random() < 0.5)
            before, after = ([quietly(noise(dice)) for _ in range(dice.randrange(3))] for _ in range(2))
            away: Step = lambda who, part=part: part.write(who, 1)  # noqa: E731
            back: Step = lambda who, part=part, dice=dice, began=began: part.back(who, dice, began)  # noqa: E731
            steps = [*before, away, back, *after]
            split = dice.randrange(len(steps) + 1)
            run_in_between(shop, steps, split)
            wrote = (
                dice.randrange(3) if split > len(before) else dice.randint(1, 2)
            )  # A itself is no change while A stands
            count.survived()
            where = f"trial {trial}, {part.name}, content {wrote}, {expect[:12]}"
            try:
                part.write(shop.ours, wrote, expect)
                count.wrong(f"{where}: it was not refused")
            except Refused:
                pass
            if shop.log.meanwhile is not None:
                shop.log.meanwhile()  # it was refused before it came to a commit
            newest = shop.theirs.current().generation
            if any(shop.theirs.read(n).actor == "us" for n in range(1, newest + 1)):
                count.wrong(f"{where}: it was committed")
            if newest < began + 2:
                count.wrong(f"{where}: nobody went there and back")


def test_a_writer_with_a_precondition_wins_while_others_change_only_other_things():
    for trial in range(100):
        dice = random.Random(trial)
        shop = opened()
        part = Part(shop, dice.choice(PARTS))
        part.write(shop.theirs, 0)
        expect = part.seen(shop.ours, digest=dice.random() < 0.5)
        steps = [quietly(noise(dice)) for _ in range(dice.randrange(1, 4))]
        run_in_between(shop, steps, dice.randrange(len(steps) + 1))
        assert part.write(shop.ours, 1, expect).changed
