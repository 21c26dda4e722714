"""Sampled answers of the log, all replayed: how many come out identical, and why the others do not.

Which answers are sampled is fixed by a keyed hash of their ids: every answer is as likely as any other, and the same
call looks at the same ones again.
"""

import hashlib
import heapq
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from recsys.encoding import Invalid, decode, rfc3339
from recsys.events import Exposure
from recsys.operations.recorded import LOOK_BACK_S, NotRecorded, Records
from recsys.operations.replaying import Replayed, Replays, Result
from recsys.operations.why import erased_now, people_in
from recsys.progress import Progress, silent
from recsys.store import Store

__all__ = ["Reason", "Sampled", "replay_sample"]

_EXAMPLES = 3
_DAY_S = 86_400.0


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why some answers were not identical. ``because`` and ``next_step`` are those of the first of them; answers that
    differ are told by ``generation``. ``request_ids``: a few to ask ``recsys why`` about.
    """

    result: Result
    generation: int | None
    count: int
    because: str
    next_step: str
    request_ids: tuple[str, ...]


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of ``sampled`` answers, drawn from the ``of`` lines that are on record since ``since``; what lies on
    this host and in the store is two lines, and is drawn once.

    ``identical`` + ``differs`` + ``unreplayable`` + ``erased`` = ``sampled``. ``erased``: of users erased since, whose
    history is used for nothing. ``unread``: lines this version cannot read.
    """

    tenant: str
    since: str
    of: int
    sampled: int
    identical: int
    differs: int
    unreplayable: int
    erased: int
    unread: int
    generations: int
    seconds: float
    reasons: tuple[Reason, ...]

    @property
    def exact(self) -> bool:
        """Tell whether all that could be asked for came out identical."""
        return not (self.differs or self.unreplayable)


class _Named(msgspec.Struct, frozen=True):
    """What is read of a line before it is chosen."""

    request_id: str
    ts: str = ""


def replay_sample(
    store: Store,
    tenant: str,
    most: int,
    *,
    cache: Path,
    spool: Path | None = None,
    kept: Path | None = None,
    since_s: float | None = None,
    now_s: float | None = None,
    seed: int = 1,
    progress: Progress = silent,
) -> Sampled:
    """Draw up to ``most`` recorded answers and compute each again from its record and the store.

    Parameters as of :func:`recsys.operations.why.why`; ``since_s`` defaults to a week ago.

    Raises
    ------
    NotRecorded
        There is no record in that time.
    Unavailable, Denied
        The store does not answer.
    """
    began = time.monotonic()
    now_s = time.time() if now_s is None else now_s
    since_s = now_s - LOOK_BACK_S if since_s is None else since_s
    records = Records(store, tenant, spool=spool, kept=kept)
    with progress("reading records"):
        drawn = _Draw(most, seed=seed, since=rfc3339(since_s))
        drawn.take(records.exposures(since_s=since_s, until_s=now_s + _DAY_S))
        exposures, unread = drawn.exposures(tenant)
    if not exposures:
        raise NotRecorded(
            f"no answer of {tenant} is on record since {rfc3339(since_s)[:10]}",
            next_step="look further back with --since 30d, or where records were kept with --events DIR",
        )
    replays = Replays(store, tenant, cache=cache)
    gone = erased_now(replays.history)
    asked = [exposure for exposure in exposures if not people_in(exposure) & gone]
    found: list[tuple[Exposure, Replayed]] = []
    with progress("replaying", total=len(asked)) as advance:
        for _, of_one in itertools.groupby(asked, key=_generation):
            for exposure in of_one:
                found.append((exposure, msgspec.structs.replace(replays.of(exposure), computed=None)))
                advance(1)
            replays.forget()
    counts = Counter(replayed.result for _, replayed in found)
    return Sampled(
        tenant=tenant,
        since=rfc3339(since_s),
        of=drawn.of,
        sampled=len(exposures),
        identical=counts["exact"],
        differs=counts["differs"],
        unreplayable=counts["unreplayable"],
        erased=len(exposures) - len(asked),
        unread=unread,
        generations=len({_generation(exposure) for exposure in exposures}),
        seconds=round(time.monotonic() - began, 3),
        reasons=tuple(_reasons(found)),
    )


class _Draw:
    """The lines whose ids have the smallest hashes, each id once: a line may lie on the host and in the store."""

    def __init__(self, most: int, *, seed: int, since: str) -> None:
        self._most, self._key, self._since = most, str(seed).encode(), since
        self._heap: list[tuple[int, str, bytes]] = []
        self._chosen: set[int] = set()
        self._unread = 0
        self.of = 0

    def take(self, lines: Iterable[bytes]) -> None:
        """Look at every line; hold no more than are drawn."""
        for line in lines:
            try:
                named = msgspec.json.decode(line, type=_Named)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._unread += 1
                continue
            if named.ts < self._since:
                continue  # files are of whole days
            self.of += 1
            hashed = hashlib.blake2b(named.request_id.encode(), digest_size=8, key=self._key).digest()
            place = int.from_bytes(hashed, "big")
            if place not in self._chosen:
                self._choose(place, named.request_id, line)

    def _choose(self, place: int, request_id: str, line: bytes) -> None:
        self._chosen.add(place)
        heapq.heappush(self._heap, (-place, request_id, line))
        if len(self._heap) > self._most:
            self._chosen.discard(-heapq.heappop(self._heap)[0])

    def exposures(self, tenant: str) -> tuple[list[Exposure], int]:
        """Return what was drawn, releases one after the other, and how many lines could not be read."""
        read = []
        for _, _, line in self._heap:
            try:
                exposure = decode(line, Exposure, what="exposure")
            except Invalid:
                self._unread += 1
                continue
            if exposure.context.get("tenant_id", tenant) == tenant:
                read.append(exposure)
        return sorted(read, key=lambda one: (_generation(one) or 0, one.ts, one.request_id)), self._unread


def _generation(exposure: Exposure) -> int | None:
    return None if exposure.decision is None else exposure.decision.generation


def _reasons(found: Iterable[tuple[Exposure, Replayed]]) -> Iterator[Reason]:
    """Group what is not identical, the largest group first."""
    groups: dict[tuple[str, int | None, str], list[tuple[Exposure, Replayed]]] = {}
    for exposure, replayed in found:
        if replayed.result != "exact":
            differs = replayed.result == "differs"
            key = (replayed.result, _generation(exposure) if differs else None, "" if differs else replayed.because)
            groups.setdefault(key, []).append((exposure, replayed))
    for (_, generation, _), group in sorted(groups.items(), key=lambda entry: (-len(entry[1]), str(entry[0]))):
        first = group[0][1]
        yield Reason(
            result=first.result,
            generation=generation,
            count=len(group),
            because=first.because,
            next_step=first.next_step,
            request_ids=tuple(exposure.request_id for exposure, _ in group[:_EXAMPLES]),
        )
