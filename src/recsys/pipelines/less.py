"""What a manifest would take away from a surface: no one leaves out a catalogue by forgetting an option."""

from recsys.encoding import Invalid, decode
from recsys.releases import Manifest, Release
from recsys.store import Corrupt, Missing, Store

__all__ = ["live_manifest", "missing_from"]


def live_manifest(store: Store, release: Release, surface: str) -> Manifest | None:
    """Return what a surface serves in a release; ``None`` when that is nothing, or nothing that can be read.

    A damaged manifest must not stop the run that mends the surface.
    """
    served = release.surfaces.get(surface)
    if served is None or served.manifest is None:
        return None
    try:
        return decode(store.blobs.read(release.tenant, served.manifest), Manifest, what=f"manifest of {surface}")
    except (Missing, Corrupt, Invalid):
        return None


def missing_from(made: Manifest, live: Manifest) -> tuple[str, ...]:
    """Name what ``live`` has and ``made`` has not: the catalogue, signals, signals of a segment, profiles.

    A signal that answers for the tenant instead of the surface is not missing: its evidence decides its scope.
    """
    missing = ["a catalogue"] if live.catalog is not None and made.catalog is None else []
    for name in sorted(live.signals):
        if name not in made.signals:
            missing.append(name)
            continue
        segments = {ref.segment for ref in live.signals[name]} - {ref.segment for ref in made.signals[name]}
        missing += [f"{name} of segment {segment}" for segment in sorted(filter(None, segments))]
    if live.profiles and not made.profiles:
        missing.append("profiles")
    return tuple(missing)
