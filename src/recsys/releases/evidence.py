"""Evidence: the reports kept with a change, and those that a surface asks for before it lets artifacts in."""

from collections.abc import Iterable

import msgspec

from recsys.documents import read_config
from recsys.encoding import digest
from recsys.errors import Refused
from recsys.releases.plan import Facts
from recsys.releases.record import Release
from recsys.store import Missing
from recsys.store.names import check_digest

__all__ = ["NO_EVIDENCE", "Evidence", "check_reported", "gathered"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Reports by digest, in the order given; ``reports`` are the bytes of those that may not be stored yet."""

    digests: tuple[str, ...] = ()
    reports: tuple[bytes, ...] = ()


NO_EVIDENCE = Evidence()


def gathered(given: Iterable[str | bytes]) -> Evidence:
    """Gather evidence as callers give it: the digest of a stored report, or a report's bytes."""
    each = tuple(given)
    return Evidence(
        digests=tuple(check_digest(one) if isinstance(one, str) else digest(one) for one in each),
        reports=tuple(one for one in each if isinstance(one, bytes)),
    )


class _Decision(msgspec.Struct):
    outcome: str
    rule: str


class _Data(msgspec.Struct):
    lists: str
    ranker: str | None = None


class _Experiment(msgspec.Struct):
    experiment_id: str


class _Report(msgspec.Struct):
    """What a policy reads of a report of ``recsys eval run``; evaluation stands above this room."""

    mode: str
    decision: _Decision
    data: _Data
    experiment: _Experiment | None = None


def check_reported(
    head: Release,
    surface: str,
    manifest: str,
    evidence: tuple[str, ...],
    facts: Facts,
    *,
    candidate: str | None = None,
) -> None:
    """Refuse artifacts without the report that the surface's ``gate.require_report`` asks for.

    A report counts when it compared re-ranked lists of exactly this manifest with a baseline, and they passed; or when
    it judged the experiment of ``candidate``, which serves this manifest, and decided to ship.
    """
    if not read_config(facts.document(head.config)).at(surface).gate.require_report:
        return
    found = [_judged(named, facts) for named in evidence]
    if any(report is not None and _speaks_for(report, manifest, candidate) for report in found):
        return
    other = [
        f"{named[:19]} is {_said(report)}" for named, report in zip(evidence, found, strict=True) if report is not None
    ]
    raise Refused(
        f"{surface} takes artifacts only with a passing report of exactly {manifest[:19]}"
        + (f"; {', '.join(other)}" if other else ", and none came with this change"),
        next_step="rank with it (recsys recommend --requests FILE --manifest DIGEST --out FILE), judge the lists "
        "against a baseline (recsys eval run --mode offline), and give the report with --evidence",
    )


def _judged(named: str, facts: Facts) -> _Report | None:
    try:
        return msgspec.json.decode(facts.document(named), type=_Report)
    except (Missing, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # a report of another kind; one that is not there is refused where all the release names is read


def _speaks_for(report: _Report, manifest: str, candidate: str | None) -> bool:
    if report.mode == "offline":
        passed = report.decision.outcome == "pass" and report.decision.rule == "gates_passed"
        return passed and report.data.lists == "reranked" and report.data.ranker == manifest
    shipped = report.mode == "experiment" and report.decision.outcome == "ship"
    judged = report.experiment.experiment_id if report.experiment else None
    return shipped and candidate is not None and judged == candidate


def _said(report: _Report) -> str:
    judged = report.experiment.experiment_id if report.experiment else report.data.ranker
    return (
        f"{report.mode} of {judged or f'{report.data.lists} lists'}: {report.decision.outcome} ({report.decision.rule})"
    )
