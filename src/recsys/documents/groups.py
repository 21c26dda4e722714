"""Groups of settings, and those of them that say how an answer is made.

Each group has a twin ``…At`` whose keys are laid over the tenant's one by one: for a surface, and for a variant of an
experiment.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from recsys.signals import SIGNALS

__all__ = [
    "Algorithm",
    "Diversity",
    "DiversityAt",
    "ExcludeSeen",
    "ExcludeSeenAt",
    "Exploration",
    "ExplorationAt",
    "Flags",
    "FlagsAt",
    "Gate",
    "GateAt",
    "Limits",
    "LimitsAt",
    "Personalization",
    "PersonalizationAt",
    "Settings",
    "Tuning",
    "laid_over",
]

if TYPE_CHECKING:
    Algorithm = str
else:
    Algorithm = Literal[("blend", *SIGNALS)]

_S = TypeVar("_S", bound=msgspec.Struct)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Limits(Settings, frozen=True):
    """Bounds on one request."""

    max_k: int = 200
    max_exclude_ids: int = 1000


class LimitsAt(Settings, frozen=True):
    """:class:`Limits` as a surface may set them, key by key."""

    max_k: int | UnsetType = UNSET
    max_exclude_ids: int | UnsetType = UNSET


class Flags(Settings, frozen=True):
    """``request_weights``: a request may bring its own weights."""

    request_weights: bool = False


class FlagsAt(Settings, frozen=True):
    """:class:`Flags` as a surface may set them, key by key."""

    request_weights: bool | UnsetType = UNSET


class Personalization(Settings, frozen=True):
    """Boost by how well an item's tags fit the user's; attenuated below ``min_events`` events."""

    boost: float = 0.0
    min_events: int = 3


class PersonalizationAt(Settings, frozen=True):
    """:class:`Personalization` as a surface may set it, key by key."""

    boost: float | UnsetType = UNSET
    min_events: int | UnsetType = UNSET


class Diversity(Settings, frozen=True):
    """Greedy re-ranking. ``mmr_lambda`` 1 keeps the order by score; lower trades score for different tags."""

    mmr_lambda: float = 1.0
    max_per_brand: int | None = None
    max_per_category: int | None = None


class DiversityAt(Settings, frozen=True):
    """:class:`Diversity` as a surface may set it, key by key; ``null`` lifts a cap the tenant has."""

    mmr_lambda: float | UnsetType = UNSET
    max_per_brand: int | UnsetType | None = UNSET
    max_per_category: int | UnsetType | None = UNSET


class ExcludeSeen(Settings, frozen=True):
    """Leave out items of the visitor's history with one of these event types within ``days``. No types: nothing."""

    events: tuple[str, ...] = ()
    days: float = 30.0


class ExcludeSeenAt(Settings, frozen=True):
    """:class:`ExcludeSeen` as a surface may set it, key by key; ``"events": []`` shows everything again."""

    events: tuple[str, ...] | UnsetType = UNSET
    days: float | UnsetType = UNSET


class Exploration(Settings, frozen=True):
    """Draw the first ``slots`` places of an answer instead of taking the best.

    ``plackett_luce``: place by place, an item that stands ``n`` places further down is ``exp(-n / temperature)`` times
    as likely. ``temperature`` is in places: near 0 the list stays as it is, large ones shuffle.
    """

    policy: Literal["none", "plackett_luce"] = "none"
    temperature: float = 1.0
    slots: int = 5


class ExplorationAt(Settings, frozen=True):
    """:class:`Exploration` as a surface or a variant may set it, key by key."""

    policy: Literal["none", "plackett_luce"] | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    slots: int | UnsetType = UNSET


class Gate(Settings, frozen=True):
    """What new artifacts must keep to, on the requests of late, before they are shipped.

    ``max_empty_rate``: share of empty lists, unless as many are empty now. ``min_overlap``: mean share of items that a
    list keeps. ``max_p99_ms``: of ranking alone, where the run is; ``None`` leaves it unjudged. ``require_report``:
    they come with a passing report of ``recsys eval run`` that judged exactly them.
    """

    max_empty_rate: float = 0.05
    min_overlap: float = 0.05
    max_p99_ms: float | None = None
    require_report: bool = False


class GateAt(Settings, frozen=True):
    """:class:`Gate` as a surface may set it, key by key."""

    max_empty_rate: float | UnsetType = UNSET
    min_overlap: float | UnsetType = UNSET
    max_p99_ms: float | UnsetType | None = UNSET
    require_report: bool | UnsetType = UNSET


class Tuning(Settings, frozen=True):
    """What says how an answer is made, as a surface or a variant may set it; ``None`` leaves it as it is.

    ``weights`` replaces what there is whole, because a mixture of two sets of weights is nobody's choice. Groups are
    laid over key by key.
    """

    weights: Mapping[str, float] | None = None
    algorithm: Algorithm | None = None
    personalization: PersonalizationAt | None = None
    diversity: DiversityAt | None = None
    exclude_seen: ExcludeSeenAt | None = None
    exploration: ExplorationAt | None = None


def laid_over(tenant: _S, own: msgspec.Struct | None) -> _S:
    """Return a group with the keys that ``own`` says in place of its own."""
    if own is None:
        return tenant
    said = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not UNSET}
    return msgspec.structs.replace(tenant, **said)
