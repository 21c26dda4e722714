"""Pipelines, freshness, and the copy in case of the worst."""

import msgspec

from recsys.encoding import parse_rfc3339
from recsys.operations.freshness import freshness
from recsys.operations.readiness.facts import Facts, TenantFacts
from recsys.operations.readiness.item import Found, Item, no, unknown, yes
from recsys.releases import Release
from recsys.store import Missing

__all__ = ["ITEMS"]


def _objective_set(facts: Facts) -> Found:
    lacking = []
    for tenant in facts.tenants:
        own = tenant.written.get("surfaces", {})
        if "freshness_slo_h" not in tenant.written:
            lacking += [
                f"{tenant.name}/{name}" for name in tenant.served if "freshness_slo_h" not in own.get(name, {})
            ] or [tenant.name] * (not tenant.served)
    if lacking:
        return no(f"the config leaves it to the default: {', '.join(lacking)}")
    said = {f"{t.name}/{s} {t.config.at(s).freshness_slo_h:g} h" for t in facts.tenants for s in t.served}
    return yes(", ".join(sorted(said)) or "in every config")


def _surfaces_fresh(facts: Facts) -> Found:
    late: list[str] = []
    seen: list[str] = []
    for tenant in facts.tenants:
        if not tenant.served:
            late.append(f"{tenant.name} serves no surface")
        for surface in tenant.served:
            found = freshness(facts.store, tenant.head, surface, tenant.config, now_s=facts.now_s)
            said = f"{tenant.name}/{surface}: {found.sentence()}"
            (late if found.stale else seen).append(said)
    return no("; ".join(late)) if late else yes("; ".join(seen) or "no tenant")


def _runs_ended_well(facts: Facts) -> Found:
    bad, dates = [], []
    for tenant in facts.tenants:
        for surface in tenant.served:
            run = tenant.runs.get(surface)
            if run is None:
                unread = surface in tenant.runs
                said = "the record of its last run cannot be read" if unread else "was never run by pipelines"
                bad.append(f"{tenant.name}/{surface}{':' if unread else ''} {said}")
            elif run.error is not None or run.finished is None:
                bad.append(f"{tenant.name}/{surface}: {run.error or f'begun at {run.started} and not ended'}")
            else:
                dates.append(parse_rfc3339(run.finished, what="last run"))
    if bad:
        return no("; ".join(bad))
    return yes(f"{len(dates)} surfaces", at_s=min(dates)) if dates else no("no surface is served")


class _Judged(msgspec.Struct, frozen=True):
    """What is read of a report of the replay gate."""

    forced: bool = False


