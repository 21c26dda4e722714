"""What answers say in a word, said in a few that anybody understands."""

from collections.abc import Mapping

__all__ = ["reason_in_words"]

_ALONE = {
    "popular": "popular",
    "explored": "drawn by chance",
    "had_before": "they had it before",
    "fits_history": "fits what they looked at",
}
_OF_A_RULE = {"pinned": "pinned by rule", "boost": "boosted by rule"}
_OF_AN_ITEM = {
    "together_with": "taken together with",
    "liked_with": "liked by those who like",
    "similar_to": "similar to",
    "next_after": "often next after",
}


def reason_in_words(reason: str, titles: Mapping[str, str]) -> str:
    """Say a reason of an answer; ``titles`` by item id. One that is not known here stays as it is."""
    kind, _, named = reason.partition(":")
    if not named:
        return _ALONE.get(kind, reason)
    if kind in _OF_A_RULE:
        return f"{_OF_A_RULE[kind]} {named}"
    return f"{_OF_AN_ITEM[kind]} {titles.get(named) or named}" if kind in _OF_AN_ITEM else reason
