"""The reports that justified changes: the documents that releases name as their evidence, as far as they can be read.

Three kinds are known: what an evaluation found, what the replay gate saw before a ship, and what the guard of a
candidate saw before it pulled a lever. Anything else that somebody gave as evidence is listed, and not understood.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

from recsys.encoding import Invalid
from recsys.errors import NotFound
from recsys.evaluation import Report, read_report
from recsys.evaluation.errors import BadData
from recsys.pipelines.gate import GateReport
from recsys.releases import Release, Releases
from recsys.store import Corrupt, Missing

__all__ = ["Content", "Named", "Reports", "evidence_of", "reports"]

T = TypeVar("T")

MOST_READ = 400
"""Releases that are gone through for one page: most name no report, and each is a read."""

Kind = Literal["evaluation", "gate", "guard", "other", "gone"]
"""``gone``: the blob is not there any more, or damaged."""
Verdict = Literal["good", "wait", "bad", "none"]
"""What a decision means to who reads it from afar; ``none`` where nothing was decided."""

Content = Report | GateReport | Mapping[str, Any]
"""What is in a report; of a kind without a struct of its own, its JSON."""

_VERDICTS: Mapping[str, Verdict] = {
    "ship": "good",
    "pass": "good",
    "passed": "good",
    "promoted": "good",
    "hold": "wait",
    "frozen": "wait",
    "paused": "wait",
    "rollback": "bad",
    "abort": "bad",
    "aborted": "bad",
    "gate_failed": "bad",
    "failed": "bad",
}


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A report, and the release that names it.

    ``decision``: what the report decided, in a word; ``why``: in a sentence. ``mode``: of an evaluation.
    """

    digest: str
    generation: int
    at: str
    actor: str
    action: str
    reason: str
    kind: Kind
    decision: str = ""
    verdict: Verdict = "none"
    why: str = ""
    mode: str = ""
    size_bytes: int = 0


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a tenant's reports, newest first; ``before`` asks for those before them, ``None`` where none are left."""

    reports: tuple[Named, ...]
    before: int | None


class _Decision(msgspec.Struct):
    outcome: str
    rule: str
    what_happened: str = ""


class _Evaluation(msgspec.Struct):
    mode: str
    decision: _Decision


class _Look(msgspec.Struct):
    state: str
    why: str = ""


class _Guard(msgspec.Struct):
    kind: Literal["guard.v1"]
    look: _Look


def reports(releases: Releases, *, before: int | None = None, most: int = 20) -> Reports:
    """Return the reports that releases below generation ``before`` name, newest first.

    Raises
    ------
    NoReleases
        The tenant has none.
    """
    newest = releases.current().generation
    start = newest if before is None else min(newest, before - 1)
    found: list[Named] = []
    for generation in range(start, max(0, start - MOST_READ), -1):
        release = releases.read(generation)
        found += (_named(releases, release, digest) for digest in release.evidence)
        if len(found) >= most:
            break
    else:
        generation = max(1, start - MOST_READ + 1)
    return Reports(reports=tuple(found), before=generation if generation > 1 else None)


def evidence_of(releases: Releases, generation: int, digest: str) -> tuple[Named, Content | None]:
    """Return a report that a release names, and what is in it: ``None`` where this version cannot read it.

    Raises
    ------
    NotFound
        The release names no such report. What else the tenant has stored is nobody's to read this way.
    UnknownGeneration
        There is no such release.
    """
    release = releases.read(generation)
    if digest not in release.evidence:
        raise NotFound(
            f"generation {generation} names no report {digest[:19]}",
            next_step="see which it names with: recsys audit",
        )
    data = _data(releases, digest)
    return _described(release, digest, data), None if data is None else _content(data)


def _named(releases: Releases, release: Release, digest: str) -> Named:
    return _described(release, digest, _data(releases, digest))


def _data(releases: Releases, digest: str) -> bytes | None:
    try:
        return releases.store.blobs.read(releases.tenant, digest)
    except (Missing, Corrupt):
        return None


def _described(release: Release, digest: str, data: bytes | None) -> Named:
    named = Named(
        digest=digest,
        generation=release.generation,
        at=release.at,
        actor=release.actor,
        action=release.action,
        reason=release.reason,
        kind="gone",
        size_bytes=len(data or b""),
    )
    if data is None:
        return named
    if (evaluation := _read(data, _Evaluation)) is not None:
        outcome = evaluation.decision.outcome
        told = {"kind": "evaluation", "mode": evaluation.mode, "decision": outcome}
        told["why"] = evaluation.decision.what_happened or evaluation.decision.rule
    elif (gate := _read(data, GateReport)) is not None:
        told = {"kind": "gate", "decision": "failed" if gate.failed else "passed", "why": _gated(gate)}
    elif (guard := _read(data, _Guard)) is not None:
        told = {"kind": "guard", "decision": guard.look.state, "why": guard.look.why}
    else:
        return msgspec.structs.replace(named, kind="other")
    return msgspec.structs.replace(named, **told, verdict=_VERDICTS.get(told["decision"], "none"))


def _gated(gate: GateReport) -> str:
    if not gate.failed:
        return f"{gate.requests:,} requests of late keep {gate.overlap:.0%} of their items; no limit is passed"
    return "; ".join(gate.failed) + (" (shipped all the same: forced)" if gate.forced else "")


def _content(data: bytes) -> Content | None:
    if _read(data, _Evaluation) is not None:
        try:
            return read_report(data)
        except (Invalid, BadData):
            return None  # another version's
    gate = _read(data, GateReport)
    return gate if gate is not None else _read(data, dict[str, Any])


def _read(data: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
