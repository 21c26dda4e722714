"""One request tried out: ranked as it would be answered, with every part of every score, and recorded nowhere."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from recsys.documents import Config
from recsys.errors import NotFound
from recsys.events import is_erased
from recsys.operations.here import Here
from recsys.operations.known import with_profile
from recsys.operations.why import erased_now
from recsys.ranking import Answer, Ranked, RecommendRequest
from recsys.ranking import Warning as Notice
from recsys.ranking.request import User
from recsys.releases import Release
from recsys.releases.arm import candidate_in
from recsys.releases.history import History
from recsys.serving.ladder import NOTICES, Rung, data_stale
from recsys.snapshot import Snapshot, SnapshotRejected, open_floor, open_snapshot, prepare, recommend
from recsys.snapshot.bound import read_bound
from recsys.store import Store

__all__ = ["Answering", "Tried", "TriedItem", "answering_here", "served_here", "try_at", "try_here"]


class TriedItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the answer. The values of ``parts`` by signal, with what rules and personalization added or took, sum
    to ``score``; those that are 0 are left out. ``reasons`` and ``rules`` as an answer has them.
    """

    item_id: str
    rank: int
    score: float
    title: str | None
    parts: tuple[tuple[str, float], ...]
    reasons: tuple[str, ...]
    rules: tuple[str, ...]


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What a request gets.

    ``rung``: the step of this host's ladder that would answer; ``None`` for a generation read from the store.
    ``history``: how many events of the user were used, ``by_profile``: the release knew them, not the request.
    ``erased``: whoever asks was erased, and is nobody. ``arms``: what can be asked of the surface besides what it
    serves. ``draws``: the config leaves places to chance, which is left out here. ``anchors``: titles of the items that
    reasons name.
    """

    generation: int
    rung: Rung | None
    surface: str
    segment: str | None
    items: tuple[TriedItem, ...]
    warnings: tuple[Notice, ...]
    history: int
    by_profile: bool
    erased: bool
    surfaces: tuple[str, ...]
    segments: tuple[str, ...]
    arms: tuple[str, ...]
    draws: bool
    anchors: Mapping[str, str]

    @property
    def signals(self) -> tuple[str, ...]:
        """Name what the scores are made of, in the order of how much it weighs over all items."""
        total: dict[str, float] = {}
        for item in self.items:
            for name, value in item.parts:
                total[name] = total.get(name, 0.0) + abs(value)
        return tuple(sorted(total, key=lambda name: (-total[name], name)))


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """What answers a tenant on a host at this moment: the rung, and the generation, 0 for none."""

    rung: Rung
    generation: int


def answering_here(here: Here, tenant: str) -> Answering:
    """Tell what answers on a host. Raises :class:`~recsys.errors.NotFound` for a tenant it does not serve."""
    here.named(tenant)
    return Answering(rung=here.rung(tenant), generation=here.tenants()[tenant].served)


def try_here(here: Here, tenant: str, request: RecommendRequest, *, now: float, arm: str | None = None) -> Tried:
    """Rank a request as this host would answer it now, from its own verified copy, and without the store.

    Parameters
    ----------
    request
        As ``/v1/recommend`` takes it, with pseudonyms for ids.
    now
        Seconds since 1970.
    arm
        ``candidate`` asks the surface's candidate, the name of a variant the surface's experiment.

    Raises
    ------
    NotFound
        This host does not serve the tenant, or can read nothing of it.
    """
    snapshot, rung = served_here(here, tenant), answering_here(here, tenant).rung
    erased = _bound(here.places.erased(tenant))
    if snapshot is None:
        return _on_the_floor(here, tenant, request, erased, now=now)
    found = _tried(snapshot, request, now=now, arm=arm, erased=erased | snapshot.erased)
    stale = _stale(snapshot, request.surface, now)
    return replace(found, rung=rung, warnings=(*found.warnings, *NOTICES[rung], *stale))


def served_here(here: Here, tenant: str) -> Snapshot | None:
    """Open this host's own copy of what it serves a tenant, without what newer releases withdraw; ``None`` where it has
    none that opens. Raises :class:`~recsys.errors.NotFound` for a tenant it does not serve.
    """
    here.named(tenant)
    for kept in here.tenants()[tenant].serving:
        try:
            return open_snapshot(here.places.root / kept.path).without(_bound(here.places.withdrawn(tenant)))
        except (SnapshotRejected, OSError):
            continue
    return None


def try_at(
    store: Store,
    release: Release,
    request: RecommendRequest,
    *,
    cache: Path,
    now: float,
    arm: str | None = None,
) -> Tried:
    """Rank a request at a release of the store; as :func:`try_here` otherwise.

    Raises
    ------
    SnapshotRejected
        The release does not open: collected, or damaged.
    Unavailable, Denied, OSError
        The store does not answer.
    """
    snapshot = open_snapshot(prepare(release, blobs=store.blobs, root=cache))
    erased = erased_now(History(store.releases, store.blobs, release.tenant))
    return _tried(snapshot, request, now=now, arm=arm, erased=erased)


def _tried(
    snapshot: Snapshot, request: RecommendRequest, *, now: float, arm: str | None, erased: frozenset[str]
) -> Tried:
    gone = is_erased(request.user, erased)
    asked = replace(request, user=User()) if gone else request
    served = snapshot.arm(asked.surface, arm)
    known = with_profile(served, asked, now=now)
    explained = replace(known.options, explain="full", include_reasons=True)
    answer = recommend(snapshot, replace(known, options=explained), now=now, arm=arm)
    config = served.config.at(asked.surface)
    return Tried(
        generation=snapshot.generation,
        rung=None,
        surface=asked.surface,
        segment=asked.segment,
        items=tuple(_items(answer, snapshot)),
        warnings=answer.warnings,
        history=len(known.user.history),
        by_profile=bool(known.user.history) and not asked.user.history,
        erased=gone,
        surfaces=tuple(snapshot.surfaces()),
        segments=tuple(snapshot.segments(asked.surface)),
        arms=tuple(_arms(snapshot.release, asked.surface, snapshot.config.at(asked.surface))),
        draws=config.exploration.policy != "none",
        anchors=snapshot.titles(_anchors(answer)),
    )


def _items(answer: Answer, snapshot: Snapshot) -> Iterator[TriedItem]:
    titles = snapshot.titles(item.item_id for item in answer.items)
    for item in answer.items:
        yield _item(item, titles.get(item.item_id))


def _item(item: Ranked, title: str | None) -> TriedItem:
    parts = item.explain
    return TriedItem(
        item_id=item.item_id,
        rank=item.rank,
        score=item.score,
        title=title,
        parts=tuple((name, value) for name, value in parts.signals.items() if value) if parts else (),
        reasons=item.reasons or (),
        rules=parts.rules if parts else (),
    )


def _anchors(answer: Answer) -> set[str]:
    """Return what stands behind the colon of a reason: an item, of those that name one."""
    reasons = {reason for item in answer.items for reason in item.reasons or ()}
    return {reason.partition(":")[2] for reason in reasons if ":" in reason}


def _arms(release: Release, surface: str, config: Config) -> Iterator[str]:
    if candidate_in(release, surface) is not None:
        yield "candidate"
    yield from sorted(config.variants())


def _bound(path: Path) -> frozenset[str]:
    """Return the ids that bind on every rung; none where the file cannot be read, as the service does."""
    try:
        found = read_bound(path)
    except (SnapshotRejected, OSError):
        return frozenset()
    return frozenset() if found is None else found.ids


def _stale(snapshot: Snapshot, surface: str, now: float) -> tuple[Notice, ...]:
    until, slo_h = snapshot.data_until(surface), snapshot.config.at(surface).freshness_slo_h
    return (data_stale(now - until, slo_h),) if until is not None and now - until > 3600 * slo_h else ()


def _on_the_floor(
    here: Here,
    tenant: str,
    request: RecommendRequest,
    erased: frozenset[str],
    *,
    now: float,
) -> Tried:
    try:
        floor = open_floor(here.places.floor(tenant)).without(_bound(here.places.withdrawn(tenant)))
    except (SnapshotRejected, OSError) as error:
        raise NotFound(
            f"this host can read no release of {tenant}, and no floor", next_step="see recsys doctor on this host"
        ) from error
    gone = is_erased(request.user, erased)
    asked = replace(request, user=User() if gone else request.user, options=replace(request.options, explain="full"))
    answer = floor.answer(asked, now=now)
    return Tried(
        generation=floor.generation,
        rung="floor",
        surface=request.surface,
        segment=request.segment,
        items=tuple(_item(item, None) for item in answer.items),
        warnings=answer.warnings,
        history=0,
        by_profile=False,
        erased=gone,
        surfaces=(),
        segments=(),
        arms=(),
        draws=False,
        anchors={},
    )
