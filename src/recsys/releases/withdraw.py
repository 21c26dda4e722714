"""Items never to be served: carried forward by every release, and brought back only by name."""

import shlex

import msgspec
from msgspec.structs import replace

from recsys.documents.config import MAX_ID_LENGTH
from recsys.encoding import canonical, digest
from recsys.errors import UsageError
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Release

__all__ = ["MAX_WITHDRAWN", "Withdraw", "checked_ids", "withdrawn_in"]

MAX_WITHDRAWN = 100_000
"""The set is read whole at every switch; more than this is a change of the catalogue."""


def withdrawn_in(release: Release, facts: Facts) -> frozenset[str]:
    """Return the ids a release withdraws."""
    if release.withdrawn is None:
        return frozenset()
    return frozenset(msgspec.json.decode(facts.document(release.withdrawn), type=list[str]))


def checked_ids(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return ids sorted, each once; raises :class:`~recsys.errors.UsageError` for none or a bad one."""
    if not ids:
        raise UsageError("no item is named", next_step="name at least one item id")
    for item_id in ids:
        if not 0 < len(item_id) <= MAX_ID_LENGTH:
            raise UsageError(f"an item id of {len(item_id)} characters; 1..{MAX_ID_LENGTH} are allowed")
    return tuple(sorted(set(ids)))


class Withdraw(msgspec.Struct, frozen=True, kw_only=True):
    """Withdraw items, or with ``back`` let withdrawn ones be served again. Relative to what is withdrawn by
    then.
    """

    ids: tuple[str, ...]
    back: bool = False

    @property
    def action(self) -> Action:
        return "withdraw"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        now = withdrawn_in(head, facts)
        moved = tuple(i for i in self.ids if (i in now) == self.back)
        if not moved:
            return NoChange(f"{_some(self.ids)}: {'not withdrawn' if self.back else 'withdrawn already'}")
        then = now - set(moved) if self.back else now | set(moved)
        if len(then) > MAX_WITHDRAWN:
            raise UsageError(f"limit exceeded: withdrawn items {len(then)} > {MAX_WITHDRAWN}")
        data = canonical(sorted(then))
        dashes = "-- " if any(i.startswith("-") for i in moved) else ""
        back = "withdraw" if self.back else "restore"
        undo = f"recsys items {back} --tenant {head.tenant} {dashes}{shlex.join(moved)}"
        return Draft(
            release=replace(head, withdrawn=digest(data) if then else None),
            why=f"{_some(moved)}: {'may be served again' if self.back else 'withdrawn'}",
            blobs=(data,) if then else (),
            undo=undo,
        )


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
