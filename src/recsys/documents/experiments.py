"""Experiments as a config says them: who gets which variant of a surface's settings."""

from collections.abc import Mapping
from typing import Final, Literal

from recsys.documents.groups import Settings, Tuning
from recsys.encoding import Invalid
from recsys.store.names import check_name

__all__ = ["INTERLEAVED", "Experiment", "Unit", "Variant", "check_experiments"]

INTERLEAVED: Final = "interleaved"
"""What an answer made of both variants' lists is called where others name their variant."""

MAX_VARIANTS: Final = 20
"""Each is a ranker in every worker; and what is split further tells nobody anything."""

_ROUNDING: Final = 1e-9
"""Shares are written in decimals, and 0.1 + 0.2 + 0.7 is not 1."""

Unit = Literal["anonymous_id", "user_id", "session_id", "request_id"]


class Variant(Tuning, frozen=True):
    """What differs from the surface's settings. ``share`` of the units in the experiment get it; ``ab`` alone."""

    share: float | None = None


class Experiment(Settings, frozen=True):
    """One comparison of settings.

    ``ab`` shows each unit one variant, always the same. ``interleave`` shows everybody one list that two variants take
    turns to fill. ``share`` of the units are in it at all; a growing share moves nobody from one variant to another.
    """

    type: Literal["ab", "interleave"]
    variants: Mapping[str, Variant]
    unit: Unit = "anonymous_id"
    share: float = 1.0


def check_experiments(experiments: Mapping[str, Experiment], what: str, where: str) -> None:
    """Check what types cannot say; raises ``Invalid``. What the variants set is not looked at here."""
    if len(experiments) > 1:
        named = ", ".join(sorted(experiments))
        raise Invalid(what, f"`{where}` has {named}; one experiment runs on a surface at a time")
    for name, experiment in experiments.items():
        check_name(name, what="experiment")
        _check_variants(experiment, what, f"{where}.{name}.variants")
        if not 0 <= experiment.share <= 1:
            raise Invalid(what, f"`{where}.{name}.share` is {experiment.share}; it must lie in 0..1")


def _check_variants(experiment: Experiment, what: str, where: str) -> None:
    variants = experiment.variants
    for name in variants:
        check_name(name, what="variant")
        if name == INTERLEAVED:
            raise Invalid(what, f"`{where}` has a variant `{name}`; that word names lists made of two variants")
    shares = [variant.share for variant in variants.values()]
    if experiment.type == "interleave":
        if len(variants) != 2:
            raise Invalid(what, f"`{where}` has {len(variants)}; two lists are interleaved")
        if any(share is not None for share in shares):
            raise Invalid(what, f"`{where}` has a share; in every interleaved list both take turns")
        return
    if not 2 <= len(variants) <= MAX_VARIANTS:
        raise Invalid(what, f"`{where}` has {len(variants)}; 2 to {MAX_VARIANTS} are compared")
    said = [share for share in shares if share is not None]
    if len(said) < len(shares):
        raise Invalid(what, f"`{where}`: each variant needs its `share`")
    if not all(0 <= share <= 1 for share in said) or abs(sum(said) - 1) > _ROUNDING:
        raise Invalid(what, f"the shares in `{where}` add up to {sum(said):g}; they must add up to 1")
