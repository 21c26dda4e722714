"""Taking one tenant out of a store, into a directory that is itself a store with that tenant alone."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from recsys import access
from recsys.errors import Failed, UsageError
from recsys.progress import Progress, silent
from recsys.releases.errors import NoReleases
from recsys.releases.verify import verify
from recsys.store import CommitState, Creation, Log, Objects, Store, open_store

__all__ = ["Export", "export_tenant"]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, and verified. ``with_secret``: the pseudonym key is among it, so its users can be linked."""

    tenant: str
    out: str
    generations: int
    blobs: int
    event_files: int
    with_secret: bool


def export_tenant(
    store: Store,
    tenant: str,
    out: Path,
    *,
    actor: str,
    reason: str = "",
    events: bool = True,
    with_secret: bool = False,
    progress: Progress = silent,
) -> Export:
    """Write a tenant into a new store at ``out``: its releases as they stand, its blobs and its events.

    The new store's access log has one record, which makes the tenant: the old one's speaks of other tenants. So no key
    opens anything there; and without ``with_secret`` no id can be hashed there, and nobody linked. Releases committed
    after the start are not in it.

    Parameters
    ----------
    events
        Whether to take the events along.
    with_secret
        Whether to take the pseudonym key along. Whoever holds it can test guesses of raw ids.

    Raises
    ------
    NotFound, UsageError
        There is no such tenant; ``out`` is a file, or a directory that is not empty.
    Failed
        What was written is not sound, because what it was copied from is not: ``releases verify`` says where.
    """
    found = access.load_directory(store).tenant(tenant)
    head = store.releases.head(tenant)
    if head == 0:
        raise NoReleases(tenant)
    _require_empty(out)
    target = open_store(out, create=True)
    key = found.pseudonyms if with_secret else None
    access.adopt_tenant(target, tenant, key_id=found.key_id, pseudonyms=key, actor=actor, reason=reason)
    blobs = list(store.objects.keys(f"blobs/{tenant}/"))
    with progress("blobs", total=len(blobs)) as advance:
        for named in blobs:
            data = store.blobs.read(tenant, "sha256:" + named.rpartition("/")[2])
            target.blobs.put(tenant, data)
            advance(1)
    files = list(store.objects.keys(f"events/{tenant}/")) if events else []
    with progress("events", total=len(files)) as advance:
        for name in files:
            _copy(store.objects, target.objects, name)
            advance(1)
    with progress("releases", total=head) as advance:
        for _ in _copied(store.releases, target.releases, tenant, head):
            advance(1)
    _check(target, tenant)
    return Export(
        tenant=tenant,
        out=str(out),
        generations=head,
        blobs=len(blobs),
        event_files=len(files),
        with_secret=with_secret,
    )


def _require_empty(out: Path) -> None:
    try:
        empty = not any(out.iterdir())
    except FileNotFoundError:
        empty = True
    except NotADirectoryError:
        empty = False
    if not empty:
        raise UsageError(f"{out} is there already, and not empty", next_step="give a directory that is new or empty")


def _copy(source: Objects, target: Objects, key: str) -> None:
    data = source.read(key)
    if target.create(key, data) is Creation.EXISTS and target.read(key) != data:
        raise Failed(f"{target.name} has another {key}", next_step="export into a new directory")


def _copied(source: Log, target: Log, tenant: str, head: int) -> Iterator[int]:
    """Append each record as it stands; yield its number."""
    for number in range(1, head + 1):
        commit = target.append(tenant, number, source.read(tenant, number))
        if commit.state is not CommitState.COMMITTED:
            raise Failed(f"release {number} was not written to {target.name}", next_step="export into a new directory")
        yield number


def _check(target: Store, tenant: str) -> None:
    found = verify(target, tenant)
    if not found.sound:
        raise Failed(
            f"the export of {tenant} is not sound: {found.findings[0]}",
            next_step=f"so is the store it came from: recsys releases verify --tenant {tenant}",
        )
