"""The config document: what a tenant can set, reversibly. Everything has a default; ``{}`` is valid.

A stored document is the canonical form of what was put, not of what was understood: a default written out
stays, so that another default in a later version of the package does not change what the tenant chose.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from recsys.encoding import Invalid, canonical, convert, decode, did_you_mean
from recsys.signals import SIGNALS
from recsys.store.names import check_name

__all__ = [
    "ALIASES",
    "MAX_ID_LENGTH",
    "Config",
    "Diversity",
    "DiversityAt",
    "Flags",
    "FlagsAt",
    "Limits",
    "LimitsAt",
    "Personalization",
    "PersonalizationAt",
    "SurfaceConfig",
    "canonical_config",
    "read_config",
]

WHAT = "config document"

ALIASES: Mapping[str, str] = {"pop": "popularity", "cooc": "cooc"}
"""Short forms accepted in ``weights``, each with the signal it stands for."""

MAX_BYTES = 1_048_576
"""Read at every switch of a release and kept per release: a megabyte is hundreds of surfaces."""
MAX_SURFACES = 1_000
"""Each surface is a shelf in memory and a line in ``status``."""
MAX_K = 1_000
"""An answer is ranked, recorded and replayed whole; past this it is an export, not a list somebody sees."""
MAX_EXCLUDE_IDS = 100_000
"""Each request may carry this many; past it the body itself is refused as too large."""
MAX_WEIGHT = 1e6
"""Only the proportions of weights matter; past this, sums of scores lose digits."""
MAX_FRESHNESS_H = 8_784
"""A year: data that may be older has no objective."""
MAX_FLOOR_ITEMS = 1_000
"""The floor is a small file that is read when everything else has failed."""
MAX_ID_LENGTH = 256
"""An item id is a key; longer ones are someone's payload in the wrong column."""

Algorithm = Literal["blend", "popularity", "cooc"]

_S = TypeVar("_S", bound=msgspec.Struct)


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Limits(_Settings, frozen=True):
    """Bounds on one request."""

    max_k: int = 200
    max_exclude_ids: int = 1000


class LimitsAt(_Settings, frozen=True):
    """:class:`Limits` as a surface may set them, key by key."""

    max_k: int | UnsetType = UNSET
    max_exclude_ids: int | UnsetType = UNSET


class Flags(_Settings, frozen=True):
    """``request_weights``: a request may bring its own weights."""

    request_weights: bool = False


class FlagsAt(_Settings, frozen=True):
    """:class:`Flags` as a surface may set them, key by key."""

    request_weights: bool | UnsetType = UNSET


class Personalization(_Settings, frozen=True):
    """Boost by how well an item's tags fit the user's; attenuated below ``min_events`` events."""

    boost: float = 0.0
    min_events: int = 3


class PersonalizationAt(_Settings, frozen=True):
    """:class:`Personalization` as a surface may set it, key by key."""

    boost: float | UnsetType = UNSET
    min_events: int | UnsetType = UNSET


class Diversity(_Settings, frozen=True):
    """Greedy re-ranking. ``mmr_lambda`` 1 keeps the order by score; lower trades score for different tags."""

    mmr_lambda: float = 1.0
    max_per_brand: int | None = None
    max_per_category: int | None = None


class DiversityAt(_Settings, frozen=True):
    """:class:`Diversity` as a surface may set it, key by key; ``null`` lifts a cap the tenant has."""

    mmr_lambda: float | UnsetType = UNSET
    max_per_brand: int | UnsetType | None = UNSET
    max_per_category: int | UnsetType | None = UNSET


class SurfaceConfig(_Settings, frozen=True):
    """The keys a surface may set for itself; ``None`` means: as the tenant.

    ``weights`` and ``floor_items`` replace the tenant's whole, because a mixture of two sets of weights is
    nobody's choice. Groups of settings and each signal's parameters are laid over the tenant's key by key.
    """

    weights: Mapping[str, float] | None = None
    algorithm: Algorithm | None = None
    limits: LimitsAt | None = None
    flags: FlagsAt | None = None
    personalization: PersonalizationAt | None = None
    diversity: DiversityAt | None = None
    freshness_slo_h: float | None = None
    floor_items: tuple[str, ...] | None = None
    signals: Mapping[str, Mapping[str, Any]] | None = None


class Config(_Settings, frozen=True):
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
        """Return the config as it holds on one surface: the surface's own keys laid over the tenant's.

        The result has no ``surfaces``: it is at one already. A surface without own keys gets the tenant's.
        """
        own = self.surfaces.get(surface)
        if own is None:
            return msgspec.structs.replace(self, surfaces={})
        return Config(
            weights=self.weights if own.weights is None else own.weights,
            algorithm=own.algorithm or self.algorithm,
            limits=_laid_over(self.limits, own.limits),
            flags=_laid_over(self.flags, own.flags),
            personalization=_laid_over(self.personalization, own.personalization),
            diversity=_laid_over(self.diversity, own.diversity),
            freshness_slo_h=self.freshness_slo_h if own.freshness_slo_h is None else own.freshness_slo_h,
            floor_items=self.floor_items if own.floor_items is None else own.floor_items,
            signals={
                name: {**self.signals.get(name, {}), **(own.signals or {}).get(name, {})}
                for name in sorted({*self.signals, *(own.signals or {})})
            },
        )


