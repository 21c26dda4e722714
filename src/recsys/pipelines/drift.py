"""What was computed, against what is served: is it as much, does it say the like?

Nothing of it is known to be wrong. But what is half of yesterday's, or shares nothing with it, is seldom meant.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import numpy as np

from recsys.pipelines.rundir import Computed, Finding, Ingested, Made, Severity
from recsys.releases import ArtifactRef, Manifest
from recsys.signals import SIGNALS, popularity
from recsys.signals.neighbours import Neighbours
from recsys.signals.popularity import Popularity
from recsys.store import Corrupt, Missing, Store
from recsys.store.columns import Columns, Malformed
from recsys.store.soundness import Unfit

__all__ = ["DriftLimits", "alike", "check_artifacts"]

SAMPLE = 200
"""Items whose neighbours are compared: a mean over as many is right to a few hundredths."""
TOP = 100
"""Popular items that are compared, and neighbours of an item that count as its nearest."""


class DriftLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on a check fails; shares, in 0..1."""

    rows: float = 0.5
    """Items of an artifact, of what is live: half of it is a broken export, or a category lost."""
    alike: float = 0.1
    """What both say alike: below it another shop's events were read, or its ids are written another way."""
    alike_warned: float = 0.4
    """A day or a week changes less."""
    top_share: float = 0.5
    """Of all popularity, on one item: a robot, or an id that stands for many."""


def check_artifacts(
    folder: Path, made: Ingested, computed: Computed, *, live: Manifest | None, store: Store, limits: DriftLimits
) -> list[Finding]:
    """Judge the artifacts of a run; ``live`` is what the surface serves, where that can be read."""
    found = []
    for artifact in computed.artifacts:
        signal = SIGNALS.get(artifact.signal)
        if signal is None:
            continue
        opened = signal.open(Columns.map(folder / artifact.file), tenant=made.tenant)
        if isinstance(opened, Popularity):
            found.append(_top_share(opened, artifact, limits))
        for ref in () if live is None else live.signals.get(artifact.signal, ()):
            if (ref.scope, ref.segment) == (artifact.scope, artifact.segment) and ref.artifact != artifact.digest:
                found += _against(opened, artifact, ref, tenant=made.tenant, store=store, folder=folder, limits=limits)
    if live is not None:
        back = (date.fromisoformat(live.window.end) - date.fromisoformat(made.end)).days
        said = f"the window ends on {made.end}, before that of what is served, {live.window.end}"
        found.append(Finding.of("window_days_back", float(back), 0.0, said, ok=back <= 0))
    return found


def alike(one: object, other: object) -> float | None:
    """Return how much two opened artifacts of one signal say alike, in 0..1; ``None`` where nothing can be compared.

    Of popularity the share of the most popular items that both have; of neighbours the mean, over items that both know,
    of the share of their nearest.
    """
    if isinstance(one, Popularity) and isinstance(other, Popularity):
        return _shared(
            {one.items[int(at)] for at in one.order[:TOP]}, {other.items[int(at)] for at in other.order[:TOP]}
        )
    if isinstance(one, Neighbours) and isinstance(other, Neighbours):
        at = np.unique(np.linspace(0, len(one.items) - 1, 5 * SAMPLE).astype(np.int64))
        both = [(a, b) for a in at.tolist() if (b := other.items.find(one.items[a])) is not None][:SAMPLE]
        return float(np.mean([_shared(_nearest(one, a), _nearest(other, b)) for a, b in both])) if both else 0.0
    return None


def _against(
    opened: object, artifact: Made, ref: ArtifactRef, *, tenant: str, store: Store, folder: Path, limits: DriftLimits
) -> Iterator[Finding]:
    """Compare with what is served. A damaged blob there must not stop the run that mends it."""
    name = artifact.signal
    share = artifact.rows / ref.rows
    said = f"{name} knows {artifact.rows:,} items; what is served knows {ref.rows:,}"
    yield Finding.of(f"{name}_rows", share, limits.rows, said, ok=share >= limits.rows)
    served = folder / "served.bin"
    served.unlink(missing_ok=True)
    try:
        store.blobs.fetch(tenant, ref.artifact, served)
        other = SIGNALS[name].open(Columns.map(served), tenant=tenant)
        found = alike(opened, other)
    except (Missing, Corrupt, Malformed, Unfit):
        return
    finally:
        served.unlink(missing_ok=True)
    if found is not None:
        said = f"{name} has {found:.0%} in common with what is served"
        severity: Severity = "error" if found < limits.alike else "warning"
        limit = limits.alike if severity == "error" else limits.alike_warned
        yield Finding.of(f"{name}_alike", found, limit, said, ok=found >= limit, severity=severity)


def _top_share(opened: Popularity, artifact: Made, limits: DriftLimits) -> Finding:
    share = float(opened.score.max() / opened.score.sum())
    said = f"{share:.0%} of all {popularity.KIND} is on one item, {opened.items[int(opened.order[0])]}"
    return Finding.of("top_share", share, limits.top_share, said, ok=share <= limits.top_share or artifact.rows < TOP)


def _most_popular(opened: Popularity) -> set[str]:
    return {opened.items[item] for item in opened.order[:TOP].tolist()}


def _nearest(opened: Neighbours, item: int) -> set[str]:
    start, end = int(opened.offsets[item]), int(opened.offsets[item + 1])
    return {opened.items[other] for other in opened.neighbours[start : min(end, start + TOP)].tolist()}


def _shared(one: set[str], other: set[str]) -> float:
    """Return the share of the smaller set that the other has: what is new beside it is no loss."""
    return len(one & other) / min(len(one), len(other)) if one and other else float(one == other)
