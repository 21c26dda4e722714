"""The bodies of the operators' port: what is ordered, and what came of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from recsys.catalog import ItemUpdate
from recsys.documents.config import MAX_ID_LENGTH
from recsys.releases import Change, Lever, Unit
from recsys.releases.withdraw import MAX_WITHDRAWN
from recsys.serving.admin.asking import MAX_REASON
from recsys.store.names import DIGEST_PATTERN, NAME_PATTERN

__all__ = [
    "CandidateOrder",
    "Changed",
    "HoldOrder",
    "ItemsOrder",
    "NewTenant",
    "PromoteOrder",
    "RollbackOrder",
    "UndoOrder",
    "UpdateOrder",
    "changed",
]

Name = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": NAME_PATTERN})]
Digest = Annotated[str, msgspec.Meta(extra_json_schema={"pattern": DIGEST_PATTERN})]
Generation = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


class _Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON)] = ""
    dry_run: bool = False


class NewTenant(_Words, frozen=True):
    """``POST /v1/admin/tenants``."""

    name: Name


class RollbackOrder(_Words, frozen=True):
    """``POST …/rollback``: the words of ``recsys releases rollback``."""

    lever: Lever
    surface: Name | None = None
    to: Generation | None = None
    further: bool = False
    no_hold: bool = False


class UndoOrder(_Words, frozen=True):
    """``POST …/undo``: take back ``generation``, by default the newest that can be."""

    generation: Generation | None = None


class HoldOrder(_Words, frozen=True):
    """``POST …/hold``: refuse changes to these levers, by default all, of one surface or of every one."""

    surface: Name | None = None
    levers: Annotated[tuple[Literal["config", "rules", "artifacts"], ...], msgspec.Meta(min_length=1)] | None = None


class ItemsOrder(_Words, frozen=True):
    """``POST …/items/withdraw`` and ``…/items/restore``."""

    item_ids: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)], ...],
        msgspec.Meta(min_length=1, max_length=MAX_WITHDRAWN),
    ]


class UpdateOrder(_Words, frozen=True):
    """``PATCH …/items``: in a row ``null`` gives a field back to the catalogue, and ``remove`` the whole item.

    ``clear`` forgets all that was overlaid before.
    """

    items: tuple[ItemUpdate, ...] = ()
    clear: bool = False


class CandidateOrder(_Words, frozen=True):
    """``PUT …/candidate``: begin one beside what the surface serves; ``share`` alone changes the share of what runs.

    ``config`` and ``rules`` are whole documents that differ from what is in force only in the surface's own part.
    """

    surface: Name
    share: Annotated[float, msgspec.Meta(gt=0, le=1)]
    manifest: Digest | None = None
    config: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    rules: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    unit: Unit | None = None


class PromoteOrder(_Words, frozen=True):
    """``POST …/promote``: what the candidate serves becomes live for everybody. ``evidence``: digests of stored
    reports.
    """

    surface: Name
    evidence: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=100)] = ()


class Moved(msgspec.Struct, frozen=True, rename={"old": "from", "new": "to"}):
    """A part before and after."""

    old: str | None
    new: str | None


class Changed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a change did; ``undo`` is the command that takes it back, ``attempt`` resumes it."""

    tenant: str
    generation: int
    action: str
    committed: bool
    dry_run: bool
    why: str
    restores: int | None
    lever: str | None
    surface: str | None
    changed: Mapping[str, Moved]
    held: bool
    verified: bool
    attempt: str
    undo: str


def changed(change: Change) -> Changed:
    """Return a change as it is answered: field for field what ``--json`` prints."""
    document: dict[str, Any] = change.document()
    return msgspec.convert(document, Changed)
