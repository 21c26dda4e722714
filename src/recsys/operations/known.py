"""What a release knows of who asks, for requests that no service has answered."""

from msgspec.structs import replace

from recsys.ranking import RecommendRequest
from recsys.ranking.request import HistoryEvent, User
from recsys.serving.history import resolve
from recsys.snapshot import Snapshot

__all__ = ["ids_of", "with_profile"]


def ids_of(user: User) -> set[str]:
    """Return the pseudonyms of who asks."""
    return {one for one in (user.user_id, user.anonymous_id, user.session_id) if one is not None}


def with_profile(snapshot: Snapshot, request: RecommendRequest, *, now: float) -> RecommendRequest:
    """Give a request the history that the service would, as far as the release knows it: its own, else the profile's.

    Ids are pseudonyms. Profiles past their last day, at ``now`` in seconds since 1970, know nothing.
    """
    profiles = snapshot.profiles(request.surface)

    def of(pseudonym: str) -> tuple[HistoryEvent, ...]:
        return () if profiles is None else profiles.of(pseudonym, now=now)

    history = resolve(request.user, recent=lambda _: (), profile=of)
    return replace(request, user=replace(request.user, history=history.events))
