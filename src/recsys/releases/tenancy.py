"""How a tenant begins: its key, then its log."""

import time
from collections.abc import Callable

from recsys import access
from recsys.releases.change import Change
from recsys.releases.tenant import Releases
from recsys.store import Store, check_name

__all__ = ["create_tenant"]


def create_tenant(
    store: Store,
    name: str,
    *,
    actor: str,
    reason: str = "",
    dry_run: bool = False,
    clock: Callable[[], float] = time.time,
) -> Change:
    """Make a tenant: its pseudonym key in the access log, then generation 1 in its own.

    In this order, because data must never exist without the key that hides its users. Both steps do nothing
    when they are done already, so after a crash between the two the same command finishes the work. Refused while a
    deleted tenant of that name is not removed entirely.
    """
    releases = Releases(store, check_name(name, what="tenant"), actor=actor, clock=clock)
    if dry_run:
        access.check_name_free(store, access.load_directory(store, keys=False), name)
    else:
        access.create_tenant(store, name, actor=actor, reason=reason, clock=clock)
    return releases.create(reason=reason, dry_run=dry_run)
