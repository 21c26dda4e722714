"""Reading the directory out of a store: the newest record, the snapshot it names, what came after, and the keys."""

from recsys.access.directory import Directory, Tenant
from recsys.access.errors import TenantGone
from recsys.access.pseudonym_keys import read_key, secret_in
from recsys.access.pseudonyms import Pseudonyms
from recsys.access.records import STREAM, AccessBroken, read_record
from recsys.access.snapshots import read_snapshot
from recsys.store import Missing, Store

__all__ = ["Standing", "load_directory"]


def load_directory(store: Store, known: Directory | None = None, *, keys: bool = True) -> Directory:
    """Return the directory as the store has it now.

    Parameters
    ----------
    known
        What was loaded before: only newer records are read, and the very same value comes back when there is nothing
        new. Without it, the newest record says from which snapshot to begin; a snapshot that cannot be used is passed
        over, and the log read from record 1.
    keys
        Whether to read the pseudonym keys that are not known yet, one object a tenant. One that cannot be read leaves
        its tenant without: only who hashes ids needs it.

    Raises
    ------
    AccessBroken
        When the log cannot be believed; Unavailable, Denied as the store.
    """
    before = known or Directory()
    if not all(tenant.made for tenant in before.tenants.values()):
        before = Directory()  # a copy kept by 0.1.0, which did not know the numbers
    head = store.access.head(STREAM, at_least=before.number)
    directory = before
    if head > before.number:
        if before.number == 0:
            before = _beginning(store, head)
        directory = before.after(store.access.read(STREAM, number) for number in range(before.number + 1, head + 1))
    if not keys:
        return directory
    lacking = (tenant for tenant in directory.tenants.values() if tenant.held is None)
    read = {tenant.name: key for tenant in lacking if (key := _key_of(store, tenant)) is not None}
    return directory.holding(read) if read else directory


def _beginning(store: Store, head: int) -> Directory:
    """Return the snapshot that the newest record names, if it can be used; else the empty directory."""
    try:
        ref = read_record(store.access.read(STREAM, head), number=head).snapshot
    except (AccessBroken, Missing):
        return Directory()  # the fold says what is wrong
    found = read_snapshot(store.objects, ref) if ref is not None and ref.number < head else None
    return found or Directory()


def _key_of(store: Store, tenant: Tenant) -> Pseudonyms | None:
    if tenant.inside is None:
        return read_key(store.objects, tenant.name, tenant.key_id)
    try:
        data = store.access.read(STREAM, tenant.made)
    except Missing:
        return None
    return secret_in(data, number=tenant.made, expected=tenant.inside)


class Standing:
    """Whether one tenant may still be written for: it was not deleted, nor made again, since the first look."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store = store
        self._tenant = tenant
        self._directory: Directory | None = None
        self._made: int | None = None

    def check(self, *, written: str = "") -> None:
        """Refuse for a tenant that is gone; one probe of the access log when nothing is new there.

        ``written`` names what was written before this look, for the refusal. An access log that cannot be believed
        refuses nothing: brakes must work then too, and nothing is served for a tenant that is gone.

        Raises
        ------
        TenantGone
            Also when another tenant has the name since the first look. Unavailable, Denied as the store.
        """
        try:
            self._directory = load_directory(self._store, self._directory, keys=False)
        except AccessBroken:
            return
        gone = self._directory.deleted.get(self._tenant)
        if gone is not None:
            raise TenantGone(self._tenant, gone.told, left=written)
        found = self._directory.tenants.get(self._tenant)
        if found is None:
            return  # a log without an entry in the directory: nobody deleted it
        if self._made is None:
            self._made = found.made
        if found.made != self._made:
            raise TenantGone(self._tenant, "deleted and made again", left=written)
