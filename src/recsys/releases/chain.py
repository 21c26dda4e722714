"""Verify the chain of a tenant's log: every record is there, reads, continues the one before, and makes sense."""

from collections.abc import Iterator

from recsys.errors import RecsysError
from recsys.releases.errors import DamagedRecord, NewerRecord
from recsys.releases.finding import Finding, spanned
from recsys.releases.history import Entry, History, broken_link
from recsys.releases.record import FORMAT, Release, format_of
from recsys.releases.signing import PublicKeys
from recsys.store import Denied, Log, Truncated, Unavailable

__all__ = ["check_chain", "check_signatures", "newest_named"]

_MOST_MISSING = 1_000
"""So many numbers in a row without a record are the end, whatever a pointer says: it may be damaged."""


def newest_named(log: Log, tenant: str, findings: list[Finding]) -> int:
    """Return the newest number that the log or its pointer names, and say what is wrong with the pointer.

    One that lags is right: readers probe past it. One that is lost is found again without it.
    """
    newest = 0
    try:
        newest = log.head(tenant)
    except Truncated as error:
        newest = error.pointer
        problem = f"LOG_TRUNCATED: it names generation {error.pointer}, which is not there"
        findings.append(Finding(error.pointer, "pointer", problem))
    if log.pointer_damaged(tenant):
        findings.append(Finding(0, "pointer", "it is damaged; readers go on without it, and the next commit mends it"))
    return newest


def check_chain(history: History, newest: int, findings: list[Finding]) -> list[Entry]:
    """Read records 1 to ``newest`` and return those that can be read; what is wrong becomes findings.

    Raises :class:`~recsys.store.Unavailable` and :class:`~recsys.store.Denied` only.
    """
    standing: list[Entry] = []
    gap = 0
    for generation in range(1, newest + 1):
        if gap and generation - gap > _MOST_MISSING:
            break
        try:
            entry = history.entry(generation)
        except (Unavailable, Denied):
            raise
        except RecsysError as error:
            if _is_missing(error):
                gap = gap or generation
                continue
            what = "format" if isinstance(error, NewerRecord) else "record"
            problem = error.problem if isinstance(error, DamagedRecord) else error.message
            found = [Finding(generation, what, problem)]
        else:
            before = standing[-1] if standing and standing[-1].release.generation == generation - 1 else None
            found = list(_of_one(before, entry))
            standing.append(entry)
        if gap:
            findings.append(_missing(gap, generation - 1))
            gap = 0
        findings += found
    if gap:
        findings.append(_missing(gap, newest))
    return standing


def check_signatures(history: History, standing: list[Entry], keys: PublicKeys) -> list[Finding]:
    """Say which records are not signed as they must be: from the first one that is signed, every one."""
    findings: list[Finding] = []
    first = 0
    for entry in standing:
        generation = entry.release.generation
        problem = keys.problem_of_record(history.data(generation))
        if problem is None and first:
            who = f"it is not signed, and {spanned(first, generation - 1)}; it says it is by {entry.release.actor}"
            findings.append(Finding(generation, "signature", who))
        elif problem is not None:
            first = first or generation
            if problem:
                findings.append(Finding(generation, "signature", problem))
    if standing and not first:
        findings.append(Finding(0, "signatures", "no record is signed"))
    return findings


def _is_missing(error: RecsysError) -> bool:
    return not isinstance(error, DamagedRecord) or error.problem == "it is missing"


def _missing(first: int, last: int) -> Finding:
    until = "" if first == last else f", and so is all after it up to {last}"
    return Finding(first, "record", f"it is missing{until}")


def _of_one(before: Entry | None, entry: Entry) -> Iterator[Finding]:
    """Yield what is wrong with a record by itself and after the one before it."""
    release = entry.release
    generation = release.generation
    if before is not None:
        problem = broken_link(before, entry)
        if problem:
            yield Finding(generation, "chain", f"it {problem}")
    if generation == 1 and release.previous is not None:
        yield Finding(1, "chain", f"the first record names {release.previous} before it")
    if generation == 1 and release.action != "create":
        yield Finding(1, "chain", f"the first record is a {release.action}, not the beginning of a log")
    for problem in _senseless(release):
        yield Finding(generation, "record", problem)


def _senseless(release: Release) -> Iterator[str]:
    """Yield what a record says that cannot be."""
    needs, said = format_of(release), release.requires.format
    if said < needs:
        yield f"it says that it needs format {said}, and holds what needs format {needs}"
    if said > FORMAT:
        yield f"it needs format {said}, and this program knows {FORMAT}: what is new in it was not checked"
    if release.restores is not None and not 1 <= release.restores < release.generation:
        yield f"it restores generation {release.restores}, which is not before it"
    later = sorted(part for part, changed in release.changed.items() if not 1 <= changed <= release.generation)
    for part in later:
        yield f"it says that {part} changed in generation {release.changed[part]}, which is not before it"
