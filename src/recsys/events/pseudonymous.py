"""Put pseudonyms in the place of the ids of people, at every entrance."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from recsys.events.schemas import Interaction, Outcome

__all__ = ["pseudonymous"]

E = TypeVar("E", Outcome, Interaction)


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
