"""What a store has of one tenant, counted; and what a deleted one left."""

from collections.abc import Iterator

import msgspec

from recsys.access.pseudonym_keys import key_folder
from recsys.store import Store, Truncated

__all__ = ["PERSONAL", "REST", "Remains", "keys_below", "releases_of", "remains_of"]

PERSONAL = "events"
"""Where what people did lies; removed before the rest."""
REST = ("blobs", "runs", "past_runs", "pins", "guards")
"""Where other objects of a tenant lie, besides its secrets and its releases."""


class Remains(msgspec.Struct, frozen=True, kw_only=True):
    """How many there are: pseudonym keys, event files, releases, blobs, reports of pipeline runs (the last
    ones, and those kept of the past), notes of pins and of guards.
    """

    secrets: int
    events: int
    releases: int
    blobs: int
    runs: int
    pins: int
    guards: int = 0
    past_runs: int = 0

    @property
    def nothing(self) -> bool:
        """Whether nothing is there."""
        return self.total == 0

    @property
    def total(self) -> int:
        """Return how many there are of all kinds."""
        return sum(msgspec.structs.astuple(self))


def remains_of(store: Store, tenant: str, *, key_id: str | None = None) -> Remains:
    """Count what the store has of a tenant. Writes nothing.

    ``key_id``: count only this pseudonym key. Others there are of creations that never came to a record.
    """
    counts = {folder: sum(1 for _ in keys_below(store, folder, tenant)) for folder in (PERSONAL, *REST)}
    secrets = list(store.objects.keys(key_folder(tenant)))
    if key_id is not None:
        secrets = [key for key in secrets if key == f"{key_folder(tenant)}{key_id}"]
    return Remains(secrets=len(secrets), releases=releases_of(store, tenant), **counts)


def keys_below(store: Store, folder: str, tenant: str) -> Iterator[str]:
    """List a tenant's objects below one folder of the store."""
    return store.objects.keys(f"{folder}/{tenant}/")


def releases_of(store: Store, tenant: str) -> int:
    """Count records, wherever the log lies; what lies beside a log of objects is counted too."""
    strays = sum(1 for key in keys_below(store, "releases", tenant) if not key.endswith("/current.json"))
    try:
        return max(strays, store.releases.head(tenant))
    except Truncated:
        return max(strays, 1)
