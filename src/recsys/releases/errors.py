"""What a change can be refused for. Each carries its facts: who, when, which generation, why, and how to go
on.
"""

from recsys.errors import Failed, NotFound, Refused
from recsys.releases.record import Action, Hold, Release

__all__ = [
    "AlreadyRolledBack",
    "AttemptReused",
    "CannotUndo",
    "DamagedRecord",
    "Held",
    "LogForked",
    "LostRace",
    "NewerFormat",
    "NoReleases",
    "NothingOlder",
    "StaleHead",
    "UnfitRelease",
    "UnknownGeneration",
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


class UnfitRelease(Refused):
    """Something the release would name is missing, damaged or not fit to be served. Nothing was committed."""

    code = "UNFIT_RELEASE"

    def __init__(self, what: str, problem: str) -> None:
        super().__init__(f"{what}: {problem}", next_step="nothing was changed; publish it again or choose another")
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
            next_step=f"what is loaded keeps serving; look into it: recsys releases verify --tenant {tenant}",
        )
        self.generation = generation


class DamagedRecord(Failed):
    """A record of the log that cannot be read."""

    code = "DAMAGED_RECORD"

    def __init__(self, tenant: str, generation: int, problem: str) -> None:
        super().__init__(
            f"generation {generation} of {tenant} cannot be read: {problem}",
            next_step="bring the record back from the newest copy of the store",
        )
        self.generation = generation
        self.problem = problem
