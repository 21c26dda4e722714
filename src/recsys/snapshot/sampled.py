"""How lists would change from one release to another: the same requests ranked at both, with the real core."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from recsys.encoding import convert, did_you_mean
from recsys.errors import NotFound
from recsys.events import is_erased
from recsys.events.observed import Observed
from recsys.ranking import RecommendRequest
from recsys.releases.erase import erased_in
from recsys.releases.history import History
from recsys.snapshot.answering import recommend
from recsys.snapshot.opening import Snapshot
from recsys.store import Store

__all__ = [
    "Asked",
    "ListDiff",
    "Moved",
    "Placed",
    "SampledDiff",
    "Turnover",
    "out_of_order",
    "plain_requests",
    "recent_requests",
    "sampled",
]

TOP = 20
"""How far down lists are compared: what a page shows, and the longest answer by default."""
_MOST_SKIPPED = 1_000
"""How many requests of erased users are passed over before fewer lists are shown than were asked for."""
_MOST_NAMED = 10
"""Items named in the summary, of those that enter or leave most lists."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request and the moment it is asked at, seconds since 1970. ``request_id`` is ``None`` when nobody asked it."""

    request: RecommendRequest
    now: float
    request_id: str | None = None


class Placed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item at a rank, from 1."""

    item_id: str
    rank: int
    title: str | None = None


class Moved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item of both lists that overtook others of both, or was overtaken; ranks from 1. What only closes up behind an
    item that left has not moved.
    """

    item_id: str
    before: int
    after: int
    title: str | None = None


