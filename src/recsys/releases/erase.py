"""Users never to be used: carried forward by every release, and never brought back.

Only pseudonyms stand in the log. Whoever is erased is nobody to the service, on every rung, and is left out of what the
pipelines compute.
"""

import re
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from recsys.access import PSEUDONYM_LENGTH
from recsys.encoding import canonical, digest
from recsys.errors import UsageError
from recsys.releases.attempt import Attempt
from recsys.releases.carrier import Carrier
from recsys.releases.change import Change
from recsys.releases.plan import Draft, Facts, NoChange
from recsys.releases.record import Action, Release

__all__ = ["MAX_ERASED", "Erase", "checked_pseudonyms", "erase_users", "erased_in"]

MAX_ERASED = 200_000
"""Every worker holds the set whole: 25 MB at this size. Past it, whole tenants or whole days are what should go."""

_PSEUDONYM = re.compile(rf"[0-9a-f]{{{PSEUDONYM_LENGTH}}}")


def erased_in(release: Release, facts: Facts) -> frozenset[str]:
    """Return the pseudonyms a release erases."""
    if release.erased is None:
        return frozenset()
    return frozenset(msgspec.json.decode(facts.document(release.erased), type=list[str]))


def checked_pseudonyms(pseudonyms: Iterable[str]) -> tuple[str, ...]:
    """Return pseudonyms sorted, each once; raises :class:`~recsys.errors.UsageError` for none or what is no pseudonym.

    What is wrong is not repeated: a raw id given by mistake must not end up in a log.
    """
    found = sorted(set(pseudonyms))
    if not found:
        raise UsageError("no user is named", next_step="name at least one user id")
    bad = sum(1 for one in found if not _PSEUDONYM.fullmatch(one))
    if bad:
        raise UsageError(
            f"{bad} of {len(found)} are no pseudonyms: those are {PSEUDONYM_LENGTH} hexadecimal digits",
            next_step="give raw ids without --pseudonym; see one with: recsys users id RAW",
        )
    return tuple(found)


class Erase(msgspec.Struct, frozen=True, kw_only=True):
    """Erase users, by pseudonym. Relative to who is erased by then, so two people at once both have their way."""

    pseudonyms: tuple[str, ...]

    @property
    def action(self) -> Action:
        return "erase"

    @property
    def writes(self) -> frozenset[str]:
        return frozenset()

    def plan(self, head: Release, facts: Facts) -> Draft | NoChange:
        now = erased_in(head, facts)
        more = frozenset(self.pseudonyms) - now
        if not more:
            return NoChange(f"{_users(len(self.pseudonyms))} erased already")
        then = now | more
        if len(then) > MAX_ERASED:
            raise UsageError(
                f"limit exceeded: erased users {len(then)} > {MAX_ERASED}",
                next_step="delete their events and train without them; then nothing here is left to erase",
            )
        data = canonical(sorted(then))
        return Draft(
            release=replace(head, erased=digest(data)),
            why=f"{_users(len(more))} erased",
            blobs=(data,),
            undo="",
        )


def erase_users(
    releases: Carrier,
    pseudonyms: Iterable[str],
    *,
    reason: str = "",
    dry_run: bool = False,
    attempt: Attempt | str | None = None,
) -> Change:
    """Never use these users again, whatever is rolled back; passes under holds, and cannot be undone.

    ``pseudonyms``: what stored events know them by, of every id they had: as user, as browser, as session.
    """
    intent = Erase(pseudonyms=checked_pseudonyms(pseudonyms))
    begun = releases.begin(attempt, "erase", pseudonyms=intent.pseudonyms)
    return releases.carry(intent, reason=reason, dry_run=dry_run, attempt=begun)


def _users(count: int) -> str:
    return "1 user is" if count == 1 else f"{count} users are"
