"""What the releases on this host come to in figures: how old their data is, what is held, which candidates run.

Read from what was prepared here, never from the store: an alarm must not hang with it.
"""

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric

from recsys.documents import read_config
from recsys.encoding import parse_rfc3339
from recsys.errors import RecsysError
from recsys.releases.arm import candidates_in
from recsys.serving.host_state import HostState
from recsys.snapshot.layout import Contents
from recsys.snapshot.sealed import Damaged, read_sealed

__all__ = ["RELEASE_METRICS", "release_figures"]

RELEASE_METRICS: dict[str, str] = {
    "recsys_release_refused": "1 while this host cannot or will not serve the newest release, else 0.",
    "recsys_pinned": "1 while an operator keeps this host at one generation, else 0.",
    "recsys_data_age_seconds": "Age of the data a surface serves, from the end of its last UTC day.",
    "recsys_data_objective_seconds": "The age it may have: `freshness_slo_h` of the config.",
    "recsys_held_seconds": "Seconds since the oldest hold was placed; `surface` is empty where all are held.",
    "recsys_candidate_share": "Share of units (0 to 1) that a surface's candidate answers.",
}


class _Facts(msgspec.Struct, frozen=True):
    """Of one release. ``data_until`` and ``held_since`` are seconds since 1970, by surface."""

    data_until: Mapping[str, float] = {}
    objective_s: Mapping[str, float] = {}
    held_since: Mapping[str, float] = {}
    candidates: Mapping[str, float] = {}


def release_figures(root: Path, state: HostState | None, *, now: Callable[[], float] = time.time) -> Iterator[Metric]:
    """Yield the figures of every tenant's release on this host; ``root`` is the host directory.

    The age is of what is served; holds and candidates are of the newest release that was verified here. A release
    whose copy is damaged has none: that is a finding of its own.
    """
    families = {name: GaugeMetricFamily(name, text, labels=_LABELS[name]) for name, text in RELEASE_METRICS.items()}
    for tenant, known in sorted(state.tenants.items() if state else ()):
        families["recsys_release_refused"].add_metric([tenant], float(bool(known.rejected or known.problem)))
        families["recsys_pinned"].add_metric([tenant], float(known.pinned is not None))
        if not known.kept:
            continue
        served, newest = (_facts(root / kept.path) for kept in (known.serving[0], known.kept[0]))
        for surface, until in served.data_until.items():
            families["recsys_data_age_seconds"].add_metric([tenant, surface], max(0.0, now() - until))
            families["recsys_data_objective_seconds"].add_metric([tenant, surface], served.objective_s[surface])
        for surface, since in newest.held_since.items():
            families["recsys_held_seconds"].add_metric([tenant, surface], max(0.0, now() - since))
        for surface, share in newest.candidates.items():
            families["recsys_candidate_share"].add_metric([tenant, surface], share)
    yield from families.values()


_LABELS = {
    name: ["tenant"] if name in ("recsys_release_refused", "recsys_pinned") else ["tenant", "surface"]
    for name in RELEASE_METRICS
}


def _facts(path: Path) -> _Facts:
    try:
        return _read(path)
    except (Damaged, OSError, RecsysError, msgspec.MsgspecError, ValueError):
        return _Facts()


@functools.lru_cache(maxsize=4096)
def _read(path: Path) -> _Facts:
    """Read what was prepared at a path, once: the path names the record's digest, and is never another release's."""
    contents = msgspec.json.decode(read_sealed(path / "snapshot.json"), type=Contents)
    config = read_config((path.parent.parent.parent / contents.config.path).read_bytes())
    held: dict[str, float] = {}
    for hold in contents.release.holds:
        since = parse_rfc3339(hold.since, what="hold")
        held[hold.surface or ""] = min(since, held.get(hold.surface or "", since))
    return _Facts(
        data_until=dict(contents.data_until),
        objective_s={surface: 3600.0 * config.at(surface).freshness_slo_h for surface in contents.data_until},
        held_since=held,
        candidates={surface: candidate.share for surface, candidate in candidates_in(contents.release)},
    )
