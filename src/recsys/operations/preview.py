"""What people would see before and after a change: requests of late, ranked at two releases by the real core.

The second release may be only planned: its documents need not be stored, and nothing is written to the store.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from recsys.errors import RecsysError
from recsys.events.observed import Observed
from recsys.operations.imagined import Imagined
from recsys.operations.side_by_side.lists import Row, overlap, rows
from recsys.ranking import RecommendRequest
from recsys.ranking import Warning as Notice
from recsys.releases import Release
from recsys.releases.diff import diff_releases
from recsys.releases.history import History
from recsys.releases.plan import Beside
from recsys.snapshot import Snapshot, SnapshotRejected, narrowed, open_snapshot, prepare, recommend
from recsys.snapshot.sampled import TOP, Asked, plain_requests, recent_requests
from recsys.store import Store

__all__ = ["Listed", "OnSurface", "Preview", "asked_by", "preview"]

_MOST_EXPLAINED = 5
"""Items of a list of which is said why they went: each takes as long as a ranking, and further down nobody reads."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One request's lists before and after; ``times``: so many requests of the same kind had the very same.

    ``rows`` have rank ``a`` before and ``b`` after. ``asked``: who asked, in words and without an id. ``same``: the
    items and their order; ``None`` where there is only one list. ``overlap``: the share (0..1) of the longer list that
    both have. ``gone``: why items went that did, by id, for the first of them. ``request_id``: of the newest, ``None``
    for one that was made up.
    """

    surface: str
    asked: str
    rows: tuple[Row, ...]
    before: int
    after: int
    same: bool | None
    overlap: float | None
    warnings_before: tuple[Notice, ...] = ()
    warnings_after: tuple[Notice, ...] = ()
    gone: Mapping[str, str] = {}
    segment: str | None = None
    request_id: str | None = None
    times: int = 1


class OnSurface(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of one surface came to. ``empty_before`` and ``empty_after``: answers without an item;
    ``same`` and ``overlap`` (the mean) are of the requests that have two lists, ``None`` where none has.
    """

    surface: str
    requests: int
    same: int
    overlap: float | None
    empty_before: int
    empty_after: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What sample requests would show, at generation ``before`` and at the one ``after`` that may be only planned.

    ``recorded`` of the requests were asked by users; the others are made up: one a surface, of whom nothing is known.
    ``changes`` says what differs between the releases. ``problem_before`` and ``problem_after``: why that release
    cannot be opened; then its lists are not there. Lists that differ most come first.
    """

    tenant: str
    before: int
    after: int
    k: int
    window_s: float
    recorded: int
    changes: tuple[str, ...]
    surfaces: tuple[OnSurface, ...]
    lists: tuple[Listed, ...]
    problem_before: str = ""
    problem_after: str = ""

    @property
    def requests(self) -> int:
        """How many requests were ranked."""
        return sum(one.times for one in self.lists)

    @property
    def total(self) -> OnSurface:
        """The same over all surfaces."""
        return _counted("", self.lists)

    @property
    def compared(self) -> bool:
        """Tell whether there are two lists of any request."""
        return any(one.same is not None for one in self.lists)


def preview(
    store: Store,
    before: Release,
    after: Release,
    *,
    documents: Sequence[bytes] = (),
    surface: str | None = None,
    spool: Path | None = None,
    cache: Path,
    now_s: float | None = None,
    window_s: float = 24 * 3600.0,
    most: int = 20,
    k: int = TOP,
) -> Preview:
    """Rank sample requests at two releases of a tenant, as their surfaces serve them: candidates are not asked.

    Recorded requests are asked at their own moment and with the history they had; where none was recorded, one for each
    surface is made up. Chance, where the config asks for any, draws nothing here.

    Parameters
    ----------
    after
        A release of the log, or the one that a dry run would commit.
    documents
        What ``after`` names and the store may not have: :attr:`recsys.releases.Change.documents`.
    surface
        Only requests of this surface, by default of every one in turn.
    spool
        This host's spool, where there is one: requests that are not in the store yet.
    cache
        Where releases are prepared; whoever gives it collects it, and lets one at a time use it.
    window_s, most
        How far back requests are looked for, and how many are ranked.
    k
        How far down lists are compared.

    Raises
    ------
    NotFound
        Neither release serves ``surface``.
    Unavailable, Denied, OSError
        The store does not answer.
    """
    now = time.time() if now_s is None else now_s
    blobs = Imagined(store.blobs)
    for document in documents:
        blobs.imagine(document)
    old, problem_before = _opened(_served(before, surface), blobs, cache)
    new, problem_after = _opened(_served(after, surface), blobs, cache)
    with Observed(store, after.tenant, since_s=now - window_s, spool=spool) as observed:
        recent = recent_requests(observed, surface=surface, most=most)
    asked = recent or _plain([one for one in (old, new) if one is not None], now=now, surface=surface)[:most]
    lists = _together(_listed(one, old, new, k=k) for one in asked)
    names = sorted({one.surface for one in lists})
    return Preview(
        tenant=after.tenant,
        before=before.generation,
        after=after.generation,
        k=k,
        window_s=window_s,
        recorded=len(recent),
        changes=_changes(store, before, after, documents),
        surfaces=tuple(_counted(name, [one for one in lists if one.surface == name]) for name in names),
        lists=tuple(sorted(lists, key=_how_alike)),
        problem_before=problem_before,
        problem_after=problem_after,
    )


def asked_by(request: RecommendRequest) -> str:
    """Say who asks, in words and without an id: ``somebody with 4 events of history, beside 1 item``."""
    user, events, beside = request.user, len(request.user.history), len(request.anchors.item_ids)
    known = any((user.user_id, user.anonymous_id, user.session_id))
    who = "somebody" if known or events else "nobody known"
    if events:
        who += f" with {_many(events, 'event')} of history"
    elif known:
        who += " without history"
    return f"{who}, beside {_many(beside, 'item')}" if beside else who


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _served(release: Release, surface: str | None) -> Release:
    """Return as much of a release as the answers are made of, so that nothing else need open."""
    if surface is not None:
        return narrowed(release, surface, candidate=False)
    surfaces = {name: replace(one, candidate=None) for name, one in release.surfaces.items()}
    return replace(release, surfaces=surfaces, condemned=None, evidence=())


def _opened(release: Release, blobs: Imagined, cache: Path) -> tuple[Snapshot | None, str]:
    try:
        return open_snapshot(prepare(release, blobs=blobs, root=cache)), ""
    except SnapshotRejected as error:
        return None, error.reason


def _plain(opened: Sequence[Snapshot], *, now: float, surface: str | None) -> list[Asked]:
    return plain_requests(opened, now=now, surface=surface) if opened else []


def _listed(asked: Asked, before: Snapshot | None, after: Snapshot | None, *, k: int) -> Listed:
    request = replace(asked.request, k=k)
    old = None if before is None else recommend(before, request, now=asked.now)
    new = None if after is None else recommend(after, request, now=asked.now)
    old_ids = None if old is None else [item.item_id for item in old.items]
    new_ids = None if new is None else [item.item_id for item in new.items]
    both = old_ids is not None and new_ids is not None
    made = rows(old_ids, new_ids, _titles([*(old_ids or ()), *(new_ids or ())], before, after))
    return Listed(
        surface=request.surface,
        segment=request.segment,
        request_id=asked.request_id,
        asked=asked_by(asked.request),
        rows=made,
        before=len(old_ids or ()),
        after=len(new_ids or ()),
        same=old_ids == new_ids if both else None,
        overlap=overlap(old_ids or (), new_ids or ()) if both else None,
        warnings_before=() if old is None else old.warnings,
        warnings_after=() if new is None else new.warnings,
        gone={} if after is None else dict(_gone(made, after, replace(asked, request=request))),
    )


def _together(lists: Iterable[Listed]) -> tuple[Listed, ...]:
    """Put those together that nobody could tell apart."""
    found: dict[tuple[object, ...], Listed] = {}
    for one in lists:
        ranks = tuple((row.item_id, row.a, row.b) for row in one.rows)
        key = one.surface, one.segment, one.asked, ranks, one.warnings_before, one.warnings_after
        known = found.get(key)
        found[key] = one if known is None else replace(known, times=known.times + 1)
    return tuple(found.values())


def _titles(item_ids: Sequence[str], *snapshots: Snapshot | None) -> dict[str, str]:
    """Return titles as the later release has them, else the earlier."""
    found: dict[str, str] = {}
    for snapshot in snapshots:
        found |= {} if snapshot is None else snapshot.titles(item_ids)
    return found


def _gone(made: Sequence[Row], after: Snapshot, asked: Asked) -> Iterator[tuple[str, str]]:
    """Say of the first items that went which step keeps them out now."""
    request = asked.request
    ranker = after.ranker(request.surface, request.segment)
    if ranker is None:
        return
    went = [row.item_id for row in made if row.change == "went"]
    for item_id in went[:_MOST_EXPLAINED]:
        yield item_id, ranker.missing(request, item_id, now=asked.now).because


def _how_alike(one: Listed) -> tuple[bool, float, int, str]:
    return one.same is True, 1.0 if one.overlap is None else one.overlap, -one.times, one.surface


def _counted(surface: str, lists: Sequence[Listed]) -> OnSurface:
    compared = [(one.overlap, one.times) for one in lists if one.overlap is not None]
    counted = sum(times for _, times in compared)
    return OnSurface(
        surface=surface,
        requests=sum(one.times for one in lists),
        same=sum(one.times for one in lists if one.same is True),
        overlap=sum(share * times for share, times in compared) / counted if counted else None,
        empty_before=sum(one.times for one in lists if one.before == 0),
        empty_after=sum(one.times for one in lists if one.after == 0),
    )


def _changes(store: Store, before: Release, after: Release, documents: Sequence[bytes]) -> tuple[str, ...]:
    """Say what differs in words; nothing where documents are gone that would tell."""
    facts = Beside(History(store.releases, store.blobs, after.tenant), documents)
    try:
        return tuple(diff_releases(before, after, facts).lines())
    except RecsysError:
        return ()
