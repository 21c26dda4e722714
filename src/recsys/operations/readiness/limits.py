"""What is too old or too many for an installation with real users."""

import msgspec

__all__ = ["LIMITS", "Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is too old or too many. Each name says its unit."""

    evidence_age_d: int = 90
    """Older answers, drills, load tests and restores say little about the installation of today. `--max-age-days`."""
    key_age_d: int = 365
    """A key older than this has been in more places than anybody remembers."""
    admin_keys: int = 3
    """More live admin keys of one tenant than this are nobody's in particular."""
    hold_age_d: int = 7
    """An incident is over by then; what is still held was forgotten."""
    candidate_age_d: int = 42
    """Six weeks decide an experiment or show that it cannot be decided."""
    ships: int = 10
    """How many of a surface's newest ships are looked at for checks that were passed over."""
    hosts: int = 2
    """One host is gone during each restart of it."""


LIMITS = Limits()
