"""Put pseudonyms in the place of the ids of people, at every entrance."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from recsys.events.schemas import Interaction, Outcome

__all__ = ["is_erased", "pseudonymous", "without_erased"]

E = TypeVar("E", bound=Outcome | Interaction)


def pseudonymous(event: E, *, of: Callable[[str], str], key_id: str) -> E:
    """Return the event with ``user_id``, ``anonymous_id`` and ``session_id`` replaced by their pseudonyms.

    Parameters
    ----------
    of
        Makes a pseudonym of a raw id with the tenant's key.
    key_id
        Names that key; an event that already carries a ``key_id`` is pseudonymous and comes back as it is.
    """
    if event.key_id is not None:
        return event
    return msgspec.structs.replace(
        event,
        user_id=None if event.user_id is None else of(event.user_id),
        anonymous_id=None if event.anonymous_id is None else of(event.anonymous_id),
        session_id=None if event.session_id is None else of(event.session_id),
        key_id=key_id,
    )


class _Somebody(Protocol):
    @property
    def user_id(self) -> str | None: ...
    @property
    def anonymous_id(self) -> str | None: ...
    @property
    def session_id(self) -> str | None: ...


def is_erased(who: _Somebody, erased: frozenset[str]) -> bool:
    """Tell whether one of the pseudonyms that somebody comes under is of an erased user."""
    return who.user_id in erased or who.anonymous_id in erased or who.session_id in erased


def without_erased(event: E, erased: frozenset[str]) -> E:
    """Return a pseudonymous event as it is, or without its ids when it is of an erased user: it counts as nobody's."""
    if not erased or not is_erased(event, erased):
        return event
    return msgspec.structs.replace(event, user_id=None, anonymous_id=None, session_id=None, key_id=None)
