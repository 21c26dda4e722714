"""The manifest: which artifact answers for each signal and segment of a surface."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from recsys.encoding import decode

__all__ = ["ArtifactRef", "Manifest", "Window", "read_manifest"]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """UTC days, both included: ``2026-11-01`` to ``2026-11-22``."""

    start: str
    end: str


class ArtifactRef(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One artifact and where it applies. ``segment`` is set exactly when the scope is ``segment``.

    ``retain_until`` marks it as personal: the last day (UTC, by the store's own time) on which it may be kept. After
    that a collection deletes it, whatever names it, and a release is whole without it.
    """

    artifact: str
    rows: int
    size_bytes: int
    scope: Literal["tenant", "surface", "segment"] = "tenant"
    segment: str | None = None
    params: Mapping[str, Any] = {}
    retain_until: date | None = None

    @property
    def personal(self) -> bool:
        """Whether it may be gone one day while what names it is served."""
        return self.retain_until is not None

    def lapsed(self, today: date) -> bool:
        """Whether it is personal and its last day is over."""
        return self.retain_until is not None and self.retain_until < today


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
    profiles: ArtifactRef | UnsetType = UNSET
    """What each user did last; unset, not null, so that manifests without are the bytes they always were."""

    def artifacts(self) -> tuple[ArtifactRef, ...]:
        """Return every artifact named here, catalogue and profiles included."""
        refs = [ref for name in sorted(self.signals) for ref in self.signals[name]]
        return tuple(refs + [ref for ref in (self.catalog, self.profiles) if ref])


def read_manifest(data: bytes) -> Manifest:
    """Read a manifest; raises :class:`~recsys.encoding.Invalid`."""
    return decode(data, Manifest, what="manifest")
