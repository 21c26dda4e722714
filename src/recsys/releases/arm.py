"""The other arm of a surface: what a candidate serves, and to whom.

Pure functions of a release: the publisher promotes by them, the host compiles by them and the service assigns by them,
so that what was tried is what is promoted, byte for byte.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final, Literal

from msgspec.structs import replace

from recsys.documents import read_config, read_rules
from recsys.documents.parts import config_part, rules_part, with_config_part, with_rules_part
from recsys.encoding import digest
from recsys.errors import RecsysError, Refused
from recsys.releases.record import Candidate, Lever, Release, Surface
from recsys.store import Denied, Unavailable

__all__ = [
    "Arm",
    "arm_of",
    "candidate_in",
    "candidates_in",
    "carried",
    "check_alone",
    "is_assigned",
    "is_below",
    "name_of",
    "with_candidate",
    "without_misfits",
]

Arm = Literal["control", "candidate"]
"""What a unit of a comparison gets: what the surface serves, or what the candidate has in its place."""

Document = Callable[[str], bytes]
"""Reads a blob by its digest."""

_PLACES: Final = 1 << 64


def name_of(surface: str, candidate: Candidate) -> str:
    """Name a candidate, and its experiment: the surface and the generation that began it."""
    return f"{surface}-{candidate.since}"


def candidate_in(release: Release, surface: str) -> Candidate | None:
    """Return the candidate that runs on a surface."""
    served = release.surfaces.get(surface)
    return None if served is None else served.candidate


def candidates_in(release: Release) -> Iterator[tuple[str, Candidate]]:
    """Yield the surfaces on which a candidate runs, sorted, each with it."""
    for surface, served in sorted(release.surfaces.items()):
        if served.candidate is not None:
            yield surface, served.candidate


def check_alone(surface: str, *configs: bytes) -> None:
    """Refuse a candidate on a surface where one of the configs runs an experiment: an answer is in one comparison."""
    for config in configs:
        for running in read_config(config).at(surface).experiments:
            raise Refused(
                f"{surface} runs experiment {running}, and one comparison runs on a surface at a time",
                next_step=f"take {running} out of the config first, or put {{}} in surfaces.{surface}.experiments",
            )


def with_candidate(release: Release, surface: str, candidate: Candidate | None) -> Release:
    """Return the release with another candidate on a surface; ``None`` ends it."""
    served = release.surfaces.get(surface)
    if served is None and candidate is None:
        return release
    return replace(release, surfaces={**release.surfaces, surface: replace(served or Surface(), candidate=candidate)})


def carried(candidate: Candidate) -> tuple[Lever, ...]:
    """Return the levers a candidate moves when it is promoted: those a hold can cover."""
    levers: tuple[tuple[Lever, str | None], ...] = (
        ("config", candidate.config),
        ("rules", candidate.rules),
        ("artifacts", candidate.manifest),
    )
    return tuple(lever for lever, named in levers if named is not None)


def arm_of(release: Release, surface: str, document: Document) -> tuple[Release, tuple[bytes, ...]]:
    """Return the release as it would be with the candidate of a surface live, and the documents made for it.

    The manifest is the candidate's, else the surface's. Of the candidate's documents only the surface's own part
    counts: it takes the place of that part in what is in force *now*. So a change for the whole tenant reaches both
    arms, and they go on differing in nothing but what is compared.

    Raises
    ------
    Invalid, Refused
        When the two do not go together, as when a rule's id was given to another rule meanwhile; and where the config
        runs an experiment on the surface.
    """
    served = release.surfaces[surface]
    candidate = served.candidate
    assert candidate is not None
    blobs: list[bytes] = []
    config, rules = release.config, release.rules
    if candidate.config is not None:
        part = config_part(document(candidate.config), surface)
        blobs.append(with_config_part(document(config), surface, part))
        read_config(blobs[-1])
        config = digest(blobs[-1])
    if candidate.rules is not None:
        part = rules_part(document(candidate.rules), surface)
        blobs.append(with_rules_part(document(rules), surface, part))
        read_rules(blobs[-1])
        rules = digest(blobs[-1])
    check_alone(surface, document(release.config), *(blobs[:1] if candidate.config is not None else ()))
    live = replace(served, manifest=candidate.manifest or served.manifest, candidate=None)
    surfaces = {**release.surfaces, surface: live}
    return replace(release, config=config, rules=rules, surfaces=surfaces), tuple(blobs)


def is_assigned(candidate: Candidate, *, tenant: str, surface: str, unit_id: str) -> bool:
    """Tell whether a unit gets the candidate rather than what the surface serves.

    The unit's place in [0, 1) is a BLAKE2b hash of tenant, surface, the generation that began the candidate, and the
    id; places below ``share`` get the candidate. So the place never changes while the candidate runs, a growing share
    only moves units towards it, and two surfaces or two candidates sort people independently of each other. The id is
    a pseudonym, which is keyed already: nobody outside can choose an id for its place.
    """
    return is_below(candidate.share, tenant, surface, str(candidate.since), unit_id)


def is_below(share: float, *key: str) -> bool:
    """Tell whether the place of a key in [0, 1), a BLAKE2b hash of its parts, lies below ``share``."""
    named = "\n".join(key).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(named, digest_size=8).digest(), "big") < share * _PLACES


def without_misfits(then: Release, head: Release, document: Document) -> Release:
    """End the candidates whose documents do not go with documents that come back.

    For rollbacks and undos: they must not wait for a comparison. A ship or a put is refused instead.
    """
    if (then.config, then.rules) == (head.config, head.rules):
        return then
    for surface, _ in candidates_in(then):
        try:
            arm_of(then, surface, document)
        except (Unavailable, Denied):
            raise
        except RecsysError:
            then = with_candidate(then, surface, None)
    return then
