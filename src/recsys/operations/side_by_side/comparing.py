"""One request ranked at two generations, the lists side by side, and which part of a release makes the difference.

A part explains a difference alone when it is enough and it is needed: generation ``a`` with this part of ``b`` gives
``b``'s list, and ``b`` with this part of ``a`` gives ``a``'s. So it is the same answer whichever way round it is asked.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from recsys.documents import INTERLEAVED
from recsys.encoding import Invalid, rfc3339
from recsys.errors import RecsysError
from recsys.events import Exposure
from recsys.operations.imagined import Imagined
from recsys.operations.known import ids_of, with_profile
from recsys.operations.provenance import made_at
from recsys.operations.recorded import Records
from recsys.operations.replaying import Replays
from recsys.operations.side_by_side.lists import Effect, Part, PartName, Side, SideBySide, in_words, overlap, rows
from recsys.operations.why import erased_now, people_in
from recsys.ranking import Answer, RecommendRequest
from recsys.ranking.request import User
from recsys.releases import Release
from recsys.releases.arm import arm_of, candidate_in, name_of
from recsys.releases.diff import diff_releases
from recsys.releases.errors import DamagedRecord, NewerRecord
from recsys.releases.manifest import read_manifest
from recsys.releases.plan import Facts
from recsys.snapshot import Snapshot, SnapshotRejected, narrowed, open_snapshot, prepare, recommend, replay
from recsys.store import Store

__all__ = ["Comparing", "recorded_beside"]

_PARTS: tuple[tuple[PartName, str], ...] = (
    ("config", "config"),
    ("rules", "rules"),
    ("artifacts", "surfaces"),
    ("overlay", "overlay"),
    ("withdrawals", "withdrawn"),
)
"""The parts of a release that can change a list, each with the field of its record."""


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is ranked at each release. ``rank`` returns the answer and how many events of history it used."""

    surface: str
    now: float
    rank: Callable[[Snapshot], tuple[Answer, int]]
    arm: str | None = None
    segment: str | None = None
    request_id: str | None = None
    by_profile: bool = False


