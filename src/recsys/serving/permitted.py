"""What a caller may ask for in a request, beyond what its types say."""

from recsys.access import Principal, Right
from recsys.ranking import RecommendRequest, SimilarRequest
from recsys.serving.assigning import check_asked
from recsys.serving.hosted import View
from recsys.serving.problems import Refusal

__all__ = ["check_permitted"]


def check_permitted(
    principal: Principal, view: View, request: RecommendRequest | SimilarRequest, *, confirm_s: float
) -> None:
    """Keep to what the caller may ask for, and to the tenant's own limit, which may be tighter than ours.

    Raises
    ------
    Refusal
        403 for what is for operators, 422 for an unknown experiment and for more ids than the tenant takes.
    """
    if request.context.now is not None and not principal.may(Right.OVERRIDE):
        raise Refusal(403, "FORBIDDEN", "context.now is for operators")
    asked = request.experiment if isinstance(request, RecommendRequest) else None
    if asked is not None:
        if asked.variant is not None and not principal.may(Right.OVERRIDE):
            raise Refusal(403, "FORBIDDEN", "experiment.variant is for operators")
        check_asked(view.snapshot, request.surface, asked, rung=view.rung(confirm_s=confirm_s))
    if view.snapshot is None or not request.candidates.exclude_ids:
        return
    most = view.snapshot.config.at(request.surface).limits.max_exclude_ids
    if len(request.candidates.exclude_ids) > most:
        found = len(request.candidates.exclude_ids)
        raise Refusal(422, "TOO_MANY_IDS", f"candidates.exclude_ids has {found} ids, at most {most} are taken here")
