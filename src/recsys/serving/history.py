"""Where a visitor's history comes from; ``docs/explanation/history.md`` says why."""

from collections.abc import Callable
from typing import Literal

import msgspec

from recsys.ranking.request import MAX_HISTORY, HistoryEvent, User

__all__ = ["NO_HISTORY", "History", "Source", "resolve"]

Source = Literal["request", "tail", "profile"]
Events = tuple[HistoryEvent, ...]
LookUp = Callable[[str], Events]


class History(msgspec.Struct, frozen=True):
    """What is used as a visitor's history, and where it comes from."""

    events: Events = ()
    sources: tuple[Source, ...] = ()


NO_HISTORY = History()


def resolve(user: User, *, recent: LookUp, profile: LookUp) -> History:
    """Return the history an answer is made with, newest first.

    The request's own, where it brings one: then nothing else is looked up, and its order is left as it is. Else what
    was done lately, followed by what the profile knows besides. Each of the two is looked up by the user id; where that
    has nothing, by the anonymous id; then by the session id. Never by two at once: a browser may be shared, and what
    another did there is not this user's.

    Parameters
    ----------
    user
        Under pseudonyms. An erased user comes without ids.
    recent, profile
        Give the events of a pseudonym, newest first; nothing for one they do not know.
    """
    if user.history:
        return History(user.history, ("request",))
    names = [name for name in (user.user_id, user.anonymous_id, user.session_id) if name is not None]
    lately, known = _first(names, recent), _first(names, profile)
    if not lately:
        return History(known[:MAX_HISTORY], ("profile",)) if known else NO_HISTORY
    if not known:
        return History(lately[:MAX_HISTORY], ("tail",))
    have = {(event.item_id, event.event_type) for event in lately}
    before = tuple([event for event in known if (event.item_id, event.event_type) not in have])
    return History((lately + before)[:MAX_HISTORY], ("tail", "profile") if before else ("tail",))


def _first(names: list[str], look_up: LookUp) -> Events:
    for name in names:
        found = look_up(name)
        if found:
            return found
    return ()
