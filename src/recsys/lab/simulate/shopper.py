"""People who come to the real service: they look at an answer as the law says, and click."""

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from recsys.lab.simulate.behaviour import BEHAVIOUR, Behaviour
from recsys.lab.simulate.visits import Steps, click_chance, convert_chance, walk
from recsys.lab.simulate.world import World

__all__ = ["Past", "Reaction", "Shopper", "Visit"]

DEVICES = (("mobile", 0.6), ("desktop", 0.32), ("tablet", 0.08))
REMEMBERED = 20
"""Events of a user that a page would send along as history."""


class Past(msgspec.Struct, frozen=True):
    """Something the user did before the list is shown."""

    item_id: str
    event_type: str
    seconds_ago: float


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Someone on a page that asks for a list.

    ``history`` is newest first. ``anchor`` is the item on the page (surface ``pdp``). ``user`` and
    ``intent`` are the truth and hidden from the shop: numbers of the user and of the cell they came for.
    """

    session_id: str
    anonymous_id: str
    user_id: str | None
    surface: str
    device: str
    history: tuple[Past, ...]
    anchor: str | None
    user: int
    intent: int


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """What the visitor did with an item of the list: ``click`` or ``conversion``, so long after it was
    shown.
    """

    item_id: str
    rank: int
    event_type: str
    after_s: float
    value: float | None = None
    quantity: int | None = None


class Shopper:
    """The people of a world, one visit at a time.

    Parameters
    ----------
    world
        The shop they live in; the same as the history the service learnt from.
    rng
        Their randomness. The same generator state and the same lists shown give the same reactions.
    surfaces
        Share of visits by surface, of ``home`` and ``pdp``.
    """

    def __init__(
        self,
        world: World,
        rng: np.random.Generator,
        *,
        behaviour: Behaviour = BEHAVIOUR,
        surfaces: Mapping[str, float] | None = None,
    ) -> None:
        shares = {"home": 0.7, "pdp": 0.3} if surfaces is None else dict(surfaces)
        self._world, self._rng, self._behaviour = world, rng, behaviour
        self._names = tuple(shares)
        self._shares = np.cumsum(list(shares.values())) / sum(shares.values())
        self._activity = np.cumsum(world.users.activity)
        self._waiting: deque[Visit] = deque()
        self._memory: dict[int, tuple[Past, ...]] = {}
        self._visits = 0
        # Sessions of two shoppers of one world must not share names.
        self._name = f"{int(rng.random() * 2**32):08x}"

    def next_visit(self) -> Visit:
        """Let somebody come; active users come more often."""
        while not self._waiting:
            self._waiting.extend(self._arrive(256))
        visit = self._waiting.popleft()
        older = (self._aged(past, 86_400.0) for past in self._memory.get(visit.user, ()))
        history = (*visit.history, *older)[:REMEMBERED]
        self._memory[visit.user] = history
        return msgspec.structs.replace(visit, history=history)

    def react(self, visit: Visit, item_ids: Sequence[str]) -> list[Reaction]:
        """Look at a list from the top and act, in order of rank; an item the shop does not sell is never
        clicked.
        """
        numbers = self._world.items.numbers
        items = np.array([numbers.get(item_id, -1) for item_id in item_ids], dtype=np.int64)
        u = self._rng.random((5, len(items)))
        clicked = u[0] < self.click_chances(visit, item_ids) * self._behaviour.examined(len(items))
        reactions: list[Reaction] = []
        for place in np.flatnonzero(clicked).tolist():
            item = items[place : place + 1]
            after = 2.0 + 2.5 * place - 12.0 * float(np.log1p(-u[1, place]))
            click = Reaction(item_id=item_ids[place], rank=place + 1, event_type="click", after_s=round(after, 3))
            reactions.append(click)
            convert = convert_chance(self._world, self._behaviour, users=np.array([visit.user]), items=item)
            if u[2, place] < convert[0]:
                pieces = 1 + min(int(-np.log1p(-u[3, place]) / 0.9), 11)
                later = after + 15.0 - 90.0 * float(np.log1p(-u[4, place]))
                price = float(self._world.items.price[item[0]])
                bought = msgspec.structs.replace(
                    click,
                    event_type="conversion",
                    value=round(price * pieces, 2),
                    quantity=pieces,
                    after_s=round(later, 3),
                )
                reactions.append(bought)
        self._remember(visit.user, reactions)
        return reactions

    def click_chances(self, visit: Visit, item_ids: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the true chance of a click on each item if the visitor examines it: the relevance,
        without rank.
        """
        numbers = self._world.items.numbers
        items = np.array([numbers.get(item_id, -1) for item_id in item_ids], dtype=np.int64)
        anchor = -1 if visit.anchor is None else numbers.get(visit.anchor, -1)
        chances = click_chance(
            self._world,
            self._behaviour,
            users=np.array(visit.user),
            intents=np.array(visit.intent),
            anchors=np.array(anchor),
            items=items,
        )
        return np.where(items >= 0, chances, 0.0)

    def _arrive(self, n: int) -> list[Visit]:
        """Draw visits ahead, many at once: the same walk as in the history, far cheaper than one by one."""
        world, rng = self._world, self._rng
        last = len(world.users) - 1
        users = np.minimum(np.searchsorted(self._activity, rng.random(n), side="right"), last)
        intents = world.draw_cells(users, rng.random(n))
        steps = walk(world, self._behaviour, rng, users=users, intents=intents, days_to_end=np.zeros(n), in_stock=True)
        logged_in = world.users.account[users] & (rng.random(n) < self._behaviour.logged_in)
        surface = np.searchsorted(self._shares, rng.random(n), side="right")
        device = np.searchsorted(np.cumsum([share for _, share in DEVICES[:-1]]), rng.random(n), side="right")
        edges = np.searchsorted(steps.visit, np.arange(n + 1))
        visits = []
        for row, user in enumerate(users.tolist()):
            history = self._history(steps, int(edges[row]), int(edges[row + 1]))
            if not history:  # all they looked for was out of stock: they left before any list was shown
                continue
            name = self._names[surface[row]]
            self._visits += 1
            visits.append(
                Visit(
                    session_id=f"s-live-{self._name}-{self._visits}",
                    anonymous_id=f"a{user + 1}",
                    user_id=f"u{user + 1}" if logged_in[row] else None,
                    surface=name,
                    device=DEVICES[device[row]][0],
                    history=history,
                    anchor=history[0].item_id if name == "pdp" else None,
                    user=user,
                    intent=int(intents[row]),
                )
            )
        return visits

    def _history(self, steps: Steps, start: int, stop: int) -> tuple[Past, ...]:
        """Tell the steps of one visit, newest first; a purchase stands above the view that led to it."""
        past: list[Past] = []
        ago = 5.0
        for step in range(stop - 1, start - 1, -1):
            item_id = self._id(int(steps.item[step]))
            if steps.bought[step]:
                past.append(Past(item_id, "conversion", round(ago - 1.9, 1)))
            past.append(Past(item_id, "view", round(ago, 1)))
            ago += float(steps.wait_s[step])
        return tuple(past[:REMEMBERED])

    def _remember(self, user: int, reactions: list[Reaction]) -> None:
        """Put what was just done before what the user did earlier."""
        if not reactions:
            return
        latest = max(reaction.after_s for reaction in reactions)
        newest_first = sorted(reactions, key=lambda reaction: -reaction.after_s)
        done = (Past(r.item_id, r.event_type, round(latest - r.after_s, 1)) for r in newest_first)
        earlier = (self._aged(past, latest) for past in self._memory.get(user, ()))
        self._memory[user] = (*done, *earlier)[:REMEMBERED]

    @staticmethod
    def _aged(past: Past, seconds: float) -> Past:
        return Past(past.item_id, past.event_type, round(past.seconds_ago + seconds, 1))

    def _id(self, item: int) -> str:
        return str(self._world.items.ids[item])
