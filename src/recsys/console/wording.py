"""Words that several pages write: what answers say in one, in a few that anybody understands; and lists of words."""

from collections.abc import Iterable, Mapping

__all__ = ["listed", "reasons_in_words"]

_ALONE = {
    "popular": "popular",
    "explored": "drawn by chance",
    "had_before": "they had it before",
    "fits_history": "fits what they looked at",
}
_OF_AN_ITEM = {
    "together_with": "taken together with",
    "liked_with": "liked by those who like",
    "similar_to": "similar to",
    "next_after": "next after",
}
_OF_A_RULE = ("pinned", "boost")


def reasons_in_words(reasons: Iterable[str], titles: Mapping[str, str]) -> tuple[str, ...]:
    """Say the reasons of an item, those that name the same other item in one; ``titles`` by item id.

    Rules are left out: they are told by their ids. A reason that is not known here stays as it is.
    """
    said: list[str] = []
    by_item: dict[str, list[str]] = {}
    for reason in reasons:
        kind, _, named = reason.partition(":")
        if kind in _OF_AN_ITEM:
            by_item.setdefault(named, []).append(_OF_AN_ITEM[kind])
        elif kind not in _OF_A_RULE:
            said.append(_ALONE.get(kind, reason))
    near = (f"{listed(words)} {titles.get(item) or item}" for item, words in by_item.items())
    return (*near, *said)


def listed(words: Iterable[str]) -> str:
    """Write words one after the other: "a, b and c"; nothing for none."""
    found = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""
