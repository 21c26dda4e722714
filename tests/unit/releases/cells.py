"""Every cell of the action × action table: what is raced, and how each race ends, by hand and not from the table.

``test_rebase`` holds each cell; the fault suite counts them, and races two in between.
"""

import contextlib
from collections.abc import Callable
from typing import Any

from tests.unit.releases.shop import TENANT, Shop, config, opened, rules

from recsys.access.pseudonyms import PSEUDONYM_LENGTH
from recsys.catalog import OverlayRow
from recsys.errors import NotFound, RecsysError
from recsys.releases import (
    AlreadyPromoted,
    BeingCollected,
    CandidateRuns,
    CannotUndo,
    Change,
    Held,
    LostRace,
    Releases,
    erase_users,
)
from recsys.releases.collect import Condemn
from recsys.releases.record import Action

BUILT: tuple[Action, ...] = (
    "create",
    "ship",
    "config",
    "rules",
    "items",
    "rollback",
    "undo",
    "hold",
    "resume",
    "candidate",
    "promote",
    "abort",
    "withdraw",
    "erase",
    "gc",
)
"""Actions that are raced here. Adding one: its name here, a line in MINE, a line in THEIRS, and where it does not go
on, its exceptions in EXPECTED.
"""
NOT_RACED: tuple[Action, ...] = ("restore",)
"""In the table, and not raced here: a restored log is another one, and ``test_restore`` meets it."""

# What stands before each race: home m1 (2), home m2 (3), pdp m1 (4), config A (5), config B (6), rules with one
# rule (7), with two (8), a hold on cart (9), one item withdrawn (10), a candidate on home that carries a manifest, a
# config and rules (11), search m1 (12), and such a candidate there too (13), and an overlay of one item (14).


def stocked() -> Shop:
    """Return the shop that every race begins with."""
    shop = opened()
    t = shop.theirs
    t.ship("home", shop.m(1))
    t.ship("home", shop.m(2))
    t.ship("pdp", shop.m(1, "pdp"))
    t.put_config(config(limits={"max_k": 11}))
    t.put_config(config(limits={"max_k": 12}))
    t.put_rules(rules("a"))
    t.put_rules(rules("a", "b"))
    t.hold(surface="cart", levers=["artifacts"], reason="not open yet")
    t.withdraw(["poison"])
    t.candidates.start("home", share=0.1, manifest=shop.m(6), **documents("home"))
    t.ship("search", shop.m(1, "search"))
    t.candidates.start("search", share=0.1, manifest=shop.m(6, "search"), **documents("search"))
    t.update_items(news(jug=7.0))
    return shop


def news(**prices: float) -> tuple[OverlayRow, ...]:
    """Return an update of prices."""
    return tuple(OverlayRow(item_id=item, price=price) for item, price in sorted(prices.items()))


def documents(surface: str) -> dict[str, bytes]:
    """Return what a candidate of a surface carries besides its manifest: what is in force, and a part of its own."""
    return {
        "config": config(limits={"max_k": 12}, surfaces={surface: {"limits": {"max_k": 5}}}),
        "rules": rules("a", "b")[:-1] + b"," + rules(f"own-{surface}", surface=surface)[1:],
    }


def try_on_pdp(shop: Shop, r: Releases, *, share: float = 0.2, likes: int = 6) -> Change:
    return r.candidates.start("pdp", share=share, manifest=shop.m(likes, "pdp"), **documents("pdp"))


def condemn(shop: Shop, r: Releases, named: str) -> Change:
    """Begin a collection of one blob, and stop there: until it is deleted, nothing may name it for the first time."""
    intent = Condemn(aged=frozenset({named}), present=frozenset({named}), keep=20, today=shop.store.blobs.today())
    return r.carry(intent, reason="", dry_run=False, attempt=r.begin(None, "gc"))


ANN, BOB = "a" * PSEUDONYM_LENGTH, "b" * PSEUDONYM_LENGTH
Do = Callable[[Shop, Releases], Change]

MINE: dict[str, Do] = {
    "create": lambda s, r: r.create(),
    "ship": lambda s, r: r.ship("home", s.m(3)),
    "config": lambda s, r: r.put_config(config(limits={"max_k": 13})),
    "rules": lambda s, r: r.put_rules(rules("c")),
    "rules: disable": lambda s, r: r.disable_rule("a"),
    "items": lambda s, r: r.update_items(news(mug=3.0)),
    "items: cleared": lambda s, r: r.update_items(news(mug=3.0), clear=True),
    "rollback": lambda s, r: r.rollback("artifacts", surface="home"),
    "rollback: of all": lambda s, r: r.rollback("all", to=7),
    "undo": lambda s, r: r.undo(3),
    "undo: of items": lambda s, r: r.undo(14),
    "hold": lambda s, r: r.hold(reason="stop"),
    "resume": lambda s, r: r.resume(surface="cart", levers=["artifacts"]),
    "candidate": try_on_pdp,
    "candidate: another share": lambda s, r: r.candidates.start("home", share=0.5),
    "promote": lambda s, r: r.candidates.promote("home"),
    "abort": lambda s, r: r.candidates.abort("home"),
    "withdraw": lambda s, r: r.withdraw(["mug"]),
    "erase": lambda s, r: erase_users(r, [ANN]),
    "gc": lambda s, r: condemn(s, r, s.store.blobs.put(TENANT, b"nobody's")),
}

