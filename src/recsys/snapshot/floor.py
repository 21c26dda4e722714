"""The lowest rung: a small checksummed file of popular or configured items, for when nothing else opens.

It is answered by the same core on a small shelf, so rules, exclusions and constraints hold here too. What was
withdrawn or unavailable when it was written is not in the file.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from recsys.catalog import Item
from recsys.documents import Config, Rules
from recsys.encoding import canonical, rfc3339
from recsys.ranking import Answer, MemoryShelf, Ranker, RecommendRequest, Shelf, SimilarRequest, Warning
from recsys.ranking.shelf import KINDS
from recsys.ranking.standing import Standing
from recsys.snapshot.errors import SnapshotRejected
from recsys.snapshot.opening import Snapshot
from recsys.snapshot.sealed import Damaged, read_sealed, write_sealed

__all__ = ["FLOOR_ITEMS", "Floor", "open_floor", "write_floor"]

FLOOR_ITEMS = 300
"""Per surface: the longest answer by default, and some to spare for what a request excludes."""

FORMAT = 1
_EVERYWHERE = ""
"""The name under which stands what is shown on a surface the floor does not know."""


class _Contents(msgspec.Struct, frozen=True):
    """What the file holds. ``surfaces``: items in the order in which they are shown."""

    format: int
    tenant: str
    generation: int
    config: Config
    rules: Rules
    config_version: str
    rules_version: str
    surfaces: Mapping[str, tuple[Item, ...]]


class Floor:
    """A tenant's floor. Withdrawn, blocked, excluded and constrained items stay out, as of its writing.

    Rules come and go with their windows here too.
    """

    def __init__(self, contents: _Contents, *, withdrawn: frozenset[str] = frozenset()) -> None:
        self.tenant = contents.tenant
        self.generation = contents.generation
        self.config_version = contents.config_version
        self.rules_version = contents.rules_version
        self._contents = contents
        self._withdrawn = withdrawn
        self._segments = {rule.segment for rule in contents.rules}
        self._rankers: dict[tuple[str, str | None], Ranker] = {}

    def without(self, item_ids: frozenset[str]) -> "Floor":
        """Return this floor without items that were withdrawn after its writing."""
        return Floor(self._contents, withdrawn=item_ids)

    def answer(self, request: RecommendRequest | SimilarRequest, *, now: float) -> Answer:
        """Answer from the floor, with the warning ``FALLBACK_FLOOR``."""
        warnings = [Warning("FALLBACK_FLOOR", f"popular items of generation {self.generation}")]
        surface = request.surface
        if surface not in self._contents.surfaces:
            warnings.append(Warning("UNKNOWN_SURFACE", f"`{surface}` is not on the floor of {self.tenant}"))
            surface = _EVERYWHERE
        segment = request.segment if request.segment in self._segments else None
        answer = self._ranker(surface, segment).recommend(_as_popular(request), now=now)
        return msgspec.structs.replace(answer, warnings=(*warnings, *answer.warnings))

    def _ranker(self, surface: str, segment: str | None) -> Ranker:
        ranker = self._rankers.get((surface, segment))
        if ranker is None:
            items = self._contents.surfaces[surface]
            falling = {item.item_id: float(len(items) - at) for at, item in enumerate(items)}
            ranker = self._rankers[surface, segment] = Ranker(
                MemoryShelf(items, popularity=falling),
                config=self._contents.config.at(surface),
                rules=self._contents.rules,
                withdrawn=self._withdrawn,
                surface=surface,
                segment=segment,
            )
        return ranker


def write_floor(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot's floor to ``path``, keeping the one before beside it. Durable when it returns.

    Configured ``floor_items`` come first, then the most popular.
    """
    surfaces = {surface: _floor_of(snapshot, surface) for surface in snapshot.surfaces()}
    if surfaces:
        surfaces[_EVERYWHERE] = surfaces[min(surfaces)]
    else:
        surfaces[_EVERYWHERE] = tuple(
            Item(item_id=item_id) for item_id in snapshot.config.floor_items if item_id not in snapshot.withdrawn
        )
    contents = _Contents(
        format=FORMAT,
        tenant=snapshot.tenant,
        generation=snapshot.generation,
        config=snapshot.config,
        rules=tuple(rule for rule in snapshot.rules if rule.enabled),
        config_version=snapshot.config_version,
        rules_version=snapshot.rules_version,
        surfaces=surfaces,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        before = read_sealed(path)
    except Damaged:
        pass  # a damaged one must not displace the good one beside it
    else:
        write_sealed(_older(path), before)
    write_sealed(path, canonical(contents))


def open_floor(path: Path) -> Floor:
    """Read ``path``, or the one before it when that is damaged; raises ``SnapshotRejected`` if none does."""
    problems: list[str] = []
    for candidate in (path, _older(path)):
        try:
            contents = msgspec.json.decode(read_sealed(candidate), type=_Contents)
        except (Damaged, msgspec.MsgspecError) as error:
            problems.append(str(error))
            continue
        if contents.format == FORMAT:
            return Floor(contents)
        problems.append(f"{candidate.name} has format {contents.format}; this version reads {FORMAT}")
    raise SnapshotRejected(tenant=path.stem, generation=0, reason=f"no floor: {'; '.join(problems)}")


def _older(path: Path) -> Path:
    return path.with_name(f"{path.name}.before")


def _as_popular(request: RecommendRequest | SimilarRequest) -> RecommendRequest:
    """Ask for popular items with the same conditions; the item whose neighbours were asked for stays out."""
    if isinstance(request, RecommendRequest):
        return msgspec.structs.replace(request, algorithm="popularity")
    candidates = msgspec.structs.replace(
        request.candidates, exclude_ids=(*request.candidates.exclude_ids, request.item_id)
    )
    return RecommendRequest(
        surface=request.surface,
        segment=request.segment,
        k=request.k,
        context=request.context,
        candidates=candidates,
        constraints=request.constraints,
        algorithm="popularity",
        options=request.options,
        traffic=request.traffic,
    )


def _floor_of(snapshot: Snapshot, surface: str) -> tuple[Item, ...]:
    """Return the rows of one surface's floor, in the order they are shown.

    What any block rule of the surface names, now or in another window or segment, is left to livelier rungs.
    """
    shelf = snapshot.shelf(surface)
    if shelf is None:
        return ()
    numbers = [number for item_id in snapshot.withdrawn if (number := shelf.find(item_id)) is not None]
    blocks = [
        rule
        for rule in snapshot.rules
        if rule.enabled and rule.action in ("block", "exclude") and rule.surface in (None, surface)
    ]
    standing = Standing(shelf, blocks, withdrawn=np.array(sorted(numbers), dtype=np.int32))
    rows: dict[str, Item] = {}
    for item_id in snapshot.config.at(surface).floor_items:
        number = shelf.find(item_id)
        if number is None:
            if item_id not in snapshot.withdrawn:
                rows[item_id] = Item(item_id=item_id)
        elif not standing.out_bytes[number] or standing.blocked[number]:
            rows[item_id] = _row(shelf, number)
    for number in standing.head_items[:FLOOR_ITEMS]:
        rows.setdefault(shelf.id_of(number), _row(shelf, number))
    return tuple(rows.values())


def _row(shelf: Shelf, number: int) -> Item:
    labels = {kind: tuple(shelf.labels[kind].names_of(number)) for kind in KINDS}
    price, created_at = float(shelf.price[number]), float(shelf.created_at[number])
    return Item(
        item_id=shelf.id_of(number),
        tags=labels["tag"],
        category=next(iter(labels["category"]), None),
        brand=next(iter(labels["brand"]), None),
        price=None if math.isnan(price) else price,
        countries=labels["country"],
        locales=labels["locale"],
        created_at=None if math.isnan(created_at) else rfc3339(created_at),
    )