def _forced(facts: Facts, tenant: TenantFacts, release: Release) -> bool:
    if " (in spite of " in release.reason:
        return True
    for named in release.evidence:
        try:
            if msgspec.json.decode(facts.store.blobs.read(tenant.name, named), type=_Judged).forced:
                return True
        except (Missing, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue  # collected, or a report of another kind
    return False


def _not_forced(facts: Facts) -> Found:
    forced, looked = [], 0
    for tenant in facts.tenants:
        ships = [release for release in tenant.releases if release.action == "ship"][: facts.limits.ships]
        looked += len(ships)
        forced += [f"{tenant.name} {one.generation}" for one in ships if _forced(facts, tenant, one)]
    if forced:
        return no(f"passed over checks: {', '.join(forced)}")
    return yes(f"none of the newest {looked} ships") if looked else unknown("nothing was shipped yet")


def _gate_set(facts: Facts) -> Found:
    lacking = [
        f"{tenant.name}/{surface}"
        for tenant in facts.tenants
        for surface in tenant.served
        if "gate" not in tenant.written and "gate" not in tenant.written.get("surfaces", {}).get(surface, {})
    ]
    return no(f"the config leaves it to the defaults: {', '.join(lacking)}") if lacking else yes("in every config")


def _log_verifies(facts: Facts) -> Found:
    bad = [f"{name}: {why}" for name, why in facts.unread.items()]
    for tenant in facts.tenants:
        findings = tenant.verification.findings
        if findings:
            first = findings[0]
            bad.append(f"{tenant.name}: generation {first.generation}: {first.problem}; {len(findings)} findings")
    if bad:
        return no("; ".join(bad))
    read = ", ".join(f"{tenant.name} {tenant.verification.generations} generations" for tenant in facts.tenants)
    return yes(read) if read else no("there is no tenant")


def _restore_tested(facts: Facts) -> Found:
    dates = [
        parse_rfc3339(release.at, what="record")
        for tenant in facts.tenants
        for release in tenant.releases
        if release.action == "restore"
    ]
    drills = facts.drills
    if drills is not None and any(one.passed and "restore" in one.said for one in drills.scenarios):
        dates.append(drills.at_s)
    if not dates:
        return unknown("no restore in the log, and none in a drill report")
    if not facts.recent(max(dates)):
        return no(f"the last one is more than {facts.limits.evidence_age_d} d ago", at_s=max(dates))
    return yes("a restore was made", at_s=max(dates))


ITEMS = (
    Item(
        id="freshness-objective",
        area="pipelines and freshness",
        asks="Does the config say how old data may be?",
        how="freshness_slo_h stands in the tenant's config, or in that of each surface",
        why="stale data is served until it is replaced; only the objective makes it an alarm",
        todo='recsys config put with "freshness_slo_h": 24',
        check=_objective_set,
    ),
    Item(
        id="surfaces-fresh",
        area="pipelines and freshness",
        asks="Is the data of every surface within its objective?",
        how="the end of the data served, against freshness_slo_h",
        why="what is stale at the start has no run that renews it",
        todo="docs/runbooks/stale-artifacts.md",
        check=_surfaces_fresh,
    ),
    Item(
        id="runs-ended-well",
        area="pipelines and freshness",
        asks="Did the last run of every surface end well?",
        how="the record that each run of the pipelines leaves in the store",
        why="a surface that was shipped by hand is shipped once",
        todo="docs/runbooks/pipeline-failed.md",
        check=_runs_ended_well,
    ),
    Item(
        id="runs-scheduled",
        area="pipelines and freshness",
        asks="Does a scheduler run the pipelines, and tell somebody when a run fails?",
        how="asked: it is your scheduler",
        why="a run that nobody starts does not fail, it is missing",
        todo="docs/how-to/run-every-night.md",
    ),
    Item(
        id="checks-not-forced",
        area="pipelines and freshness",
        asks="Were no checks passed over lately?",
        how="the newest ships of each tenant: their reasons, and the gate's reports",
        why="a schedule that always forces has no checks",
        todo="take --force out of the schedule; docs/reference/checks.md",
        check=_not_forced,
    ),
    Item(
        id="gate-set",
        area="pipelines and freshness",
        asks="Does the config say what new artifacts must keep to?",
        how="gate stands in the tenant's config, or in that of each surface",
        why="the defaults let through what empties one list in twenty",
        todo='recsys config put with "gate": {"max_empty_rate": 0.01, "min_overlap": 0.2}',
        check=_gate_set,
    ),
    Item(
        id="log-verifies",
        area="backup and restore",
        asks="Is every record and blob of every tenant what it should be?",
        how="recsys releases verify, run now",
        why="a damaged blob is found by the rollback that needs it",
        todo="recsys releases verify; docs/runbooks/restore-from-backup.md",
        check=_log_verifies,
    ),
    Item(
        id="backup-made",
        area="backup and restore",
        asks="Is the store copied on a schedule, records before blobs, to where a thief or a fire does not reach both?",
        how="asked",
        why="all that is true lies in the store",
        todo="docs/how-to/back-up-and-restore.md",
    ),
    Item(
        id="checkpoint-outside",
        area="backup and restore",
        asks="Is a checkpoint of the log kept outside the store, and renewed?",
        how="asked",
        why="without one, who can write the store can rewrite its history",
        todo="recsys releases checkpoint; docs/how-to/prove-the-log.md",
    ),
    Item(
        id="restore-tested",
        area="backup and restore",
        asks="Was a backup put back lately, and served from?",
        how="a restore in the log, or one that passed in the drill report; else asked",
        why="a backup that nobody tried is a hope",
        todo="docs/runbooks/restore-from-backup.md, on a copy",
        check=_restore_tested,
        answerable=True,
    ),
)
