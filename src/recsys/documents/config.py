"""The config document: what a tenant can set, reversibly. Everything has a default; ``{}`` is a valid document."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from recsys.encoding import Invalid, decode

__all__ = ["Config", "Diversity", "Limits", "Personalization", "SurfaceConfig", "read_config"]

Algorithm = Literal["blend", "popularity", "cooc"]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Limits(_Settings):
    """Bounds on one request."""

    max_k: int = 200
    max_exclude_ids: int = 1000


class Flags(_Settings):
    """``request_weights``: a request may bring its own weights."""

    request_weights: bool = False


class Personalization(_Settings):
    """Boost by how well an item's tags fit the user's. With fewer than ``min_events`` events it is attenuated."""

    boost: float = 0.0
    min_events: int = 3


class Diversity(_Settings):
    """Greedy re-ranking. ``mmr_lambda`` 1 keeps the order by score; lower trades score for different tags."""

    mmr_lambda: float = 1.0
    max_per_brand: int | None = None
    max_per_category: int | None = None


class SurfaceConfig(_Settings):
    """The keys a surface may set for itself; ``None`` means: as the tenant."""

    weights: Mapping[str, float] | None = None
    algorithm: Algorithm | None = None
    limits: Limits | None = None
    personalization: Personalization | None = None
    diversity: Diversity | None = None
    freshness_slo_h: float | None = None
    floor_items: tuple[str, ...] | None = None
    signals: Mapping[str, Mapping[str, Any]] | None = None


class Config(_Settings):
    """A tenant's config. ``weights`` by signal (aliases ``pop``, ``cooc``); all zero means popularity alone.

    ``signals`` holds each signal's parameters by name; the signal checks its own.
    """

    weights: Mapping[str, float] = {}
    algorithm: Algorithm = "blend"
    limits: Limits = Limits()
    flags: Flags = Flags()
    personalization: Personalization = Personalization()
    diversity: Diversity = Diversity()
    freshness_slo_h: float = 24.0
    floor_items: tuple[str, ...] = ()
    signals: Mapping[str, Mapping[str, Any]] = {}
    surfaces: Mapping[str, SurfaceConfig] = {}

    def at(self, surface: str) -> "Config":
        """Return the config as it holds on one surface: the surface's own keys laid over the tenant's."""
        raise NotImplementedError


def read_config(data: bytes) -> Config:
    """Read and check a config document; raises :class:`~recsys.encoding.Invalid` with the path and the nearest name."""
    raise NotImplementedError(Invalid, decode, data)