class _Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One side while it is worked on. ``ids``: its list, ``None`` without one; ``release``: what it can be made of
    again, ``None`` where this program would not give that list.
    """

    side: Side
    ids: list[str] | None = None
    release: Release | None = None
    titles: Snapshot | None = None


class Comparing:
    """Ranks requests of one tenant at pairs of generations; keeps the releases it opened.

    ``cache``: where releases are prepared.
    """

    def __init__(self, store: Store, tenant: str, *, cache: Path) -> None:
        self._store, self._tenant, self._cache = store, tenant, cache
        self._blobs = Imagined(store.blobs)
        self._opened: dict[bytes, Snapshot] = {}
        self._replays = Replays(store, tenant, cache=cache)
        self._history = self._replays.history

    def request(
        self, request: RecommendRequest, a: int, b: int, *, now: float, arm: str | None = None, request_id: str = ""
    ) -> SideBySide:
        """Rank a request as it would be answered at both generations.

        Parameters
        ----------
        request
            As ``/v1/recommend`` takes it, with pseudonyms for ids. Without a history of its own, that of each
            generation's profiles is used. A user who was erased is nobody.
        now
            The moment it is asked at, seconds since 1970.
        arm
            ``candidate`` asks the surface's candidate, the name of a variant the surface's experiment.

        Raises
        ------
        UnknownGeneration
            The log does not have one of the two.
        """
        gone = bool(ids_of(request.user) & erased_now(self._history))
        asked = replace(request, user=User()) if gone else request

        def rank(snapshot: Snapshot) -> tuple[Answer, int]:
            known = with_profile(snapshot.arm(request.surface, arm), asked, now=now)
            return recommend(snapshot, known, now=now, arm=arm), len(known.user.history)

        question = _Question(
            surface=request.surface,
            segment=request.segment,
            now=now,
            rank=rank,
            arm=arm,
            request_id=request_id or None,
            by_profile=bool(ids_of(asked.user)) and not asked.user.history,
        )
        found = self._compared(question, self._at(question, a), self._at(question, b))
        return replace(found, because=f"{found.because}; {_ERASED}") if gone else found

    def recorded(self, exposure: Exposure, against: int) -> SideBySide:
        """Put a recorded answer beside what the same request gets at another generation; ``a`` is what was served.

        Raises
        ------
        UnknownGeneration
            The log does not have ``against``.
        """
        decision = exposure.decision
        self._history.record(against)
        surface, segment = exposure.context.get("surface", ""), exposure.context.get("segment")
        now = 0.0 if decision is None else decision.now

        def rank(snapshot: Snapshot) -> tuple[Answer, int]:
            assert decision is not None
            return replay(snapshot, decision), len(decision.request.get("user", {}).get("history", ()))

        question = _Question(
            surface=surface,
            segment=segment,
            now=now,
            rank=rank,
            arm=None if decision is None else decision.arm,
            request_id=exposure.request_id,
        )
        if people_in(exposure) & erased_now(self._history):
            served = self._served(exposure, question, (f"it was for a user erased since: {_ERASED}",))
            return self._compared(question, served, self._nothing(against, "it is not ranked for somebody erased"))
        if decision is None:
            served = self._served(exposure, question, ("its record has no decision record",))
            return self._compared(question, served, self._nothing(against, "what was asked is not on record"))
        return self._compared(question, self._again(exposure, question), self._at(question, against))

    def _again(self, exposure: Exposure, question: _Question) -> _Ranked:
        """Return the served list; with the release it comes out of again, where it does."""
        replayed = self._replays.of(exposure)
        computed = replayed.computed
        if replayed.result != "exact" or computed is None:
            return self._served(exposure, question, (replayed.because,), next_step=replayed.next_step)
        served = self._served(exposure, question, ())
        assert exposure.decision is not None
        release = self._effective(self._history.record(exposure.decision.generation), question)
        if computed.bound_by is not None:
            release = replace(release, withdrawn=self._history.record(computed.bound_by).withdrawn)
            note = f"without the items that generation {computed.bound_by} withdraws: the host had seen that much"
            served = replace(served, side=replace(served.side, notes=(note,)))
        return replace(served, release=release, titles=computed.snapshot)

    def _served(
        self, exposure: Exposure, question: _Question, notes: tuple[str, ...], *, next_step: str = ""
    ) -> _Ranked:
        decision = exposure.decision
        named = exposure.context.get("generation", "")
        generation = decision.generation if decision else int(named) if named.isdigit() else 0
        side = Side(
            generation=generation,
            source="recorded",
            count=len(exposure.items),
            release=made_at(self._history, generation),
            arm=question.arm,
            notes=notes,
            next_step=next_step,
            history=0 if decision is None else len(decision.request.get("user", {}).get("history", ())),
        )
        return _Ranked(side=side, ids=[item.item_id for item in exposure.items])

    def _nothing(self, generation: int, *notes: str, next_step: str = "") -> _Ranked:
        release = made_at(self._history, generation)
        return _Ranked(
            side=Side(generation=generation, source="none", release=release, notes=notes, next_step=next_step)
        )

    def _at(self, question: _Question, generation: int) -> _Ranked:
        """Rank at a generation, or say why that cannot be."""
        try:
            release = self._history.record(generation)
        except (DamagedRecord, NewerRecord) as error:
            return self._nothing(generation, error.message, next_step=error.next_step)
        whole = narrowed(release, question.surface, candidate=question.arm == "candidate")
        try:
            effective = self._effective(release, question)
            snapshot = self._open(effective)
            answer, history = question.rank(snapshot)
        except SnapshotRejected as error:
            closed = self._replays.closed(whole, error)
            return self._nothing(generation, closed.because, next_step=closed.next_step)
        except Invalid as error:
            return self._nothing(generation, f"this version cannot read the request of its record: {error.problem}")
        arm, *notes = self._arm(question, release, snapshot)
        side = Side(
            generation=generation,
            source="ranked",
            count=len(answer.items),
            release=made_at(self._history, generation),
            arm=arm,
            history=history,
            notes=(*(note for note in notes if note), *self._gone(effective, question)),
            warnings=answer.warnings,
        )
        return _Ranked(side=side, ids=[item.item_id for item in answer.items], release=effective, titles=snapshot)

    def _effective(self, release: Release, question: _Question) -> Release:
        """Return what answers the question: the release as far as it does, with the candidate live if that is asked."""
        asked = question.arm == "candidate" and candidate_in(release, question.surface) is not None
        whole = narrowed(release, question.surface, candidate=asked)
        if not asked:
            return whole
        try:
            armed, documents = arm_of(whole, question.surface, lambda named: self._blobs.read(self._tenant, named))
        except RecsysError as error:
            raise SnapshotRejected(
                tenant=self._tenant, generation=release.generation, reason=f"its candidate: {error.message}"
            ) from None
        for document in documents:
            self._blobs.imagine(document)
        return armed

    def _open(self, release: Release) -> Snapshot:
        key = release.encode()
        if key not in self._opened:
            self._opened[key] = open_snapshot(prepare(release, blobs=self._blobs, root=self._cache))
        return self._opened[key]

    def _arm(self, question: _Question, release: Release, snapshot: Snapshot) -> tuple[str | None, str]:
        """Name the arm that answers, and say so where it is not the one that was asked."""
        candidate = candidate_in(release, question.surface)
        arm = question.arm
        if arm == "candidate":
            if candidate is not None:
                return name_of(question.surface, candidate), ""
            return None, f"no candidate runs on {question.surface}: what the surface serves is shown"
        running = snapshot.experiments.get(question.surface)
        if arm in (None, "control") or (running and (arm == INTERLEAVED or arm in running[1].variants)):
            return arm, ""
        return None, f"no experiment with an arm {arm} runs on {question.surface}: what the surface serves is shown"

    def _gone(self, release: Release, question: _Question) -> list[str]:
        """Name what this generation had of people and has no more."""
        gone = self._replays.personal_gone(release)
        served = release.surfaces.get(question.surface)
        if question.by_profile and served is not None and served.manifest is not None:
            kept = read_manifest(self._history.document(served.manifest)).profiles
            if kept and not self._store.blobs.exists(self._tenant, kept.artifact):
                gone.append(f"profiles of {question.surface}")
        return [f"{' and '.join(gone)} held personal data and were deleted after their last day"] if gone else []

    def _compared(self, question: _Question, a: _Ranked, b: _Ranked) -> SideBySide:
        plain = SideBySide(
            tenant=self._tenant,
            surface=question.surface,
            segment=question.segment,
            request_id=question.request_id,
            at=rfc3339(question.now) if question.now else "",
            a=a.side,
            b=b.side,
            same=None,
            because="there are no two lists to compare",
            rows=rows(a.ids, b.ids, _titles(a, b)),
        )
        if a.ids is None or b.ids is None:
            return plain
        if a.ids == b.ids:
            return replace(plain, same=True, overlap=1.0, because="the same items in the same order")
        plain = replace(plain, same=False, overlap=overlap(a.ids, b.ids))
        if a.release is None or b.release is None:
            return replace(plain, because="which part of the release makes the difference cannot be told")
        return self._attributed(plain, question, a, b)

    def _attributed(self, plain: SideBySide, question: _Question, a: _Ranked, b: _Ranked) -> SideBySide:
        assert a.release is not None
        assert b.release is not None
        other = [(name, field) for name, field in _PARTS if getattr(a.release, field) != getattr(b.release, field)]
        if self._list(question, a.release) != a.ids or not other:
            because = "which part of the release makes the difference cannot be told: a list is of none alone"
            return replace(plain, because=because)
        parts = tuple(
            Part(
                part=name,
                effect="all" if len(other) == 1 else self._effect(question, field, a, b),
                changes=_changes(a.release, b.release, field, self._history),
            )
            for name, field in other
        )
        alone = next((part.part for part in parts if part.effect == "all"), None)
        return replace(plain, parts=parts, explained_by=alone, because=in_words(parts, alone))

    def _effect(self, question: _Question, field: str, a: _Ranked, b: _Ranked) -> Effect:
        assert a.release is not None
        assert b.release is not None
        there = self._list(question, replace(a.release, **{field: getattr(b.release, field)}))
        back = self._list(question, replace(b.release, **{field: getattr(a.release, field)}))
        if there is None or back is None:
            return "unknown"
        if there == b.ids and back == a.ids:
            return "all"
        return "none" if there == a.ids and back == b.ids else "some"

    def _list(self, question: _Question, release: Release) -> list[str] | None:
        try:
            return [item.item_id for item in question.rank(self._open(release))[0].items]
        except SnapshotRejected:
            return None


def recorded_beside(
    store: Store,
    tenant: str,
    request_id: str,
    against: int,
    *,
    cache: Path,
    spool: Path | None = None,
    kept: Path | None = None,
    since_s: float | None = None,
    now_s: float | None = None,
) -> SideBySide:
    """Find a recorded answer and put it beside what the same request gets at generation ``against``.

    Parameters as of :func:`recsys.operations.why.why`.

    Raises
    ------
    NotRecorded
        There is no record of it.
    UnknownGeneration
        The log does not have ``against``.
    Unavailable, Denied
        The store does not answer.
    """
    found = Records(store, tenant, spool=spool, kept=kept).answer(request_id, since_s=since_s, now_s=now_s)
    return Comparing(store, tenant, cache=cache).recorded(found.exposure, against)


_ERASED = "who was erased is nobody, and their history is used for nothing"


def _titles(a: _Ranked, b: _Ranked) -> Mapping[str, str]:
    ids = [*(a.ids or ()), *(b.ids or ())]
    found: dict[str, str] = {}
    for one in (a, b):
        found |= one.titles.titles(ids) if one.titles is not None else {}
    return found


def _changes(a: Release, b: Release, field: str, facts: Facts) -> tuple[str, ...]:
    """Say what a part has in ``b``; nothing where its documents are gone."""
    try:
        said = diff_releases(a, replace(a, generation=b.generation, **{field: getattr(b, field)}), facts).lines()
    except RecsysError:
        return ()
    return tuple(said)
