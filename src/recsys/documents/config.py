"""The config document: what a tenant can set, reversibly. Everything has a default; ``{}`` is valid.

A stored document is the canonical form of what was put, not of what was understood: a default written out
stays, so that another default in a later version of the package does not change what the tenant chose.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from recsys.documents.experiments import Experiment, check_experiments
from recsys.documents.groups import (
    Algorithm,
    Diversity,
    ExcludeSeen,
    ExcludeSeenAt,
    Exploration,
    Flags,
    FlagsAt,
    Gate,
    GateAt,
    Limits,
    LimitsAt,
    Personalization,
    Settings,
    Tuning,
    laid_over,
)
from recsys.encoding import Invalid, canonical, convert, decode, did_you_mean
from recsys.signals import COSINES, PARAMETERS, SIGNALS
from recsys.store.names import check_name

__all__ = [
    "ALIASES",
    "BOUNDS",
    "MAX_ID_LENGTH",
    "MAX_WEIGHT",
    "Config",
    "SurfaceConfig",
    "canonical_config",
    "read_config",
]

WHAT = "config document"

ALIASES: Mapping[str, tuple[str, ...]] = {
    "pop": ("popularity",),
    "cooc": ("cooc",),
    "emb": COSINES,
}
"""Short forms accepted in ``weights``, each with the signal it stands for; ``emb`` for the largest of several."""

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

MAX_SEEN_DAYS = 3_660
"""Ten years; no history reaches as far back."""
MAX_SEEN_EVENTS = 100
"""Event types, looked up for each event of a history."""
MAX_DRAWN = 50
"""Places drawn: each looks at the whole pool, and further down nobody sees the difference."""
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.01, 1e4
"""Below, nothing is ever drawn but the best; above, every item of the pool is as likely as any other."""


class SurfaceConfig(Tuning, frozen=True):
    """The keys a surface may set for itself; ``None`` means: as the tenant.

    ``weights``, ``floor_items`` and ``experiments`` replace the tenant's whole. Groups of settings and each signal's
    parameters are laid over the tenant's key by key.
    """

    limits: LimitsAt | None = None
    flags: FlagsAt | None = None
    gate: GateAt | None = None
    freshness_slo_h: float | None = None
    floor_items: tuple[str, ...] | None = None
    signals: Mapping[str, Mapping[str, Any]] | None = None
    experiments: Mapping[str, Experiment] | None = None


class Config(Settings, frozen=True):
    """A tenant's config. ``weights`` by signal (aliases ``pop``, ``cooc``, ``emb``); all zero means popularity alone.

    ``signals`` holds each signal's parameters by name; the signal checks its own.
    """

    weights: Mapping[str, float] = {}
    algorithm: Algorithm = "blend"
    limits: Limits = Limits()
    flags: Flags = Flags()
    gate: Gate = Gate()
    personalization: Personalization = Personalization()
    diversity: Diversity = Diversity()
    exclude_seen: ExcludeSeen = ExcludeSeen()
    exploration: Exploration = Exploration()
    experiments: Mapping[str, Experiment] = {}
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
        return msgspec.structs.replace(
            self.tuned(own),
            limits=laid_over(self.limits, own.limits),
            flags=laid_over(self.flags, own.flags),
            gate=laid_over(self.gate, own.gate),
            experiments=self.experiments if own.experiments is None else own.experiments,
            freshness_slo_h=self.freshness_slo_h if own.freshness_slo_h is None else own.freshness_slo_h,
            floor_items=self.floor_items if own.floor_items is None else own.floor_items,
            signals={
                name: {**self.signals.get(name, {}), **(own.signals or {}).get(name, {})}
                for name in sorted({*self.signals, *(own.signals or {})})
            },
            surfaces={},
        )

    def tuned(self, own: Tuning) -> "Config":
        """Return the config with what a surface or a variant says of how answers are made laid over it."""
        return msgspec.structs.replace(
            self,
            weights=self.weights if own.weights is None else own.weights,
            algorithm=own.algorithm or self.algorithm,
            personalization=laid_over(self.personalization, own.personalization),
            diversity=laid_over(self.diversity, own.diversity),
            exclude_seen=laid_over(self.exclude_seen, own.exclude_seen),
            exploration=laid_over(self.exploration, own.exploration),
        )

    def variants(self) -> Mapping[str, "Config"]:
        """Return the config as each variant of its experiment has it. Of a config at one surface (:meth:`at`)."""
        return {
            name: self.tuned(variant)
            for experiment in self.experiments.values()
            for name, variant in experiment.variants.items()
        }


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


def _check_settings(config: "Config | SurfaceConfig", *, at: str) -> None:
    """Check what types cannot say. Keys that a surface leaves to the tenant are skipped."""
    _check_tuning(config, at=at)
    slo_h = config.freshness_slo_h
    if slo_h is not None and not 0 < slo_h <= MAX_FRESHNESS_H:
        raise Invalid(WHAT, f"`{at}freshness_slo_h` is {slo_h}; it must be above 0, at most {MAX_FRESHNESS_H}")
    _check_ids(config.floor_items or (), f"{at}floor_items")
    for name, params in (config.signals or {}).items():
        if name not in PARAMETERS:
            near = did_you_mean(name, PARAMETERS)
            raise Invalid(WHAT, f"unknown signal `{name}` in `{at}signals`", suggestion=near)
        convert(params, PARAMETERS[name], what=f"{WHAT}, `{at}signals.{name}`")
    check_experiments(config.experiments or {}, WHAT, f"{at}experiments")
    for name, experiment in (config.experiments or {}).items():
        for variant, own in experiment.variants.items():
            where = f"{at}experiments.{name}.variants.{variant}"
            _check_tuning(own, at=f"{where}.")
            if experiment.type == "interleave" and isinstance(config, Config):
                _check_draws_nothing(config.tuned(own), where)


def _check_draws_nothing(config: Config, where: str) -> None:
    """An item of two lists that were drawn is where it is with a probability that nobody knows."""
    if config.exploration.policy != "none":
        raise Invalid(
            WHAT,
            f"`{where}` would be drawn and interleaved",
            suggestion='explore or interleave: set its `exploration` to {"policy": "none"}',
        )


def _check_tuning(config: "Config | Tuning", *, at: str) -> None:
    weights = config.weights or {}
    for name, weight in weights.items():
        if name not in SIGNALS and name not in ALIASES:
            near = did_you_mean(name, {*SIGNALS, *ALIASES})
            raise Invalid(WHAT, f"unknown signal `{name}` in `{at}weights`", suggestion=near)
        _within(weight, f"{at}weights.{name}", low=0, high=MAX_WEIGHT)
        for meant in ALIASES.get(name, ()):
            if meant != name and meant in weights:
                raise Invalid(WHAT, f"`{at}weights` names one signal twice: `{name}` stands for `{meant}`")
    _check_groups(config, at=at)
    _check_seen(config.exclude_seen, f"{at}exclude_seen.events")


def _check_groups(config: "Config | Tuning", *, at: str) -> None:
    for group, key, low, high in BOUNDS:
        settings = getattr(config, group, None)
        value = getattr(settings, key, UNSET)
        if value is not UNSET and value is not None:
            _within(value, f"{at}{group}.{key}", low=low, high=high)


BOUNDS: tuple[tuple[str, str, float, float], ...] = (
    ("limits", "max_k", 1, MAX_K),
    ("limits", "max_exclude_ids", 0, MAX_EXCLUDE_IDS),
    ("personalization", "boost", 0, 1e3),  # negative would punish what the user likes
    ("personalization", "min_events", 0, 1e6),
    ("exclude_seen", "days", 0, MAX_SEEN_DAYS),
    ("diversity", "mmr_lambda", 0, 1),
    ("diversity", "max_per_brand", 1, MAX_K),  # 0 would empty every answer
    ("diversity", "max_per_category", 1, MAX_K),
    ("exploration", "temperature", MIN_TEMPERATURE, MAX_TEMPERATURE),
    ("exploration", "slots", 1, MAX_DRAWN),
    ("gate", "max_empty_rate", 0, 1),
    ("gate", "min_overlap", 0, 1),
    ("gate", "max_p99_ms", 0, 1e6),
)


def _check_seen(exclude_seen: ExcludeSeen | ExcludeSeenAt | None, where: str) -> None:
    events = UNSET if exclude_seen is None else exclude_seen.events
    if events is UNSET:
        return
    if len(events) > MAX_SEEN_EVENTS:
        raise Invalid(WHAT, f"`{where}` has {len(events)} types, and {MAX_SEEN_EVENTS} is the most")
    if any(not 0 < len(event_type) <= MAX_ID_LENGTH for event_type in events):
        raise Invalid(WHAT, f"`{where}` has a type that is empty or longer than {MAX_ID_LENGTH} characters")


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
