"""Which arm of a comparison an answer belongs to: of a candidate, or of an experiment of the config."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

import msgspec

from recsys.documents import INTERLEAVED, Experiment
from recsys.encoding import did_you_mean
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.ranking.request import AskedExperiment
from recsys.releases.arm import candidate_in, is_assigned, is_below, name_of
from recsys.serving.ladder import Rung
from recsys.serving.problems import Refusal
from recsys.snapshot import Snapshot

__all__ = ["UNCOMPARED", "Assignment", "assign", "check_asked"]


class Assignment(msgspec.Struct, frozen=True):
    """``experiment`` is the candidate or the experiment that runs on the surface, ``None`` where none does; ``arm``
    what is served, ``None`` for what the surface serves; ``unit`` the type and the pseudonym of who was assigned,
    ``None`` where nobody was: an answer that counts for no arm, whatever it shows.
    """

    experiment: str | None = None
    arm: str | None = None
    unit: tuple[str, str] | None = None

    @property
    def counted(self) -> str | None:
        """Return the arm for which the answer counts."""
        return None if self.unit is None else self.arm


UNCOMPARED: Final = Assignment()


def assign(
    snapshot: Snapshot | None, request: RecommendRequest | SimilarRequest, *, rung: Rung, request_id: str
) -> Assignment:
    """Return the arm of a request whose ids are pseudonyms already.

    Only ``live`` has arms: on a lower rung this host does not know whether the comparison still runs, and what may have
    been aborted is not shown to anybody. Who has not its kind of id gets what the surface serves and is in no arm, for
    nothing would tie such answers to one. A variant that an operator asks for is shown, and counts for none.
    """
    if snapshot is None or rung != "live" or not (snapshot.arms or snapshot.experiments):
        return UNCOMPARED
    running = snapshot.experiments.get(request.surface)
    if running is not None:
        return _in_experiment(*running, request, tenant=snapshot.tenant, request_id=request_id)
    candidate = candidate_in(snapshot.release, request.surface)
    if candidate is None:
        return UNCOMPARED
    experiment = name_of(request.surface, candidate)
    asked = _asked_variant(request)
    if asked is not None:
        return Assignment(experiment, asked)
    unit_id = getattr(request.user, candidate.unit) if isinstance(request, RecommendRequest) else None
    if unit_id is None:
        return Assignment(experiment)
    chosen = is_assigned(candidate, tenant=snapshot.tenant, surface=request.surface, unit_id=unit_id)
    return Assignment(experiment, "candidate" if chosen else "control", (candidate.unit, unit_id))


def check_asked(snapshot: Snapshot | None, surface: str, asked: AskedExperiment, *, rung: Rung) -> None:
    """Refuse, with 422, an experiment that does not run on the surface, or a variant it does not have.

    Below ``live`` nothing is refused: nothing is compared there, and an answer is better than none.
    """
    if snapshot is None or rung != "live":
        return
    known = dict(_running(snapshot, surface))
    if asked.id not in known:
        problem = f"experiment `{asked.id[:80]}` does not run on {surface}"
        raise Refusal(422, "INVALID", problem, next_step=did_you_mean(asked.id, known) or "leave `experiment` out")
    variants = known[asked.id]
    if asked.variant is not None and asked.variant not in variants:
        problem = f"experiment {asked.id} has no variant `{asked.variant[:80]}`"
        raise Refusal(422, "INVALID", problem, next_step=did_you_mean(asked.variant, variants))


def _running(snapshot: Snapshot, surface: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what runs on a surface, with the names of its arms."""
    running = snapshot.experiments.get(surface)
    if running is not None:
        yield running[0], tuple(running[1].variants)
    candidate = candidate_in(snapshot.release, surface)
    if candidate is not None:
        yield name_of(surface, candidate), ("control", "candidate")


def _in_experiment(
    name: str,
    experiment: Experiment,
    request: RecommendRequest | SimilarRequest,
    *,
    tenant: str,
    request_id: str,
) -> Assignment:
    """Assign by two places of the unit: one says whether it is in the experiment, the other which variant it gets.

    Neither depends on the surface: an experiment on several shows a unit the same variant on all of them.
    """
    asked = _asked_variant(request)
    if asked is not None:
        return Assignment(name, asked)
    unit_id = _unit_id(experiment, request, request_id)
    if unit_id is None or not is_below(experiment.share, tenant, name, "in", unit_id):
        return Assignment(name)
    unit = experiment.unit, unit_id
    if experiment.type == "interleave":
        # a coin that the client chose the seed of is no coin
        return Assignment(name) if request.options.seed is not None else Assignment(name, INTERLEAVED, unit)
    variants = sorted(experiment.variants)
    *ends, _ = accumulate(experiment.variants[variant].share or 0.0 for variant in variants)
    for variant, end in zip(variants, ends, strict=False):
        if is_below(end, tenant, name, "variant", unit_id):
            return Assignment(name, variant, unit)
    return Assignment(name, variants[-1], unit)


def _asked_variant(request: RecommendRequest | SimilarRequest) -> str | None:
    if isinstance(request, SimilarRequest) or request.experiment is None:
        return None
    return request.experiment.variant


def _unit_id(experiment: Experiment, request: RecommendRequest | SimilarRequest, request_id: str) -> str | None:
    if isinstance(request, SimilarRequest):
        return None
    if experiment.unit == "request_id":
        return request_id
    found: str | None = getattr(request.user, experiment.unit)
    return found
