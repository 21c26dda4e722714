"""What a change can be refused for. Each carries its facts: who, when, which generation, why, and how to go
on.
"""

from recsys.errors import Failed, NotFound, Refused
from recsys.releases.record import Action, Hold, Release

__all__ = [
    "AlreadyPromoted",
    "AlreadyRolledBack",
    "AttemptReused",
    "BeingCollected",
    "CandidateRuns",
    "CannotUndo",
    "Collected",
    "DamagedRecord",
    "Held",
    "LogForked",
    "LostRace",
    "NewerFormat",
    "NewerRecord",
    "NoCandidate",
    "NoReleases",
    "NotUnderstood",
    "NotWhole",
    "NothingOlder",
    "StaleHead",
    "UnfitRelease",
    "UnknownGeneration",
    "WrittenMeanwhile",
    "told",
]


def told(release: Release) -> str:
    """Say a release in one breath: number, action, who, when, why."""
    why = f": {release.reason}" if release.reason else ""
    return f"generation {release.generation} ({release.action} by {release.actor} at {release.at}{why})"


class NoReleases(NotFound):
    """The tenant has no generation 1."""

    code = "NO_RELEASE"

    def __init__(self, tenant: str) -> None:
        super().__init__(f"tenant {tenant} has no release", next_step=f"make it: recsys tenants create {tenant}")


class UnknownGeneration(NotFound):
    """A generation that the log does not have."""

    code = "UNKNOWN_GENERATION"

    def __init__(self, tenant: str, asked: int, newest: int) -> None:
        super().__init__(
            f"tenant {tenant} has no generation {asked}; the newest is {newest}",
            next_step=f"see them: recsys releases list --tenant {tenant}",
        )


class Held(Refused):
    """A hold covers what would change."""

    code = "HELD"

    def __init__(self, tenant: str, what: str, hold: Hold) -> None:
        scope = f" --surface {hold.surface}" if hold.surface else ""
        placed = f" in generation {hold.generation}" if hold.generation else ""
        why = hold.reason or "no reason given"
        covers = f"{', '.join(hold.levers)} of {hold.surface or 'every surface'}"
        super().__init__(
            f"{what}: held ({covers}) since {hold.since} by {hold.actor}{placed}: {why}",
            next_step=f"when it may go on: recsys releases resume --tenant {tenant}{scope}",
        )
        self.hold = hold


class StaleHead(Refused):
    """What was expected to be in force was changed since."""

    code = "STALE_HEAD"

    def __init__(self, part: str, *, expected: int, found: int, by: str) -> None:
        super().__init__(
            f"{part} was expected as in generation {expected}, and was changed since by {by}",
            next_step="read what is in force now, and try again from there",
        )
        self.expected = expected
        self.found = found


class LostRace(Refused):
    """Someone else changed the same thing while this was on its way."""

    code = "LOST_RACE"

    def __init__(self, part: str, winner: Release) -> None:
        super().__init__(
            f"{part} was changed meanwhile by {told(winner)}",
            next_step=f"compare: recsys releases diff {winner.generation - 1} {winner.generation} "
            f"--tenant {winner.tenant}; then decide which of the two should stand",
        )
        self.winner = winner


class AlreadyRolledBack(Refused):
    """The newest change of a lever is itself a rollback: two people pressing once must not go back twice."""

    code = "ALREADY_ROLLED_BACK"

    def __init__(self, what: str, newest: Release, command: str) -> None:
        super().__init__(
            f"{what}: in force is the content of generation {newest.restores}, put there by {told(newest)}",
            next_step=f"to go behind it: {command} --further; to a generation you choose: {command} --to N; "
            f"to take it back: recsys releases undo {newest.generation} --tenant {newest.tenant}",
        )
        self.newest = newest


class NothingOlder(Refused):
    """There is no older content to go back to, or going back would leave a surface with nothing."""

    code = "NOTHING_OLDER"


class CannotUndo(Refused):
    """A change that is not taken back by ``undo``, or on which later changes stand."""

    code = "CANNOT_UNDO"


class CandidateRuns(Refused):
    """Another candidate runs on the surface."""

    code = "CANDIDATE_RUNS"

    def __init__(self, head: Release, name: str, begun: Release, surface: str) -> None:
        super().__init__(
            f"{surface} runs candidate {name} already, begun by {told(begun)}",
            next_step=f"end it first: recsys candidate abort --tenant {head.tenant} --surface {surface}",
        )
        self.begun = begun


class NoCandidate(Refused):
    """There is no candidate to promote."""

    code = "NO_CANDIDATE"

    def __init__(self, tenant: str, surface: str) -> None:
        super().__init__(
            f"{surface} runs no candidate: nothing was promoted",
            next_step=f"see what runs: recsys candidate show --tenant {tenant}",
        )


