"""The suite as a library: open a store, take a tenant, and do what the command line and HTTP do.

>>> import recsys                                          # doctest: +SKIP
>>> shop = recsys.open("var/store").tenant("demo")         # doctest: +SKIP
>>> shop.recommend("home", user_id="u1", k=5)              # doctest: +SKIP
"""

import getpass
import html
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from recsys.access import load_directory
from recsys.encoding import convert
from recsys.errors import Failed, NotFound
from recsys.ranking.request import Answer, RecommendRequest, SimilarRequest, Warning
from recsys.releases import Change, Lever, Releases, create_tenant
from recsys.snapshot import Snapshot, open_release, recommend, similar
from recsys.store import Store, open_store

__all__ = ["Recommendation", "Recommendations", "Suite", "Tenant", "open"]


class Recommendation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recommended item with its title; ``rank`` counts from 1."""

    item_id: str
    rank: int
    score: float
    title: str | None = None
    reasons: tuple[str, ...] | None = None
    signals: Mapping[str, float] | None = None
    rules: tuple[str, ...] | None = None


class Recommendations(msgspec.Struct, frozen=True, kw_only=True):
    """An answer computed here, with the release it came from."""

    tenant: str
    surface: str
    generation: int
    items: tuple[Recommendation, ...]
    warnings: tuple[Warning, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row an item; needs the ``notebook`` extra."""
        try:
            import pandas as pd
        except ImportError:
            raise Failed("a frame needs pandas", next_step="pip install 'recsys-suite[notebook]'") from None
        return pd.DataFrame([msgspec.structs.asdict(item) for item in self.items])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{item.rank}</td><td>{html.escape(item.title or '')}</td><td>{html.escape(item.item_id)}</td>"
            f"<td>{item.score:.4g}</td></tr>"
            for item in self.items
        )
        notes = "".join(f"<li>{html.escape(w.code)}: {html.escape(w.detail)}</li>" for w in self.warnings)
        return (
            f"<p>{html.escape(self.tenant)} · {html.escape(self.surface)} · generation {self.generation}</p>"
            f"<table><tr><th>rank</th><th>title</th><th>item</th><th>score</th></tr>{rows}</table><ul>{notes}</ul>"
        )