class ListDiff(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request's list before and after. ``entered`` have their rank after, ``left`` their rank before.

    ``overlap``: the share (0..1) of the longer list that both have; 1 for two empty lists.
    """

    surface: str
    before: int
    after: int
    overlap: float
    entered: tuple[Placed, ...]
    left: tuple[Placed, ...]
    moved: tuple[Moved, ...]
    request_id: str | None = None
    segment: str | None = None

    @property
    def changed(self) -> bool:
        """Tell whether the two lists differ, be it in their order alone."""
        return bool(self.entered or self.left or self.moved)


class Turnover(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item and in how many of the lists it appears, or disappears."""

    item_id: str
    lists: int
    title: str | None = None


class SampledDiff(msgspec.Struct, frozen=True, kw_only=True):
    """The lists of some requests at generation ``a`` and at ``b``, down to rank ``k``.

    ``recorded`` of the requests were asked by users. ``changed`` is the share (0..1) of lists that differ,
    ``overlap`` the mean of theirs; ``empty`` how many lists have no item, before and after.
    """

    tenant: str
    a: int
    b: int
    k: int
    recorded: int
    changed: float
    overlap: float
    empty: tuple[int, int]
    entered: tuple[Turnover, ...]
    left: tuple[Turnover, ...]
    lists: tuple[ListDiff, ...]

    def lines(self) -> list[str]:
        """Say it for people: what changed in each list, then the summary."""
        if not self.lists:
            return ["no list to compare: neither generation serves a surface"]
        said = [_list_line(found) for found in self.lists if found.changed]
        count = len(self.lists)
        requests = "request" if count == 1 else "requests"
        asked = f"{count} recorded {requests}" if self.recorded else f"{count} {requests} without a user"
        said.append(
            f"{asked}, top {self.k}: {sum(found.changed for found in self.lists)} of {count} lists change, "
            f"and keep {self.overlap:.0%} of their items on average"
        )
        for what, items in (("enter", self.entered), ("leave", self.left)):
            if items:
                named = ", ".join(f"{_named(item.item_id, item.title)} {item.lists}×" for item in items)
                said.append(f"{what} most lists: {named}")
        if any(self.empty):
            said.append(f"empty lists: {self.empty[0]} → {self.empty[1]}")
        return said


def recent_requests(observed: Observed, *, surface: str | None = None, most: int = 20) -> list[Asked]:
    """Return the newest recorded requests of users, every surface in turn, and none of a user erased since."""
    erased = _erased(observed.store, observed.tenant)
    recent = observed.recent(surface=surface, limit=most + (_MOST_SKIPPED if erased else 0))
    found = [
        Asked(
            request=convert(decision.request, RecommendRequest, what=f"request {request_id}"),
            now=decision.now,
            request_id=request_id,
        )
        for request_id, decision in recent
    ]
    return [asked for asked in found if not is_erased(asked.request.user, erased)][:most]


def plain_requests(snapshots: Iterable[Snapshot], *, now: float, surface: str | None = None) -> list[Asked]:
    """Return one request for each surface that any of the releases has, as somebody asks of whom nothing is known.

    Raises :class:`~recsys.errors.NotFound` when none has ``surface``.
    """
    known = sorted({name for snapshot in snapshots for name in snapshot.surfaces()})
    if surface is not None and surface not in known:
        raise NotFound(f"neither generation serves a surface {surface}", next_step=did_you_mean(surface, known))
    return [Asked(request=RecommendRequest(surface=name), now=now) for name in known if surface in (None, name)]


def sampled(before: Snapshot, after: Snapshot, asked: Sequence[Asked], *, k: int = TOP) -> SampledDiff:
    """Rank every request at both releases, at the moment it was asked, and compare the lists down to rank ``k``."""
    titles = _Titles(before, after)
    lists = tuple(_list_diff(one, _ids(before, one, k), _ids(after, one, k), titles) for one in asked)
    count = len(lists)
    return SampledDiff(
        tenant=after.tenant,
        a=before.generation,
        b=after.generation,
        k=k,
        recorded=sum(one.request_id is not None for one in asked),
        changed=sum(found.changed for found in lists) / count if count else 0.0,
        overlap=sum(found.overlap for found in lists) / count if count else 1.0,
        empty=(sum(found.before == 0 for found in lists), sum(found.after == 0 for found in lists)),
        entered=_most((item for found in lists for item in found.entered), titles),
        left=_most((item for found in lists for item in found.left), titles),
        lists=lists,
    )


def _erased(store: Store, tenant: str) -> frozenset[str]:
    history = History(store.releases, store.blobs, tenant)
    newest = history.newest()
    return frozenset() if newest is None else erased_in(newest.release, history)


class _Titles:
    """Titles by item id, as the later release has them, else the earlier."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self._snapshots = after, before
        self._known: dict[str, str | None] = {}

    def of(self, item_id: str) -> str | None:
        if item_id not in self._known:
            found = (snapshot.titles([item_id]).get(item_id) for snapshot in self._snapshots)
            self._known[item_id] = next((title for title in found if title), None)
        return self._known[item_id]


def _ids(snapshot: Snapshot, asked: Asked, k: int) -> list[str]:
    request = msgspec.structs.replace(asked.request, k=k)
    return [item.item_id for item in recommend(snapshot, request, now=asked.now).items]


def _list_diff(asked: Asked, old: list[str], new: list[str], titles: _Titles) -> ListDiff:
    before, after = _ranks(old), _ranks(new)
    both = before.keys() & after.keys()
    moved = out_of_order(old, new)
    return ListDiff(
        request_id=asked.request_id,
        surface=asked.request.surface,
        segment=asked.request.segment,
        before=len(old),
        after=len(new),
        overlap=len(both) / max(len(old), len(new)) if old or new else 1.0,
        entered=tuple(Placed(item_id=i, rank=after[i], title=titles.of(i)) for i in new if i not in both),
        left=tuple(Placed(item_id=i, rank=before[i], title=titles.of(i)) for i in old if i not in both),
        moved=tuple(Moved(item_id=i, before=before[i], after=after[i], title=titles.of(i)) for i in new if i in moved),
    )


def out_of_order(old: Sequence[str], new: Sequence[str]) -> frozenset[str]:
    """Return the items of both lists that overtook others of both, or were overtaken: the fewest that explain it."""
    before = _ranks(old)
    stayed = _in_order([before[item] for item in new if item in before])
    return frozenset(item for item in new if item in before and before[item] not in stayed)


def _ranks(ids: Sequence[str]) -> Mapping[str, int]:
    return {item: rank for rank, item in enumerate(ids, start=1)}


def _in_order(ranks: list[int]) -> set[int]:
    """Return a longest rising part of a list of different ranks: the fewest others are then out of their order."""
    ends: list[int] = []  # the smallest rank a rising part of each length can end in
    behind: dict[int, int | None] = {}
    for rank in ranks:
        at = bisect_left(ends, rank)
        behind[rank] = ends[at - 1] if at else None
        ends[at : at + 1] = [rank]
    found: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = behind[last]
    return found


def _most(placed: Iterable[Placed], titles: _Titles) -> tuple[Turnover, ...]:
    counted = Counter(item.item_id for item in placed)
    ranked = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))[:_MOST_NAMED]
    return tuple(Turnover(item_id=item, lists=lists, title=titles.of(item)) for item, lists in ranked)


def _list_line(found: ListDiff) -> str:
    where = f"{found.surface}/{found.segment}" if found.segment else found.surface
    parts = [
        _some("in", [f"{item.rank} {_named(item.item_id, item.title)}" for item in found.entered]),
        _some("out", [f"{item.rank} {_named(item.item_id, item.title)}" for item in found.left]),
        _some("moved", [f"{item.before}→{item.after} {_named(item.item_id, item.title)}" for item in found.moved]),
    ]
    asked = f" {found.request_id}" if found.request_id else ""
    return f"{where}{asked}: " + "; ".join(part for part in parts if part)


def _some(what: str, items: list[str]) -> str:
    """Name the first three; the document has them all."""
    if not items:
        return ""
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return f"{what} {', '.join(items[:3])}{more}"


def _named(item_id: str, title: str | None) -> str:
    return f"{title} ({item_id})" if title else item_id
