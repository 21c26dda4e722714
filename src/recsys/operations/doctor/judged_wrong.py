"""Symptom: what would be decided on these logs is not to be believed.

The tenant's own event log is evaluated as ``recsys eval run`` would, and explained as ``recsys eval explain`` does.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recsys.documents import Config, read_config
from recsys.errors import RecsysError
from recsys.evaluation import evaluate, explain
from recsys.evaluation.explaining.finding import Finding as Explained
from recsys.operations.doctor.finding import Case, Finding
from recsys.operations.thresholds import THRESHOLDS
from recsys.releases.arm import candidate_in, name_of

__all__ = ["check_evaluation"]

_EARLY = frozenset(("few_units", "one_day", "novelty", "all_zero"))
"""What every experiment shows on its first day, and is wrong only in the end."""
_OF_SHARES = frozenset(("sample_ratio", "crossovers"))
"""What a share that was changed on the way explains: it moves people from control to the candidate."""


def check_evaluation(case: Case) -> Iterator[Finding]:
    """Find outcomes that miss their exposures, and experiments whose arms are not to be compared.

    Logs are evaluated only where something speaks for it: joins that are low, or an experiment under way with enough
    answers. It takes seconds for a million answers.
    """
    joins = case.observed.joins()
    matched = joins.outcomes_matched
    low = matched is not None and matched < THRESHOLDS.outcomes_matched_degraded
    if low and joins.outcomes >= THRESHOLDS.min_answers:
        config = {"mode": "offline", "offline": {"metrics": [{"name": "ctr"}]}}
        seen_in_all = {
            "exposures": joins.exposures,
            "outcomes": joins.outcomes,
            "outcomes_matched": round(matched or 0.0, 4),
        }
        yield from _explained(case, None, config, seen_in_all)
    config_now = read_config(case.store.blobs.read(case.tenant, case.head.config))
    for surface in sorted(case.head.surfaces):
        for seen in case.observed.experiments(surface)[:1]:
            variants = _variants(case, surface, config_now, seen.experiment_id)
            if seen.answers < THRESHOLDS.min_experiment_answers or variants is None:
                continue
            names = list(variants) or list(seen.variants)
            settings: dict[str, Any] = {
                "experiment_id": seen.experiment_id,
                "control_variant": "control" if "control" in names else names[0],
                "variants": variants,
                "unit": seen.unit,
                "primary_metrics": ["ctr"],
            }
            told = {"experiment": seen.experiment_id, "answers": seen.answers}
            yield from _explained(case, surface, {"mode": "experiment", "experiment": settings}, told)


def _variants(case: Case, surface: str, config: Config, experiment_id: str) -> Mapping[str, float] | None:
    """Return the shares that arms were meant to get, empty where they changed within the window; ``None`` for what is
    not under way any more, or compares nothing by arms.
    """
    candidate = candidate_in(case.head, surface)
    if candidate is not None and name_of(surface, candidate) == experiment_id:
        for row in case.served(surface):
            then = (
                candidate_in(case.releases.read(row.generation), surface) if row.generation >= candidate.since else None
            )
            if then is not None and then.share != candidate.share:
                return {}
        return {"control": 1 - candidate.share, "candidate": candidate.share} if 0 < candidate.share < 1 else None
    experiment = config.at(surface).experiments.get(experiment_id)
    if experiment is None or experiment.type != "ab":
        return None
    return {name: variant.share or 1 / len(experiment.variants) for name, variant in experiment.variants.items()}


def _explained(
    case: Case, surface: str | None, config: Mapping[str, Any], told: Mapping[str, object]
) -> Iterator[Finding]:
    roles = {role: case.observed.files(role) for role in ("exposures", "outcomes")}
    dataset = {
        role: {"type": "jsonl", "path": tuple(str(path) for path in paths if _has_lines(path)), "ids": "pseudonymous"}
        for role, paths in roles.items()
    }
    try:
        report = evaluate(
            dataset={k: v for k, v in dataset.items() if v["path"]}, config=config, allow_no_baseline=True
        )
        explanation = explain(report, dataset={k: v for k, v in dataset.items() if v["path"]})
    except RecsysError as error:
        case.not_seen(f"{case.tenant}: its logs could not be evaluated: {error.message}")
        return
    shares_known = config["mode"] != "experiment" or bool(config["experiment"]["variants"])
    wrong = [
        found
        for found in explanation.findings
        if found.symptom not in _EARLY and (shares_known or found.symptom not in _OF_SHARES)
    ]
    causes = [found for found in wrong if found.follows_from is None]
    for found in causes:
        follows = [other.symptom for other in wrong if other.follows_from == found.symptom]
        ruled_out = tuple(f"{out.symptom}: {out.said}" for out in explanation.ruled_out)
        yield _finding(
            case, surface, found, told={**told, **({"brings": follows} if follows else {})}, ruled_out=ruled_out
        )


def _finding(
    case: Case, surface: str | None, found: Explained, *, told: Mapping[str, object], ruled_out: tuple[str, ...]
) -> Finding:
    where = {
        "first_bad_day": found.first_bad_day,
        "last_bad_day": found.last_bad_day,
        "stands_out": found.stands_out,
        "requests": list(found.requests),
    }
    return Finding(
        tenant=case.tenant,
        symptom="eval-wrong",
        surface=surface,
        cause=f"{found.symptom}: {found.said}; likely: {found.cause}",
        evidence={**told, **found.evidence, **{name: value for name, value in where.items() if value}},
        ruled_out=ruled_out,
        next_step=f"decide nothing on these logs; {found.next_step}",
        runbook="docs/runbooks/evaluation-looks-wrong.md",
    )


def _has_lines(path: Path) -> bool:
    return path.stat().st_size > 0
