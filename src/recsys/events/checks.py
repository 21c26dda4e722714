"""What an event must be, beyond its types: the same at every entrance, so that what one takes the next one takes too.

The service checks by this before it acknowledges; evaluation and the pipelines read with the same bounds.
"""

import re

from recsys.encoding import Invalid, parse_rfc3339
from recsys.events.schemas import Interaction, Outcome

__all__ = ["MAX_ID_LENGTH", "MAX_RANK", "MAX_VALUE", "NEEDED", "TEXTS", "YEAR_10000_S", "check_event"]

MAX_ID_LENGTH = 256
"""Characters. No id or label of a shop is longer; one that is comes from a broken export, and would be copied into
every artifact.
"""
MAX_RANK = 1_000_000
"""A rank past this is another number in the wrong field."""
MAX_VALUE = 1e12
"""A conversion worth more is a mistake, and a few of them would leave the 128 bits sums are kept in."""

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
"""RFC 3339 as every reader of events takes it; Python alone would take ``20261120T080000Z`` too."""
YEAR_10000_S = 253_402_300_800
"""Past it, and before the year 1, a zone can move a moment out of the calendar."""
NEEDED = ("event_id", "item_id", "event_type", "ts")
TEXTS = (*NEEDED, "user_id", "anonymous_id", "session_id", "request_id", "surface", "key_id")
_NUL = "\0"


def check_event(event: Outcome | Interaction, *, what: str) -> None:
    """Check one event that came in by itself; its types were checked when it was decoded.

    Raises
    ------
    Invalid
        Naming ``what`` and the field.
    """
    for name in TEXTS:
        text = getattr(event, name)
        if text is None:
            if name == "event_id":
                raise Invalid(what, "it has no event_id", suggestion="make one per event, and send the same one again")
            continue
        if not text:
            hint = "" if name in NEEDED else "leave it out where there is none"
            raise Invalid(what, f"{name} is empty", suggestion=hint)
        if len(text) > MAX_ID_LENGTH:
            raise Invalid(what, f"{name} has {len(text)} characters, at most {MAX_ID_LENGTH} are taken")
        if _NUL in text:
            raise Invalid(what, f"{name} holds a NUL character, which columns of text cannot keep")
    _check_moment(event.ts, what)
    _check_number(event.value, -MAX_VALUE, "value", what)
    _check_number(event.quantity, 0, "quantity", what)
    if event.rank is not None and not 1 <= event.rank <= MAX_RANK:
        raise Invalid(what, f"rank is {_short(event.rank)}, and must be from 1 to {MAX_RANK}")


def _check_moment(text: str, what: str) -> None:
    seconds = parse_rfc3339(text[:MAX_ID_LENGTH], what=f"{what}: ts")
    if not 0 <= seconds < YEAR_10000_S:
        raise Invalid(what, f"ts `{text[:40]}` is not between the years 1970 and 9999 in UTC")
    if not _MOMENT.fullmatch(text):
        problem = f"ts `{text[:40]}` is not an RFC 3339 time with a zone"
        raise Invalid(what, problem, suggestion="like 2026-11-22T08:00:00Z")


def _check_number(number: float | None, least: float, name: str, what: str) -> None:
    # written so that NaN, which compares as false with everything, is refused too
    if number is not None and not least <= number <= MAX_VALUE:
        raise Invalid(what, f"{name} is {_short(number)}, and must be a number from {least:g} to {MAX_VALUE:g}")


def _short(number: float) -> str:
    return f"{number:.6g}" if abs(number) < 1e300 else "far too large"