THEIRS: dict[str, Do] = {
    "ship: elsewhere": lambda s, r: r.ship("pdp", s.m(3, "pdp")),
    "ship: same surface": lambda s, r: r.ship("home", s.m(4)),
    "ship: identical": lambda s, r: r.ship("home", s.m(3)),
    "config": lambda s, r: r.put_config(config(limits={"max_k": 14})),
    "config: identical": lambda s, r: r.put_config(config(limits={"max_k": 13})),
    "rules": lambda s, r: r.put_rules(rules("a", "d")),
    "rules: identical": lambda s, r: r.put_rules(rules("c")),
    "rules: enable": lambda s, r: r.disable_rule("b"),
    "items: of another": lambda s, r: r.update_items(news(cup=5.0)),
    "items: identical": lambda s, r: r.update_items(news(mug=3.0), clear=True),
    "items: cleared": lambda s, r: r.update_items((), clear=True),
    "rollback: elsewhere": lambda s, r: r.rollback("config", to=1),
    "rollback: of rules": lambda s, r: r.rollback("rules"),
    "rollback: same surface": lambda s, r: r.rollback("artifacts", surface="home", no_hold=True),
    "rollback: same surface, held": lambda s, r: r.rollback("artifacts", surface="home"),
    "undo: elsewhere": lambda s, r: r.undo(4),
    "undo: same surface": lambda s, r: r.undo(3),
    "undo: of config": lambda s, r: r.undo(6),
    "undo: of rules": lambda s, r: r.undo(8),
    "undo: of the candidate": lambda s, r: r.undo(11),
    "undo: of items": lambda s, r: r.undo(14),
    "rollback: of all": lambda s, r: r.rollback("all", to=7),
    "hold: all": lambda s, r: r.hold(reason="incident"),
    "hold: elsewhere": lambda s, r: r.hold(surface="pdp", reason="incident"),
    "resume": lambda s, r: r.resume(surface="cart"),
    "candidate: elsewhere": lambda s, r: try_on_pdp(s, r, likes=7),
    "candidate: identical": try_on_pdp,
    "candidate: identical with another share": lambda s, r: try_on_pdp(s, r, share=0.3),
    "candidate: another share": lambda s, r: r.candidates.start("home", share=0.7),
    "candidate: the same share": lambda s, r: r.candidates.start("home", share=0.5),
    "promote": lambda s, r: r.candidates.promote("home"),
    "promote: elsewhere": lambda s, r: r.candidates.promote("search"),
    "abort": lambda s, r: r.candidates.abort("home"),
    "abort: elsewhere": lambda s, r: r.candidates.abort("search"),
    "withdraw: more": lambda s, r: r.withdraw(["cup"]),
    "withdraw: same": lambda s, r: r.withdraw(["mug"]),
    "withdraw: restored": lambda s, r: r.restore_items(["poison"]),
    "erase: more": lambda s, r: erase_users(r, [BOB]),
    "erase: same": lambda s, r: erase_users(r, [ANN]),
    "gc": lambda s, r: condemn(s, r, s.store.blobs.put(TENANT, b"nobody's")),
    "gc: of what a ship names": lambda s, r: condemn(s, r, s.m(3)),
    "gc: of what a candidate names": lambda s, r: condemn(s, r, s.m(6, "pdp")),
}

GOES, NOTHING, LOST, HELD, CANNOT = "goes on", "nothing to do", LostRace, Held, CannotUndo

OF_CONFIG = ("config", "config: identical", "rollback: elsewhere", "undo: of config", "promote", "promote: elsewhere")
OF_RULES = ("rules", "rules: identical", "rules: enable", "rollback: of rules", "rollback: of all", "undo: of rules")
"""Races that change a document, whatever else they do."""
OF_GARBAGE = ("gc", "gc: of what a ship names", "gc: of what a candidate names")

