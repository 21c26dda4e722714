"""Update items between two runs of the pipelines: put rows on the overlay of the catalogue, and take them away."""

from typing import Any

import msgspec
from msgspec.structs import replace

from recsys.catalog import OverlayRow, merged, read_overlay, settled
from recsys.catalog.overlay import check_count
from recsys.encoding import canonical, digest
from recsys.errors import UsageError
from recsys.releases.errors import told
from recsys.releases.hold import check_overlay
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Release

__all__ = ["UpdateItems", "overlay_in", "says_of"]


def overlay_in(release: Release, facts: Facts) -> tuple[OverlayRow, ...]:
    """Return the rows a release lays over its catalogues, sorted by item."""
    return () if release.overlay is None else read_overlay(facts.document(release.overlay))


def says_of(release: Release, facts: Facts) -> dict[str, dict[str, Any]]:
    """Return what the overlay of a release says, by item and field."""
    return {row.item_id: row.said() for row in overlay_in(release, facts)}


class UpdateItems(msgspec.Struct, frozen=True, kw_only=True):
    """Merge rows with the overlay in force; with ``clear``, put them in its place.

    Merging is relative to what stands there, so two people at once both have their way, the later one where they speak
    of the same field. Clearing replaces what its author had seen. ``rows`` as ``checked_update`` returns them.
    """

    rows: tuple[OverlayRow, ...]
    clear: bool = False

    @property
    def action(self) -> Action:
        return "items"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset({"overlay"}) if self.clear else frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        if not (self.rows or self.clear):
            raise UsageError("no item is named", next_step="name at least one, or clear the overlay")
        before = () if self.clear else overlay_in(head, facts)
        then = settled(merged(before, self.rows))
        check_count(len(then))
        data = canonical(then)
        named = digest(data) if then else None
        if named == head.overlay:
            since = f", since {told(facts.record(head.changed['overlay']))}" if "overlay" in head.changed else ""
            return NoChange(f"the overlay says so already{since}")
        check_overlay(head)
        return Draft(
            release=replace(head, overlay=named),
            why=f"{_updated(self)}; {_items(len(then))} laid over the catalogue",
            blobs=(data,) if then else (),
            forward=True,
        )


def _updated(update: UpdateItems) -> str:
    return "the overlay is replaced" if update.clear else f"update of {len(update.rows)}"


def _items(count: int) -> str:
    return {0: "nothing is", 1: "1 item is"}.get(count, f"{count} items are")