class Suite:
    """An opened store. A context manager; several may be open at once."""

    def __init__(self, store: Store, *, actor: str, cache: Path) -> None:
        self.store = store
        self._actor = actor
        self.cache = cache

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing is held open between calls."""

    def tenants(self) -> list[str]:
        """List the tenants, sorted."""
        return sorted(load_directory(self.store).tenants)

    def tenant(self, name: str) -> "Tenant":
        """Take one tenant.

        Raises
        ------
        NotFound
            When the store has no such tenant.
        """
        if name not in load_directory(self.store).tenants:
            raise NotFound(
                f"store {self.store.name} has no tenant {name}",
                next_step=f"make it: recsys tenants create {name}",
            )
        return Tenant(self.store, name, actor=self._actor, cache=self.cache)

    def create_tenant(self, name: str, *, reason: str = "", dry_run: bool = False) -> Change:
        """Make a tenant: its pseudonym key and generation 1. Doing it again changes nothing."""
        return create_tenant(self.store, name, actor=self._actor, reason=reason, dry_run=dry_run)


class Tenant:
    """One tenant of a store: its releases, its documents, and answers at any generation."""

    def __init__(self, store: Store, tenant: str, *, actor: str, cache: Path) -> None:
        self.store = store
        self.tenant = tenant
        self.actor = actor
        self.releases = Releases(store, tenant, actor=actor)
        self._cache = cache

    def snapshot(self, *, at: int | None = None, manifest: str | None = None) -> Snapshot:
        """Open a release for answers: the newest, generation ``at``, or the newest with ``manifest`` in place."""
        return open_release(self.store, self.tenant, generation=at, manifest=manifest, root=self._cache)

    def unknown_items(self, item_ids: Iterable[str]) -> list[str]:
        """Return those of the ids that nothing in force knows: misspelt, or gone from the catalogue."""
        snapshot = self.snapshot()
        shelves = [shelf for surface in snapshot.surfaces() if (shelf := snapshot.shelf(surface)) is not None]
        return [item for item in item_ids if all(shelf.find(item) is None for shelf in shelves)]

    def recommend(
        self,
        surface: str,
        *,
        user_id: str | None = None,
        k: int = 20,
        history: Iterable[str] = (),
        anchors: Sequence[str] = (),
        segment: str | None = None,
        at: int | None = None,
        manifest: str | None = None,
        explain: str = "none",
        now: float | None = None,
        **more: Any,
    ) -> Recommendations:
        """Rank offline with the real core; no server.

        Parameters
        ----------
        surface
            Where the list would be shown.
        user_id
            Who asks, as a request's ``user.user_id`` names them.
        history
            Ids of items the user dealt with, newest first.
        anchors
            Ids the list should go with; without them the newest of the history are taken.
        at, manifest
            Which release answers; see :meth:`snapshot`.
        now
            The moment of the request, seconds since 1970; default now. Rules have windows.
        more
            Any other field of the request of ``/v1/recommend``; what ``user`` says there goes before the above.
        """
        user = {"user_id": user_id, "history": [{"item_id": item} for item in history]} | more.pop("user", {})
        request = convert(
            {
                "surface": surface,
                "segment": segment,
                "k": k,
                "user": user,
                "anchors": {"item_ids": list(anchors)},
                "options": {"explain": explain},
                **more,
            },
            RecommendRequest,
            what="request",
        )
        return self.answer(request, at=at, manifest=manifest, now=now)

    def answer(
        self,
        request: RecommendRequest,
        *,
        at: int | None = None,
        manifest: str | None = None,
        now: float | None = None,
    ) -> Recommendations:
        """Rank a whole request as ``/v1/recommend`` takes it."""
        snapshot = self.snapshot(at=at, manifest=manifest)
        answered = recommend(snapshot, request, now=time.time() if now is None else now)
        return _titled(snapshot, request.surface, answered)

    def rank_all(
        self,
        requests: Iterable[tuple[str, RecommendRequest]],
        *,
        at: int | None = None,
        manifest: str | None = None,
        now: float | None = None,
    ) -> Iterator[tuple[str, Answer]]:
        """Rank many requests from one release; yields each request's id with its answer."""
        snapshot = self.snapshot(at=at, manifest=manifest)
        moment = time.time() if now is None else now
        for request_id, request in requests:
            yield request_id, recommend(snapshot, request, now=moment)

    def similar(
        self, item_id: str, *, surface: str, k: int = 20, at: int | None = None, now: float | None = None
    ) -> Recommendations:
        """Return the neighbours of an item, as ``/v1/similar`` does."""
        snapshot = self.snapshot(at=at)
        request = SimilarRequest(item_id=item_id, surface=surface, k=k)
        return _titled(snapshot, surface, similar(snapshot, request, now=time.time() if now is None else now))

    def rollback(
        self,
        *,
        lever: Lever,
        surface: str | None = None,
        to: int | None = None,
        further: bool = False,
        no_hold: bool = False,
        reason: str = "",
        dry_run: bool = False,
    ) -> Change:
        """Pull a lever: a new generation that names old content. See :meth:`recsys.releases.Releases.rollback`."""
        return self.releases.rollback(
            lever, surface=surface, to=to, further=further, no_hold=no_hold, reason=reason, dry_run=dry_run
        )


def open(
    store: str | Path = "var/store",
    *,
    actor: str | None = None,
    create: bool = False,
    cache: Path | None = None,
) -> Suite:
    """Open a store.

    Parameters
    ----------
    store
        A directory or a URL.
    actor
        Who changes things, for the log. Default: ``RECSYS_ACTOR``, else the user of this process and the host.
    create
        Make the store when it is not there.
    cache
        Where releases are prepared for offline answers. Default: a directory beside the store.

    Raises
    ------
    NotFound
        When there is no store and ``create`` is false.
    """
    beside = Path(str(store).removeprefix("file://"))
    return Suite(
        open_store(str(store), create=create),
        actor=actor or os.environ.get("RECSYS_ACTOR") or f"{getpass.getuser()}@{socket.gethostname()}",
        cache=cache or beside.parent / (beside.name + ".cache"),
    )


def _titled(snapshot: Snapshot, surface: str, answer: Answer) -> Recommendations:
    titles = snapshot.titles(item.item_id for item in answer.items)
    return Recommendations(
        tenant=snapshot.tenant,
        surface=surface,
        generation=snapshot.generation,
        items=tuple(
            Recommendation(
                item_id=item.item_id,
                rank=item.rank,
                score=item.score,
                title=titles.get(item.item_id),
                reasons=item.reasons,
                signals=item.explain.signals if item.explain else None,
                rules=item.explain.rules if item.explain else None,
            )
            for item in answer.items
        ),
        warnings=answer.warnings,
    )
