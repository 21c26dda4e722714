"""How a record continues the one before it, and how a restored log takes up the one it replaces: what tells a declared
restoration from a fork.
"""

from typing import Protocol

import msgspec

from recsys.releases.record import Release

__all__ = ["Entries", "Entry", "broken_link", "not_taken_over"]


class Entry(msgspec.Struct, frozen=True):
    """A record and the digest of its bytes."""

    release: Release
    digest: str


class Entries(Protocol):
    """A log that can be read by number."""

    def entry(self, generation: int) -> Entry:
        """Return one record; raises when it is not there or cannot be read."""


def broken_link(before: Entry, after: Entry) -> str:
    """Say how a record fails to continue the one before it; empty when it continues it.

    The id of a log changes only where a restoration begins, and that names the record before it.
    """
    if after.release.previous != before.digest:
        return f"names {after.release.previous} as the record before it, which is {before.digest}"
    old, new = before.release, after.release
    restores, taken = new.action == "restore", new.supersedes
    if new.log == old.log:
        goes_on = old.action == "restore" and taken == old.supersedes
        return f"restores in the middle of log {new.log}" if restores and not goes_on else ""
    if restores and taken is not None and (taken.log, taken.generation) == (old.log, old.generation):
        return ""
    return f"belongs to log {new.log}, the record before it to {old.log}"


def not_taken_over(history: Entries, *, log: str, seen: int, head: int) -> str | None:
    """Say why who has seen generation ``seen`` of ``log`` must not go over to record ``head``.

    Empty: the log was restored from a backup, and says so for this reader: records of action ``restore`` supersede its
    log at or below what it has seen, and reach above it. ``None``: no restoration of that log is declared at all.
    A restored log may itself have been restored; every step must be declared. Log ids never come back, so the first
    record of each is found by bisection.

    Raises as ``history`` when a record on the way cannot be read.
    """
    reaches = False
    highest, last = 0, head
    while True:
        release = history.entry(last).release
        if release.log == log:
            return None
        first = _first_of(history, release.log, last)
        begun = history.entry(first).release
        taken = begun.supersedes
        if begun.action != "restore" or taken is None or taken.generation != first - 1:
            return None
        reaches = reaches or _restores(history, max(first, seen + 1), last, release.log)
        highest = max(highest, _last_restoring(history, first, last))
        if taken.log != log:
            last = first - 1
            continue
        if taken.generation > seen:
            return f"it was restored from generation {taken.generation}, and went another way before that"
        if not reaches:
            return f"it was restored up to generation {highest} only, by {begun.actor} at {begun.at}"
        return _broken_between(history, taken.generation, head)


def _first_of(history: Entries, log: str, last: int) -> int:
    """Return the first record of the log that record ``last`` is of."""
    low, high = 1, last
    while low < high:
        middle = (low + high) // 2
        if history.entry(middle).release.log == log:
            high = middle
        else:
            low = middle + 1
    return low


def _last_restoring(history: Entries, first: int, last: int) -> int:
    """Return the last of the records with which a restored log begins."""
    low, high = first, last
    while low < high:
        middle = (low + high + 1) // 2
        if history.entry(middle).release.action == "restore":
            low = middle
        else:
            high = middle - 1
    return low


def _restores(history: Entries, generation: int, last: int, log: str) -> bool:
    """Tell whether a record restores; such records stand only at the beginning of a restored log, without a gap."""
    if generation > last:
        return False
    release = history.entry(generation).release
    return release.action == "restore" and release.log == log


def _broken_between(history: Entries, first: int, last: int) -> str:
    before = history.entry(first)
    for generation in range(first + 1, last + 1):
        entry = history.entry(generation)
        problem = broken_link(before, entry)
        if problem:
            return f"it was restored, but generation {generation} {problem}"
        before = entry
    return ""
