"""What a request asks of every item: tags, price, age, country, locale, the list to choose from."""

import numpy as np

from recsys.encoding import parse_rfc3339
from recsys.ranking.request import Candidates, Constraints, Context
from recsys.ranking.shelf import I4, I8, Flags, Shelf, plain_label

__all__ = ["Conditions"]


class Conditions:
    """The conditions of one request over one shelf.

    ``constrained`` tells whether anything but ``include_ids`` is asked; ``impossible`` that no item can pass,
    because a required tag is on none.
    """

    __slots__ = (
        "_after",
        "_forbidden",
        "_max_price",
        "_min_price",
        "_scopes",
        "_shelf",
        "constrained",
        "impossible",
        "include",
        "required",
    )

    def __init__(self, shelf: Shelf, asked: Constraints, candidates: Candidates, context: Context) -> None:
        tags = shelf.labels["tag"]
        required = [tags.names.find(name) for name in asked.required_tags]
        self.impossible = None in required
        # the rarest first: its items are the ones to look through
        self.required = sorted({code for code in required if code is not None}, key=lambda c: (tags.count(c), c))
        forbidden = [tags.names.find(name) for name in asked.forbidden_tags]
        self._forbidden = sorted({code for code in forbidden if code is not None})
        self._min_price, self._max_price = asked.min_price, asked.max_price
        self._after = (
            parse_rfc3339(asked.created_after, what="created_after") if asked.created_after is not None else None
        )
        self._scopes = [
            (kind, codes)
            for kind, codes in (("country", _country(shelf, context)), ("locale", _locale(shelf, context)))
            if codes is not None
        ]
        self.include = _numbers(shelf, candidates.include_ids) if candidates.include_ids else None
        self._shelf = shelf
        self.constrained = bool(
            asked.required_tags
            or self._forbidden
            or self._min_price is not None
            or self._max_price is not None
            or self._after is not None
            or self._scopes
        )

    @classmethod
    def of(cls, shelf: Shelf, asked: Constraints, candidates: Candidates, context: Context) -> "Conditions | None":
        """Return the conditions of a request; ``None`` when it has none, the common case."""
        if asked == _NO_CONSTRAINTS and not candidates.include_ids and not context.country and not context.locale:
            return None
        conditions = cls(shelf, asked, candidates, context)
        return conditions if conditions.constrained or conditions.include is not None else None

    def failing(self, item: int) -> list[str]:
        """Return what an item does not fulfil, as the request calls it."""
        shelf, one = self._shelf, np.array([item], dtype=np.int32)
        tags, price = shelf.labels["tag"], float(shelf.price[item])
        has = set(tags.of(item))
        found = ["required_tags: one is on no item"] if self.impossible else []
        if self.include is not None and item not in self.include:
            found.append("candidates.include_ids")
        found += [f"required_tags {tags.names[code]}" for code in self.required if code not in has]
        found += [f"forbidden_tags {tags.names[code]}" for code in self._forbidden if code in has]
        known = "unknown" if np.isnan(price) else f"{price:g}"
        if self._min_price is not None and not price >= self._min_price:
            found.append(f"min_price {self._min_price:g} (its price is {known})")
        if self._max_price is not None and not price <= self._max_price:
            found.append(f"max_price {self._max_price:g} (its price is {known})")
        if self._after is not None and not shelf.created_at[item] >= self._after:
            found.append("created_after")
        for kind, codes in self._scopes:
            labels = shelf.labels[kind]
            if labels.labelled(one)[0] and not set(codes) & set(labels.of(item)):
                found.append(f"context.{kind}")
        return found

    def keep(self, items: I4 | I8) -> Flags:
        """Tell for each item whether it passes."""
        shelf = self._shelf
        passed: Flags = (np.zeros if self.impossible else np.ones)(len(items), dtype=np.bool_)
        if self.include is not None:
            passed &= np.isin(items, self.include)
        if self._min_price is not None:
            passed &= shelf.price.take(items) >= self._min_price  # an unknown price is NaN and passes no bound
        if self._max_price is not None:
            passed &= shelf.price.take(items) <= self._max_price
        if self._after is not None:
            passed &= shelf.created_at.take(items) >= self._after
        if self.required or self._forbidden or self._scopes:
            places = shelf.place.take(items)
            tags = shelf.labels["tag"]
            for code in self.required:
                passed &= tags.has(code, places)
            for code in self._forbidden:
                passed &= ~tags.has(code, places)
            for kind, codes in self._scopes:
                labels = shelf.labels[kind]
                welcome = ~labels.labelled(items)
                for code in codes:
                    welcome |= labels.has(code, places)
                passed &= welcome
        return passed


_NO_CONSTRAINTS = Constraints()


def _numbers(shelf: Shelf, item_ids: tuple[str, ...]) -> I4:
    found = {item for item in map(shelf.find, item_ids) if item is not None}
    return np.array(sorted(found), dtype=np.int32)


def _country(shelf: Shelf, context: Context) -> list[int] | None:
    """Return the codes that admit a visitor of this country; ``None`` when nothing is restricted or asked."""
    if not context.country or not shelf.labels["country"].any:
        return None
    code = shelf.labels["country"].names.find(plain_label("country", context.country))
    return [] if code is None else [code]


def _locale(shelf: Shelf, context: Context) -> list[int] | None:
    """As :func:`_country`; an item for ``en`` is also for ``en-GB``."""
    if not context.locale or not shelf.labels["locale"].any:
        return None
    locale = plain_label("locale", context.locale)
    codes = (shelf.labels["locale"].names.find(name) for name in {locale, locale.partition("-")[0]})
    return sorted(code for code in codes if code is not None)
