"""The profiles of a release, on the mapped artifact: a lookup reads a few pages, whatever the number of users."""

import datetime

from recsys.ranking.request import HistoryEvent
from recsys.signals.profiles import Profiles
from recsys.store.columns import Columns

__all__ = ["MappedProfiles"]

_NAMES_KEPT = 4096  # ids of often used items, decoded once: half a megabyte at most


class MappedProfiles:
    """What users did last, by pseudonym. Used until the end of ``last_day`` (UTC), though the file may lie longer."""

    __slots__ = ("_days", "_names", "_opened", "_types", "_until_s")

    def __init__(self, columns: Columns, *, last_day: datetime.date) -> None:
        self._opened = Profiles(columns)
        self._types = self._opened.types.to_list()
        after = datetime.datetime.combine(last_day, datetime.time(), datetime.UTC) + datetime.timedelta(days=1)
        self._until_s = after.timestamp()
        self._names: dict[int, str] = {}
        self._days: dict[int, str] = {}  # as many as the window has

    def of(self, pseudonym: str, *, now: float) -> tuple[HistoryEvent, ...]:
        """Return what a user did last, newest first; ``now`` is seconds since 1970. A day stands for its beginning."""
        opened = self._opened
        user = None if now >= self._until_s else opened.find(pseudonym)
        if user is None:
            return ()
        start, end = int(opened.offsets[user]), int(opened.offsets[user + 1])
        columns = (column[start:end].tolist() for column in (opened.item, opened.type, opened.day))
        item_of, types, day_of = self._item, self._types, self._day
        return tuple(
            [
                HistoryEvent(item_id=item_of(item), event_type=types[kind], ts=day_of(day))
                for item, kind, day in zip(*columns, strict=True)
            ]
        )

    def _item(self, number: int) -> str:
        name = self._names.get(number)
        if name is None:
            if len(self._names) >= _NAMES_KEPT:
                self._names.clear()
            name = self._names[number] = self._opened.items[number]
        return name

    def _day(self, number: int) -> str:
        text = self._days.get(number)
        if text is None:
            day = datetime.date(1970, 1, 1) + datetime.timedelta(days=number)
            text = self._days[number] = f"{day}T00:00:00.000Z"
        return text
