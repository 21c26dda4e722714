"""How old the data behind a surface is, against its objective."""

import msgspec

from recsys.documents import Config
from recsys.encoding import decode, parse_rfc3339
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases import Manifest, Release
from recsys.store import Store

__all__ = ["Freshness", "freshness"]

_DAY_H = 24.0


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """Age counts from the end of the last whole day of data, so data up to today has age 0."""

    data_until: str | None
    age_h: float | None
    objective_h: float

    @property
    def stale(self) -> bool:
        """Whether the objective is missed."""
        return self.age_h is not None and self.age_h > self.objective_h

    @property
    def very_stale(self) -> bool:
        """Whether it is missed by so much that it counts as failing."""
        return self.age_h is not None and self.age_h > THRESHOLDS.freshness_failing_factor * self.objective_h

    def sentence(self) -> str:
        """Say it for people."""
        return f"data ends {self.data_until}, {self.age_h or 0.0:.0f} h ago; the objective is {self.objective_h:.0f} h"


def freshness(store: Store, release: Release, surface: str, config: Config, *, now_s: float) -> Freshness:
    """Read how old the data is that a release serves on a surface."""
    objective_h = config.at(surface).freshness_slo_h
    served = release.surfaces.get(surface)
    if served is None or served.manifest is None:
        return Freshness(data_until=None, age_h=None, objective_h=objective_h)
    manifest = decode(store.blobs.read(release.tenant, served.manifest), Manifest, what="manifest")
    ends_s = parse_rfc3339(f"{manifest.window.end}T00:00:00Z") + _DAY_H * 3600
    return Freshness(data_until=manifest.window.end, age_h=max(0.0, now_s - ends_s) / 3600, objective_h=objective_h)
