"""The suite as a library: open a store, take a tenant, and do what the command line and HTTP do.

>>> import recsys                                          # doctest: +SKIP
>>> shop = recsys.open("var/store").tenant("demo")         # doctest: +SKIP
>>> shop.recommend("home", user_id="u1", k=5)              # doctest: +SKIP
"""

import getpass
import html
import os
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from recsys.access import DeletedTenant, delete_tenant, load_directory, plan_deletion
from recsys.catalog import ItemUpdate, OverlayRow, checked_update, read_update
from recsys.encoding import convert
from recsys.errors import Failed, NotFound
from recsys.progress import Advance, Progress, silent
from recsys.ranking.request import Answer, RecommendRequest, SimilarRequest, Warning
from recsys.releases import Change, Export, Lever, Releases, create_tenant, erase_users, export_tenant
from recsys.releases.items import overlay_in
from recsys.releases.signing import Signer, signing
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

    def __init__(self, store: Store, *, actor: str, cache: Path, signer: Signer | None = None) -> None:
        self.store = store if signer is None else signing(store, signer)
        self._actor = actor
        self.cache = cache
        self.signer = signer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.store.close()

    def tenants(self) -> list[str]:
        """List the tenants, sorted."""
        return sorted(load_directory(self.store, keys=False).tenants)

    def tenant(self, name: str) -> "Tenant":
        """Take one tenant.

        Raises
        ------
        NotFound
            When the store has no such tenant.
        """
        directory = load_directory(self.store, keys=False)
        if name not in directory.tenants:
            gone = directory.deleted.get(name)
            raise NotFound(
                f"store {self.store.name} has no tenant {name}" + (f": it was {gone.told}" if gone else ""),
                next_step=f"make it: recsys tenants create {name}",
            )
        return Tenant(self.store, name, actor=self._actor, cache=self.cache)

    def create_tenant(self, name: str, *, reason: str = "", dry_run: bool = False) -> Change:
        """Make a tenant: its pseudonym key and generation 1. Doing it again changes nothing."""
        return create_tenant(self.store, name, actor=self._actor, reason=reason, dry_run=dry_run)

    def delete_tenant(
        self, name: str, *, reason: str = "", dry_run: bool = False, advance: Advance = lambda _units: None
    ) -> DeletedTenant:
        """Delete a tenant and all it has; see :func:`recsys.access.delete_tenant`. It cannot be undone."""
        if dry_run:
            return plan_deletion(self.store, name)
        return delete_tenant(self.store, name, actor=self._actor, reason=reason, advance=advance)

    def export_tenant(
        self,
        name: str,
        out: Path,
        *,
        reason: str = "",
        events: bool = True,
        with_secret: bool = False,
        progress: Progress = silent,
    ) -> Export:
        """Write one tenant into a new store; see :func:`recsys.releases.export_tenant`."""
        return export_tenant(
            self.store,
            name,
            out,
            actor=self._actor,
            reason=reason,
            events=events,
            with_secret=with_secret,
            progress=progress,
        )


class Tenant:
    """One tenant of a store: its releases, its documents, and answers at any generation."""

    def __init__(self, store: Store, tenant: str, *, actor: str, cache: Path) -> None:
        self.store = store
        self.tenant = tenant
        self.actor = actor
        self.releases = Releases(store, tenant, actor=actor)
        self.cache = cache

    def snapshot(self, *, at: int | None = None, manifest: str | None = None) -> Snapshot:
        """Open a release for answers: the newest, generation ``at``, or the newest with ``manifest`` in place."""
        return open_release(self.store, self.tenant, generation=at, manifest=manifest, root=self.cache)

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

    def update_items(
        self,
        update: Path | Iterable[Mapping[str, Any]] = (),
        *,
        clear: bool = False,
        reason: str = "",
        dry_run: bool = False,
        attempt: str | None = None,
    ) -> Change:
        """Lay rows over the catalogue until they are taken away: of a file, or ``{"item_id": "mug-17", "price": 9.9}``.

        ``None`` gives a field back to the catalogue, ``"remove": True`` the item. ``clear``: in place of what is there.
        """
        given = None if isinstance(update, Path) else convert(list(update), list[ItemUpdate], what="items")
        rows = read_update(update) if isinstance(update, Path) else checked_update(given or ())
        return self.releases.update_items(rows, clear=clear, reason=reason, dry_run=dry_run, attempt=attempt)

    def overlay(self, *, at: int | None = None) -> tuple[OverlayRow, ...]:
        """Return what is laid over the catalogue, by item id: in the newest release, or in generation ``at``."""
        release = self.releases.current() if at is None else self.releases.read(at)
        return overlay_in(release, self.releases.history)

    def erase_users(
        self,
        ids: Iterable[str],
        *,
        pseudonymous: bool = False,
        reason: str = "",
        dry_run: bool = False,
        attempt: str | None = None,
    ) -> Change:
        """Never use these users again; see :func:`recsys.releases.erase_users`. It cannot be undone.

        ``ids`` are raw, and hashed here with the tenant's key, unless they are ``pseudonymous`` already.
        """
        named = list(ids)
        if not pseudonymous:
            named = load_directory(self.store).tenant(self.tenant).pseudonyms.of_many(named)
        return erase_users(self.releases, named, reason=reason, dry_run=dry_run, attempt=attempt)


def open(
    store: str | Path = "var/store",
    *,
    log: str | None = None,
    actor: str | None = None,
    create: bool = False,
    cache: Path | None = None,
    signing_key: Path | None = None,
) -> Suite:
    """Open a store.

    Parameters
    ----------
    store
        A directory, or ``s3://bucket/prefix``.
    log
        ``postgresql://…`` for a store whose log is in a database; by default the log is in the store.
    actor
        Who changes things, for the log. Default: ``RECSYS_ACTOR``, else the user of this process and the host.
    create
        Make the store when it is not there.
    cache
        Where releases are prepared for offline answers. Default: ``RECSYS_CACHE``, else a directory beside the store.
    signing_key
        Private key (ed25519, PEM, mode 0600) that signs each release made. Default: ``RECSYS_SIGNING_KEY``, else none.

    Raises
    ------
    NotFound
        When there is no store and ``create`` is false.
    Refused, UsageError
        When the signing key lies open, or is none.
    """
    named = signing_key or os.environ.get("RECSYS_SIGNING_KEY")
    beside, named_cache = _beside(str(store)), os.environ.get("RECSYS_CACHE")
    return Suite(
        open_store(str(store), log=log, create=create),
        actor=actor or default_actor(),
        cache=cache or (Path(named_cache) if named_cache else beside.parent / (beside.name + ".cache")),
        signer=Signer.load(Path(named)) if named else None,
    )


def _beside(store: str) -> Path:
    """Return the path of a directory store; of a bucket, one of its own under ``var``."""
    if store.startswith("file://") or "://" not in store:
        return Path(store.removeprefix("file://"))
    return Path("var") / re.sub(r"[^A-Za-z0-9._-]+", "-", store.partition("://")[2])


def default_actor() -> str:
    """Name who changes things, for the log: ``RECSYS_ACTOR``, else the user of this process and the host."""
    return os.environ.get("RECSYS_ACTOR") or f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    """Name the user of this process; a container may run as one that its system has no name for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


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
