"""The checklist with the store away: what this host shows of itself, and the one lever it has."""

import time
from collections.abc import Iterator, Sequence

from recsys.errors import RecsysError
from recsys.events.observed import GenerationStats, Observed
from recsys.operations.doctor import levers
from recsys.operations.doctor.delivery import check_host
from recsys.operations.doctor.finding import SYMPTOMS, Diagnosis, Finding, Symptom
from recsys.operations.doctor.limits import check_serving_limits
from recsys.operations.doctor.whatif import ranked
from recsys.operations.here import Here
from recsys.operations.thresholds import THRESHOLDS
from recsys.serving.host_state import TenantState
from recsys.snapshot import SnapshotRejected, open_snapshot

__all__ = ["diagnose_here"]

_SAMPLE = 25


def diagnose_here(
    here: Here,
    *,
    problem: str,
    symptoms: Sequence[Symptom] = (),
    tenant: str | None = None,
    window_s: float = 24 * 3600.0,
    now_s: float | None = None,
) -> Diagnosis:
    """Walk as much of the checklist as this host can tell while the store does not answer.

    Parameters
    ----------
    problem
        Why the store cannot be read.
    tenant
        This one alone; ``None`` means all that the host serves.

    Raises
    ------
    NotFound
        The host does not serve that tenant.
    """
    names = here.named(tenant)
    now = time.time() if now_s is None else now_s
    asked = frozenset(symptoms or SYMPTOMS)
    findings: list[Finding] = []
    unseen = [
        f"the store: {problem}",
        "other hosts, pipelines, the log and what users did before today's files: they are in the store",
    ]
    if "not-ready" in asked:
        findings.append(_store_away(here, names, problem))
        findings += [one for one in check_host(here, now) if here.unready != ()]
    if "limit-exceeded" in asked:
        findings += check_serving_limits(here, now)
    if "empty-recs" in asked:
        for name in names:
            with Observed(None, name, since_s=now - window_s, spool=here.spool) as observed:
                findings += _empty(here, name, observed)
    findings.sort(key=lambda finding: SYMPTOMS.index(finding.symptom))
    return Diagnosis(healthy=not findings, findings=tuple(findings), unseen=tuple(unseen))


def _store_away(here: Here, names: Sequence[str], problem: str) -> Finding:
    known = here.tenants()
    serving = {}
    for name in names:
        since_s = here.unconfirmed_s(name)
        serving[name] = {
            "generation": known[name].served,
            "kept": [kept.generation for kept in known[name].kept],
            "rung": here.rung(name),
            "head_unseen_for_s": None if since_s is None else round(since_s),
        }
    answered = here.running and here.unready == ()
    said = ", ".join(f"{name} generation {one['generation']} from {one['rung']}" for name, one in serving.items())
    return Finding(
        symptom="not-ready",
        host=here.host,
        cause=f"the store does not answer ({problem}); "
        + (f"this host goes on: {said}" if answered else "and no service answers on this host"),
        evidence={
            "serving": serving,
            "service_runs": here.running,
            "events_waiting": here.state.waiting_files if here.state else 0,
        },
        ruled_out=("users: they are answered from this host's own copies",) if answered else (),
        next_step="bring the store back (mount, disk, permissions, network); hosts follow by themselves. "
        + (
            "If what is served is bad as well, keep this host at an older generation: recsys pin --generation N"
            if answered
            else "Start the service meanwhile: recsys serve comes up from its own copies"
        ),
        runbook="docs/runbooks/store-unavailable.md",
    )


def _empty(here: Here, tenant: str, observed: Observed) -> Iterator[Finding]:
    newest: dict[str, GenerationStats] = {}
    for row in observed.generations():
        if row.surface not in newest or row.last_s > newest[row.surface].last_s:
            newest[row.surface] = row
    for surface, row in sorted(newest.items()):
        if row.answers >= THRESHOLDS.min_answers and row.empty_rate > THRESHOLDS.empty_rate_degraded:
            yield _explained(here, tenant, surface, row, observed)


def _explained(here: Here, tenant: str, surface: str, row: GenerationStats, observed: Observed) -> Finding:
    """Rank the empty requests again at every generation this host keeps: the newest that answers is the one to pin."""
    known = here.tenants()[tenant]
    samples = observed.sample(surface=surface, generation=row.generation, empty=True, limit=_SAMPLE)
    answered: dict[str, float] = {}
    for generation, path in _older(known):
        try:
            snapshot = open_snapshot(here.places.root / path)
            answered[str(generation)] = sum(bool(ranked(one, snapshot)) for one in samples) / max(1, len(samples))
        except (SnapshotRejected, RecsysError, OSError):
            continue  # it cannot be pinned either
    good = next((int(name) for name, share in answered.items() if share >= THRESHOLDS.cured_share), None)
    return Finding(
        tenant=tenant,
        symptom="empty-recs",
        surface=surface,
        host=here.host,
        cause=f"answers of generation {row.generation} are empty, and the store is away: no rollback can be made",
        evidence={
            "empty_rate": round(row.empty_rate, 4),
            "answers": row.answers,
            "requests_ranked_again": len(samples),
            "answered_at": {name: round(share, 3) for name, share in answered.items()},
        },
        lever=None if good is None else "pin",
        command=None if good is None else levers.pin(tenant, good, reason=f"empty answers on {surface}, store away"),
        next_step="no generation this host keeps answers them: bring the store back" if good is None else None,
        runbook="docs/runbooks/store-unavailable.md",
    )


def _older(known: TenantState) -> Iterator[tuple[int, str]]:
    return ((kept.generation, kept.path) for kept in known.kept if kept.generation < known.served)
