"""What visitors did on this host lately, by each id they did it under: in memory, bounded, best effort.

One thread writes; the loop that answers looks up one key. What it finds is replaced, never changed.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from sys import intern

import msgspec

from recsys.encoding import parse_rfc3339, rfc3339
from recsys.events import Interaction, Outcome
from recsys.ranking.request import HistoryEvent

__all__ = ["AGE_S", "EVENTS", "UNITS", "Happened", "Standing", "Tail", "happened"]

EVENTS = 20
"""Events kept per id. The ranking starts from the ten newest; twenty show a taste, and each more is written into every
answer's record.
"""
UNITS = 20_000
"""Ids kept, up to three a visitor. Measured: 52 MB where each has the most events, 25 MB with five; S3 leaves 60."""
AGE_S = 86_400.0
"""Longest an event is kept. What is older is in the profiles of a shop whose pipelines run daily."""

_Key = tuple[str, str]
"""Tenant and pseudonym. Two tenants share pseudonyms where one was imported from the other with its key."""


class Happened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing somebody did, as workers tell each other. ``ids`` are pseudonyms under the key ``key_id``; ``at`` is
    seconds since 1970.
    """

    tenant: str
    key_id: str
    ids: tuple[str, ...]
    item_id: str
    event_type: str
    at: float


class Standing(msgspec.Struct, frozen=True):
    """What holds of a tenant now: its pseudonym key, and the pseudonyms of users never to be used."""

    key_id: str
    erased: frozenset[str]


class _Did(msgspec.Struct, frozen=True, gc=False):
    event: HistoryEvent
    at: float
    ids: tuple[str, ...]


class _Unit(msgspec.Struct, frozen=True, gc=False):
    """``history`` and ``did`` newest first; ``ids`` all pseudonyms that any of it was done under."""

    history: tuple[HistoryEvent, ...]
    did: tuple[_Did, ...]
    ids: tuple[str, ...]
    touched: float


def happened(tenant: str, key_id: str, events: Iterable[Outcome | Interaction]) -> list[Happened]:
    """Return what of these accepted, pseudonymous events says something about somebody's taste.

    A ``view`` that carries a request id says that one of our lists was looked at: no choice of the visitor's, here as
    in the pipelines. An event without ids is nobody's.
    """
    found = []
    for event in events:
        names = tuple(dict.fromkeys(filter(None, (event.user_id, event.anonymous_id, event.session_id))))
        if names and not (event.event_type == "view" and event.request_id is not None):
            at = parse_rfc3339(event.ts)
            found.append(Happened(tenant, key_id, names, event.item_id, event.event_type, at))
    return found


class Tail:
    """The newest events of each id seen lately.

    Parameters
    ----------
    standing
        Tells what holds of a tenant now; ``None`` for one that is not here any more.
    units, events, age_s
        How many ids are kept, how many events for each, and how long, in seconds.
    """

    def __init__(
        self,
        standing: Callable[[str], Standing | None],
        *,
        units: int = UNITS,
        events: int = EVENTS,
        age_s: float = AGE_S,
    ) -> None:
        self._standing = standing
        self._most, self._events, self._age_s = units, events, age_s
        self._units: OrderedDict[_Key, _Unit] = OrderedDict()  # touched longest ago first
        self._swept: dict[str, Standing] = {}

    def __len__(self) -> int:
        return len(self._units)

    def of(self, tenant: str, pseudonym: str, *, erased: frozenset[str]) -> tuple[HistoryEvent, ...]:
        """Return what was done under an id, newest first; nothing where an erased user had a part in it."""
        unit = self._units.get((tenant, pseudonym))
        if unit is None or (erased and not erased.isdisjoint(unit.ids)):
            return ()
        return unit.history

    def take(self, told: Sequence[Happened], *, now: float) -> None:
        """Add what happened. Nothing is taken of erased users, under a key that is gone, or from before ``age_s``."""
        for one in told:
            standing = self._standing(one.tenant)
            if standing is None or one.key_id != standing.key_id or not standing.erased.isdisjoint(one.ids):
                continue
            at = min(one.at, now)  # a clock that is ahead must not stay the newest
            if at <= now - self._age_s:
                continue
            self._swept.setdefault(one.tenant, standing)
            names = tuple(map(intern, one.ids))
            event = HistoryEvent(item_id=intern(one.item_id), event_type=intern(one.event_type), ts=rfc3339(at))
            did = _Did(event, at, names)
            for name in names:
                self._add((intern(one.tenant), name), did, now)
        while len(self._units) > self._most:
            self._units.popitem(last=False)

    def sweep(self, *, now: float) -> None:
        """Forget what is too old, erased users, and tenants that are gone or were made again."""
        while self._units:
            key, unit = next(iter(self._units.items()))
            if unit.touched > now - self._age_s:
                break
            del self._units[key]
        for tenant, before in list(self._swept.items()):
            standing = self._standing(tenant)
            if standing is None or standing.key_id != before.key_id:
                self._forget(tenant)
                del self._swept[tenant]
            elif standing.erased is not before.erased:
                self._forget(tenant, having=standing.erased)
                self._swept[tenant] = standing

    def _forget(self, tenant: str, *, having: frozenset[str] | None = None) -> None:
        """Forget all of a tenant's, or what somebody of ``having`` had a part in."""
        theirs = [(key, unit) for key, unit in self._units.items() if key[0] == tenant]
        for key, unit in theirs:
            if having is None or not having.isdisjoint(unit.ids):
                del self._units[key]

    def _add(self, key: _Key, did: _Did, now: float) -> None:
        """Put one event in its place; of several with one item and type the newest stands for all."""
        before = self._units.get(key)
        did_before = () if before is None else before.did
        item, kind, since = did.event.item_id, did.event.event_type, now - self._age_s
        others = []
        for one in did_before:
            if one.event.item_id == item and one.event.event_type == kind:
                did = one if one.at > did.at else did
            elif one.at > since:
                others.append(one)
        at = next((place for place, one in enumerate(others) if one.at <= did.at), len(others))
        kept = (*others[:at], did, *others[at:])[: self._events]
        ids = tuple({name: None for one in kept for name in one.ids})
        self._units[key] = _Unit(tuple([one.event for one in kept]), kept, ids, now)
        self._units.move_to_end(key)
