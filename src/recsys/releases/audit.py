"""Who changed what, when, why and on which evidence: the log of releases as people ask it."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from recsys.encoding import parse_rfc3339
from recsys.releases.carrier import Carrier
from recsys.releases.record import Release, parts_of, touched

__all__ = ["Asked", "AuditEntry", "States", "audit"]


class States(msgspec.Struct, frozen=True, rename={"old": "before", "new": "after"}):
    """The state of one part before and after: a digest, a candidate, the holds."""

    old: Any
    new: Any


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who changed what, when and why. ``states``: of each part that changed; only for operators and admins."""

    generation: int
    at: str
    actor: str
    action: str
    reason: str
    changed: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    restores: int | None = None
    states: Mapping[str, States] | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes are meant; what is ``None`` is not asked.

    ``part`` is ``config``, ``rules``, ``holds``, ``withdrawn``, ``overlay``, ``artifacts:home``, ``candidate:home``, or
    such a word without its surface. ``since_s``: seconds since 1970, by the records' own labels.
    """

    actor: str | None = None
    action: str | None = None
    part: str | None = None
    since_s: float | None = None

    def matches(self, entry: AuditEntry) -> bool:
        """Tell whether an entry is meant."""
        return (
            self.actor in (None, entry.actor)
            and self.action in (None, entry.action)
            and (self.part is None or any(self.part in (part, part.partition(":")[0]) for part in entry.changed))
            and (self.since_s is None or parse_rfc3339(entry.at, what="record") >= self.since_s)
        )


NOTHING_ASKED = Asked()


def audit(
    releases: Carrier, *, before: int | None = None, asked: Asked = NOTHING_ASKED, states: bool = True
) -> Iterator[AuditEntry]:
    """Yield the changes that are meant below generation ``before``, newest first; records are read when needed."""
    newest = releases.current().generation
    start = newest if before is None else min(newest, before - 1)
    release = releases.read(start) if start >= 1 else None
    while release is not None:
        earlier = releases.read(release.generation - 1) if release.generation > 1 else None
        entry = _entry(release, earlier, states=states)
        if asked.matches(entry):
            yield entry
        release = earlier


def _entry(release: Release, earlier: Release | None, *, states: bool) -> AuditEntry:
    after = parts_of(release)
    before = {} if earlier is None else parts_of(earlier)
    began = [part for part, value in after.items() if value]
    parts = sorted(began if earlier is None else touched(earlier, release))
    return AuditEntry(
        generation=release.generation,
        at=release.at,
        actor=release.actor,
        action=release.action,
        reason=release.reason,
        changed=tuple(parts),
        evidence=release.evidence,
        restores=release.restores,
        states={part: States(before.get(part), after.get(part)) for part in parts} if states else None,
    )
