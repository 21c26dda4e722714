"""What was practised: runbooks, load, rollout and rollback."""

from collections.abc import Callable

from recsys.encoding import parse_rfc3339
from recsys.operations.readiness.facts import Facts
from recsys.operations.readiness.item import Found, Item, no, unknown, yes
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases import Release
from recsys.releases.arm import candidates_in, name_of

__all__ = ["ITEMS"]


def _newest(facts: Facts, wanted: Callable[[Release], bool]) -> float | None:
    dates = (
        parse_rfc3339(release.at, what="record")
        for tenant in facts.tenants
        for release in tenant.releases
        if wanted(release)
    )
    return max(dates, default=None)


def _drilled(facts: Facts) -> Found:
    drills = facts.drills
    if drills is None:
        return unknown("no drill report was given")
    if not facts.recent(drills.at_s):
        return no(f"the report is of {drills.at[:10]}: {facts.age_d(drills.at_s):.0f} d old", at_s=drills.at_s)
    failed = [one.name for one in drills.scenarios if not one.passed]
    if failed or not drills.passed:
        return no(f"failed: {', '.join(failed) or 'the report as a whole'}", at_s=drills.at_s)
    if not drills.scenarios:
        return no("the report has no drill", at_s=drills.at_s)
    return yes(f"{len(drills.scenarios)} drills passed", at_s=drills.at_s)


def _load_tested(facts: Facts) -> Found:
    report = facts.load
    if report is None:
        return unknown("no load report was given")
    load = report.load
    said = f"{load.rps:,.0f} answers/s, p99 {load.p99_ms:.1f} ms, {load.errors} errors"
    if not facts.recent(report.at_s):
        return no(f"{said}; its file is {facts.age_d(report.at_s):.0f} d old", at_s=report.at_s)
    good = not load.errors and load.p99_ms <= THRESHOLDS.p99_degraded_ms and load.rps > 0
    return yes(said, at_s=report.at_s) if good else no(said, at_s=report.at_s)


def _candidate_tried(facts: Facts) -> Found:
    at_s = _newest(facts, lambda release: release.action in ("candidate", "promote", "abort"))
    return unknown("no candidate in the log") if at_s is None else yes("a candidate was served", at_s=at_s)


def _rollback_tried(facts: Facts) -> Found:
    at_s = _newest(facts, lambda release: release.action in ("rollback", "undo"))
    drills = facts.drills
    tried = drills is not None and any(one.passed and "releases rollback" in one.said for one in drills.scenarios)
    if drills is not None and tried and facts.recent(drills.at_s):
        at_s = max(at_s or 0.0, drills.at_s)
    if at_s is None:
        return no("no rollback in the log, and none in a drill report of late")
    return yes("a lever was pulled", at_s=at_s)


def _holds_remembered(facts: Facts) -> Found:
    old = [
        f"{tenant.name}/{hold.surface or 'every surface'} since {hold.since[:10]} by {hold.actor}"
        for tenant in facts.tenants
        for hold in tenant.head.holds
        if facts.age_d(parse_rfc3339(hold.since, what="hold")) > facts.limits.hold_age_d
    ]
    return no("; ".join(old)) if old else yes(f"no hold is older than {facts.limits.hold_age_d} d")


def _candidates_remembered(facts: Facts) -> Found:
    old = []
    for tenant in facts.tenants:
        begun = {release.generation: release.at for release in tenant.releases}
        for surface, candidate in candidates_in(tenant.head):
            at = begun.get(candidate.since)
            if at is not None and facts.age_d(parse_rfc3339(at, what="record")) > facts.limits.candidate_age_d:
                old.append(f"{tenant.name}: {name_of(surface, candidate)} since {at[:10]}")
    return no("; ".join(old)) if old else yes(f"no candidate is older than {facts.limits.candidate_age_d} d")


def _with_evidence(facts: Facts) -> Found:
    bare, ships = [], 0
    for tenant in facts.tenants:
        for surface in tenant.served:
            since = tenant.head.changed.get(f"artifacts:{surface}")
            made = next((release for release in tenant.releases if release.generation == since), None)
            if made is None or made.action not in ("ship", "promote"):
                continue  # a rollback brings back what was shipped once
            ships += 1
            if not made.evidence:
                bare.append(f"{tenant.name}/{surface} by generation {made.generation}")
    if bare:
        return no(f"shipped without a report: {', '.join(bare)}")
    return (
        yes(f"{ships} surfaces were shipped with a report") if ships else unknown("nothing that is served was shipped")
    )


ITEMS = (
    Item(
        id="runbooks-exercised",
        area="runbooks",
        asks="Were the runbooks exercised lately, all with success?",
        how="the drill report given with --drills; else asked",
        why="a runbook is read for the first time at the worst time",
        todo="recsys drill run --all --report var/drills; then --drills var/drills/report.json",
        check=_drilled,
        answerable=True,
    ),
    Item(
        id="load-tested",
        area="load",
        asks="Does the service bear more than the busiest hour, on this machine?",
        how=f"the report given with --load: no errors, p99 at most {THRESHOLDS.p99_degraded_ms:g} ms; else asked",
        why="what gives way first is better known before",
        todo="recsys bench serve --json > load.json, then recsys readiness --load load.json",
        check=_load_tested,
        answerable=True,
    ),
    Item(
        id="load-known",
        area="load",
        asks="Is the busiest hour of the year known, in requests a second, and is the test above it?",
        how="asked",
        why="a load test without a number to reach proves nothing",
        todo="count the requests of the page that will show the lists",
    ),
    Item(
        id="candidate-tried",
        area="rollout and rollback",
        asks="Was something tried on a share of people before all got it?",
        how="a candidate in the log; else asked",
        why="what is tried for the first time in an incident is tried wrong",
        todo="docs/how-to/try-a-candidate.md",
        check=_candidate_tried,
        answerable=True,
    ),
    Item(
        id="rollback-tried",
        area="rollout and rollback",
        asks="Was a lever pulled once?",
        how="a rollback or an undo in the log, or in a drill that passed",
        why="the way back has to be known by hand",
        todo="docs/how-to/roll-back.md, on a quiet day",
        check=_rollback_tried,
    ),
    Item(
        id="ships-with-evidence",
        area="rollout and rollback",
        asks="Came what is served with a report that speaks for it?",
        how="the releases that shipped the artifacts of each surface name evidence",
        why="who has to decide about a rollback asks first why it was shipped",
        todo="docs/how-to/ship-with-evidence.md",
        check=_with_evidence,
    ),
    Item(
        id="holds-remembered",
        area="rollout and rollback",
        asks="Is nothing held that was forgotten?",
        how="the holds of the newest release, and their dates",
        why="a forgotten hold is how data becomes stale",
        todo="recsys releases resume",
        check=_holds_remembered,
    ),
    Item(
        id="candidates-remembered",
        area="rollout and rollback",
        asks="Does no candidate run on that was forgotten?",
        how="the candidates of the newest release, and when they began",
        why="a share of people gets something nobody watches",
        todo="recsys candidate promote or abort",
        check=_candidates_remembered,
    ),
    Item(
        id="rollout-defined",
        area="rollout and rollback",
        asks="Is it written down who ships, who may pull a lever, and on which signs?",
        how="asked",
        why="two people who wait for each other are the longest part of an incident",
        todo="docs/how-to/act-on-a-decision.md, docs/how-to/roll-back.md",
    ),
)
