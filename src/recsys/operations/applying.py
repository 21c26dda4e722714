"""Does what an evaluation decided: pulls the lever in the release log, with the report as the record's evidence.

A candidate is promoted, or aborted and held. What is no candidate cannot be shipped from here; harm to it is held, or
rolled back where the config of the evaluation says how far. A hold that only means "not known yet" changes nothing: it
would stand in the way of the next look.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from recsys.errors import Refused, UsageError
from recsys.evaluation.report import Report
from recsys.releases import LEVERS, Change, Lever, Releases
from recsys.releases.candidates import RunningCandidate

__all__ = ["Applied", "apply"]

Action = Literal["promote", "abort", "rollback", "hold", "none"]

_ARMS = ("control", "candidate")
"""What the arms of a candidate are called in the log."""


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and why just that; ``changes`` are the releases it made, or would make."""

    action: Action
    why: str
    changes: tuple[Change, ...] = ()


def apply(
    report: Report,
    releases: Releases,
    *,
    surface: str | None = None,
    dry_run: bool = False,
    more_evidence: tuple[bytes, ...] = (),
    because: str = "",
) -> Applied:
    """Do what a report decided. Doing it again changes nothing.

    Parameters
    ----------
    surface
        Where, when what was judged is no candidate: before what the config's ``apply.surface`` says, and where the
        experiment runs.
    dry_run
        Check everything, write nothing.
    more_evidence, because
        Documents and a reason to keep with the release of a candidate, besides the report and what it decided.

    Raises
    ------
    Refused
        The report is of another tenant, or compares a candidate the wrong way round; and as the lever itself.
    UsageError
        A surface is needed and nothing says which.
    """
    found = report.experiment
    if found is not None and found.tenants not in ((), (releases.tenant,)):
        raise Refused(
            f"this report judged {', '.join(found.tenants)}, not {releases.tenant}",
            next_step=f"say whose releases are meant: --tenant {found.tenants[0]}",
        )
    candidate = None if found is None else _candidate(report, releases)
    if candidate is not None:
        said = _reason(report) + (f"; {because}" if because else "")
        kept = (report.to_json(), *more_evidence)
        return _to_candidate(report, releases, candidate, reason=said, evidence=kept, dry_run=dry_run)
    return _to_surfaces(report, releases, surface, dry_run=dry_run)


def _candidate(report: Report, releases: Releases) -> RunningCandidate | None:
    """Return what was judged, where it ran as a candidate."""
    assert report.experiment is not None
    found = releases.candidates.named(report.experiment.experiment_id)
    arms = tuple(arm.variant for arm in report.experiment.arms)
    if found is not None and arms != _ARMS:
        raise Refused(
            f"candidate {found.name} is judged with the arms {' and '.join(arms)}, and its control is `control`",
            next_step="set experiment.control_variant to control, and take no other arm",
        )
    return found


def _to_candidate(
    report: Report,
    releases: Releases,
    candidate: RunningCandidate,
    *,
    reason: str,
    evidence: tuple[bytes, ...],
    dry_run: bool,
) -> Applied:
    surface, name, decision = candidate.surface, candidate.name, report.decision
    if decision.outcome == "ship":
        change = releases.candidates.promote(surface, candidate=name, reason=reason, evidence=evidence, dry_run=dry_run)
        return Applied(action="promote", why=change.why, changes=(change,))
    if decision.outcome in ("abort", "rollback"):
        change = releases.candidates.abort(
            surface, candidate=name, hold=True, reason=reason, evidence=evidence, dry_run=dry_run
        )
        return Applied(action="abort", why=change.why, changes=(change,))
    if decision.freezes:
        change = releases.hold(
            surface=surface, levers=candidate.carries, reason=reason, evidence=evidence, dry_run=dry_run
        )
        return Applied(action="hold", why=f"the share of {name} is frozen; {change.why}", changes=(change,))
    return Applied(action="none", why=f"{name} goes on as it is: {decision.rule}")


def _to_surfaces(report: Report, releases: Releases, surface: str | None, *, dry_run: bool) -> Applied:
    decision, asked = report.decision, report.config.apply
    harmed = decision.outcome in ("abort", "rollback", "gate_failed")
    if not harmed and not decision.freezes:
        return Applied(action="none", why=f"{decision.outcome} ({decision.rule}) pulls no lever here: {decision.lever}")
    reason, evidence = _reason(report), (report.to_json(),)
    places = tuple(_places(report, releases, surface or asked.surface))
    if harmed and asked.rollback is not None:
        back = asked.rollback
        changes = tuple(
            releases.rollback(back.lever, surface=place, to=back.to, reason=reason, evidence=evidence, dry_run=dry_run)
            for place in places
        )
        return Applied(action="rollback", why=_joined(changes), changes=changes)
    levers = _held(report)
    changes = tuple(
        releases.hold(surface=place, levers=levers, reason=reason, evidence=evidence, dry_run=dry_run)
        for place in places
    )
    return Applied(action="hold", why=_joined(changes), changes=changes)


def _held(report: Report) -> tuple[Lever, ...]:
    """Return what to hold: what new lists would come by. The config of an experiment stays free, to end it with."""
    if report.mode == "offline":
        return ("artifacts",)
    return tuple(lever for lever in LEVERS if lever != "config")


def _places(report: Report, releases: Releases, surface: str | None) -> Iterator[str]:
    """Yield the surfaces that are meant."""
    if surface is not None:
        yield surface
        return
    ran = report.experiment.surfaces if report.experiment else ()
    if not ran:
        served = sorted(releases.current().surfaces)
        raise UsageError(
            "nothing says which surface this is about",
            next_step=f"give --surface, or apply.surface in the config; known: {', '.join(served) or 'none'}",
        )
    yield from ran


def _reason(report: Report) -> str:
    decision = report.decision
    of = f" of {report.experiment.experiment_id}" if report.experiment else ""
    return f"{report.mode}{of}: {decision.outcome} ({decision.rule})"


def _joined(changes: tuple[Change, ...]) -> str:
    return "; ".join(change.why for change in changes)
