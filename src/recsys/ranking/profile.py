"""What a visitor's history says: where to start from, what to leave out, and their taste, in tags."""

import re
from collections.abc import Collection, Iterable, Mapping

from recsys.encoding import parse_rfc3339
from recsys.ranking.request import HistoryEvent
from recsys.ranking.shelf import Labels

__all__ = ["newest_first", "overlap", "seen", "strength", "tag_profile"]

_AS_WE_WRITE = re.compile(r"[12]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII).fullmatch


def newest_first(history: tuple[HistoryEvent, ...]) -> list[str]:
    """Return the item ids of a history, newest first.

    Events without a time are older than those with one; among equals the order of the list stands.
    """
    if len(history) > 1:
        if all(event.ts is not None and _AS_WE_WRITE(event.ts) for event in history):
            history = tuple(sorted(history, key=_text, reverse=True))  # such texts are in the order of their moments
        elif any(event.ts is not None for event in history):
            history = tuple(sorted(history, key=_age))
    return [event.item_id for event in history]


def seen(history: tuple[HistoryEvent, ...], events: Collection[str], *, since: float) -> set[str]:
    """Return the items with an event of these types at ``since`` (seconds since 1970) or later.

    An event without a time counts as one.
    """
    return {
        event.item_id
        for event in history
        if event.event_type in events and (event.ts is None or parse_rfc3339(event.ts, what="history") >= since)
    }


def tag_profile(tags: Labels, items: Iterable[int]) -> tuple[dict[int, float], int]:
    """Return each tag's share of a history, and how many events it rests on.

    Each event on a tagged item counts once, spread evenly over the item's tags; the shares sum to 1.
    """
    shares: dict[int, float] = {}
    events = 0
    for item in sorted(items):  # a fixed order of summing: the order of the list must not change an answer
        codes = tags.of(item)
        if codes:
            events += 1
            part = 1.0 / len(codes)
            for code in codes:
                shares[code] = shares.get(code, 0.0) + part
    return {code: share / events for code, share in shares.items()}, events


def strength(boost: float, events: int, min_events: int) -> float:
    """Return the boost, attenuated in proportion while there are fewer events than ``min_events``."""
    return boost if events >= min_events else boost * events / min_events


def overlap(profile: Mapping[int, float], codes: Iterable[int]) -> float:
    """Sum a profile's shares over an item's tags: 0 for a stranger, at most 1."""
    total = 0.0
    for code in codes:
        total += profile.get(code, 0.0)
    return total


def _text(event: HistoryEvent) -> str:
    return event.ts or ""


def _age(event: HistoryEvent) -> float:
    return float("inf") if event.ts is None else -parse_rfc3339(event.ts, what="history")