class AlreadyPromoted(Refused):
    """A candidate was made live for everybody before it could be aborted: ending it is not enough any more."""

    code = "ALREADY_PROMOTED"

    def __init__(self, name: str, by: Release) -> None:
        super().__init__(
            f"candidate {name} is live for everybody since {told(by)}",
            next_step=f"take that back: recsys releases undo {by.generation} --tenant {by.tenant}",
        )
        self.by = by


class AttemptReused(Refused):
    """An attempt's id, or a caller's idempotency key, that was used for another change."""

    code = "ATTEMPT_REUSED"

    def __init__(self, attempt: str, was: Release, asked: Action) -> None:
        how = f"not this {asked}" if was.action != asked else f"another {asked}"
        super().__init__(
            f"attempt {attempt} was {told(was)}, {how}",
            next_step="nothing was changed; take a new key or attempt for a new change",
        )
        self.was = was


class BeingCollected(Refused):
    """Something the release would name is being deleted by a collection that has begun."""

    code = "BEING_COLLECTED"

    def __init__(self, head: Release, named: str) -> None:
        super().__init__(
            f"{named[:19]} is being deleted by the collection of garbage under way (see {told(head)})",
            next_step=f"finish it: recsys releases gc --tenant {head.tenant}; then publish again, or choose another",
        )


class Collected(Refused):
    """Content that a release names was deleted by a collection, as its ceiling had said."""

    code = "COLLECTED"

    def __init__(self, what: str, named: str, collection: Release, *, next_step: str) -> None:
        super().__init__(
            f"{what} needs {named[:19]}, which was deleted by the collection of {told(collection)}",
            next_step=next_step,
        )
        self.named = named
        self.collection = collection


class NotUnderstood(Refused):
    """A serving host that is alive could not read the release: its program is older than what the release needs."""

    code = "NOT_UNDERSTOOD"

    def __init__(self, release: Release, hosts: list[str]) -> None:
        named = ", ".join(hosts[:5]) + (f" and {len(hosts) - 5} more" if len(hosts) > 5 else "")
        super().__init__(
            f"this {release.action} needs release format {release.requires.format}, which {named} cannot read",
            next_step="upgrade recsys-suite there first, or stop those hosts; nothing was changed",
        )
        self.hosts = hosts


class UnfitRelease(Refused):
    """Something the release would name is missing, damaged or not fit to be served. Nothing was committed."""

    code = "UNFIT_RELEASE"

    def __init__(self, what: str, problem: str, *, next_step: str = "publish it again or choose another") -> None:
        super().__init__(f"{what}: {problem}", next_step=f"nothing was changed; {next_step}")
        self.what = what


class NewerFormat(Refused):
    """The release in force needs a newer version of this package."""

    code = "NEWER_FORMAT"

    def __init__(self, release: Release, ours: int) -> None:
        super().__init__(
            f"{told(release)} needs store format {release.requires.format}; this program knows {ours}",
            next_step="upgrade recsys-suite on this host",
        )


class LogForked(Failed):
    """A record that was seen before is another one now: the log was restored from a copy, or replaced."""

    code = "LOG_FORKED"

    def __init__(self, tenant: str, generation: int, problem: str) -> None:
        super().__init__(
            f"the release log of {tenant} is not the one seen before: generation {generation} {problem}",
            next_step=f"what is loaded keeps serving; look into it: recsys releases verify --tenant {tenant}; "
            f"if the store was put back from a backup: recsys releases restore --tenant {tenant}",
        )
        self.generation = generation
        self.problem = problem


class DamagedRecord(Failed):
    """A record of the log that cannot be read."""

    code = "DAMAGED_RECORD"

    def __init__(self, tenant: str, generation: int, problem: str) -> None:
        super().__init__(
            f"generation {generation} of {tenant} cannot be read: {problem}",
            next_step="put this one record back from a copy of the store: docs/runbooks/restore-from-backup.md",
        )
        self.generation = generation
        self.problem = problem


class NewerRecord(DamagedRecord):
    """A record in words that this version does not know, which says that it needs a newer one."""

    code = "NEWER_FORMAT"

    def __init__(self, tenant: str, generation: int, *, needs: int, known: int) -> None:
        super().__init__(tenant, generation, f"it needs release format {needs}, and this program knows {known}")
        self.next_step = "upgrade recsys-suite on this host; until then what it has goes on"


class NotWhole(Refused):
    """The copy of the store lacks something that the generation to be restored names."""

    code = "NOT_WHOLE"


class WrittenMeanwhile(Refused):
    """Somebody else wrote into a log that was about to be restored."""

    code = "WRITTEN_MEANWHILE"

    def __init__(self, theirs: Release) -> None:
        restoring = theirs.action == "restore"
        super().__init__(
            f"{told(theirs)} was written meanwhile",
            next_step="run the same command again: it finishes that restoration where it was left"
            if restoring
            else "stop whoever publishes into it, and run the same command again",
        )
        self.theirs = theirs