def read_config(data: bytes) -> Config:
    """Read and check a config document; raises ``Invalid`` with the path and the nearest right name."""
    if len(data) > MAX_BYTES:
        raise Invalid(WHAT, f"{len(data)} bytes, and {MAX_BYTES} is the most")
    config = decode(data, Config, what=WHAT)
    _check_settings(config, at="")
    if len(config.surfaces) > MAX_SURFACES:
        raise Invalid(WHAT, f"{len(config.surfaces)} surfaces, and {MAX_SURFACES} is the most")
    for surface, own in config.surfaces.items():
        check_name(surface, what="surface")
        _check_settings(own, at=f"surfaces.{surface}.")
        _check_settings(config.at(surface), at=f"surfaces.{surface}.")
    return config


def canonical_config(data: bytes) -> bytes:
    """Check a config document as a person put it; return the bytes to store, whose digest is its version."""
    read_config(data)
    return canonical(msgspec.json.decode(data))


def _laid_over(tenant: _S, own: msgspec.Struct | None) -> _S:
    if own is None:
        return tenant
    said = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not UNSET}
    return msgspec.structs.replace(tenant, **said)


def _check_settings(config: "Config | SurfaceConfig", *, at: str) -> None:
    """Check what types cannot say. Keys that a surface leaves to the tenant are skipped."""
    weights = config.weights or {}
    for name, weight in weights.items():
        if name not in SIGNALS and name not in ALIASES:
            near = did_you_mean(name, {*SIGNALS, *ALIASES})
            raise Invalid(WHAT, f"unknown signal `{name}` in `{at}weights`", suggestion=near)
        _within(weight, f"{at}weights.{name}", low=0, high=MAX_WEIGHT)
        meant = ALIASES.get(name, name)
        if meant != name and meant in weights:
            raise Invalid(WHAT, f"`{at}weights` names one signal twice: `{name}` stands for `{meant}`")
    _check_groups(config, at=at)
    slo_h = config.freshness_slo_h
    if slo_h is not None and not 0 < slo_h <= MAX_FRESHNESS_H:
        raise Invalid(WHAT, f"`{at}freshness_slo_h` is {slo_h}; it must be above 0, at most {MAX_FRESHNESS_H}")
    _check_ids(config.floor_items or (), f"{at}floor_items")
    for name, params in (config.signals or {}).items():
        if name not in SIGNALS:
            near = did_you_mean(name, SIGNALS)
            raise Invalid(WHAT, f"unknown signal `{name}` in `{at}signals`", suggestion=near)
        convert(params, SIGNALS[name].Params, what=f"{WHAT}, `{at}signals.{name}`")


def _check_groups(config: "Config | SurfaceConfig", *, at: str) -> None:
    for group, key, low, high in _BOUNDS:
        settings = getattr(config, group)
        value = getattr(settings, key, UNSET)
        if value is not UNSET and value is not None:
            _within(value, f"{at}{group}.{key}", low=low, high=high)


_BOUNDS: tuple[tuple[str, str, float, float], ...] = (
    ("limits", "max_k", 1, MAX_K),
    ("limits", "max_exclude_ids", 0, MAX_EXCLUDE_IDS),
    ("personalization", "boost", 0, 1e3),  # negative would punish what the user likes
    ("personalization", "min_events", 0, 1e6),
    ("diversity", "mmr_lambda", 0, 1),
    ("diversity", "max_per_brand", 1, MAX_K),  # 0 would empty every answer
    ("diversity", "max_per_category", 1, MAX_K),
)


def _within(value: float, where: str, *, low: float, high: float) -> None:
    if not low <= value <= high:  # also catches NaN, which compares false with everything
        raise Invalid(WHAT, f"`{where}` is {value}; it must lie in {low:g}..{high:g}")


def _check_ids(ids: tuple[str, ...], where: str) -> None:
    if len(ids) > MAX_FLOOR_ITEMS:
        raise Invalid(WHAT, f"`{where}` has {len(ids)} items, and {MAX_FLOOR_ITEMS} is the most")
    if len(set(ids)) != len(ids):
        raise Invalid(WHAT, f"`{where}` names `{next(i for i in ids if ids.count(i) > 1)}` twice")
    for item_id in ids:
        if not 0 < len(item_id) <= MAX_ID_LENGTH:
            raise Invalid(WHAT, f"`{where}` has an id of {len(item_id)} characters; 1..{MAX_ID_LENGTH} are allowed")
