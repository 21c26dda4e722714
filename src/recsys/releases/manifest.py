"""The manifest: which artifact answers for each signal and segment of a surface."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

__all__ = ["ArtifactRef", "Manifest", "Window"]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """UTC days, both included: ``2026-11-01`` to ``2026-11-22``."""

    start: str
    end: str


class ArtifactRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One artifact and where it applies. ``segment`` is set exactly when the scope is ``segment``."""

    artifact: str
    rows: int
    size_bytes: int
    scope: Literal["tenant", "surface", "segment"] = "tenant"
    segment: str | None = None
    params: Mapping[str, Any] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the pipelines built for one surface. Holds no time of building: same input, same
    digest.

    ``signals`` maps a signal's name to its artifacts; lookup goes segment, then surface, then tenant.
    ``inputs`` is a digest over the canonical events, the catalogue and the parameters.
    """

    tenant: str
    surface: str
    window: Window
    inputs: str
    signals: Mapping[str, tuple[ArtifactRef, ...]]
    catalog: ArtifactRef | None = None
    format: int = 1

    def artifacts(self) -> tuple[ArtifactRef, ...]:
        """Return every artifact named here, catalogue included."""
        refs = [ref for name in sorted(self.signals) for ref in self.signals[name]]
        return tuple(refs + ([self.catalog] if self.catalog else []))