# Hand-written: for each of mine, what differs from "goes on" and after which of theirs.
EXPECTED: dict[str, dict[str, Any]] = {
    "create": dict.fromkeys(THEIRS, NOTHING),
    "ship": {
        "ship: same surface": LOST,
        "ship: identical": NOTHING,
        "rollback: same surface": LOST,
        "rollback: same surface, held": HELD,
        "undo: same surface": LOST,
        "hold: all": HELD,
        "promote": LOST,
        "gc: of what a ship names": BeingCollected,
    },
    "config": {
        **dict.fromkeys(OF_CONFIG, LOST),
        "config: identical": NOTHING,
        "hold: all": HELD,
        "hold: elsewhere": HELD,  # pdp is held with its documents, and a tenant's config reaches pdp
    },
    "rules": {
        **dict.fromkeys((*OF_RULES, "promote", "promote: elsewhere"), LOST),
        "rules: identical": NOTHING,
        "hold: all": HELD,
        "hold: elsewhere": HELD,
    },
    "rules: disable": {"rules: identical": NotFound},  # the rule is gone
    "items": {
        "items: identical": NOTHING,
        "hold: all": HELD,
        "hold: elsewhere": HELD,  # pdp serves artifacts, and an overlay reaches them all
        "rollback: same surface, held": HELD,
    },
    "items: cleared": {
        "items: of another": LOST,
        "items: identical": NOTHING,
        "items: cleared": LOST,
        "undo: of items": LOST,
        "rollback: of all": LOST,
        "hold: all": HELD,
        "hold: elsewhere": HELD,
        "rollback: same surface, held": HELD,
    },
    "rollback": {
        "rollback: same surface": NOTHING,
        "rollback: same surface, held": NOTHING,
        "undo: same surface": NOTHING,
    },
    "rollback: of all": {"rollback: of all": NOTHING},
    "undo: of items": {
        "items: of another": CANNOT,
        "items: identical": CANNOT,
        "items: cleared": NOTHING,
        "rollback: of all": NOTHING,
        "undo: of items": NOTHING,
    },
    "undo": {
        "ship: same surface": CANNOT,
        "ship: identical": CANNOT,
        "promote": CANNOT,
        "rollback: same surface": NOTHING,
        "rollback: same surface, held": NOTHING,
        "undo: same surface": NOTHING,
    },
    "hold": {"hold: all": NOTHING},
    "resume": {"resume": NOTHING},
    "candidate": {  # on pdp: what its documents were made from is another by then, or what it is compared with
        **dict.fromkeys((*OF_CONFIG, *OF_RULES), LOST),
        "ship: elsewhere": LOST,
        "undo: elsewhere": LOST,
        "hold: all": HELD,
        "hold: elsewhere": HELD,
        "candidate: elsewhere": CandidateRuns,
        "gc: of what a candidate names": BeingCollected,
        "candidate: identical": NOTHING,
        "candidate: identical with another share": LOST,
    },
    "candidate: another share": {  # of the one on home: it replaces nothing but the share
        "rollback: same surface, held": HELD,
        "rollback: of all": LOST,
        "undo: of the candidate": LOST,
        "hold: all": HELD,
        "candidate: another share": LOST,
        "candidate: the same share": NOTHING,
        "promote": LOST,
        "abort": LOST,
    },
    "promote": {
        **dict.fromkeys((*OF_CONFIG, *OF_RULES), LOST),
        "ship: same surface": LOST,
        "ship: identical": LOST,
        "rollback: same surface": LOST,
        "rollback: same surface, held": HELD,
        "undo: same surface": LOST,
        "undo: of the candidate": LOST,
        "hold: all": HELD,
        "candidate: another share": LOST,
        "candidate: the same share": LOST,
        "promote": NOTHING,
        "abort": LOST,
    },
    "abort": {
        "rollback: of all": NOTHING,
        "undo: of the candidate": NOTHING,
        "promote": AlreadyPromoted,
        "abort": NOTHING,
    },
    "withdraw": {"withdraw: same": NOTHING},
    "erase": {"erase: same": NOTHING},
    "gc": dict.fromkeys(OF_GARBAGE, BeingCollected),  # one collection after another
}


class Race:
    """Mine, planned against the newest release and committed after theirs came in between. ``theirs`` may be several;
    what is refused of them, or has nothing to do, did not come in between.

    ``ended`` is GOES, NOTHING or the class of the refusal; ``said`` its words.
    """

    def __init__(self, shop: Shop, mine: str, *theirs: str) -> None:
        self.shop, self.between = shop, 0
        self.before = shop.theirs.current().generation
        shop.meanwhile(lambda r: self._meanwhile(r, theirs))
        if mine == "create":  # a creator always loses to generation 1, so it never gets to an append
            self._meanwhile(shop.theirs, theirs)
        self.ended: object
        try:
            change = MINE[mine](shop, shop.ours)
        except RecsysError as refused:
            self.ended, self.said = type(refused), str(refused)
        else:
            self.ended, self.said = (GOES if change.changed else NOTHING), change.why

    def problem(self) -> str:
        """Say what is wrong with the log afterwards; nothing, when it holds theirs and then mine if it went on."""
        newest = self.shop.theirs.current()
        ours = self.ended == GOES
        if newest.generation != self.before + self.between + ours:
            return f"{newest.generation - self.before} releases instead of {self.between + ours}"
        actors = [self.shop.theirs.read(n).actor for n in range(self.before + 1, newest.generation + 1)]
        if actors != ["them"] * self.between + ["us"] * ours:
            return f"releases of {', '.join(actors)}"
        return "; ".join(map(str, self.shop.theirs.verify().findings))

    def _meanwhile(self, theirs: Releases, actions: tuple[str, ...]) -> None:
        for action in actions:
            with contextlib.suppress(RecsysError):
                self.between += THEIRS[action](self.shop, theirs).changed
